/* `penstock models add --onnx FILE --vocabulary FILE`: a sentence encoder, whose vectors the semantic cache
 * may compare. */
#pragma once

#include "models/text_encoder.h"
#include "store/store.h"

struct encoder_version {
    const char *name; /* of the model */
    const char *file, *vocabulary;
    struct text_encoder_declaration declared;
};

bool models_add_encoder(struct store *store, const struct encoder_version *wanted,
                        struct error *err) MUST_USE;
