#include "models/onnx_backend.h"

#include "base/check.h"
#include "base/clock.h"
#include "models/artefact.h"
#include "models/batcher.h"
#include "models/onnx_runtime.h"
#include "models/tabular.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RUN_LIMIT (10 * NS_PER_SECOND)

struct onnx_backend {
    struct backend backend;
    struct str kept; /* labels, schema and settings of the artefact; the model itself is the session's */
    struct artefact parts; /* leads into `kept` */
    const char **labels;
    size_t label_count;
    bool takes_text;
    struct tabular schema; /* of features */
    struct onnx_session *session;
    const struct onnx_port *inputs;
    size_t input_count;
    const struct onnx_port *output;
    size_t scores; /* for each row: label_count, or 1 for two labels */
    size_t rows_max;
    bool logits;
    float temperature;
};

static const struct onnx_backend *onnx_of(const struct backend *b) {
    return CONTAINER_OF(b, const struct onnx_backend, backend);
}

/* ---- rows to the model's inputs ---- */

static void put_number(enum onnx_type type, void *values, size_t at, const struct feature_value *v) {
    double number = v->kind == FEATURE_NUMBER ? v->number : 0;
    switch (type) {
    case ONNX_DOUBLE: ((double *)values)[at] = number; break;
    case ONNX_INT64: ((int64_t *)values)[at] = (int64_t)fmax(fmin(number, 9e18), -9e18); break;
    case ONNX_INT32: ((int32_t *)values)[at] = (int32_t)fmax(fmin(number, 2e9), -2e9); break;
    default: ((float *)values)[at] = (float)number;
    }
}

static bool run(const struct onnx_backend *b, const struct onnx_value *values, size_t rows, float *scores,
                struct error *err) {
    struct onnx_result result;
    size_t wanted = rows * b->scores;
    if (!onnx_run(b->session, values, b->input_count, b->output->name, RUN_LIMIT, scores, wanted, &result,
                  err))
        return false;
    return result.count == wanted ||
           fail(err, ERR_MODEL, "The model gave %zu scores for %zu rows; expected %zu.", result.count, rows,
                wanted);
}

static bool run_features(const struct onnx_backend *b, const struct model_input *const *rows, size_t count,
                         float *scores, struct error *err) {
    struct onnx_value values[ONNX_PORTS_MAX];
    size_t width = b->schema.count / b->input_count;
    char *numbers = malloc(count * b->schema.count * sizeof(double));
    if (!numbers)
        return fail(err, ERR_NO_MEMORY, "Out of memory for the prediction.");
    for (size_t i = 0; i < b->input_count; i++) {
        const struct onnx_port *in = &b->inputs[i];
        char *at = numbers + i * width * count * sizeof(double);
        values[i] = (struct onnx_value){in->name, in->type, in->rank, {(int64_t)count, (int64_t)width}, at};
        for (size_t r = 0; r < count; r++)
            for (size_t k = 0; k < width; k++)
                put_number(in->type, at, r * width + k, &rows[r]->features[i * width + k]);
    }
    bool ok = run(b, values, count, scores, err);
    free(numbers);
    return ok;
}

/* A NUL would end the text, for the runtime. */
static char *terminated(struct str text) {
    char *copy = str_dup(text);
    for (size_t i = 0; copy && i < text.n; i++)
        if (!copy[i])
            copy[i] = ' ';
    return copy;
}

static bool run_texts(const struct onnx_backend *b, const struct model_input *const *rows, size_t count,
                      float *scores, struct error *err) {
    char *texts[BATCH_MAX] = {NULL};
    const struct onnx_value value = {b->inputs->name, ONNX_TEXT, b->inputs->rank, {(int64_t)count, 1}, texts};
    bool ok = true;
    for (size_t i = 0; ok && i < count; i++)
        ok = (texts[i] = terminated(rows[i]->text)) || fail(err, ERR_NO_MEMORY, "Out of memory for a text.");
    ok = ok && run(b, &value, count, scores, err);
    for (size_t i = 0; i < count; i++)
        free(texts[i]);
    return ok;
}

