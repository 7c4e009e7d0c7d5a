/* What `penstock deploy --kind shadow` takes beside what other rollouts take: its budget. */
#pragma once

#include "config/config.h"
#include "store/rollouts.h"

struct shadow_arguments {
    const char *mirror, *at_once, *per_day, *disagreement; /* as written; NULL: not given */
};

/* Fills the shadow's part of r. ERR_USAGE: something is wrong, or given for another kind (`shadow` false). */
bool deploy_shadow_fill(const struct shadow_arguments *a, bool shadow, const struct config_endpoint *e,
                        struct rollout_record *r, struct error *err) MUST_USE;
/* Whether the candidate, known by now, can be one. */
bool deploy_shadow_check(const struct config *config, const struct rollout_record *r,
                         struct error *err) MUST_USE;
