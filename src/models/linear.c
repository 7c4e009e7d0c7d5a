#include "models/linear.h"

#include "base/check.h"
#include "models/looks.h"
#include "models/scratch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct linear {
    struct backend backend;
    const char **labels;
    size_t label_count;
    bool takes_text, takes_features, takes_visual; /* the first two exclude each other */
    struct vocabulary vocabulary;
    struct tabular schema;
    struct neighbours neighbours; /* no labels: none were kept */
    struct network network;
    struct confidence confidence;
    const float *visual_mean, *visual_scale;
    size_t visual_count;
    struct network visual_network;
    struct confidence visual_confidence;
    struct looks looks; /* no labels: none was learned */
};

static const struct linear *linear_of(const struct backend *b) {
    return CONTAINER_OF(b, const struct linear, backend);
}

/* Scores */

static void sum_features(const struct linear *l, struct scratch *s, const struct feature_value *values) {
    const struct network *n = &l->network;
    size_t count = tabular_items(&l->schema, values, s->items);
    memset(s->sums, 0, n->stride * sizeof *s->sums);
    for (size_t i = 0; i < count; i++)
        network_add(n, s->sums, s->items[i].row, s->items[i].value);
}

/* Standardised values and relative distances into the scratch. */
static const float *see(const struct linear *l, struct scratch *s, const float *visual) {
    for (size_t i = 0; i < l->visual_count; i++) {
        float value = (visual[i] - l->visual_mean[i]) * l->visual_scale[i];
        /* Written so that NaN becomes 0, too. */
        s->visual[i] = value > -4 ? fminf(value, 4) : value <= -4 ? -4 : 0;
    }
    if (!l->looks.labels)
        return NULL;
    looks_distances(&l->looks, s->visual, s->looks);
    return s->looks;
}

static bool sees(const struct linear *l, const float *visual, size_t count) {
    return l->takes_visual && visual && count == l->visual_count;
}

static bool score(const struct backend *b, struct scratch *s, const struct model_input *row,
                  struct label_scores *out, struct error *err) {
    const struct linear *l = linear_of(b);
    struct text_signals signals = {.known_words = 1, .known_grams = 1};
    if (l->takes_features) {
        if (!tabular_check(&l->schema, row->features, row->feature_count, err))
            return false;
        sum_features(l, s, row->features);
    } else if (l->takes_text) {
        vocabulary_sum(&l->vocabulary, &l->network, &s->tokens, row->text, s->sums, &signals);
        if (l->neighbours.labels)
            neighbours_ask(&s->neighbours, &l->neighbours, &l->vocabulary, &l->network, &s->tokens);
    } else {
        return fail(err, ERR_INVALID_FIELD, "This model takes page images only.");
    }
    network_finish(&l->network, s->sums, s->linear, s->hidden);
    const float *looks = sees(l, row->visual, row->visual_count) ? see(l, s, row->visual) : NULL;
    *out = (struct label_scores){.labels = l->label_count,
                                 .looks = looks,
                                 .linear = s->linear,
                                 .hidden = s->hidden,
                                 .known_words = signals.known_words,
                                 .known_grams = signals.known_grams,
                                 .scarcity = signals.scarcity,
                                 .words = signals.words,
                                 .neighbours = l->neighbours.labels ? &s->neighbours : NULL};
    return true;
}

bool linear_score_visual(const struct backend *b, struct scratch *s, const float *visual, size_t count,
                         struct label_scores *out) {
    const struct linear *l = linear_of(b);
    if (!sees(l, visual, count))
        return false;
    const struct network *n = &l->visual_network;
    const float *looks = see(l, s, visual);
    memset(s->sums, 0, n->stride * sizeof *s->sums);
    for (size_t i = 0; i < count; i++)
        network_add(n, s->sums, (uint32_t)i, s->visual[i]);
    network_finish(n, s->sums, s->linear, s->hidden);
    *out = (struct label_scores){.labels = l->label_count,
                                 .looks = looks,
                                 .linear = s->linear,
                                 .hidden = s->hidden,
                                 .known_words = 1,
                                 .known_grams = 1};
    return true;
}

/* Answers */

