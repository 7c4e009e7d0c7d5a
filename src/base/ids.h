/* Identifiers and randomness. IDs sort by time of making (48 bits of milliseconds, 80 random bits, in
 * Crockford's base 32, the ULID layout), so that an index over them grows at its end. Any thread. */
#pragma once

#include "base/str.h"

enum { ID_LENGTH = 26, ID_SIZE = ID_LENGTH + 1 };

/* A new ID for wall time `wall_ns`, terminated. */
void id_make(int64_t wall_ns, char out[ID_SIZE]);

/* Bytes from the kernel's generator; aborts where the kernel has none to give. */
void random_bytes(void *out, size_t n);
