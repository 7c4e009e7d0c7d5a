#include "api/oip_request.h"

#include <inttypes.h>
#include <math.h>

static const struct {
    const char *name;
    enum tensor_type type;
    bool wide, always; /* without being asked for */
} outputs[OIP_OUTPUTS] = {
    [OIP_LABEL] = {"label", TENSOR_BYTES, false, true},
    [OIP_CONFIDENCE] = {"confidence", TENSOR_FP32, false, true},
    [OIP_PROBABILITIES] = {"probabilities", TENSOR_FP32, true, true},
    [OIP_CLASSES] = {"classes", TENSOR_BYTES, true, true},
    [OIP_DECISION] = {"decision", TENSOR_BYTES, false, true},
    [OIP_MODEL] = {"model", TENSOR_BYTES},
    [OIP_REQUEST_ID] = {"request_id", TENSOR_BYTES},
    [OIP_REVIEW_ID] = {"review_id", TENSOR_BYTES},
    [OIP_ERROR] = {"error", TENSOR_BYTES},
};

#define SHOWN(s) STR_ARG(str_slice(s, 0, 60))

const char *oip_output_name(enum oip_output output) {
    return outputs[output].name;
}

enum tensor_type oip_output_type(enum oip_output output) {
    return outputs[output].type;
}

bool oip_output_is_wide(enum oip_output output) {
    return outputs[output].wide;
}

bool oip_wants(const struct oip_request *r, enum oip_output output) {
    for (unsigned i = 0; i < r->wanted_count; i++)
        if (r->wanted[i].output == output)
            return true;
    return false;
}

/* ---- which outputs ---- */

static bool find_output(struct str name, enum oip_output *output, struct error *err) {
    const char *names[OIP_OUTPUTS];
    for (unsigned i = 0; i < OIP_OUTPUTS; i++) {
        names[i] = outputs[i].name;
        *output = (enum oip_output)i;
        if (str_eq(name, str_from(names[i])))
            return true;
    }
    const char *near = str_nearest(name, names, OIP_OUTPUTS);
    return fail_at(
        err, ERR_INVALID_FIELD, "outputs",
        "There is no output \"%.*s\"%s%s%s; label, confidence, probabilities, classes, decision, model, "
        "request_id, review_id and error are such.",
        SHOWN(name), near ? ", did you mean \"" : "", near ? near : "", near ? "\"?" : "");
}

static bool read_classes(struct oip_wanted *wanted, yyjson_val *count, struct error *err) {
    if (!count)
        return true;
    if (wanted->output != OIP_PROBABILITIES)
        return fail_at(err, ERR_INVALID_FIELD, "outputs",
                       "\"classification\" is for the output \"probabilities\", not for \"%s\".",
                       outputs[wanted->output].name);
    if (!yyjson_is_uint(count) || yyjson_get_uint(count) == 0)
        return fail_at(err, ERR_INVALID_FIELD, "outputs",
                       "\"classification\" is no number of classes; expected 1 to %d.", REQUEST_LABELS_MAX);
    uint64_t most = REQUEST_LABELS_MAX; /* more are not known of a prediction */
    wanted->classes = (unsigned)(yyjson_get_uint(count) < most ? yyjson_get_uint(count) : most);
    return true;
}

static bool read_output(struct oip_request *r, yyjson_val *object, bool binary, struct error *err) {
    yyjson_val *name = yyjson_obj_get(object, "name"), *parameters = yyjson_obj_get(object, "parameters");
    yyjson_val *own = yyjson_obj_get(parameters, "binary_data");
    struct oip_wanted wanted = {.binary = own ? yyjson_get_bool(own) : binary};
    if (!yyjson_is_str(name))
        return fail_at(err, ERR_INVALID_FIELD, "outputs", "An output has no \"name\"; expected a text.");
    if (own && !yyjson_is_bool(own))
        return fail_at(err, ERR_INVALID_FIELD, "outputs", "\"binary_data\" is %s; expected true or false.",
                       yyjson_get_type_desc(own));
    if (!find_output(json_str_of(name), &wanted.output, err) ||
        !read_classes(&wanted, yyjson_obj_get(parameters, "classification"), err))
        return false;
    if (oip_wants(r, wanted.output))
        return fail_at(err, ERR_INVALID_FIELD, "outputs", "The output \"%s\" is asked for twice.",
                       outputs[wanted.output].name);
    r->wanted[r->wanted_count++] = wanted;
    return true;
}

static void want_usual(struct oip_request *r, bool binary) {
    for (unsigned i = 0; i < OIP_OUTPUTS; i++)
        if (outputs[i].always)
            r->wanted[r->wanted_count++] =
                (struct oip_wanted){.output = (enum oip_output)i, .binary = binary};
}

