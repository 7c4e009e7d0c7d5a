/* The contract of what runs a model version. A backend is opened from an artefact's bytes, immutable
 * from then on, and may be called from any thread; what a prediction needs to write to is a struct
 * scratch, one per thread, good for every backend; only `rules` and `onnx` allocate while they predict.
 *
 * A backend takes text, features (tabular values in the order of its schema), a visual vector, or
 * several of them; backend_inputs() says which. */
#pragma once

#include "base/error.h"
#include "base/json.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MODEL_TOP_MAX = 5, MODEL_LABELS_MAX = 2000, MODEL_FEATURES_MAX = 1000, MODEL_VISUAL_MAX = 2048 };

enum feature_kind { FEATURE_MISSING, FEATURE_NUMBER, FEATURE_CATEGORY };

struct feature_value {
    enum feature_kind kind;
    uint32_t category; /* index into the schema's categories */
    double number;
};

/* Borrowed for the call. What a row does not have is left empty. */
struct model_input {
    struct str text; /* valid UTF-8; other bytes are taken as separators */
    const struct feature_value *features;
    size_t feature_count;
    const float *visual;
    size_t visual_count;
    float ocr_confidence; /* 0..1, of the worst page; 0 or below: nothing was recognised optically */
};

struct model_top {
    unsigned label;
    float confidence;
};

struct model_answer {
    unsigned label;   /* index into backend_labels() */
    float confidence; /* calibrated: of all answers with confidence c, about the share c is right */
    struct model_top top[MODEL_TOP_MAX]; /* best first; top[0] is the answer itself */
    size_t top_count;
    float novelty;    /* 0..1: how far from anything seen in training; lowers the confidence already */
    bool visual_only; /* answered from the visual vector, without text */
    bool read_text;   /* and so there is what was seen in the text: */
    float known_words, known_grams, scarcity; /* models/confidence.h */
    uint32_t words;
};

struct scratch;
struct scratch *scratch_new(void) MUST_USE; /* NULL when memory is out */
void scratch_free(struct scratch *s);       /* NULL is fine */

enum model_inputs { MODEL_TAKES_TEXT = 1, MODEL_TAKES_FEATURES = 2, MODEL_TAKES_VISUAL = 4 };

struct backend;
struct tabular;
struct label_scores;

struct backend_ops {
    const char *name;
    bool costly; /* nothing is known of its cost before it was measured: its first predictions are handed over
                  */
    bool (*predict)(const struct backend *b, struct scratch *s, const struct model_input *rows, size_t count,
                    struct model_answer *answers, struct error *row_errors);
    bool (*predict_visual)(const struct backend *b, struct scratch *s, const float *visual, size_t count,
                           struct model_answer *answer);
    /* NULL: nothing is fitted to its scores */
    bool (*score)(const struct backend *b, struct scratch *s, const struct model_input *row,
                  struct label_scores *out, struct error *err);
    bool (*read_features)(const struct backend *b, yyjson_val *object, struct feature_value *out, size_t room,
                          size_t *count, struct error *err);
    const struct tabular *(*schema)(const struct backend *b); /* NULL: it takes no features */
    const char *const *(*labels)(const struct backend *b, size_t *count);
    unsigned (*inputs)(const struct backend *b);
    const char *(*tensor)(const struct backend *b); /* may be NULL */
    void (*free)(struct backend *b);
};

struct backend {
    const struct backend_ops *ops;
};

/* Opens what `name` ("linear") stored. `bytes` is borrowed until backend_free: a mapped blob.
 * ERR_ARTEFACT says what is wrong with it. */
bool backend_open(struct backend **out, const char *name, struct str bytes, struct error *err) MUST_USE;

/* Predicts each row on its own. row_errors[i].code is ERR_NONE for a row that was answered; a row that
 * cannot be fails alone. True when all were answered. */
static inline bool backend_predict(const struct backend *b, struct scratch *s, const struct model_input *rows,
                                   size_t count, struct model_answer *answers, struct error *row_errors) {
    return b->ops->predict(b, s, rows, count, answers, row_errors);
}

/* Is the visual vector alone enough? True fills *answer, and no text is needed. False: unsure, or the
 * version has no visual part. The gate was set in training so that what passes it is at least as
 * accurate as the text model. */
static inline bool backend_predict_visual(const struct backend *b, struct scratch *s, const float *visual,
                                          size_t count, struct model_answer *answer) {
    return b->ops->predict_visual(b, s, visual, count, answer);
}

/* For training and tests: what a backend that is trained here (`linear`, `boosted`) gives to each label
 * before confidence; models/scores.h. */
static inline bool backend_score(const struct backend *b, struct scratch *s, const struct model_input *row,
                                 struct label_scores *out, struct error *err) {
    return b->ops->score(b, s, row, out, err);
}

/* {"features": OBJECT} to values in the schema's order, or ERR_INVALID_FEATURES saying which feature,
 * what was expected and what is nearest. `room` of MODEL_FEATURES_MAX always suffices. */
static inline bool backend_read_features(const struct backend *b, yyjson_val *object,
                                         struct feature_value *out, size_t room, size_t *count,
                                         struct error *err) {
    return b->ops->read_features(b, object, out, room, count, err);
}

/* The features that it takes (models/tabular.h), as long as it lives; NULL: none. */
static inline const struct tabular *backend_schema(const struct backend *b) {
    return b->ops->schema ? b->ops->schema(b) : NULL;
}

/* Writes that schema as JSON: [{"name","type","categories"?,"missing"}], or null. */
void backend_write_schema(const struct backend *b, struct json_writer *w);

/* Terminated names, owned by the backend; an answer's label indexes them. */
static inline const char *const *backend_labels(const struct backend *b, size_t *count) {
    return b->ops->labels(b, count);
}

/* enum model_inputs, or'ed */
static inline unsigned backend_inputs(const struct backend *b) {
    return b->ops->inputs(b);
}

/* The model's own name for the one tensor that holds a whole text, or all features of a row; NULL: it has no
 * such tensor. */
static inline const char *backend_tensor(const struct backend *b) {
    return b->ops->tensor ? b->ops->tensor(b) : NULL;
}

static inline void backend_free(struct backend *b) {
    if (b)
        b->ops->free(b);
}
