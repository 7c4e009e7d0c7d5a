#include "models/text_encoder.h"

#include "base/clock.h"
#include "models/artefact.h"
#include "models/onnx_runtime.h"
#include "models/wordpiece.h"
#include "store/blobs.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define RUN_LIMIT (10 * NS_PER_SECOND)
enum { INPUTS_MAX = 3 };

struct text_encoder {
    atomic_uint references;
    char *vocabulary;
    struct wordpiece *wordpiece;
    struct onnx_session *session;
    const struct onnx_port *output;
    bool first_token;
    uint32_t tokens_max, dimensions;
};

size_t text_encoder_dimensions(const struct text_encoder *e) {
    return e->dimensions;
}

struct text_encoder *text_encoder_ref(struct text_encoder *e) {
    atomic_fetch_add_explicit(&e->references, 1, memory_order_relaxed);
    return e;
}

static void release(struct text_encoder *e) {
    onnx_session_free(e->session);
    wordpiece_free(e->wordpiece);
    free(e->vocabulary);
    free(e);
}

void text_encoder_unref(struct text_encoder *e) {
    if (e && atomic_fetch_sub_explicit(&e->references, 1, memory_order_acq_rel) == 1)
        release(e);
}

/* ---- what the file takes and gives ---- */

static const char *const input_names[INPUTS_MAX] = {"input_ids", "attention_mask", "token_type_ids"};

static bool check_inputs(const struct text_encoder *e, struct error *err) {
    size_t count;
    const struct onnx_port *in = onnx_session_inputs(e->session, &count);
    bool has_ids = false;
    for (size_t i = 0; i < count; i++) {
        bool known = false;
        for (size_t k = 0; k < INPUTS_MAX; k++)
            known |= strcmp(in[i].name, input_names[k]) == 0;
        has_ids |= strcmp(in[i].name, input_names[0]) == 0;
        if (!known || (in[i].type != ONNX_INT64 && in[i].type != ONNX_INT32) || in[i].rank != 2)
            return fail(
                err, ERR_ARTEFACT,
                "The input \"%.80s\" takes %s in %zu dimensions; expected whole numbers, [1, tokens], "
                "as input_ids, attention_mask or token_type_ids.",
                in[i].name, onnx_type_name(in[i].type), in[i].rank);
    }
    return has_ids || fail(err, ERR_ARTEFACT, "The model has no input input_ids.");
}

/* What encoders call theirs, the one that says the most first. */
static bool find_output(struct text_encoder *e, const char *wanted, struct error *err) {
    const char *const names[] = {wanted ? wanted : "sentence_embedding",
                                 wanted ? wanted : "last_hidden_state"};
    size_t count;
    const struct onnx_port *out = onnx_session_outputs(e->session, &count);
    for (size_t k = 0; k < ARRAY_COUNT(names) && !e->output; k++)
        for (size_t i = 0; i < count && !e->output; i++)
            if (strcmp(out[i].name, names[k]) == 0)
                e->output = &out[i];
    if (!e->output && !wanted && count == 1)
        e->output = out;
    if (!e->output)
        return fail(err, ERR_DATA,
                    "The model has no output %s%.80s%s; say with --output which holds the vectors.",
                    wanted ? "\"" : "sentence_embedding or last_hidden_state", wanted ? wanted : "",
                    wanted ? "\"" : "");
    return ((e->output->type == ONNX_FLOAT || e->output->type == ONNX_DOUBLE) &&
            (e->output->rank == 2 || e->output->rank == 3)) ||
           fail(err, ERR_DATA,
                "The output \"%.80s\" gives %s in %zu dimensions; expected numbers, [1, tokens, dimensions] "
                "or [1, "
                "dimensions].",
                e->output->name, onnx_type_name(e->output->type), e->output->rank);
}

/* ---- runs ---- */

struct run {
    int64_t ids[TEXT_ENCODER_TOKENS_MAX], ones[TEXT_ENCODER_TOKENS_MAX], zeros[TEXT_ENCODER_TOKENS_MAX];
    int32_t narrow[INPUTS_MAX][TEXT_ENCODER_TOKENS_MAX];
    struct onnx_value values[INPUTS_MAX];
};

