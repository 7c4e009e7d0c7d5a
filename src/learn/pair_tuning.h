/* Tunes the semantic cache on labelled pairs: fits the second look, measures it by cross-validation on texts
 * that it never saw, and chooses the score from which pairs count as the same so that a wanted rate of false
 * hits is kept with a wanted confidence. Where the pairs cannot carry that claim, or nothing would be found
 * at it, it refuses and says what is missing: the cache then stays off. Deterministic for a seed. One thread.
 */
#pragma once

#include "base/buf.h"
#include "learn/pair_rows.h"
#include "learn/text_vectors.h"

enum { TUNING_POINTS = 6, TUNING_PARTS = 5 };

struct pair_tuning_options {
    double false_hits;   /* the wanted rate: of the different pairs that may be taken for the same */
    double confidence;   /* 0.95 */
    const char *against; /* label of the different pairs that the claim is about; NULL: all of them */
    uint64_t seed;
    const struct text_vectors *vectors; /* of the set's texts; NULL: from the wording */
    const char *vectors_name;           /* "main/small": what an endpoint must have, too */
    void (*progress)(void *ctx, unsigned done, unsigned all); /* may be NULL */
    void *ctx;
};

struct tuning_point {
    float threshold;
    size_t hits, false_hits; /* counts */
};

struct pair_tuning {
    size_t same, different, pairs; /* that were measured; the claim's different ones */
    size_t unmeasured;             /* between two parts */
    struct tuning_point chosen;
    double hit_rate, false_hit_rate, lower, upper; /* the interval of the false-hit rate */
    struct tuning_point points[TUNING_POINTS];     /* at observed rates of 0, 0.2, 0.5, 1, 2, 5 % */
    double hit_rate_at_wanted;                     /* where the observed rate (no bound) is the wanted one */
    double cosine_rate_at_wanted;  /* the same for plain cosine of words and character n-grams, on the same
                                      pairs */
    double vectors_rate_at_wanted; /* the same for the vectors' cosine; 0 without vectors */
    size_t ruled_out_same, ruled_out_different;                       /* by cache/contrast.h */
    size_t label_hits[PAIR_LABELS_MAX], label_pairs[PAIR_LABELS_MAX]; /* at the threshold */
    struct buf artefact;                                              /* for tuning_open */
};

/* Measures and fits; ERR_DATA where no tuning can be had. *out is filled as far as was measured then, too, so
 * that the curve can be shown; free it in either case. */
bool pair_tuning_make(struct pair_tuning *out, const struct pair_set *p, const struct pair_tuning_options *o,
                      struct error *err) MUST_USE;
void pair_tuning_free(struct pair_tuning *t);
