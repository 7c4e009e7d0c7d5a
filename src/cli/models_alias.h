/* `penstock models alias`, `unalias` and `aliases`: names that move from version to version, of a model or,
 * with an endpoint, of that one alone. */
#pragma once

#include "base/error.h"
#include "store/store.h"

bool models_alias_is_verb(char **words, int count);
bool models_alias_run(struct store *store, const char *endpoint, char **words, int count, bool json,
                      struct error *err) MUST_USE;
