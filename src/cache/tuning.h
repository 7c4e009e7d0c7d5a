/* A tuning of the semantic cache: the small model that looks at a pair of questions a second time, and the
 * score from which they count as the same. Made by `penstock cache tune` from labelled pairs
 * (learn/pair_tuning.h) and kept in the registry as an immutable version with the backend "semantic_tuning":
 * an endpoint names it by `semantic_cache: NAME@VERSION`, whoever serves maps the version's blob and opens it
 * here.
 *
 * Immutable and reference counted; any thread. */
#pragma once

#include "base/error.h"
#include "base/str.h"

#define TUNING_BACKEND "semantic_tuning"

struct tuning;

/* Copies what it needs from `bytes`, which are trusted in nothing. ERR_ARTEFACT. */
bool tuning_open(struct tuning **out, struct str bytes, struct error *err) MUST_USE;
struct tuning *tuning_ref(struct tuning *t);
void tuning_unref(struct tuning *t); /* NULL is fine */

/* ---- for the cache ---- */

struct portrait; /* cache/pair_features.h */
void tuning_portrait(const struct tuning *t, struct portrait *p, struct str text);
/* The vectors that it was made for, "UPSTREAM/MODEL", and their dimensions; "" and 0: the wording's own. */
const char *tuning_vectors(const struct tuning *t);
size_t tuning_dimensions(const struct tuning *t);
/* How surely two questions are the same, 0..1; `cosine` is that of their vectors, where they are not the
 * wording's own; *reason is NULL where that reaches the tuning's threshold,
 * else why not, in words that a trace can show. 0 where a rule of cache/contrast.h keeps them apart. */
float tuning_judge(const struct tuning *t, const struct portrait *a, const struct portrait *b, float cosine,
                   const char **reason);
/* Candidates whose vectors lie further apart (less cosine) are not worth a second look. */
float tuning_least_cosine(const struct tuning *t);

/* ---- for those who make one ---- */

/* The file: "PSTKTUN" NUL, then the u32 and floats of struct tuning_head in their order, in format 2 the name
 * of the vectors (TUNING_VECTORS_SIZE bytes, terminated), then the known words (bits), rarities (u8), row
 * factors (float), rows (i8) of cache/pair_features.h, then the trees. Little-endian; IEEE 754. One for the
 * wording's own vectors is written in format 1, which says nothing of vectors and whose trees do not see
 * theirs. */
enum { TUNING_FORMAT_WORDING = 1, TUNING_FORMAT_VECTORS = 2, TUNING_VECTORS_SIZE = 320 };
enum { TREE_SPLITS = 7, TREE_LEAVES = 8, TREES_MAX = 1000 };
struct tuning_tree {
    uint32_t feature[TREE_SPLITS]; /* of the splits, the root first, then each level from left to right */
    float split[TREE_SPLITS];      /* a greater value goes right */
    float leaf[TREE_LEAVES];
};
struct tuning_parts {
    const char *vectors;                  /* shorter than TUNING_VECTORS_SIZE; NULL: the wording's own */
    uint32_t dimensions;                  /* of `vectors` */
    float threshold, least_cosine, start; /* start: the log odds before any tree */
    uint32_t tree_count;
    const struct tuning_tree *trees;
    const uint8_t *known, *rarity; /* KNOWN_BYTES, CODE_BUCKETS */
    const float *factors;          /* CODE_BUCKETS, finite */
    const int8_t *rows;
};
struct buf;
/* Appends; check out->failed. */
void tuning_write(struct buf *out, const struct tuning_parts *parts);
