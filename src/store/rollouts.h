/* Rollouts as they stand: one row each, whose state moves forward; every move is a row of the history too, in
 * the same transaction, so that a crash leaves the one before or the one after. The newest rollout of an
 * endpoint says who serves there, as long as the endpoint's configuration is the one that it began with; a
 * shadow's never does. The endpoint's aliases of the models (store/aliases.h) move with them. Same threads as
 * the store that is passed. */
#pragma once

#include "base/error.h"
#include "base/hash.h"
#include "base/ids.h"
#include "store/store.h"

enum { ROLLOUT_NAME_MAX = 200, ROLLOUT_RULE_MAX = 4000 };

/* Numbers are stored. */
enum rollout_state {
    ROLLOUT_RUNNING = 0,
    ROLLOUT_PROMOTED = 1,
    ROLLOUT_ROLLED_BACK = 2,
    ROLLOUT_NOT_ENOUGH_DATA = 3,
    /* Of shadows, with nobody else serving for it. */
    ROLLOUT_WORSE = 4,
    ROLLOUT_AS_GOOD = 5,
    ROLLOUT_BETTER = 6,
    ROLLOUT_STOPPED = 7 /* by a person, or by what changed */
};
const char *rollout_state_name(enum rollout_state state); /* "running", "not enough data" */

struct rollout_record {
    char id[ID_SIZE];
    char endpoint[ROLLOUT_NAME_MAX + 1];
    char base[SHA256_HEX_SIZE]; /* of what the configuration says there */
    char stable[ROLLOUT_NAME_MAX + 1], candidate[ROLLOUT_NAME_MAX + 1]; /* references */
    int kind;                                                           /* of traffic/rollout_plan.h */
    char steps[ROLLOUT_NAME_MAX + 1]; /* the candidate's shares: "0.05,0.25,0.5" */
    int64_t step_least, step_most;    /* ns */
    int64_t least;                    /* requests */
    double mirror;           /* of a shadow: the share of the requests that it is asked; 0: no shadow */
    unsigned mirror_at_once; /* most under way */
    int64_t mirror_per_day;  /* nano-dollars; 0: no limit */
    double disagreement;     /* allowed; 0: as analysis_mirrored says */
    char segment[ROLLOUT_NAME_MAX + 1];      /* who takes part (traffic/segment.h); "" everybody */
    char segment_rule[ROLLOUT_RULE_MAX + 1]; /* its Lua, where it is a rule */
    enum rollout_state state;
    unsigned step;
    int64_t step_since; /* wall ns */
    unsigned looked;
    bool seen;
    double weight; /* the candidate's share now */
    int64_t created, ended;
    char who[ROLLOUT_NAME_MAX + 1], why[2 * ROLLOUT_NAME_MAX + 1];
    char outcome[400]; /* what decided, or is missing by now */
    unsigned moves;    /* each save is one */
};

/* id, created, step_since are made here. ERR_CONFLICT: another one of the endpoint runs. Durable when it
 * returns true. */
bool rollouts_start(struct store *s, struct rollout_record *r, struct error *err) MUST_USE;

/* What both sides did, as bytes of the caller's; with *n = 0 there is nothing, or of another size. */
bool rollouts_evidence(struct store *s, const char *id, void *bytes, size_t size, size_t *n,
                       struct error *err) MUST_USE;

/* Writes r and the evidence (NULL: as it is) where nobody else wrote since r was read; *lost: somebody did,
 * and nothing was written. `what`, `who`, `why`: the history's; what NULL: no row there, and nobody is woken.
 * Durable.
 */
bool rollouts_save(struct store *s, struct rollout_record *r, const void *evidence, size_t n,
                   const char *what, const char *who, const char *why, bool *lost,
                   struct error *err) MUST_USE;

/* The endpoint's newest that says who serves. */
bool rollouts_newest(struct store *s, const char *endpoint, bool *found, struct rollout_record *out,
                     struct error *err) MUST_USE;
/* The endpoint's running shadow. */
bool rollouts_shadow(struct store *s, const char *endpoint, bool *found, struct rollout_record *out,
                     struct error *err) MUST_USE;
enum rollout_which { ROLLOUTS_ALL, ROLLOUTS_SERVING, ROLLOUTS_SHADOWS };
struct rollout_filter {
    const char *endpoint; /* NULL: all */
    const char *id;       /* NULL: all */
    enum rollout_which which;
    bool running;   /* only those */
    unsigned limit; /* 0: no limit */
};
/* Newest first. */
bool rollouts_list(struct store *s, const struct rollout_filter *filter,
                   void (*visit)(const struct rollout_record *r, void *ctx), void *ctx,
                   struct error *err) MUST_USE;