static bool read_outputs(struct oip_request *r, yyjson_val *list, bool binary, struct error *err) {
    size_t index, max;
    yyjson_val *output;
    if (list && !yyjson_is_arr(list))
        return fail_at(err, ERR_INVALID_FIELD, "outputs", "\"outputs\" is %s; expected an array.",
                       yyjson_get_type_desc(list));
    if (yyjson_arr_size(list) == 0) {
        want_usual(r, binary);
        return true;
    }
    yyjson_arr_foreach(list, index, max, output) {
        if (!read_output(r, output, binary, err))
            return false;
    }
    return true;
}

/* ---- which inputs ---- */

static bool check_names(const struct oip_request *r, struct error *err) {
    for (size_t i = 1; i < r->input_count; i++)
        for (size_t k = 0; k < i; k++)
            if (str_eq(r->inputs[i].name, r->inputs[k].name))
                return fail_at(err, ERR_INVALID_FIELD, "inputs", "The tensor \"%.*s\" is there twice.",
                               SHOWN(r->inputs[i].name));
    return true;
}

static bool read_inputs(struct oip_request *r, yyjson_val *list, struct str binary, struct arena *arena,
                        struct error *err) {
    size_t index, max, count = yyjson_arr_size(list);
    yyjson_val *input;
    if (count == 0)
        return fail_at(err, ERR_MISSING_FIELD, "inputs", "\"inputs\" is %s; expected an array of tensors.",
                       !list                 ? "missing"
                       : yyjson_is_arr(list) ? "empty"
                                             : yyjson_get_type_desc(list));
    if (count > OIP_INPUTS_MAX)
        return fail_at(err, ERR_INVALID_FIELD, "inputs", "There are %zu tensors; at most %d are taken.",
                       count, OIP_INPUTS_MAX);
    r->inputs = arena_alloc(arena, count * sizeof(*r->inputs));
    r->readers = arena_alloc(arena, count * sizeof(*r->readers));
    if (!r->inputs || !r->readers)
        return fail(err, ERR_NO_MEMORY, "Out of memory for this request's tensors.");
    yyjson_arr_foreach(list, index, max, input) {
        if (!tensor_read(&r->inputs[r->input_count], input, &binary, err))
            return false;
        r->input_count++;
    }
    if (binary.n)
        return fail_at(err, ERR_INVALID_FIELD, "inputs",
                       "There are %zu bytes behind those that the tensors' \"binary_data_size\" say.",
                       binary.n);
    return check_names(r, err);
}

static bool is_column(const struct oip_shape *shape, struct str name) {
    for (size_t i = 0; i < shape->column_count; i++)
        if (str_eq(name, str_from(shape->columns[i])))
            return true;
    return false;
}

static bool only(const struct oip_request *r, const char *name) {
    return r->input_count == 1 && str_eq(r->inputs[0].name, str_from(name));
}

/* A lone tensor may have whatever name its model's own tensor has; where an endpoint takes several kinds, the
 * name says which it is. */
static bool choose_kind(struct oip_request *r, const struct oip_shape *shape, struct error *err) {
    unsigned accepts = shape->accepts;
    const struct tensor *t = &r->inputs[0];
    bool lone = r->input_count == 1 && t->type == TENSOR_BYTES;
    if ((accepts & ACCEPTS_TEXT) && only(r, "text"))
        r->kind = INPUT_TEXT;
    else if ((accepts & ACCEPTS_FILE) && only(r, "file"))
        r->kind = INPUT_FILE;
    else if (accepts & ACCEPTS_FEATURES)
        r->kind = INPUT_FEATURES;
    else if (lone)
        r->kind = accepts & ACCEPTS_TEXT ? INPUT_TEXT : INPUT_FILE;
    else
        return fail_at(
            err, ERR_INVALID_FIELD, "inputs",
            "There are %zu tensors, the first \"%.*s\" of %s; expected one of BYTES, named \"%s\".",
            r->input_count, SHOWN(t->name), tensor_type_name(t->type),
            accepts & ACCEPTS_TEXT ? "text" : "file");
    bool wide = r->kind == INPUT_FEATURES && r->input_count == 1 && t->rank == 2 && shape->columns &&
                !(t->shape[1] == 1 && is_column(shape, t->name));
    r->columns = wide ? shape->columns : NULL;
    r->column_count = wide ? shape->column_count : 1;
    return true;
}

