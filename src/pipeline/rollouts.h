/* Drives the running rollouts: what was counted (watch/arms.h) goes through the plan
 * (traffic/rollout_plan.h), and what that decides is written (store/rollouts.h). Whoever serves then follows
 * from the store (pipeline/serving.h), as with a change that a person makes. One thread, the store's. */
#pragma once

#include "config/config.h"
#include "store/rollouts.h"
#include "traffic/rollout_plan.h"
#include "watch/arms.h"

struct rollout_driver;
struct rollout_driver *rollout_driver_new(struct store *store,
                                          struct arms *arms) MUST_USE; /* NULL: no memory */
void rollout_driver_free(struct rollout_driver *d);                    /* keeps the evidence; NULL is fine */

/* Some times a second. Quick where nothing runs. True: somebody else serves now, as the store says. */
bool rollout_driver_tick(struct rollout_driver *d, const struct config *config);

/* The plan that a record holds; steps that are none are an error (ERR_USAGE). */
bool rollout_plan_of(const struct rollout_record *r, struct rollout_plan *out, struct error *err) MUST_USE;