static void set_inputs(const struct text_encoder *e, struct run *r, size_t tokens) {
    const int64_t *const wide[INPUTS_MAX] = {r->ids, r->ones, r->zeros};
    size_t count;
    const struct onnx_port *in = onnx_session_inputs(e->session, &count);
    for (size_t i = 0; i < tokens; i++)
        r->ones[i] = 1;
    for (size_t i = 0; i < count; i++) {
        size_t k = 0;
        while (strcmp(in[i].name, input_names[k]) != 0)
            k++;
        for (size_t t = 0; t < tokens; t++)
            r->narrow[k][t] = (int32_t)wide[k][t];
        r->values[i] =
            (struct onnx_value){.name = in[i].name,
                                .type = in[i].type,
                                .rank = 2,
                                .shape = {1, (int64_t)tokens},
                                .values = in[i].type == ONNX_INT64 ? (const void *)wide[k] : r->narrow[k]};
    }
}

/* One vector of what the run gave: the text's own, the first token's or the mean of all tokens'. */
static bool pool(const struct text_encoder *e, const struct onnx_result *result, const float *given,
                 float *out, struct error *err) {
    size_t d = e->dimensions, rows = result->count / d;
    bool directed = false;
    if (result->rank < 2 || result->shape[result->rank - 1] != (int64_t)d || rows == 0)
        return fail(err, ERR_MODEL, "The model gave vectors of other dimensions than %zu.", d);
    if (e->first_token)
        rows = 1;
    for (size_t i = 0; i < d; i++) {
        float sum = 0;
        for (size_t k = 0; k < rows; k++)
            sum += given[k * d + i];
        out[i] = sum / (float)rows;
        if (!isfinite(out[i]))
            return fail(err, ERR_MODEL, "The model gave something else than finite numbers.");
        directed |= out[i] != 0;
    }
    return directed || fail(err, ERR_MODEL, "The model gave only zeros.");
}

/* Whatever the output is, as it comes. */
static bool run_model(const struct text_encoder *e, struct str text, float *given, size_t room,
                      struct onnx_result *result, struct error *err) {
    struct run *r = calloc(1, sizeof *r);
    size_t count;
    onnx_session_inputs(e->session, &count);
    if (!r)
        return fail(err, ERR_NO_MEMORY, "Out of memory for a text's vector.");
    set_inputs(e, r, wordpiece_encode(e->wordpiece, text, r->ids, e->tokens_max));
    bool good = onnx_run(e->session, r->values, count, e->output->name, RUN_LIMIT, given, room, result, err);
    free(r);
    return good;
}

bool text_encoder_run(const struct text_encoder *e, struct str text, float *out, struct error *err) {
    size_t room = (size_t)e->tokens_max * e->dimensions;
    struct onnx_result result;
    float *given = malloc(room * sizeof *given);
    if (!given)
        return fail(err, ERR_NO_MEMORY, "Out of memory for a text's vector.");
    bool good = run_model(e, text, given, room, &result, err) && pool(e, &result, given, out, err);
    free(given);
    return good;
}

/* ---- the artefact ---- */

static bool start(struct text_encoder *e, struct str model, struct str vocabulary, bool cased,
                  const char *output, struct error *err) {
    e->vocabulary = malloc(vocabulary.n + 1);
    if (!e->vocabulary)
        return fail(err, ERR_NO_MEMORY, "Out of memory for a vocabulary.");
    memcpy(e->vocabulary, vocabulary.p, vocabulary.n);
    return wordpiece_new(&e->wordpiece, (struct str){e->vocabulary, vocabulary.n}, cased, err) &&
           onnx_session_open(&e->session, model, err) && check_inputs(e, err) && find_output(e, output, err);
}

struct settings {
    uint32_t cased, first_token, tokens, dimensions;
    const char *output;
};

static bool read_settings(struct str section, struct settings *s, struct error *err) {
    struct artefact_cursor c = {section, "settings", err};
    if (!artefact_take_u32(&c, "cased", 0, 1, &s->cased) ||
        !artefact_take_u32(&c, "first token", 0, 1, &s->first_token) ||
        !artefact_take_u32(&c, "tokens", 2, TEXT_ENCODER_TOKENS_MAX, &s->tokens) ||
        !artefact_take_u32(&c, "dimensions", 1, TEXT_ENCODER_DIMENSIONS_MAX, &s->dimensions))
        return false;
    size_t end = str_find_char(c.rest, '\0');
    if (end == SIZE_MAX || end + 1 != c.rest.n)
        return fail(err, ERR_ARTEFACT, "The artefact's settings are damaged.");
    s->output = c.rest.p;
    return true;
}

