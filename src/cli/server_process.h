/* The server's process: builds every part from the configuration, runs until a signal, reloads, drains.
 * Main thread. */
#pragma once

#include "config/config.h"

struct server_process_options {
    const char *config_path;
    struct config_overrides overrides;
};

/* Returns the exit code. */
int server_process_run(const struct server_process_options *options);
