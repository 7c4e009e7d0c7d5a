/* `penstock cache tune --vectors`: the vectors of the pairs' texts, from an upstream of the configuration or
 * by an encoder of the store. */
#pragma once

#include "cache/tuning.h"
#include "cli/store_option.h"
#include "learn/pair_rows.h"
#include "learn/text_vectors.h"

/* `wanted` is "UPSTREAM/MODEL", with the upstream in o->config, or NAME[@VERSION]; *reference is what an
 * endpoint's semantic_vectors must come to. What is wrong with the configuration goes to standard error. */
bool cache_vectors_fetch(struct text_vectors *out, const char *wanted, const struct store_option *o,
                         const struct pair_set *pairs, char reference[TUNING_VECTORS_SIZE],
                         struct error *err) MUST_USE;