/* Not like the pages of the label, or the label had too few pages to say what they are like. */
static bool strange(const struct label_scores *scores, unsigned label) {
    return scores->looks && !looks_near(scores->looks[label]);
}

static bool predict_row(const struct linear *l, struct scratch *s, const struct model_input *row,
                        struct model_answer *answer, struct error *err) {
    struct label_scores scores;
    if (!l->takes_text && !l->takes_features) {
        if (!linear_score_visual(&l->backend, s, row->visual, row->visual_count, &scores))
            return fail(err, ERR_INVALID_FIELD,
                        "This model takes a page image (visual vector of %zu values).", l->visual_count);
        scores_answer(&scores, &l->visual_confidence, s->probabilities, answer);
        answer->visual_only = true;
        return true;
    }
    if (!score(&l->backend, s, row, &scores, err))
        return false;
    scores_answer(&scores, &l->confidence, s->probabilities, answer);
    answer->read_text = l->takes_text;
    answer->known_words = scores.known_words;
    answer->known_grams = scores.known_grams;
    answer->scarcity = scores.scarcity;
    answer->words = scores.words;
    return true;
}

static bool predict(const struct backend *b, struct scratch *s, const struct model_input *rows, size_t count,
                    struct model_answer *answers, struct error *row_errors) {
    bool all = true;
    for (size_t i = 0; i < count; i++) {
        row_errors[i].code = ERR_NONE;
        all &= predict_row(linear_of(b), s, &rows[i], &answers[i], &row_errors[i]);
    }
    return all;
}

static bool predict_visual(const struct backend *b, struct scratch *s, const float *visual, size_t count,
                           struct model_answer *answer) {
    const struct linear *l = linear_of(b);
    struct label_scores scores;
    struct model_answer a;
    if (!linear_score_visual(b, s, visual, count, &scores))
        return false;
    scores_answer(&scores, &l->visual_confidence, s->probabilities, &a);
    if (a.confidence < l->visual_confidence.gate || strange(&scores, a.label))
        return false;
    a.visual_only = true;
    *answer = a;
    return true;
}

/* Opening */

static bool check_labels(const struct linear *l, const struct network *n, struct error *err) {
    if (n->labels == l->label_count)
        return true;
    return fail(err, ERR_ARTEFACT, "The artefact names %zu labels but has weights for %u.", l->label_count,
                n->labels);
}

static bool read_looks(struct linear *l, struct str section, struct error *err) {
    if (!section.p)
        return true;
    if (!looks_read(&l->looks, section, err))
        return false;
    if (l->looks.labels != l->label_count || l->looks.values != l->visual_count)
        return fail(err, ERR_ARTEFACT,
                    "The artefact tells how %u labels look by %u values; it has %zu and %zu.",
                    l->looks.labels, l->looks.values, l->label_count, l->visual_count);
    return true;
}

static bool read_visual(struct linear *l, const struct artefact *a, struct error *err) {
    struct str section = a->sections[ARTEFACT_VISUAL];
    if (!section.p)
        return true;
    struct artefact_cursor c = {section, "visual", err};
    uint32_t count;
    if (!artefact_take_u32(&c, "values", 1, MODEL_VISUAL_MAX, &count) ||
        !artefact_take_floats(&c, "means", count, &l->visual_mean) ||
        !artefact_take_floats(&c, "scales", count, &l->visual_scale) || !artefact_done(&c) ||
        !network_read(&l->visual_network, a->sections[ARTEFACT_VISUAL_NETWORK], "visual network", err) ||
        !check_labels(l, &l->visual_network, err) ||
        !confidence_read(&l->visual_confidence, a->sections[ARTEFACT_VISUAL_CONFIDENCE], "visual confidence",
                         err))
        return false;
    if (l->visual_network.rows != count)
        return fail(err, ERR_ARTEFACT, "The artefact's visual part has %u values but %u rows.", count,
                    l->visual_network.rows);
    l->visual_count = count;
    l->takes_visual = true;
    return read_looks(l, a->sections[ARTEFACT_LOOKS], err);
}

