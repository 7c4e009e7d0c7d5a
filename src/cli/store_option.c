#include "cli/store_option.h"

#include "cli/cli.h"
#include "config/config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool exists(const char *folder, struct error *err) {
    char path[4096];
    if (snprintf(path, sizeof path, "%s/store.db", folder) < (int)sizeof path && access(path, F_OK) == 0)
        return true;
    return fail(err, ERR_NOT_FOUND, "There is no store in %s (%s); name its folder with --store, or -c FILE.",
                folder, strerror(errno));
}

bool store_option_open(const struct store_option *o, bool create, struct store **out, struct error *err) {
    const struct config *config = NULL;
    const char *folder = o->folder ? o->folder : "penstock-data";
    if (o->config && !o->folder) {
        struct config_problems problems = {0};
        config = config_load(o->config, NULL, &problems);
        if (!config) {
            config_problems_print(&problems, stderr);
            return fail(err, ERR_CONFIG, "%s does not validate", o->config);
        }
        folder = config->store.path;
    }
    bool ok = (create || exists(folder, err)) && store_open(out, folder, err);
    config_unref(config);
    return ok;
}

int cli_complain(const char *command, const struct error *err) {
    fprintf(stderr, "penstock %s: %s\n", command, err->message);
    return err->code == ERR_USAGE || err->code == ERR_CONFIG ? EXIT_USAGE : EXIT_FAILED;
}
