/* How many tokens a text is, without its model's tokenizer: counts of words, digits, punctuation, spaces and
 * characters by script, weighted per family of models, then corrected per model by what the provider itself
 * reported for earlier calls. An estimate: docs/benchmarks.md has its error against real tokenizers.
 * token_features and token_estimate are pure; a calibration is shared by all loops (atomics). */
#pragma once

#include "base/str.h"

#include <stdatomic.h>

/* Who cut the vocabulary: it decides how many characters a token holds. */
enum token_family {
    TOKENS_O200K,     /* gpt-4o and later of OpenAI */
    TOKENS_CL100K,    /* gpt-4, gpt-3.5, text-embedding-3 */
    TOKENS_ANTHROPIC, /* no public tokenizer: o200k's weights, widened; the calibration does the rest */
    TOKENS_GENERIC,   /* anything else, the like */
    TOKENS_FAMILIES
};
enum token_family token_family_of(struct str model);

/* Tokens of a text; bytes that are not UTF-8 count as symbols. Linear in its length, no allocation. */
int64_t token_estimate(enum token_family family, struct str text);

/* What the wire adds: per message, per call, per image where nothing better is known. Source: OpenAI's
 * "How to count tokens" (3 per message, 3 to prime the reply). */
enum { TOKENS_PER_MESSAGE = 3, TOKENS_PER_CALL = 3, TOKENS_PER_IMAGE = 1000 };

/* A running factor between estimate and the provider's own count of one model. Zero-initialised is
 * valid: factor 1, nothing seen. */
struct token_calibration {
    _Atomic uint64_t word;  /* log of the factor and pairs seen */
    _Atomic uint64_t error; /* mean absolute relative errors, before and after the correction */
};

/* Pairs below some tokens say little and are ignored; one wild pair moves the factor by a bounded step; the
 * factor stays within 1/4 and 4. */
void token_calibrate(struct token_calibration *c, int64_t estimate, int64_t actual);
/* The corrected count, at least 1 where the estimate is. */
int64_t token_corrected(const struct token_calibration *c, int64_t estimate);

struct token_calibration_state {
    double factor;
    uint64_t pairs;
    double error_before, error_after; /* mean absolute relative error (0.05 = 5 %), recent pairs weigh more;
                                       * each pair is judged before the factor learns from it */
};
struct token_calibration_state token_calibration_state(const struct token_calibration *c);
