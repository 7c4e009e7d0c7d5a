/* `penstock models add --onnx`: a version whose backend is onnx, from a user's own ONNX file. */
#pragma once

#include "base/error.h"
#include "store/store.h"

enum { ONNX_FEATURES_NAMED_MAX = 1000 };

struct onnx_version {
    const char *name; /* of the model */
    const char *file;
    const char *const *labels;
    size_t label_count;
    const char *labels_file; /* one a line; NULL: `labels` */
    const char *features[ONNX_FEATURES_NAMED_MAX];
    size_t feature_count;
    const char *output;
    bool logits;
    double temperature;
};

bool models_add_onnx(struct store *store, const struct onnx_version *wanted, struct error *err) MUST_USE;
