/* Names that move from version to version of a model: "tickets@stable", "tickets@candidate", and free ones.
 * An alias is the model's, or one endpoint's of that model. Rollouts move the first two at their own endpoint
 * (store/rollouts.h): what was promoted there is its `stable`, what is being rolled out there its
 * `candidate`. Same threads as the store that is passed. */
#pragma once

#include "base/error.h"
#include "store/reference.h"
#include "store/store.h"

#define ALIAS_STABLE    "stable"
#define ALIAS_CANDIDATE "candidate"
enum { ALIAS_MAX = 32 };

struct alias {
    const char *model;
    const char *name;
    const char *endpoint; /* "": the model's, for all endpoints that have none of their own */
    unsigned version;
    int64_t changed; /* wall ns; of lists */
};

/* A letter, then small letters, digits, - and _ ; 1 to 32 in all. */
bool alias_is_name(struct str alias);

/* version 0: it is taken away. The caller made sure that the version is there. Only what changes something is
 * written, with a row of the history. Setting or taking away the model's ends those of its endpoints: it is
 * said for all. In a transaction of its own, or the caller's. */
bool aliases_set(struct store *s, const struct alias *a, const char *who, const char *why,
                 struct error *err) MUST_USE;
/* What it means at an endpoint: the endpoint's own, else the model's. Where none is asked for (endpoint NULL)
 * it is what all endpoints with one of their own say, else the model's; ERR_CONFLICT names them where they
 * differ. *version 0: there is no such alias. */
bool aliases_find(struct store *s, const char *model, const char *endpoint, const char *alias,
                  unsigned *version, struct error *err) MUST_USE;
/* The endpoint's own, or with "" the model's, and nothing else. */
bool aliases_own(struct store *s, const char *model, const char *endpoint, const char *alias,
                 unsigned *version, struct error *err) MUST_USE;
/* Is there what aliases_set would take away? */
bool aliases_there(struct store *s, const struct alias *a, bool *there, struct error *err) MUST_USE;
/* NULL: any. */
struct alias_filter {
    const char *model, *endpoint;
};
/* By model, alias and endpoint, the model's first. The strings are good within `visit`. */
bool aliases_list(struct store *s, const struct alias_filter *filter,
                  void (*visit)(const struct alias *a, void *ctx), void *ctx, struct error *err) MUST_USE;
