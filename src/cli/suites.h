/* Keeping a suite in the registry, for `penstock suites add` and `penstock eval`. */
#pragma once

#include "store/suites.h"

/* Reads it, stores its files and adds a version, or finds the one that it is. `expected`: the hash that it
 * must have, or NULL. Its name must be one that the registry takes, its files beside it. */
bool suite_keep(struct store *s, const char *path, const char *expected, struct suite_record *out,
                bool *added, struct error *err) MUST_USE;