static bool check_shape(const struct oip_request *r, const struct tensor *t, struct error *err) {
    char text[TENSOR_SHAPE_TEXT];
    bool wide = r->columns != NULL;
    if (r->kind != INPUT_FEATURES && t->type != TENSOR_BYTES)
        return fail_at(err, ERR_INVALID_FIELD, "inputs",
                       "The tensor \"%.*s\" has the datatype %s; expected BYTES, a %s in each element.",
                       SHOWN(t->name), tensor_type_name(t->type), r->kind == INPUT_TEXT ? "text" : "file");
    if (t->rank == 2 ? t->shape[1] != r->column_count : t->rank != 1 || wide)
        return fail_at(err, ERR_INVALID_FIELD, "inputs",
                       "The tensor \"%.*s\" has the shape %s; expected [rows, %zu]%s.", SHOWN(t->name),
                       tensor_shape_text(t, text), r->column_count,
                       wide ? ", a value for each feature" : " or [rows]");
    if (t->shape[0] != r->row_count)
        return fail_at(err, ERR_INVALID_FIELD, "inputs",
                       "The tensor \"%.*s\" has %" PRIu64 " rows, \"%.*s\" has %zu; expected as many.",
                       SHOWN(t->name), t->shape[0], SHOWN(r->inputs[0].name), r->row_count);
    return true;
}

static bool check_rows(struct oip_request *r, struct error *err) {
    r->row_count = r->inputs[0].rank ? r->inputs[0].shape[0] : 0;
    for (size_t i = 0; i < r->input_count; i++) {
        if (!check_shape(r, &r->inputs[i], err))
            return false;
        r->readers[i] = tensor_reader(&r->inputs[i]);
    }
    return (r->row_count > 0 && r->row_count <= OIP_ROWS_MAX) ||
           fail_at(err, ERR_INVALID_FIELD, "inputs", "There are %zu rows; expected 1 to %d.", r->row_count,
                   OIP_ROWS_MAX);
}

/* ---- the whole ---- */

static bool read_user(struct oip_request *r, yyjson_val *parameters, struct error *err) {
    yyjson_val *user = yyjson_obj_get(parameters, "user");
    if (parameters && !yyjson_is_obj(parameters))
        return fail_at(err, ERR_INVALID_FIELD, "parameters", "\"parameters\" is %s; expected an object.",
                       yyjson_get_type_desc(parameters));
    if (user && !yyjson_is_str(user))
        return fail_at(err, ERR_INVALID_FIELD, "parameters", "\"user\" is %s; expected a text.",
                       yyjson_get_type_desc(user));
    if (user)
        r->user = json_str_of(user);
    return true;
}

static bool read_id(struct oip_request *r, yyjson_val *id, struct error *err) {
    if (!id)
        return true;
    if (!yyjson_is_str(id) || yyjson_get_len(id) > OIP_ID_MAX)
        return fail_at(err, ERR_INVALID_FIELD, "id", "\"id\" is no text of at most %d bytes.", OIP_ID_MAX);
    r->id = json_str_of(id);
    return true;
}

static bool read_root(struct oip_request *r, struct str binary, const struct oip_shape *shape,
                      struct arena *arena, struct error *err) {
    yyjson_val *root = yyjson_doc_get_root(r->doc), *parameters = yyjson_obj_get(root, "parameters");
    if (!yyjson_is_obj(root))
        return fail(err, ERR_INVALID_JSON, "The request is %s; expected an object such as {\"inputs\": […]}.",
                    yyjson_get_type_desc(root));
    bool all_binary = yyjson_get_bool(yyjson_obj_get(parameters, "binary_data_output"));
    return read_id(r, yyjson_obj_get(root, "id"), err) && read_user(r, parameters, err) &&
           read_outputs(r, yyjson_obj_get(root, "outputs"), all_binary, err) &&
           read_inputs(r, yyjson_obj_get(root, "inputs"), binary, arena, err) && choose_kind(r, shape, err) &&
           check_rows(r, err);
}

/* The "raw binary request" of the extension: all of the body is the one element of the one tensor. */
static bool read_bare(struct oip_request *r, struct str body, const struct oip_shape *shape,
                      struct arena *arena, struct error *err) {
    if (!(shape->accepts & (ACCEPTS_TEXT | ACCEPTS_FILE)))
        return fail_at(
            err, ERR_BAD_REQUEST, "inference-header-content-length",
            "Inference-Header-Content-Length is 0, which is for a text or a file alone; this takes "
            "features.");
    r->kind = shape->accepts & ACCEPTS_TEXT ? INPUT_TEXT : INPUT_FILE;
    r->inputs = arena_alloc(arena, sizeof(*r->inputs));
    r->readers = arena_alloc(arena, sizeof(*r->readers));
    if (!r->inputs || !r->readers)
        return fail(err, ERR_NO_MEMORY, "Out of memory for this request's tensors.");
    r->inputs[0] = tensor_of_bytes(STR("text"), body);
    r->input_count = r->column_count = 1;
    want_usual(r, true);
    return check_rows(r, err);
}