/* ---- scores to answers ---- */

static void to_probabilities(const struct onnx_backend *b, const float *scores, float *p) {
    size_t n = b->label_count;
    if (b->scores == 1) {
        p[1] = b->logits ? 1 / (1 + expf(-scores[0] / b->temperature)) : scores[0];
        p[0] = 1 - p[1];
        return;
    }
    float top = -INFINITY, sum = 0;
    for (size_t i = 0; i < n; i++)
        top = fmaxf(top, scores[i]);
    for (size_t i = 0; i < n; i++) {
        p[i] = b->logits ? expf((scores[i] - top) / b->temperature) : scores[i];
        sum += p[i];
    }
    for (size_t i = 0; b->logits && i < n; i++)
        p[i] /= sum;
}

static void insert_top(struct model_answer *a, unsigned label, float confidence) {
    size_t at = a->top_count;
    while (at > 0 && a->top[at - 1].confidence < confidence)
        at--;
    if (at == MODEL_TOP_MAX)
        return;
    if (a->top_count < MODEL_TOP_MAX)
        a->top_count++;
    for (size_t i = a->top_count - 1; i > at; i--)
        a->top[i] = a->top[i - 1];
    a->top[at] = (struct model_top){label, confidence};
}

static bool answer_from(const struct onnx_backend *b, const float *scores, struct model_answer *out,
                        struct error *err) {
    float p[MODEL_LABELS_MAX];
    struct model_answer a = {0};
    to_probabilities(b, scores, p);
    for (size_t i = 0; i < b->label_count; i++) {
        if (!(p[i] >= -1e-4F && p[i] <= 1 + 1e-4F))
            return fail(err, ERR_MODEL, "The model's score for the label \"%.60s\" is no probability (%g).%s",
                        b->labels[i], (double)p[i],
                        b->logits ? "" : " Add it with --logits if its scores come before the softmax.");
        insert_top(&a, (unsigned)i, fmaxf(0, fminf(1, p[i])));
    }
    a.label = a.top[0].label;
    a.confidence = a.top[0].confidence;
    *out = a;
    return true;
}

static bool run_rows(const struct onnx_backend *b, const struct model_input *const *rows, size_t count,
                     float *scores, struct error *err) {
    return b->takes_text ? run_texts(b, rows, count, scores, err) : run_features(b, rows, count, scores, err);
}

/* At most rows_max rows; `at` says where in the caller's arrays each stands. */
static void predict_chunk(const struct onnx_backend *b, const struct model_input *const *rows,
                          const size_t *at, size_t count, float *scores, struct model_answer *answers,
                          struct error *errors) {
    struct error err;
    bool together = run_rows(b, rows, count, scores, &err);
    for (size_t i = 0; i < count; i++) {
        struct error *own = &errors[at[i]];
        /* Where the rows failed together, one of them may be to blame. */
        if (!together && count > 1 && !run_rows(b, rows + i, 1, scores, own))
            continue;
        if (!together && count == 1)
            *own = err;
        else
            (void)answer_from(b, together ? scores + i * b->scores : scores, &answers[at[i]], own);
    }
}

static bool fits(const struct onnx_backend *b, const struct model_input *row, struct error *err) {
    return b->takes_text || tabular_check(&b->schema, row->features, row->feature_count, err);
}

