/* Bytes by their SHA-256: folder/blobs/ab/cdef…, written to a temporary name, synced and renamed, so a
 * blob is whole or absent. Immutable. Any thread. */
#pragma once

#include "base/error.h"
#include "base/hash.h"

/* Stores (or finds) the bytes; hex receives their name. */
bool blob_put(const char *folder, struct str bytes, char hex[SHA256_HEX_SIZE], struct error *err) MUST_USE;

/* Maps a blob read-only and, when `verify`, checks that its bytes still have its hash. */
struct blob {
    struct str bytes;
    void *mapping;
};
bool blob_map(const char *folder, const char *hex, bool verify, struct blob *out, struct error *err) MUST_USE;
void blob_unmap(struct blob *b);
bool blob_remove(const char *folder, const char *hex, struct error *err) MUST_USE;