bool text_encoder_open(struct text_encoder **out, struct str bytes, struct error *err) {
    struct artefact a;
    struct settings s;
    if (!artefact_read(&a, bytes, err))
        return false;
    struct str model = a.sections[ARTEFACT_ONNX], vocabulary = a.sections[ARTEFACT_WORDPIECE];
    if (!model.p || !vocabulary.p || !a.sections[ARTEFACT_ENCODER].p)
        return fail(err, ERR_ARTEFACT, "There is no text encoder in the artefact.");
    if (!read_settings(a.sections[ARTEFACT_ENCODER], &s, err))
        return false;
    struct text_encoder *e = calloc(1, sizeof *e);
    if (!e)
        return fail(err, ERR_NO_MEMORY, "Out of memory for a model.");
    atomic_init(&e->references, 1);
    e->first_token = s.first_token;
    e->tokens_max = s.tokens;
    e->dimensions = s.dimensions;
    bool good = start(e, model, vocabulary, s.cased, s.output, err);
    if (good)
        *out = e;
    else
        release(e);
    return good;
}

bool text_encoder_load(struct store *store, const struct version_record *record, struct text_encoder **out,
                       struct error *err) {
    struct blob blob;
    if (strcmp(record->backend, TEXT_ENCODER_BACKEND) != 0)
        return fail(err, ERR_CONFIG,
                    "%s@%u makes no vectors of texts; expected one of `penstock models add --onnx FILE "
                    "--vocabulary FILE`",
                    record->name, record->version);
    if (!blob_map(store_folder(store), record->artefact, true, &blob, err))
        return false;
    bool good = text_encoder_open(out, blob.bytes, err);
    blob_unmap(&blob);
    return good;
}

/* ---- packing ---- */

/* By a run, since a file's own shapes may leave it open. */
static bool find_dimensions(struct text_encoder *e, struct error *err) {
    size_t room = (size_t)TEXT_ENCODER_TOKENS_MAX * TEXT_ENCODER_DIMENSIONS_MAX;
    struct onnx_result result;
    float *given = malloc(room * sizeof *given);
    if (!given)
        return fail(err, ERR_NO_MEMORY, "Out of memory for a text's vector.");
    bool good = run_model(e, STR("hello"), given, room, &result, err);
    free(given);
    if (!good)
        return fail_within(err, "The model does not run on a text");
    int64_t last = result.rank ? result.shape[result.rank - 1] : 0;
    e->dimensions = (uint32_t)last;
    return (last > 0 && last <= TEXT_ENCODER_DIMENSIONS_MAX) ||
           fail(err, ERR_DATA, "The model's vectors have %lld dimensions; expected 1 to %d.", (long long)last,
                TEXT_ENCODER_DIMENSIONS_MAX);
}

static bool write_artefact(const struct text_encoder *e, struct str model, struct str vocabulary,
                           const struct text_encoder_declaration *d, struct buf *out, struct error *err) {
    struct artefact_writer w;
    artefact_begin(&w, out);
    artefact_section(&w, ARTEFACT_ENCODER);
    artefact_u32(out, d->cased);
    artefact_u32(out, d->first_token);
    artefact_u32(out, e->tokens_max);
    artefact_u32(out, e->dimensions);
    buf_add(out, e->output->name, strlen(e->output->name) + 1);
    artefact_section(&w, ARTEFACT_WORDPIECE);
    buf_add_str(out, vocabulary);
    artefact_section(&w, ARTEFACT_ONNX);
    buf_add_str(out, model);
    artefact_end(&w);
    return !out->failed || fail(err, ERR_NO_MEMORY, "Out of memory for a model.");
}

bool text_encoder_pack(struct str model, struct str vocabulary, const struct text_encoder_declaration *d,
                       struct buf *artefact, struct error *err) {
    if (d->tokens == 1 || d->tokens > TEXT_ENCODER_TOKENS_MAX)
        return fail(err, ERR_DATA, "%u tokens are declared; expected 2 to %d.", d->tokens,
                    TEXT_ENCODER_TOKENS_MAX);
    struct text_encoder *e = calloc(1, sizeof *e);
    if (!e)
        return fail(err, ERR_NO_MEMORY, "Out of memory for a model.");
    e->first_token = d->first_token;
    e->tokens_max = d->tokens ? d->tokens : TEXT_ENCODER_TOKENS_MAX;
    bool good = start(e, model, vocabulary, d->cased, d->output, err) && find_dimensions(e, err) &&
                write_artefact(e, model, vocabulary, d, artefact, err);
    release(e);
    return good;
}