static bool predict(const struct backend *backend, struct scratch *s, const struct model_input *rows,
                    size_t count, struct model_answer *answers, struct error *row_errors) {
    const struct onnx_backend *b = onnx_of(backend);
    const struct model_input *chunk[BATCH_MAX];
    size_t at[BATCH_MAX], n = 0;
    float *scores = malloc(b->rows_max * b->scores * sizeof *scores);
    bool all = true;
    for (size_t i = 0; i < count; i++) {
        row_errors[i].code = ERR_NONE;
        if (!scores)
            fail(&row_errors[i], ERR_NO_MEMORY, "Out of memory for the prediction.");
        else if (fits(b, &rows[i], &row_errors[i])) {
            chunk[n] = &rows[i];
            at[n++] = i;
        }
        if (n == b->rows_max || (n && i + 1 == count)) {
            predict_chunk(b, chunk, at, n, scores, answers, row_errors);
            n = 0;
        }
    }
    free(scores);
    for (size_t i = 0; i < count; i++)
        all &= row_errors[i].code == ERR_NONE;
    return all;
}

static bool predict_visual(const struct backend *b, struct scratch *s, const float *visual, size_t count,
                           struct model_answer *answer) {
    return false;
}

static bool read_features(const struct backend *backend, yyjson_val *object, struct feature_value *out,
                          size_t room, size_t *count, struct error *err) {
    const struct onnx_backend *b = onnx_of(backend);
    if (b->takes_text)
        return fail_at(err, ERR_INVALID_FIELD, "features", "This model takes no features but text.");
    CHECK(room >= b->schema.count);
    if (!tabular_from_json(&b->schema, object, out, err))
        return false;
    *count = b->schema.count;
    return true;
}

static const struct tabular *schema_of(const struct backend *backend) {
    return onnx_of(backend)->takes_text ? NULL : &onnx_of(backend)->schema;
}

static const char *const *labels(const struct backend *backend, size_t *count) {
    *count = onnx_of(backend)->label_count;
    return (const char *const *)onnx_of(backend)->labels;
}

static unsigned inputs(const struct backend *b) {
    return onnx_of(b)->takes_text ? MODEL_TAKES_TEXT : MODEL_TAKES_FEATURES;
}

static const char *tensor(const struct backend *backend) {
    const struct onnx_backend *b = onnx_of(backend);
    return b->input_count == 1 && (b->takes_text || b->inputs->rank == 2) ? b->inputs->name : NULL;
}

static void release(struct backend *backend) {
    struct onnx_backend *b = CONTAINER_OF(backend, struct onnx_backend, backend);
    onnx_session_free(b->session);
    tabular_free(&b->schema);
    free(b->labels);
    free((char *)(uintptr_t)b->kept.p);
    free(b);
}

static const struct backend_ops ops = {.name = "onnx",
                                       .costly = true,
                                       .predict = predict,
                                       .predict_visual = predict_visual,
                                       .read_features = read_features,
                                       .schema = schema_of,
                                       .labels = labels,
                                       .inputs = inputs,
                                       .tensor = tensor,
                                       .free = release};

/* ---- what the file takes and gives ---- */

static bool is_number(enum onnx_type type) {
    return type == ONNX_FLOAT || type == ONNX_DOUBLE || type == ONNX_INT64 || type == ONNX_INT32;
}

static bool check_input(const struct onnx_port *in, bool only, struct error *err) {
    bool known = is_number(in->type) || (in->type == ONNX_TEXT && only);
    if (!known || in->rank < 1 || in->rank > 2)
        return fail(
            err, ERR_ARTEFACT,
            "The input \"%s\" takes %s in %zu dimensions; expected rows of numbers, or one input of texts.",
            in->name, onnx_type_name(in->type), in->rank);
    if (in->shape[0] != -1 && in->shape[0] != 1)
        return fail(err, ERR_ARTEFACT, "The input \"%s\" takes exactly %lld rows; expected any number, or 1.",
                    in->name, (long long)in->shape[0]);
    if ((in->type == ONNX_TEXT || !only) && in->rank == 2 && in->shape[1] != 1 && in->shape[1] != -1)
        return fail(err, ERR_ARTEFACT, "The input \"%s\" takes %lld values a row; expected 1.", in->name,
                    (long long)in->shape[1]);
    return true;
}