static bool read_length(struct str header, size_t body, size_t *length, struct error *err) {
    uint64_t value = body;
    if (header.p && !str_to_u64(header, &value))
        return fail_at(err, ERR_BAD_REQUEST, "inference-header-content-length",
                       "Inference-Header-Content-Length is \"%.*s\"; expected a number of bytes.",
                       SHOWN(header));
    if (value > body)
        return fail_at(err, ERR_BAD_REQUEST, "inference-header-content-length",
                       "Inference-Header-Content-Length says %" PRIu64
                       " bytes of JSON; the whole body has %zu.",
                       value, body);
    *length = (size_t)value;
    return true;
}

bool oip_request_read(struct oip_request *out, struct str body, struct str header_length,
                      const struct oip_shape *shape, struct arena *arena, struct error *err) {
    struct oip_request r = {.user = STR("")};
    size_t length;
    if (!read_length(header_length, body.n, &length, err))
        return false;
    bool good;
    if (header_length.p && length == 0) {
        good = read_bare(&r, body, shape, arena, err);
    } else {
        r.doc = json_parse(str_slice(body, 0, length), err);
        good = r.doc && read_root(&r, str_slice(body, length, body.n), shape, arena, err);
    }
    if (!good) {
        yyjson_doc_free(r.doc);
        return false;
    }
    *out = r;
    return true;
}

void oip_request_clear(struct oip_request *r) {
    yyjson_doc_free(r->doc);
    r->doc = NULL;
}

/* ---- rows ---- */

static bool write_value(struct json_writer *w, const struct tensor_value *v, struct str name,
                        struct error *err) {
    switch (v->kind) {
    case TENSOR_IS_NULL: json_null(w); break;
    case TENSOR_IS_BOOL: json_bool(w, v->flag); break;
    case TENSOR_IS_INT: json_int(w, v->integer); break;
    case TENSOR_IS_UINT:
        v->positive <= INT64_MAX ? json_int(w, (int64_t)v->positive)
                                 : tensor_write_number(w, (double)v->positive, false);
        break;
    case TENSOR_IS_FLOAT: /* what is not a number is missing, as NumPy has it */
        if (isinf(v->number))
            return fail_at(err, ERR_INVALID_FEATURES, "inputs",
                           "The tensor \"%.*s\" holds an infinite number; expected a finite one.",
                           SHOWN(name));
        tensor_write_number(w, v->number, v->single);
        break;
    case TENSOR_IS_BYTES:
        if (!str_is_utf8(v->bytes, NULL))
            return fail_at(err, ERR_INVALID_TEXT, "inputs",
                           "The tensor \"%.*s\" holds bytes that are not valid UTF-8.", SHOWN(name));
        json_str(w, v->bytes);
        break;
    }
    return true;
}

/* Every value is taken off its tensor, also when one before it makes no sense. */
static bool write_features(struct oip_request *r, struct buf *out, struct error *err) {
    struct json_writer w = JSON_WRITER(out);
    size_t count = r->columns ? r->column_count : r->input_count;
    bool good = true;
    json_object(&w);
    for (size_t i = 0; i < count; i++) {
        struct tensor_value v = tensor_next(&r->readers[r->columns ? 0 : i]);
        struct str name = r->columns ? str_from(r->columns[i]) : r->inputs[i].name;
        json_str(&w, name);
        buf_add_char(out, ':');
        w.comma = false;
        good = good && write_value(&w, &v, name, err);
        w.comma = true;
    }
    json_object_end(&w);
    return good;
}

void oip_next_row(struct oip_request *r, struct arena *arena, struct request_given *out) {
    *out = (struct request_given){.kind = r->kind, .user = r->user, .bytes = STR("")};
    if (r->kind == INPUT_FEATURES) {
        AUTO_BUF text = BUF_INIT(4 << 20);
        if (!write_features(r, &text, &out->error))
            return;
        out->bytes = text.failed ? (struct str){0} : arena_copy(arena, buf_str(&text));
        if (!out->bytes.p)
            fail(&out->error, ERR_NO_MEMORY, "The features of this row are too large.");
        return;
    }
    struct tensor_value v = tensor_next(&r->readers[0]);
    if (v.kind == TENSOR_IS_BYTES)
        out->bytes = v.bytes;
    else
        fail_at(&out->error, ERR_INVALID_TEXT, "inputs", "The element is null; expected a %s.",
                r->kind == INPUT_TEXT ? "text" : "file");
}
