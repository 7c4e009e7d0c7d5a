/* Proof that the sandbox holds: tries from inside what must be refused. Asked for by tests only; being
 * refused is its whole effect. */
#pragma once

#include <stddef.h>

enum probe {
    PROBE_WRITE_FILE = 1,
    PROBE_READ_FILE,
    PROBE_SOCKET,
    PROBE_EXEC,
    PROBE_FORK,
    PROBE_EXECUTABLE_MEMORY,
    PROBE_RAISE_LIMIT,
    PROBE_EAT_MEMORY,
    PROBE_LOOP,
    PROBE_CRASH,
    PROBE_HANG,
};

/* Writes what happened: "refused: …" or "allowed". Some probes do not return. */
void probe_sandbox(unsigned probe, char *report, size_t size);
