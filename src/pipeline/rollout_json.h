/* A rollout as the API and the command line show it. Any thread. */
#pragma once

#include "base/json.h"
#include "store/rollouts.h"

/* An object: id, endpoint, kind, state, stable, candidate, step, steps, weight, created, ended, by, why,
 * outcome. */
void rollout_write(const struct rollout_record *r, struct json_writer *w);
