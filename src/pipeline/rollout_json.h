/* A rollout as the API and the command line show it. Any thread. */
#pragma once

#include "base/json.h"
#include "store/rollouts.h"
#include "watch/arms.h"

/* An object: id, endpoint, kind, state, stable, candidate, step, steps, weight, created, ended, by, why,
 * outcome; of one for some callers segment; of a shadow mirror, at_once, usd_per_day. */
void rollout_write(const struct rollout_record *r, struct json_writer *w);
/* The same into an object that is open. */
void rollout_write_fields(const struct rollout_record *r, struct json_writer *w);
/* "evidence": {"stable", "candidate"}, and of a shadow "answers", the last ones, into an object. `arms`
 * (NULL: none) has what a running one's sides did until now, the store what they did some time ago. The
 * store's thread. */
bool rollout_write_evidence(struct store *store, struct arms *arms, const struct rollout_record *r,
                            struct json_writer *w, struct error *err) MUST_USE;
