/* The tuning that an endpoint's semantic cache names, from the registry: for whoever serves and for whoever
 * checks a configuration. Same threads as the store that is passed. */
#pragma once

#include "cache/tuning.h"
#include "config/config.h"
#include "store/store.h"

/* What `wanted` names there: NAME, NAME@VERSION or NAME@ALIAS. */
bool tuning_version_open(struct store *store, const char *endpoint, const char *wanted, struct tuning **out,
                         struct error *err) MUST_USE;
/* What records and tunings call the vectors that an endpoint compares: "UPSTREAM/MODEL", "NAME@VERSION" of
 * the registry, or "", their wording. */
bool tuning_version_vectors(struct store *store, const char *endpoint, const struct config_vectors *v,
                            char reference[TUNING_VECTORS_SIZE], struct error *err) MUST_USE;
/* Was it made for those? A tuning judges no others. ERR_CONFIG: how they differ and what to do, as the end of
 * a sentence about the cache that names it as `name`. */
bool tuning_version_fits(const struct tuning *t, const char *name, const char *reference,
                         struct error *err) MUST_USE;