static bool look_at_inputs(struct onnx_backend *b, struct error *err) {
    b->inputs = onnx_session_inputs(b->session, &b->input_count);
    b->rows_max = BATCH_MAX;
    for (size_t i = 0; i < b->input_count; i++) {
        if (!check_input(&b->inputs[i], b->input_count == 1, err))
            return false;
        if (b->inputs[i].shape[0] == 1)
            b->rows_max = 1;
    }
    b->takes_text = b->inputs->type == ONNX_TEXT;
    return true;
}

static bool gives_scores(const struct onnx_port *out) {
    return out->type == ONNX_FLOAT || out->type == ONNX_DOUBLE;
}

static const struct onnx_port *find_output(const struct onnx_session *s, const char *name,
                                           struct error *err) {
    size_t count, fitting = 0;
    const struct onnx_port *outputs = onnx_session_outputs(s, &count), *found = NULL;
    for (size_t i = 0; i < count; i++) {
        const struct onnx_port *out = &outputs[i];
        if (!gives_scores(out) || (name && strcmp(out->name, name) != 0))
            continue;
        fitting++;
        if (!found || strcmp(out->name, "probabilities") == 0)
            found = out;
    }
    if (found && (fitting == 1 || strcmp(found->name, "probabilities") == 0))
        return found;
    if (name)
        fail(err, ERR_DATA, "The model has no output \"%.80s\" of floats.", name);
    else if (fitting)
        fail(err, ERR_DATA, "The model has %zu outputs of floats; say with --output which holds the scores.",
             fitting);
    else
        fail(err, ERR_DATA, "The model has no output of floats%s.",
             outputs->type == ONNX_OTHER || count > 1
                 ? "; one made by scikit-learn is to be exported with the option zipmap=False"
                 : "");
    return NULL;
}

static bool look_at_output(struct onnx_backend *b, const char *name, struct error *err) {
    const struct onnx_port *out = b->output = find_output(b->session, name, err);
    if (!out)
        return false;
    int64_t last = out->rank == 2 ? out->shape[1] : out->rank == 1 ? 1 : 0;
    b->scores = last == 1 && b->label_count == 2 ? 1 : b->label_count;
    return last == -1 || last == (int64_t)b->scores ||
           fail(err, ERR_DATA, "The output \"%s\" gives %lld scores for a row; there are %zu labels.",
                out->name, (long long)last, b->label_count);
}

/* ---- the artefact ---- */

static bool read_settings(struct onnx_backend *b, const char **output, struct error *err) {
    struct artefact_cursor c = {b->parts.sections[ARTEFACT_ONNX_SETTINGS], "settings", err};
    uint32_t logits;
    const float *temperature;
    if (!artefact_take_u32(&c, "logits", 0, 1, &logits) ||
        !artefact_take_floats(&c, "temperature", 1, &temperature))
        return false;
    size_t end = str_find_char(c.rest, '\0');
    if (end == SIZE_MAX || end + 1 != c.rest.n || !(*temperature >= 1e-3F && *temperature <= 1e3F))
        return fail(err, ERR_ARTEFACT, "The artefact's settings are damaged.");
    b->logits = logits;
    b->temperature = *temperature;
    *output = c.rest.p;
    return true;
}

static bool read_schema(struct onnx_backend *b, struct error *err) {
    if (b->takes_text)
        return true;
    if (!tabular_read(&b->schema, b->parts.sections[ARTEFACT_SCHEMA], err))
        return false;
    const struct onnx_port *in = b->inputs;
    size_t wanted = b->input_count > 1 || in->rank == 1 ? b->input_count
                    : in->shape[1] == -1                ? b->schema.count
                                                        : (size_t)in->shape[1];
    bool numbers = true;
    for (size_t i = 0; i < b->schema.count; i++)
        numbers &= b->schema.columns[i].numeric && !b->schema.columns[i].may_miss;
    return (numbers && b->schema.count == wanted) ||
           fail(err, ERR_ARTEFACT, "The model takes %zu numbers; %zu features are declared.", wanted,
                b->schema.count);
}

