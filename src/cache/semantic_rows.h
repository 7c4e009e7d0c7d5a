/* Rows of a partition of the semantic cache, some dozens at a time. A block is filled in its shard's lock and
 * read without it: rows below the count that a reader saw in the lock never change, but for the mark that one
 * is dead. Who holds a reference may read; the last one frees. Whole blocks leave the cache, never single
 * rows. */
#pragma once

#include "cache/semantic.h"

#include <stdatomic.h>

enum { BLOCK_FIRST = 1, BLOCK_MOST = 64 };

struct semantic_row {
    atomic_bool dead;
    float factor; /* makes the vector's length 1 */
    int64_t expires;
    uint64_t hash;          /* of the text */
    struct str text, value; /* in one allocation, at text.p */
};

struct partition;
struct semantic_block {
    struct semantic_block *newer, *older; /* in the shard, by last use */
    struct partition *partition;          /* NULL: no longer in the cache */
    atomic_uint references;
    uint32_t room, count, dimensions;
    size_t bytes;
    uint64_t *hashes; /* of the texts, beside each other, since each put looks at all of them */
    int8_t *vectors;  /* room times dimensions */
    struct semantic_row rows[];
};

/* NULL when memory is out. */
struct semantic_block *semantic_block_new(uint32_t room, uint32_t dimensions) MUST_USE;
static inline struct semantic_block *semantic_block_ref(struct semantic_block *b) {
    atomic_fetch_add_explicit(&b->references, 1, memory_order_relaxed);
    return b;
}
void semantic_block_unref(struct semantic_block *b);
/* In the shard's lock. What row.text.p leads to is taken over. */
void semantic_block_add(struct semantic_block *b, struct semantic_row row, uint64_t hash,
                        const int8_t *vector);

/* The nearest rows seen so far, the nearest first. */
struct semantic_candidate {
    const struct semantic_row *row;
    float cosine;
};
struct semantic_candidates {
    struct semantic_candidate list[SEMANTIC_CANDIDATES];
    size_t count;
};
/* Looks at the first `count` rows. */
void semantic_block_scan(const struct semantic_block *b, uint32_t count, const int8_t *vector, float factor,
                         float least, int64_t now, struct semantic_candidates *found);
