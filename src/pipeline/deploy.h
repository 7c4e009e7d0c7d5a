/* What people do with rollouts, by the command line or the API: begin one, give the candidate everything, go
 * back, stop. Whoever serves then follows from the store (pipeline/serving.h). Same threads as the store that
 * is passed. */
#pragma once

#include "pipeline/deploy_shadow.h"
#include "traffic/rollout_plan.h"

/* As written; NULL or 0: not given. */
struct deploy_wish {
    enum rollout_kind kind;
    const char *steps;    /* "5,25,50", percent */
    const char *segment;  /* pipeline/deploy_segment.h */
    const char *why, *by; /* for the history; `by` is given */
    const char *override; /* why it goes without a passing evaluation */
    struct shadow_arguments shadow;
    int64_t pause, limit; /* ns */
    uint64_t least;
};

/* Fills *r with what is wished for, and says whether it may begin: the candidate loads (which may take a
 * second), the endpoint can be shared, and an evaluation with enough cases has passed, or is overridden.
 * Writes nothing. ERR_USAGE: of the wish; ERR_NOT_FOUND, ERR_CONFLICT */
bool deploy_prepare(const struct deploy_wish *c, struct store *store, const struct config *config,
                    const struct config_endpoint *e, const char *reference, struct rollout_record *r,
                    struct error *err) MUST_USE;
/* Begins it. ERR_CONFLICT: another one runs by now. */
bool deploy_start(const struct deploy_wish *c, struct store *store, struct rollout_record *r,
                  struct error *err) MUST_USE;

struct rollout_ending {
    const char *by, *why;  /* given; why may be "" */
    enum rollout_state to; /* ROLLOUT_PROMOTED, ROLLOUT_ROLLED_BACK */
};
/* Ends the endpoint's newest rollout; *out as it is then. A promoted one can be rolled back, and one for some
 * promoted to everybody. ERR_NOT_FOUND, ERR_CONFLICT */
bool rollout_end(struct store *store, const char *endpoint, const struct rollout_ending *c,
                 struct rollout_record *out, struct error *err) MUST_USE;
/* Ends its running shadow; who serves is not touched. */
bool rollout_stop_shadow(struct store *store, const char *endpoint, const char *by, const char *why,
                         struct rollout_record *out, struct error *err) MUST_USE;
