/* A version that was made elsewhere and is added as it is: its manifest (backend, labels, the policy that
 * holds until `penstock calibrate` finds a better one) and its entry in the registry. */
#pragma once

#include "base/json.h"
#include "store/store.h"

struct made_version {
    const char *name; /* of the model */
    const char *backend;
    const char *const *labels;
    size_t label_count;
    /* Fields of the backend's own; NULL: none. */
    void (*more)(struct json_writer *w, const void *ctx);
    const void *ctx;
};

/* Prints which version it became. */
bool models_add_made(struct store *store, const struct made_version *v, const struct buf *artefact,
                     struct error *err) MUST_USE;