static bool read_text(struct linear *l, const struct artefact *a, struct error *err) {
    if (!a->sections[ARTEFACT_VOCABULARY].p)
        return true;
    if (!network_read(&l->network, a->sections[ARTEFACT_NETWORK], "network", err) ||
        !check_labels(l, &l->network, err) ||
        !vocabulary_read(&l->vocabulary, a->sections[ARTEFACT_VOCABULARY], &l->network, err) ||
        !confidence_read(&l->confidence, a->sections[ARTEFACT_CONFIDENCE], "confidence", err))
        return false;
    struct str near = a->sections[ARTEFACT_NEIGHBOURS];
    if (near.p && !neighbours_read(&l->neighbours, near, (uint32_t)l->label_count, l->vocabulary.words, err))
        return false;
    l->takes_text = true;
    return true;
}

static bool read_features_part(struct linear *l, const struct artefact *a, struct error *err) {
    if (!a->sections[ARTEFACT_SCHEMA].p)
        return true;
    if (l->takes_text)
        return fail(err, ERR_ARTEFACT,
                    "The artefact has both a vocabulary and a schema; expected one of them.");
    if (!network_read(&l->network, a->sections[ARTEFACT_NETWORK], "network", err) ||
        !check_labels(l, &l->network, err) || !tabular_read(&l->schema, a->sections[ARTEFACT_SCHEMA], err) ||
        !confidence_read(&l->confidence, a->sections[ARTEFACT_CONFIDENCE], "confidence", err))
        return false;
    if (l->schema.rows != l->network.rows)
        return fail(err, ERR_ARTEFACT, "The artefact's schema needs %u rows, its network has %u.",
                    l->schema.rows, l->network.rows);
    l->takes_features = true;
    return true;
}

static bool read_features(const struct backend *b, yyjson_val *object, struct feature_value *out, size_t room,
                          size_t *count, struct error *err) {
    const struct linear *l = linear_of(b);
    if (!l->takes_features)
        return fail_at(err, ERR_INVALID_FIELD, "features", "This model takes no features but %s.",
                       l->takes_text ? "text" : "page images");
    CHECK(room >= l->schema.count);
    if (!tabular_from_json(&l->schema, object, out, err))
        return false;
    *count = l->schema.count;
    return true;
}

const struct tabular *linear_schema(const struct backend *b) {
    return linear_of(b)->takes_features ? &linear_of(b)->schema : NULL;
}

static void linear_free(struct backend *b) {
    struct linear *l = CONTAINER_OF(b, struct linear, backend);
    tabular_free(&l->schema);
    free(l->labels);
    free(l);
}

static const char *const *linear_labels(const struct backend *b, size_t *count) {
    *count = linear_of(b)->label_count;
    return (const char *const *)linear_of(b)->labels;
}

static unsigned linear_inputs(const struct backend *b) {
    const struct linear *l = linear_of(b);
    return (l->takes_text ? MODEL_TAKES_TEXT : 0u) | (l->takes_features ? MODEL_TAKES_FEATURES : 0u) |
           (l->takes_visual ? MODEL_TAKES_VISUAL : 0u);
}

static const struct backend_ops linear_ops = {
    .name = "linear",
    .predict = predict,
    .predict_visual = predict_visual,
    .score = score,
    .read_features = read_features,
    .schema = linear_schema,
    .labels = linear_labels,
    .inputs = linear_inputs,
    .free = linear_free,
};

bool linear_open(struct backend **out, struct str bytes, struct error *err) {
    struct artefact a;
    if (!artefact_read(&a, bytes, err))
        return false;
    struct linear *l = calloc(1, sizeof *l);
    if (!l)
        return fail(err, ERR_NO_MEMORY, "out of memory");
    l->backend.ops = &linear_ops;
    bool ok = artefact_read_labels(a.sections[ARTEFACT_LABELS], MODEL_LABELS_MAX, &l->labels, &l->label_count,
                                   err) &&
              read_text(l, &a, err) && read_features_part(l, &a, err) && read_visual(l, &a, err);
    if (ok && !l->takes_text && !l->takes_features && !l->takes_visual)
        ok = fail(err, ERR_ARTEFACT,
                  "The artefact has neither a vocabulary, nor a schema, nor a visual part.");
    if (!ok) {
        linear_free(&l->backend);
        return false;
    }
    *out = &l->backend;
    return true;
}
