/* A sentence encoder in an ONNX file: a text's vector by a model of the BERT family, with the vocabulary of
 * its tokens (models/wordpiece.h). The model takes input_ids, and attention_mask and token_type_ids where it
 * has them, [1, tokens] each; it gives a vector for each token, [1, tokens, dimensions], of which the mean or
 * the first one counts, or one for the text, [1, dimensions]. The artefact (models/artefact.h) holds file and
 * vocabulary. Immutable, reference counted; any thread may encode, on its own thread. */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "store/registry.h"

#define TEXT_ENCODER_BACKEND "onnx_text"

enum { TEXT_ENCODER_DIMENSIONS_MAX = 4096, TEXT_ENCODER_TOKENS_MAX = 512 };

struct text_encoder;

/* Copies what it needs from `bytes`, which are trusted in nothing. ERR_ARTEFACT; ERR_MODEL: no ONNX Runtime.
 */
bool text_encoder_open(struct text_encoder **out, struct str bytes, struct error *err) MUST_USE;
/* The version of the registry that `record` is. ERR_CONFIG: it is no encoder; else as text_encoder_open. */
bool text_encoder_load(struct store *store, const struct version_record *record, struct text_encoder **out,
                       struct error *err) MUST_USE;
struct text_encoder *text_encoder_ref(struct text_encoder *e);
void text_encoder_unref(struct text_encoder *e); /* NULL is fine */
size_t text_encoder_dimensions(const struct text_encoder *e);

/* The text's vector, of finite numbers that are not all 0, into `out`; what is longer than the model takes is
 * left out at its end. ERR_DEADLINE, ERR_MODEL. */
bool text_encoder_run(const struct text_encoder *e, struct str text, float *out, struct error *err) MUST_USE;

struct text_encoder_declaration {
    bool cased;       /* the vocabulary tells capitals and accents apart */
    bool first_token; /* the vector of [CLS] instead of the mean of all */
    const char
        *output; /* NULL: sentence_embedding where there is one, else last_hidden_state, else the only one */
    uint32_t tokens; /* most that the model takes; 0: 512 */
};
/* Tries the model out and writes the artefact. ERR_DATA and ERR_ARTEFACT say what does not fit. */
bool text_encoder_pack(struct str model, struct str vocabulary, const struct text_encoder_declaration *d,
                       struct buf *artefact, struct error *err) MUST_USE;
