/* The semantic cache: answers to questions that say the same in other words. A question is looked for only in
 * its partition, which is whatever must be equal for an answer to fit: the caller hashes tenant, endpoint,
 * version, system prompt, tools, parameters and all turns but the last user text into it. The nearest
 * questions there, by cosine, are candidates; a tuning (cache/tuning.h), made by `penstock cache tune`, looks
 * at each a second time and decides. Without a tuning nothing is ever found.
 *
 * Sharded; bounded in bytes; what was not used for longest leaves first. Any thread. A shard's lock is held
 * to find a partition and to count references to its rows: the scan, the second look and the copy run without
 * it, over rows that never change once they are in. */
#pragma once

#include "base/str.h"

#include <stdint.h>

struct semantic_cache;
struct tuning;

enum {
    SEMANTIC_TEXT_MAX = 1024, /* bytes of a question; a longer one is never looked for or kept */
    SEMANTIC_VALUE_MAX = 65536,
    SEMANTIC_DIMENSIONS_MAX = 4096,
    SEMANTIC_ROWS_MAX = 4096, /* of a partition, about: then its least recently used rows leave */
    SEMANTIC_CANDIDATES = 8,  /* that get a second look */
};

/* `bytes`: most memory for rows, texts, values and bookkeeping. NULL when memory is out. */
struct semantic_cache *semantic_cache_new(size_t bytes) MUST_USE;
void semantic_cache_free(struct semantic_cache *c);

/* What is asked. All borrowed. */
struct semantic_query {
    struct str tenant;              /* for semantic_cache_forget; at most 200 bytes count */
    const unsigned char *partition; /* 32 bytes: a SHA-256 */
    struct str text;                /* the last user turn's text, UTF-8 */
    const float *vector;            /* from an embedding model; NULL: the built-in wording vector */
    size_t dimensions;              /* of `vector`; rows with another number are another partition. Where
                                       it is not what the tuning was made for, nothing is found */
};

enum semantic_result {
    SEMANTIC_MISS,    /* nothing near */
    SEMANTIC_REFUSED, /* something was near, and the second look said no */
    SEMANTIC_HIT,
};

/* Why the nearest candidate was refused, in words that a trace can show, and how alike it was. */
struct semantic_look {
    float cosine;       /* of the nearest candidate, or of the one that was taken; 0 where there was none */
    float score;        /* what the second look gave it, 0..1 */
    const char *reason; /* static; NULL: hit, or nothing near */
};

/* Copies the value of the best accepted candidate into `value` (room for `size` bytes; *used its length); one
 * that has no room or whose time is over is passed by. `now`: monotonic ns. `t` NULL: SEMANTIC_MISS. `look`
 * may be NULL. */
enum semantic_result semantic_cache_get(struct semantic_cache *c, const struct tuning *t,
                                        const struct semantic_query *q, int64_t now, void *value, size_t size,
                                        size_t *used, struct semantic_look *look);

/* Keeps an answer; the same text in the same partition is replaced. Too long a text or value is not kept. */
void semantic_cache_put(struct semantic_cache *c, const struct semantic_query *q, struct str value,
                        int64_t expires);

/* Forgets all that was kept for a tenant: no lookup that begins afterwards finds it. Returns how many rows.
 */
uint64_t semantic_cache_forget(struct semantic_cache *c, struct str tenant);
uint64_t semantic_cache_clear(struct semantic_cache *c); /* for every tenant */

struct semantic_cache_state {
    uint64_t partitions, rows, bytes, evictions; /* evictions: rows that left for want of room */
    uint64_t hits, near_misses, misses;          /* near misses: candidates, none of them accepted */
    uint64_t refused;                            /* candidates that the second look refused */
};
void semantic_cache_state(struct semantic_cache *c, struct semantic_cache_state *out);
