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