/* The model is the last section: what stands before it is kept. */
static bool keep_head(struct onnx_backend *b, struct str bytes, struct str *model, struct error *err) {
    struct artefact a;
    if (!artefact_read(&a, bytes, err))
        return false;
    *model = a.sections[ARTEFACT_ONNX];
    if (!model->p)
        return fail(err, ERR_ARTEFACT, "There is no ONNX file in the artefact.");
    size_t n = (size_t)(model->p - bytes.p);
    char *kept = malloc(n + 1);
    if (!kept)
        return fail(err, ERR_NO_MEMORY, "Out of memory for a model.");
    b->kept = (struct str){memcpy(kept, bytes.p, n), n};
    for (int i = 0; i < ARTEFACT_SECTIONS_MAX; i++) {
        struct str s = a.sections[i];
        if (!s.p || i == ARTEFACT_ONNX)
            continue;
        if (s.p > model->p || s.n > (size_t)(model->p - s.p))
            return fail(err, ERR_ARTEFACT, "The artefact's sections are not in their order.");
        b->parts.sections[i] = (struct str){kept + (s.p - bytes.p), s.n};
    }
    return true;
}

bool onnx_backend_open(struct backend **out, struct str bytes, struct error *err) {
    struct onnx_backend *b = calloc(1, sizeof *b);
    struct str model;
    const char *output;
    if (!b)
        return fail(err, ERR_NO_MEMORY, "Out of memory for a model.");
    b->backend.ops = &ops;
    if (keep_head(b, bytes, &model, err) &&
        artefact_read_labels(b->parts.sections[ARTEFACT_LABELS], MODEL_LABELS_MAX, &b->labels,
                             &b->label_count, err) &&
        read_settings(b, &output, err) && onnx_session_open(&b->session, model, err) &&
        look_at_inputs(b, err) && look_at_output(b, output, err) && read_schema(b, err)) {
        *out = &b->backend;
        return true;
    }
    release(&b->backend);
    return false;
}

/* ---- packing ---- */

static void write_column(struct buf *out, const char *name) {
    static const struct tabular_column number = {.numeric = true, .scale = 1};
    struct tabular_column column = number;
    column.name = name;
    struct tabular one = {.count = 1, .columns = &column};
    AUTO_BUF alone = BUF_INIT(4096);
    tabular_write(&alone, &one);
    buf_add_str(out, str_slice(buf_str(&alone), 8, alone.n)); /* without the count and the factor */
    out->failed |= alone.failed;
}

static bool write_features(const struct onnx_backend *b, const struct onnx_declaration *d, struct buf *out,
                           struct error *err) {
    const float factor = 1;
    bool own = b->input_count > 1 || b->inputs->rank == 1;
    int64_t width = own ? 1 : b->inputs->shape[1] == -1 ? (int64_t)d->feature_count : b->inputs->shape[1];
    size_t count = own ? b->input_count : (size_t)width;
    if (count == 0 || count > MODEL_FEATURES_MAX)
        return fail(err, ERR_DATA, "The model takes rows of %zu numbers; expected 1 to %d%s.", count,
                    MODEL_FEATURES_MAX, count ? "" : ": name each with --feature");
    if (d->feature_count && (own || d->feature_count != count))
        return fail(err, ERR_DATA,
                    own ? "The model's inputs name their features: leave out the %zu of --feature."
                        : "%zu features are named; the model takes %zu numbers.",
                    d->feature_count, count);
    artefact_u32(out, (uint32_t)count);
    artefact_floats(out, &factor, 1);
    for (size_t i = 0; i < count; i++) {
        char name[16];
        snprintf(name, sizeof name, "f%zu", i);
        write_column(out, own ? b->inputs[i].name : d->feature_count ? d->features[i] : name);
    }
    return true;
}

