/* The exact cache: answers by the whole of what was asked. Sharded; bounded in bytes; least recently
 * used entries leave first. An expired entry stays until its room is needed, since a fallback may ask
 * for an answer however old. The caller builds the key, with tenant, endpoint and version in it.
 * Any thread; a shard's lock is held for a lookup and a copy of some hundred bytes. */
#pragma once

#include "base/buf.h"

#include <stdint.h>

struct exact_cache;

enum { EXACT_CACHE_VALUE_MAX = 65536 };

/* `bytes`: most memory for entries, keys and bookkeeping included. NULL when memory is out. */
struct exact_cache *exact_cache_new(size_t bytes) MUST_USE;
void exact_cache_free(struct exact_cache *c);

enum exact_result { EXACT_MISS, EXACT_HIT, EXACT_STALE };

/* Copies the value of `key` into `value`, in the place of what was there. EXACT_STALE: it was found but its
 * time is over; the value is copied all the same. One that does not have room, or no memory, is a miss.
 * `now`: monotonic ns. */
enum exact_result exact_cache_get(struct exact_cache *c, struct str key, int64_t now, struct buf *value);

/* Replaces what was there. Values over EXACT_CACHE_VALUE_MAX, or over a shard's room, are not kept. */
void exact_cache_put(struct exact_cache *c, struct str key, struct str value, int64_t expires);

/* Forgets everything. */
void exact_cache_clear(struct exact_cache *c);

struct exact_cache_state {
    uint64_t entries, bytes, evictions;
};
void exact_cache_state(struct exact_cache *c, struct exact_cache_state *out);
