/* `penstock cache tune --vectors UPSTREAM/MODEL`: the vectors of the pairs' texts, from an upstream of the
 * configuration. */
#pragma once

#include "learn/pair_rows.h"
#include "learn/text_vectors.h"

/* `reference` is "UPSTREAM/MODEL" as an endpoint's semantic_vectors have it, `config` the file that has the
 * upstream. What is wrong with that file goes to standard error. */
bool cache_vectors_fetch(struct text_vectors *out, const char *reference, const char *config,
                         const struct pair_set *pairs, struct error *err) MUST_USE;
