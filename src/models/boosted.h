/* The `boosted` backend: gradient-boosted trees over tabular features, which XGBoost grew
 * (learn/boosted_fit.h) and models/trees.h walks, used in place; a server that only predicts never loads
 * XGBoost. */
#pragma once

#include "models/backend.h"

/* `bytes` is borrowed until backend_free. */
bool boosted_open(struct backend **out, struct str bytes, struct error *err) MUST_USE;

/* Trees for each label (for both of two). */
unsigned boosted_rounds(const struct backend *b);
