/* penstock-sandbox: becomes one of poppler's programs inside the sandbox. Descriptors: 0 the document,
 * 1 and 2 pipes to the pool, 3 a pipe that receives the layers that are on, or a message when they could
 * not be had; it closes by itself when the program starts.
 *
 * penstock-sandbox MEMORY_BYTES CPU_SECONDS PROGRAM [ARGUMENT…] */
#include "documents/frame.h"
#include "documents/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STATUS = 3, EXIT_NO_SANDBOX = 125 };

/* C.UTF-8 makes poppler's output the same everywhere; nothing of the server's environment goes in. */
static char *const environment[] = {"PATH=/usr/bin", "LANG=C.UTF-8", "HOME=/", NULL};

static int refuse(const char *message) {
    uint32_t none = 0;
    bool told =
        frame_write_all(STATUS, &none, sizeof none) && frame_write_all(STATUS, message, strlen(message));
    return told ? EXIT_NO_SANDBOX : EXIT_NO_SANDBOX + 1;
}

int main(int argc, char **argv) {
    char why[FRAME_MESSAGE_MAX];
    if (argc < 4) {
        fprintf(stderr, "penstock-sandbox is started by penstock, not by hand\n");
        return 2;
    }
    struct sandbox_request request = {
        .kind = SANDBOX_PROGRAM,
        .memory_bytes = strtoull(argv[1], NULL, 10),
        .cpu_seconds = (unsigned)strtoul(argv[2], NULL, 10),
        .program = argv[3],
        .arguments = argv + 3,
        .environment = environment,
    };
    int layers = sandbox_enter(&request, why, sizeof why);
    if (layers < 0)
        return refuse(why);
    uint32_t on = (uint32_t)layers;
    if (fcntl(STATUS, F_SETFD, FD_CLOEXEC) < 0 || !frame_write_all(STATUS, &on, sizeof on))
        return EXIT_NO_SANDBOX;
    execve(request.program, request.arguments, request.environment);
    snprintf(why, sizeof why, "%s could not be started: %s", request.program, strerror(errno));
    return refuse(why);
}
