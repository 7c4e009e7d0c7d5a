/* `penstock models add`: a version whose backend is rules, from a Lua file. */
#pragma once

#include "base/error.h"
#include "store/store.h"

enum { RULES_LABELS_MAX = 200 };

struct rules_version {
    const char *name;  /* of the model */
    const char *rules; /* the Lua file */
    const char *labels[RULES_LABELS_MAX];
    size_t label_count;
};

bool models_add(struct store *store, const struct rules_version *wanted, struct error *err) MUST_USE;
