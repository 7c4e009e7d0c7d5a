/* Names that move from version to version of a model: "tickets@stable", "tickets@candidate", and free ones.
 * Rollouts move the first two (store/rollouts.h): whichever version was promoted last, at whatever endpoint,
 * is `stable`; the one that is being rolled out is `candidate`. Same threads as the store that is passed. */
#pragma once

#include "base/error.h"
#include "store/reference.h"
#include "store/store.h"

#define ALIAS_STABLE    "stable"
#define ALIAS_CANDIDATE "candidate"
enum { ALIAS_MAX = 32 };

/* A letter, then small letters, digits, - and _ ; 1 to 32 in all. */
bool alias_is_name(struct str alias);

/* version 0: it is taken away. The caller made sure that the version is there. Only what changes something is
 * written, with a row of the history. In a transaction of its own, or the caller's. */
bool aliases_set(struct store *s, const char *model, const char *alias, unsigned version, const char *who,
                 const char *why, struct error *err) MUST_USE;
/* *version 0: there is no such alias. */
bool aliases_find(struct store *s, const char *model, const char *alias, unsigned *version,
                  struct error *err) MUST_USE;
/* By model and alias; model NULL: of all. */
bool aliases_list(struct store *s, const char *model,
                  void (*visit)(const char *model, const char *alias, unsigned version, int64_t changed,
                                void *ctx),
                  void *ctx, struct error *err) MUST_USE;
