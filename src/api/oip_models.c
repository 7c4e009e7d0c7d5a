/* GET /v2, /v2/health/…, /v2/models/{model}[/versions/{version}][/ready] */
#include "api/oip_models.h"

#include "models/tabular.h"
#include "net/query.h"

#include <stdio.h>
#include <string.h>

/* ---- the server ---- */

void oip_server(struct call *c) {
    struct buf *out = &c->loop->reply;
    buf_clear(out);
    struct json_writer w = JSON_WRITER(out);
    json_object(&w);
    json_field_text(&w, "name", "penstock");
    json_field_text(&w, "version", metrics_version(c->loop->parts->metrics));
    json_key(&w, "extensions");
    json_array(&w);
    json_text(&w, "binary_tensor_data");
    json_text(&w, "classification");
    json_text(&w, "statistics");
    json_array_end(&w);
    json_object_end(&w);
    call_reply_json(c, 200, buf_str(out));
}

void oip_live(struct call *c) {
    call_reply_json(c, 200, STR("{\"live\":true}"));
}

void oip_ready(struct call *c) {
    struct recorder_state recorder;
    struct error err;
    recorder_state(c->loop->parts->recorder, &recorder);
    if (engine_draining(c->loop->engine))
        fail(&err, ERR_DRAINING, "The server is shutting down.");
    else if (!recorder.healthy)
        fail(&err, ERR_STORE, "The storage is unavailable.");
    else {
        call_reply_json(c, 200, STR("{\"ready\":true}"));
        return;
    }
    call_fail(c, &err);
}

/* ---- names ---- */

struct str oip_version_of(struct str reference) {
    size_t at = str_find_char(reference, '@');
    return at == SIZE_MAX ? STR("") : str_slice(reference, at + 1, reference.n);
}

static bool is_version(const struct model_version *v, struct str text) {
    struct str reference = str_from(v->reference);
    return str_eq(text, reference) || str_eq(text, oip_version_of(reference));
}

static bool unknown_version(const struct oip_target *t, struct str version, struct error *err) {
    return fail_at(err, ERR_NOT_FOUND, "version",
                   "\"%.*s\" serves no version \"%.*s\"; GET /v2/models/%.*s lists those that it does.",
                   STR_ARG(str_slice(t->name, 0, 80)), STR_ARG(str_slice(version, 0, 40)),
                   STR_ARG(str_slice(t->name, 0, 80)));
}

/* A number may stand for versions of several models. */
static bool pin(struct oip_target *t, struct str version, struct error *err) {
    for (unsigned i = 0; i < t->endpoint->share_count; i++) {
        struct model_version *v = t->endpoint->shares[i].version;
        if (!is_version(v, version) || v == t->pinned)
            continue;
        if (t->pinned)
            return fail_at(err, ERR_NOT_FOUND, "version",
                           "The version \"%.*s\" may be %s or %s; name it like that.", STR_ARG(version),
                           t->pinned->reference, v->reference);
        t->pinned = v;
    }
    return t->pinned || unknown_version(t, version, err);
}

/* The newest one that an endpoint serves, unless the path names one. */
static void find_model(const struct snapshot *s, struct str version, struct oip_target *t, bool *known) {
    for (size_t e = 0; e < s->endpoint_count; e++) {
        const struct endpoint *endpoint = &s->endpoints[e];
        for (unsigned i = 0; i < endpoint->share_count; i++) {
            struct model_version *v = endpoint->shares[i].version;
            if (!v || !str_eq(t->name, str_from(v->name)))
                continue;
            *known = true;
            if (version.n ? !t->pinned && is_version(v, version)
                          : !t->pinned || v->version > t->pinned->version) {
                t->pinned = v;
                t->endpoint = endpoint;
            }
        }
    }
}

static bool find(const struct snapshot *s, struct str version, struct oip_target *t, struct error *err) {
    bool known = false;
    t->endpoint = snapshot_endpoint(s, t->name);
    if (t->endpoint && t->endpoint->config->kind != ENDPOINT_CLASSIFY)
        return fail_at(
            err, ERR_BAD_REQUEST, "model",
            "Endpoint \"%s\" is a language model's and takes no tensors; GET /openapi.json says what "
            "it does.",
            t->endpoint->config->name);
    if (t->endpoint)
        return version.n == 0 || pin(t, version, err);
    find_model(s, version, t, &known);
    if (t->pinned)
        return true;
    return known ? unknown_version(t, version, err)
                 : fail_at(err, ERR_NOT_FOUND, "model",
                           "There is no endpoint \"%.*s\", nor a model of that name that one serves; POST "
                           "/v2/repository/index lists what there is.",
                           STR_ARG(str_slice(t->name, 0, 80)));
}

