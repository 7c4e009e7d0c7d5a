/* Memory that lives as long as one request: allocated piece by piece, freed all at once. Has a cap;
 * a full arena is NULL to the caller, who reports it, never an abort. Under ASan every piece is an
 * allocation of its own, so that overruns are seen. One thread. */
#pragma once

#include "base/str.h"

struct arena;

/* NULL when memory is out. `cap`: most bytes it may hand out. */
struct arena *arena_new(size_t cap) MUST_USE;
void arena_free(struct arena *a);  /* NULL is fine */
void arena_reset(struct arena *a); /* frees all pieces but keeps one block for the next user */

/* Aligned for any type, not cleared; NULL when full. n = 0 gives a valid, unusable pointer. */
void *arena_alloc(struct arena *a, size_t n) MUST_USE;
void *arena_zalloc(struct arena *a, size_t n) MUST_USE;
/* A terminated copy; .p is NULL when full. */
struct str arena_copy(struct arena *a, struct str s) MUST_USE;
size_t arena_used(const struct arena *a);
