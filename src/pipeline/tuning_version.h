/* The tuning that an endpoint's semantic cache names, from the registry: for whoever serves and for whoever
 * checks a configuration. Same threads as the store that is passed. */
#pragma once

#include "cache/tuning.h"
#include "config/config.h"
#include "store/store.h"

/* What `wanted` names, NAME or NAME@VERSION. */
bool tuning_version_open(struct store *store, const char *wanted, struct tuning **out,
                         struct error *err) MUST_USE;
/* Was it made for the vectors that the endpoint compares? A tuning judges no others. ERR_CONFIG: how they
 * differ and what to do, as the end of a sentence about the endpoint's cache. */
bool tuning_version_fits(const struct tuning *t, const struct config_endpoint *e, struct error *err) MUST_USE;