/* The segments of /v2/models/{model}[/versions/{version}][/what]. False: it is none. */
static bool split_path(struct str path, struct str *model, struct str *version, struct str *what) {
    struct str segment;
    if (!str_starts(path, STR("/v2/models/")))
        return false;
    path = str_slice(path, strlen("/v2/models"), path.n);
    *version = *what = STR("");
    if (!path_next(&path, model))
        return false;
    if (!path_next(&path, &segment))
        return true;
    if (str_eq(segment, STR("versions"))) {
        if (!path_next(&path, version))
            return false;
        if (!path_next(&path, &segment))
            return true;
    }
    *what = segment;
    return path.n == 0;
}

bool oip_is_infer(struct str path) {
    struct str model, version, what;
    return str_ends(path, STR("/infer")) && split_path(path, &model, &version, &what) &&
           str_eq(what, STR("infer"));
}

bool oip_find(const struct snapshot *s, struct str path, struct arena *arena, struct oip_target *out,
              struct error *err) {
    struct str model, version, what;
    if (!split_path(path, &model, &version, &what))
        return fail(err, ERR_NOT_FOUND, "There is nothing at %.*s.", STR_ARG(str_slice(path, 0, 120)));
    struct oip_target t = {0};
    if (!percent_decode(model, false, arena, &t.name, err) ||
        !percent_decode(version, false, arena, &version, err) || !find(s, version, &t, err))
        return false;
    *out = t;
    return true;
}

bool oip_target_of(struct call *c, struct oip_target *out) {
    struct error err;
    bool good = oip_find(c->snapshot, c->x->path, c->x->arena, out, &err);
    if (!good)
        call_fail(c, &err);
    return good;
}

/* ---- tensors ---- */

static const struct model_version *shown_version(const struct oip_target *t) {
    const struct model_version *shown = t->pinned;
    for (unsigned i = 0; !shown && i < t->endpoint->share_count; i++)
        if (t->endpoint->shares[i].version->backend)
            shown = t->endpoint->shares[i].version;
    return shown ? shown : t->endpoint->shares[0].version;
}

static const struct tabular *schema_of(const struct model_version *v) {
    return v->backend ? backend_schema(v->backend) : NULL;
}

bool oip_shape_of(const struct oip_target *t, struct arena *arena, struct oip_shape *out, struct error *err) {
    struct oip_shape shape = {.accepts = t->endpoint->config->accepts};
    const struct tabular *schema = shape.accepts & ACCEPTS_FEATURES ? schema_of(shown_version(t)) : NULL;
    if (schema) {
        const char **names = arena_alloc(arena, schema->count * sizeof(*names));
        if (!names)
            return fail(err, ERR_NO_MEMORY, "Out of memory for this request's features.");
        for (size_t i = 0; i < schema->count; i++)
            names[i] = schema->columns[i].name;
        shape.columns = names;
        shape.column_count = schema->count;
    }
    *out = shape;
    return true;
}

static void write_tensor(struct json_writer *w, const char *name, enum tensor_type type, size_t wide) {
    json_object(w);
    json_field_text(w, "name", name);
    json_field_text(w, "datatype", tensor_type_name(type));
    json_key(w, "shape");
    json_array(w);
    json_int(w, -1);
    if (wide)
        json_int(w, wide == SIZE_MAX ? -1 : (int64_t)wide);
    json_array_end(w);
    json_object_end(w);
}

static void write_features(const struct model_version *v, struct json_writer *w) {
    const struct tabular *schema = schema_of(v);
    const char *tensor = v->backend ? backend_tensor(v->backend) : NULL;
    if (tensor && schema) {
        write_tensor(w, tensor, TENSOR_FP32, schema->count);
        return;
    }
    for (size_t i = 0; schema && i < schema->count; i++)
        write_tensor(w, schema->columns[i].name, schema->columns[i].numeric ? TENSOR_FP64 : TENSOR_BYTES, 0);
}

