/* `penstock models add --xgboost`: a version whose backend is boosted, from a user's own model of XGBoost. */
#pragma once

#include "models/boosted.h"
#include "store/store.h"

bool models_add_xgboost(struct store *store, const char *name, const char *file,
                        const struct boosted_declaration *d, struct error *err) MUST_USE;
