/* Bytes by their SHA-256: folder/blobs/ab/cdef…, written to a temporary name and renamed, so a blob is
 * whole or absent whenever the process ends. Immutable. Files are 0600, folders 0700. Any thread. */
#pragma once

#include "base/error.h"
#include "base/hash.h"

/* Stores (or finds) the bytes, synced to the disk with their folder; hex receives their name. */
bool blob_put(const char *folder, struct str bytes, char hex[SHA256_HEX_SIZE], struct error *err) MUST_USE;
/* The same without waiting for the disk: survives a killed process, perhaps not a power failure (then
 * blob_map with `verify` tells). For kept inputs, which come with every request. */
bool blob_put_unsynced(const char *folder, struct str bytes, char hex[SHA256_HEX_SIZE],
                       struct error *err) MUST_USE;
/* Makes all that was put without syncing safe at once: one wait for the disk where blob_put waits two or
 * three times for each. */
bool blob_sync(const char *folder, struct error *err) MUST_USE;

/* The same piece by piece, for what does not fit into memory: the bytes must turn out to have the hash that
 * was said. Not synced, either. The writer is freed by blob_write_end, good or not, or by blob_write_cancel.
 */
struct blob_writer;
bool blob_write_begin(const char *folder, const char *hex, struct blob_writer **out,
                      struct error *err) MUST_USE;
bool blob_write_add(struct blob_writer *w, struct str bytes, struct error *err) MUST_USE;
bool blob_write_end(struct blob_writer *w, struct error *err) MUST_USE; /* ERR_ARTEFACT: other bytes */
void blob_write_cancel(struct blob_writer *w);                          /* NULL is fine */

/* Maps a blob read-only and, when `verify`, checks that its bytes still have its hash (ERR_ARTEFACT).
 * ERR_NOT_FOUND when there is none. */
struct blob {
    struct str bytes;
    void *mapping;
};
bool blob_map(const char *folder, const char *hex, bool verify, struct blob *out, struct error *err) MUST_USE;
void blob_unmap(struct blob *b);

/* A blob that is already gone is fine. */
bool blob_remove(const char *folder, const char *hex, struct error *err) MUST_USE;

/* Calls visit for every blob whose name starts with the byte `slice` (0..255). */
void blob_visit(const char *folder, unsigned slice,
                void (*visit)(const char *hex, int64_t age_seconds, void *ctx), void *ctx);

/* Removes what a killed process left half written over an hour ago. */
void blob_sweep(const char *folder);