/* An endpoint that takes several kinds is shown with the first of them. */
static void write_inputs(const struct oip_target *t, struct json_writer *w) {
    const struct model_version *v = shown_version(t);
    unsigned accepts = t->endpoint->config->accepts;
    const char *tensor = v->backend ? backend_tensor(v->backend) : NULL;
    json_key(w, "inputs");
    json_array(w);
    if (accepts & ACCEPTS_TEXT)
        write_tensor(w, tensor && !(accepts & ACCEPTS_FEATURES) ? tensor : "text", TENSOR_BYTES, 0);
    else if (accepts & ACCEPTS_FILE)
        write_tensor(w, "file", TENSOR_BYTES, 0);
    else
        write_features(v, w);
    json_array_end(w);
}

static void write_outputs(struct json_writer *w) {
    json_key(w, "outputs");
    json_array(w);
    for (unsigned i = 0; i < OIP_OUTPUTS; i++) {
        enum oip_output output = (enum oip_output)i;
        write_tensor(w, oip_output_name(output), oip_output_type(output),
                     oip_output_is_wide(output) ? SIZE_MAX : 0);
    }
    json_array_end(w);
}

/* ---- versions ---- */

static bool one_model(const struct endpoint *e) {
    for (unsigned i = 1; i < e->share_count; i++)
        if (strcmp(e->shares[i].version->name, e->shares[0].version->name) != 0)
            return false;
    return true;
}

struct str oip_version_name(const struct endpoint *e, const struct model_version *v) {
    struct str reference = str_from(v->reference);
    return one_model(e) ? oip_version_of(reference) : reference;
}

bool oip_is_first(const struct endpoint *e, unsigned share) {
    for (unsigned i = 0; i < share; i++)
        if (e->shares[i].version == e->shares[share].version)
            return false;
    return true;
}

static void write_versions(const struct oip_target *t, struct json_writer *w) {
    const struct endpoint *e = t->endpoint;
    bool by_model = !str_eq(t->name, e->name);
    json_key(w, "versions");
    json_array(w);
    for (unsigned i = 0; i < e->share_count; i++) {
        const struct model_version *v = e->shares[i].version;
        if (!oip_is_first(e, i) || (by_model && !str_eq(t->name, str_from(v->name))))
            continue;
        json_str(w, by_model ? oip_version_of(str_from(v->reference)) : oip_version_name(e, v));
    }
    json_array_end(w);
}

static const char *platform_of(const struct model_version *v, char text[64]) {
    const char *name = v->backend ? v->backend->ops->name : "unknown";
    if (strcmp(name, "onnx") == 0)
        return "onnxruntime_onnx"; /* as the protocol's own list of platforms calls it */
    snprintf(text, 64, "penstock_%s", name);
    return text;
}

void oip_model(struct call *c) {
    struct oip_target t;
    char platform[64];
    if (!oip_target_of(c, &t))
        return;
    struct buf *out = &c->loop->reply;
    buf_clear(out);
    struct json_writer w = JSON_WRITER(out);
    json_object(&w);
    json_field_str(&w, "name", t.name);
    write_versions(&t, &w);
    json_field_text(&w, "platform", platform_of(shown_version(&t), platform));
    write_inputs(&t, &w);
    write_outputs(&w);
    json_object_end(&w);
    call_reply_json(c, 200, buf_str(out));
}

static const struct model_version *unloaded(const struct oip_target *t) {
    if (t->pinned)
        return t->pinned->backend ? NULL : t->pinned;
    for (unsigned i = 0; i < t->endpoint->share_count; i++)
        if (!t->endpoint->shares[i].version->backend)
            return t->endpoint->shares[i].version;
    return NULL;
}

void oip_model_ready(struct call *c) {
    struct oip_target t;
    struct error err;
    if (!oip_target_of(c, &t))
        return;
    const struct model_version *missing = unloaded(&t);
    if (missing) {
        fail(&err, ERR_MODEL, "Model %s is not loaded: %.300s", missing->reference,
             missing->load_error.message);
        call_fail(c, &err);
        return;
    }
    struct buf *out = &c->loop->reply;
    buf_clear(out);
    struct json_writer w = JSON_WRITER(out);
    json_object(&w);
    json_field_str(&w, "name", t.name);
    json_field_bool(&w, "ready", true);
    json_object_end(&w);
    call_reply_json(c, 200, buf_str(out));
}
