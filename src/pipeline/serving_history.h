/* What served when: after each change of what a server does, a row of the history for each endpoint that now
 * answers otherwise, so that `penstock at` can say for any time which models, prompts, thresholds and
 * fallbacks were in force; and each distinct configuration of an endpoint as a version of it
 * (store/endpoint_versions.h), which the row names. */
#pragma once

#include "pipeline/snapshot.h"

/* "serving" rows of store/history.h, where they differ from the last ones. `who`: "penstock", `why`: "start",
 * "reload". The store's thread. */
bool serving_note(struct store *s, const struct snapshot *now, const char *why, struct error *err) MUST_USE;
