/* The names of what stands between a hostile file and this machine. Plain values; any thread. */
#pragma once

enum sandbox_layer {
    SANDBOX_NO_NEW_PRIVILEGES = 1,
    SANDBOX_LIMITS = 2,           /* memory, CPU, file size 0, few descriptors, no core file */
    SANDBOX_SYSTEM_CALLS = 4,     /* seccomp: no sockets, no writing opens, no exec, no fork */
    SANDBOX_NO_NETWORK = 8,       /* own network namespace without interfaces */
    SANDBOX_OWN_USER = 16,        /* own user namespace */
    SANDBOX_OWN_IPC = 32,         /* own IPC namespace */
    SANDBOX_FILES_READ_ONLY = 64, /* sees only read-only /usr and fonts, or may open nothing at all */
    SANDBOX_NOT_ROOT = 128,       /* gave up root for an unprivileged user, or never had it */
    SANDBOX_REQUIRED = SANDBOX_NO_NEW_PRIVILEGES | SANDBOX_LIMITS | SANDBOX_SYSTEM_CALLS,
};

/* "no-new-privileges,limits,…" for logs and /readyz; `text` is terminated. */
enum { SANDBOX_TEXT_SIZE = 160 };
void sandbox_layers_text(unsigned layers, char text[SANDBOX_TEXT_SIZE]);
