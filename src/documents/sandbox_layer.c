#include "documents/sandbox_layer.h"

#include "base/attributes.h"

#include <stdio.h>
#include <string.h>

void sandbox_layers_text(unsigned layers, char text[SANDBOX_TEXT_SIZE]) {
    static const struct {
        unsigned layer;
        const char *name;
    } names[] = {
        {SANDBOX_NO_NEW_PRIVILEGES, "no-new-privileges"},
        {SANDBOX_LIMITS, "limits"},
        {SANDBOX_SYSTEM_CALLS, "system-calls"},
        {SANDBOX_NO_NETWORK, "no-network"},
        {SANDBOX_OWN_USER, "own-user"},
        {SANDBOX_OWN_IPC, "own-ipc"},
        {SANDBOX_FILES_READ_ONLY, "files-read-only"},
        {SANDBOX_NOT_ROOT, "not-root"},
    };
    size_t n = 0;
    text[0] = '\0';
    for (size_t i = 0; i < ARRAY_COUNT(names); i++)
        if (layers & names[i].layer)
            n += (size_t)snprintf(text + n, SANDBOX_TEXT_SIZE - n, "%s%s", n ? "," : "", names[i].name);
}
