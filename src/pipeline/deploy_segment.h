/* For whom a rollout is: what `penstock deploy --segment` takes. */
#pragma once

#include "config/config.h"
#include "store/rollouts.h"

/* "client=NAME,NAME", "header=NAME:VALUE" or "rule=FILE.lua", whose text is kept with the rollout. ERR_USAGE,
 * ERR_NOT_FOUND: a client without a key. */
bool deploy_segment_fill(const char *text, const struct config *config, struct store *store,
                         struct rollout_record *r, struct error *err) MUST_USE;
