#include "models/boosted.h"

#include "base/check.h"
#include "models/scores.h"
#include "models/scratch.h"
#include "models/trees.h"
#include "models/xgboost_model.h"

#include <stdio.h>
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

static const struct tabular *schema_of(const struct backend *b) {
    return &boosted_of(b)->schema;
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
                                       .schema = schema_of,
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

/* ---- packing ---- */

enum { GIVEN_NAME_SIZE = 24 };

static bool check_declared(const struct xgboost_model *m, const struct boosted_declaration *d,
                           struct error *err) {
    size_t columns = xgboost_model_columns(m);
    if (columns == 0 || columns > MODEL_FEATURES_MAX)
        return fail(err, ERR_DATA, "The XGBoost model has %zu columns; expected 1 to %d.", columns,
                    MODEL_FEATURES_MAX);
    if (d->feature_count && d->feature_count != columns)
        return fail(err, ERR_DATA, "%zu features are named; the XGBoost model has %zu columns.",
                    d->feature_count, columns);
    if (d->label_count != xgboost_model_labels(m))
        return fail(err, ERR_DATA, "%zu labels are named; the XGBoost model has %zu classes.", d->label_count,
                    xgboost_model_labels(m));
    for (size_t i = 0; i < d->label_count; i++)
        if (!d->labels[i][0] || !str_is_utf8(str_from(d->labels[i]), NULL))
            return fail(err, ERR_DATA, "Label %zu is empty or not UTF-8.", i + 1);
    return true;
}

/* Written, and read back as serving will: names that are empty or not UTF-8 are found there. */
static bool write_columns(const struct xgboost_model *m, const struct boosted_declaration *d, struct buf *out,
                          struct tabular *schema, struct error *err) {
    size_t count = xgboost_model_columns(m), at = out->n;
    struct tabular_column *columns = calloc(count, sizeof *columns);
    char(*given)[GIVEN_NAME_SIZE] = calloc(count, sizeof *given);
    struct tabular t = {.count = count, .columns = columns, .factor = 1};
    bool ok = (columns && given) || fail(err, ERR_NO_MEMORY, "Out of memory for a model.");
    for (size_t i = 0; ok && i < count; i++) {
        const char *own = d->feature_count ? d->features[i] : xgboost_model_feature(m, i);
        snprintf(given[i], sizeof given[i], "f%zu", i);
        columns[i] = (struct tabular_column){
            .name = own ? own : given[i], .numeric = true, .may_miss = true, .scale = 1};
    }
    if (ok)
        tabular_write(out, &t);
    free(columns);
    free(given);
    return ok && (!out->failed || fail(err, ERR_NO_MEMORY, "Out of memory for a model.")) &&
           tabular_read(schema, str_slice(buf_str(out), at, out->n), err);
}

static bool write_artefact(const struct xgboost_model *m, const struct boosted_declaration *d,
                           struct buf *out, struct error *err) {
    struct artefact_writer w;
    struct confidence plain = confidence_plain(1, 0);
    AUTO_BUF columns = BUF_INIT(64 << 20);
    struct tabular schema = {0};
    artefact_begin(&w, out);
    artefact_section(&w, ARTEFACT_LABELS);
    artefact_u32(out, (uint32_t)d->label_count);
    for (size_t i = 0; i < d->label_count; i++)
        buf_add(out, d->labels[i], strlen(d->labels[i]) + 1);
    artefact_section(&w, ARTEFACT_CONFIDENCE);
    confidence_write(out, &plain);
    artefact_section(&w, ARTEFACT_SCHEMA);
    if (!write_columns(m, d, &columns, &schema, err))
        return false;
    buf_add_str(out, buf_str(&columns));
    artefact_section(&w, ARTEFACT_TREES);
    bool ok = xgboost_model_trees(m, &schema, d->label_count, out, err);
    tabular_free(&schema);
    artefact_end(&w);
    return ok && (!out->failed || fail(err, ERR_NO_MEMORY, "Out of memory for a model."));
}

bool boosted_pack(struct str model, const struct boosted_declaration *d, struct buf *artefact,
                  struct error *err) {
    struct xgboost_model *m = NULL;
    bool ok = xgboost_model_open(&m, model, err) && check_declared(m, d, err) &&
              write_artefact(m, d, artefact, err);
    xgboost_model_free(m);
    return ok;
}