static bool check_declared(const struct onnx_declaration *d, struct error *err) {
    if (d->label_count < 2 || d->label_count > MODEL_LABELS_MAX)
        return fail(err, ERR_DATA, "%zu labels are declared; expected 2 to %d.", d->label_count,
                    MODEL_LABELS_MAX);
    for (size_t i = 0; i < d->label_count; i++)
        if (!d->labels[i][0] || !str_is_utf8(str_from(d->labels[i]), NULL))
            return fail(err, ERR_DATA, "Label %zu is empty or not UTF-8.", i + 1);
    for (size_t i = 0; i < d->feature_count; i++)
        if (!d->features[i][0] || strlen(d->features[i]) > ONNX_NAME_MAX)
            return fail(err, ERR_DATA, "The name of feature %zu is empty or longer than %d bytes.", i + 1,
                        ONNX_NAME_MAX);
    return (d->temperature >= 1e-3F && d->temperature <= 1e3F) ||
           fail(err, ERR_DATA, "The temperature is %g; expected 0.001 to 1000.", (double)d->temperature);
}

/* `b` has the session, inputs and output. */
static bool write_artefact(const struct onnx_backend *b, struct str model, const struct onnx_declaration *d,
                           struct buf *out, struct error *err) {
    struct artefact_writer w;
    artefact_begin(&w, out);
    artefact_section(&w, ARTEFACT_LABELS);
    artefact_u32(out, (uint32_t)d->label_count);
    for (size_t i = 0; i < d->label_count; i++)
        buf_add(out, d->labels[i], strlen(d->labels[i]) + 1);
    artefact_section(&w, ARTEFACT_ONNX_SETTINGS);
    artefact_u32(out, d->logits);
    artefact_floats(out, &d->temperature, 1);
    buf_add(out, b->output->name, strlen(b->output->name) + 1);
    if (!b->takes_text) {
        artefact_section(&w, ARTEFACT_SCHEMA);
        if (!write_features(b, d, out, err))
            return false;
    } else if (d->feature_count)
        return fail(err, ERR_DATA, "The model takes texts; leave out --feature.");
    artefact_section(&w, ARTEFACT_ONNX);
    buf_add_str(out, model);
    artefact_end(&w);
    return !out->failed || fail(err, ERR_NO_MEMORY, "Out of memory for a model.");
}

/* What is opened from the artefact must answer a row of zeros, or an empty text. */
static bool try_out(struct str artefact, struct error *err) {
    struct backend *backend;
    if (!onnx_backend_open(&backend, artefact, err))
        return false;
    const struct onnx_backend *b = onnx_of(backend);
    struct feature_value *zeros = calloc(b->schema.count + 1, sizeof *zeros);
    struct model_answer answer;
    struct model_input row = {.text = STR(""), .features = zeros, .feature_count = b->schema.count};
    bool ok = zeros != NULL || fail(err, ERR_NO_MEMORY, "Out of memory for a model.");
    for (size_t i = 0; ok && i < b->schema.count; i++)
        zeros[i].kind = FEATURE_NUMBER;
    struct error row_error = {0};
    if (ok && !backend_predict(backend, NULL, &row, 1, &answer, &row_error))
        ok = fail(err, ERR_DATA, "The model does not answer a row of zeros: %.380s", row_error.message);
    free(zeros);
    backend_free(backend);
    return ok;
}

bool onnx_backend_pack(struct str model, const struct onnx_declaration *d, struct buf *artefact,
                       struct error *err) {
    struct onnx_backend b = {.label_count = d->label_count};
    bool ok = check_declared(d, err) && onnx_session_open(&b.session, model, err) &&
              look_at_inputs(&b, err) && look_at_output(&b, d->output, err) &&
              write_artefact(&b, model, d, artefact, err);
    onnx_session_free(b.session);
    return ok && try_out(buf_str(artefact), err);
}
