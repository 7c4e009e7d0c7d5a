#include "models/boosted.h"

#include "base/check.h"
#include "models/scores.h"
#include "models/scratch.h"
#include "models/trees.h"

#include <stdlib.h>
#include <string.h>

struct boosted {
    struct backend backend;
    const char **labels;
    size_t label_count;
    struct tabular schema;
    struct trees trees;
    struct confidence confidence;
};

static const struct boosted *boosted_of(const struct backend *b) {
    return CONTAINER_OF(b, const struct boosted, backend);
}

/* One sum for two labels is the log odds of the second. */
static bool score(const struct backend *backend, struct scratch *s, const struct model_input *row,
                  struct label_scores *out, struct error *err) {
    const struct boosted *b = boosted_of(backend);
    if (!tabular_check(&b->schema, row->features, row->feature_count, err))
        return false;
    trees_row(&b->schema, row->features, s->row);
    trees_sum(&b->trees, s->row, s->linear);
    if (b->trees.groups == 1) {
        float odds = s->linear[0];
        s->linear[0] = -odds / 2;
        s->linear[1] = odds / 2;
    }
    memset(s->hidden, 0, b->label_count * sizeof *s->hidden);
    *out = (struct label_scores){.labels = b->label_count,
                                 .linear = s->linear,
                                 .hidden = s->hidden,
                                 .known_words = 1,
                                 .known_grams = 1};
    return true;
}

static bool predict(const struct backend *b, struct scratch *s, const struct model_input *rows, size_t count,
                    struct model_answer *answers, struct error *row_errors) {
    bool all = true;
    for (size_t i = 0; i < count; i++) {
        struct label_scores scores;
        row_errors[i].code = ERR_NONE;
        if (score(b, s, &rows[i], &scores, &row_errors[i]))
            scores_answer(&scores, &boosted_of(b)->confidence, s->probabilities, &answers[i]);
        else
            all = false;
    }
    return all;
}

static bool predict_visual(const struct backend *b, struct scratch *s, const float *visual, size_t count,
                           struct model_answer *answer) {
    return false;
}

static bool read_features(const struct backend *b, yyjson_val *object, struct feature_value *out, size_t room,
                          size_t *count, struct error *err) {
    const struct tabular *schema = &boosted_of(b)->schema;
    CHECK(room >= schema->count);
    if (!tabular_from_json(schema, object, out, err))
        return false;
    *count = schema->count;
    return true;
}

static void write_schema(const struct backend *b, struct json_writer *w) {
    tabular_write_json(&boosted_of(b)->schema, w);
}

static const char *const *labels(const struct backend *b, size_t *count) {
    *count = boosted_of(b)->label_count;
    return (const char *const *)boosted_of(b)->labels;
}

static unsigned inputs(const struct backend *b) {
    return MODEL_TAKES_FEATURES;
}

static void release(struct backend *backend) {
    struct boosted *b = CONTAINER_OF(backend, struct boosted, backend);
    tabular_free(&b->schema);
    free(b->labels);
    free(b);
}

static const struct backend_ops ops = {.name = "boosted",
                                       .costly = true,
                                       .predict = predict,
                                       .predict_visual = predict_visual,
                                       .score = score,
                                       .read_features = read_features,
                                       .write_schema = write_schema,
                                       .labels = labels,
                                       .inputs = inputs,
                                       .free = release};

unsigned boosted_rounds(const struct backend *b) {
    return boosted_of(b)->trees.count / boosted_of(b)->trees.groups;
}

static bool check_groups(const struct boosted *b, struct error *err) {
    size_t wanted = b->label_count == 2 ? 1 : b->label_count;
    return b->trees.groups == wanted || b->trees.groups == b->label_count ||
           fail(err, ERR_ARTEFACT, "The artefact names %zu labels but its trees have %u sums; expected %zu.",
                b->label_count, b->trees.groups, wanted);
}

bool boosted_open(struct backend **out, struct str bytes, struct error *err) {
    struct artefact a;
    if (!artefact_read(&a, bytes, err))
        return false;
    struct boosted *b = calloc(1, sizeof *b);
    if (!b)
        return fail(err, ERR_NO_MEMORY, "Out of memory for a model.");
    b->backend.ops = &ops;
    if (artefact_read_labels(a.sections[ARTEFACT_LABELS], MODEL_LABELS_MAX, &b->labels, &b->label_count,
                             err) &&
        tabular_read(&b->schema, a.sections[ARTEFACT_SCHEMA], err) &&
        trees_read(&b->trees, a.sections[ARTEFACT_TREES], &b->schema, err) && check_groups(b, err) &&
        confidence_read(&b->confidence, a.sections[ARTEFACT_CONFIDENCE], "confidence", err)) {
        *out = &b->backend;
        return true;
    }
    release(&b->backend);
    return false;
}
