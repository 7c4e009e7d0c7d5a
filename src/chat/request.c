#include "chat/request.h"

#include <stdio.h>
#include <string.h>

/* ---- fields ---- */

enum field_type {
    FIELD_BOOL,
    FIELD_STRING,
    FIELD_NUMBER,
    FIELD_INTEGER,
    FIELD_ARRAY,
    FIELD_OBJECT,
    FIELD_STRING_OR_ARRAY,
    FIELD_STRING_OR_OBJECT,
    FIELD_INPUT
};

struct field {
    const char *name;
    enum field_type type;
    double min, max; /* of numbers; equal: no bounds */
    bool required;
};

/* Documented fields whose type can be wrong here rather than at some upstream. Null counts as absent. */
static const struct field chat_fields[] = {
    {"model", FIELD_STRING, .required = true},
    {"messages", FIELD_ARRAY, .required = true},
    {"stream", FIELD_BOOL},
    {"stream_options", FIELD_OBJECT},
    {"temperature", FIELD_NUMBER, 0, 2},
    {"top_p", FIELD_NUMBER, 0, 1},
    {"n", FIELD_INTEGER, 1, 128},
    {"max_tokens", FIELD_INTEGER, 1, 1e9},
    {"max_completion_tokens", FIELD_INTEGER, 1, 1e9},
    {"presence_penalty", FIELD_NUMBER, -2, 2},
    {"frequency_penalty", FIELD_NUMBER, -2, 2},
    {"logprobs", FIELD_BOOL},
    {"top_logprobs", FIELD_INTEGER, 0, 20},
    {"logit_bias", FIELD_OBJECT},
    {"seed", FIELD_INTEGER},
    {"stop", FIELD_STRING_OR_ARRAY},
    {"tools", FIELD_ARRAY},
    {"tool_choice", FIELD_STRING_OR_OBJECT},
    {"parallel_tool_calls", FIELD_BOOL},
    {"response_format", FIELD_OBJECT},
    {"user", FIELD_STRING},
    {"metadata", FIELD_OBJECT},
};
static const struct field legacy_fields[] = {
    {"model", FIELD_STRING, .required = true},
    {"prompt", FIELD_INPUT, .required = true},
    {"stream", FIELD_BOOL},
    {"stream_options", FIELD_OBJECT},
    {"temperature", FIELD_NUMBER, 0, 2},
    {"n", FIELD_INTEGER, 1, 128},
    {"max_tokens", FIELD_INTEGER, 0, 1e9},
    {"user", FIELD_STRING},
};
static const struct field embedding_fields[] = {
    {"model", FIELD_STRING, .required = true},
    {"input", FIELD_INPUT, .required = true},
    {"dimensions", FIELD_INTEGER, 1, 1e6},
    {"encoding_format", FIELD_STRING},
    {"user", FIELD_STRING},
};
static const struct field response_fields[] = {
    {"model", FIELD_STRING, .required = true},
    {"input", FIELD_STRING_OR_ARRAY},
    {"instructions", FIELD_STRING},
    {"stream", FIELD_BOOL},
    {"temperature", FIELD_NUMBER, 0, 2},
    {"top_p", FIELD_NUMBER, 0, 1},
    {"max_output_tokens", FIELD_INTEGER, 1, 1e9},
    {"tools", FIELD_ARRAY},
    {"tool_choice", FIELD_STRING_OR_OBJECT},
    {"text", FIELD_OBJECT},
    {"previous_response_id", FIELD_STRING},
    {"store", FIELD_BOOL},
    {"user", FIELD_STRING},
    {"metadata", FIELD_OBJECT},
};
static const struct field message_fields[] = {
    {"model", FIELD_STRING, .required = true},
    {"messages", FIELD_ARRAY, .required = true},
    {"max_tokens", FIELD_INTEGER, 1, 1e9, .required = true},
    {"system", FIELD_STRING_OR_ARRAY},
    {"stream", FIELD_BOOL},
    {"temperature", FIELD_NUMBER, 0, 1},
    {"top_p", FIELD_NUMBER, 0, 1},
    {"top_k", FIELD_INTEGER, 0, 1e9},
    {"stop_sequences", FIELD_ARRAY},
    {"tools", FIELD_ARRAY},
    {"tool_choice", FIELD_OBJECT},
    {"metadata", FIELD_OBJECT},
};

static const struct {
    const struct field *fields;
    size_t count;
} surfaces[CHAT_SURFACE_COUNT] = {
    [CHAT_COMPLETIONS] = {chat_fields, ARRAY_COUNT(chat_fields)},
    [CHAT_LEGACY] = {legacy_fields, ARRAY_COUNT(legacy_fields)},
    [CHAT_EMBEDDINGS] = {embedding_fields, ARRAY_COUNT(embedding_fields)},
    [CHAT_RESPONSES] = {response_fields, ARRAY_COUNT(response_fields)},
    [CHAT_MESSAGES] = {message_fields, ARRAY_COUNT(message_fields)},
};

static bool has_type(yyjson_val *value, enum field_type type) {
    switch (type) {
    case FIELD_BOOL: return yyjson_is_bool(value);
    case FIELD_STRING: return yyjson_is_str(value);
    case FIELD_NUMBER: return yyjson_is_num(value);
    case FIELD_INTEGER: return yyjson_is_int(value);
    case FIELD_ARRAY: return yyjson_is_arr(value);
    case FIELD_OBJECT: return yyjson_is_obj(value);
    case FIELD_STRING_OR_ARRAY:
    case FIELD_INPUT: return yyjson_is_str(value) || yyjson_is_arr(value);
    case FIELD_STRING_OR_OBJECT: return yyjson_is_str(value) || yyjson_is_obj(value);
    }
    return false;
}

static const char *const type_names[] = {
    [FIELD_BOOL] = "true or false",
    [FIELD_STRING] = "a string",
    [FIELD_NUMBER] = "a number",
    [FIELD_INTEGER] = "an integer",
    [FIELD_ARRAY] = "an array",
    [FIELD_OBJECT] = "an object",
    [FIELD_STRING_OR_ARRAY] = "a string or an array",
    [FIELD_STRING_OR_OBJECT] = "a string or an object",
    [FIELD_INPUT] = "a string, or an array of strings or tokens",
};

static bool check_field(const struct field *f, yyjson_val *value, struct error *err) {
    if (!value || yyjson_is_null(value))
        return !f->required || fail_at(err, ERR_MISSING_FIELD, f->name, "\"%s\" is missing; expected %s.",
                                       f->name, type_names[f->type]);
    if (!has_type(value, f->type))
        return fail_at(err, ERR_INVALID_FIELD, f->name, "\"%s\" is %s; expected %s.", f->name,
                       yyjson_get_type_desc(value), type_names[f->type]);
    double number = yyjson_is_num(value) ? yyjson_get_num(value) : 0;
    if (yyjson_is_num(value) && f->min < f->max && !(number >= f->min && number <= f->max))
        return fail_at(err, ERR_INVALID_FIELD, f->name, "\"%s\" is %g; expected %s from %g to %g.", f->name,
                       number, type_names[f->type], f->min, f->max);
    if (f->type == FIELD_STRING && f->required && yyjson_get_len(value) == 0)
        return fail_at(err, ERR_INVALID_FIELD, f->name, "\"%s\" is empty.", f->name);
    return true;
}

/* ---- messages ---- */

/* What a message may be made of, checked as far as every upstream would; the rest is the upstream's to say.
 */
static bool check_content(yyjson_val *content, size_t index, struct error *err) {
    char at[64];
    size_t i, max;
    yyjson_val *part;
    if (!content || yyjson_is_null(content) || yyjson_is_str(content))
        return true;
    snprintf(at, sizeof at, "messages[%zu].content", index);
    if (!yyjson_is_arr(content))
        return fail_at(err, ERR_INVALID_FIELD, at, "\"%s\" is %s; expected a string or an array of parts.",
                       at, yyjson_get_type_desc(content));
    yyjson_arr_foreach(content, i, max, part) {
        snprintf(at, sizeof at, "messages[%zu].content[%zu]", index, i);
        if (!yyjson_is_obj(part) || !yyjson_is_str(yyjson_obj_get(part, "type")))
            return fail_at(err, ERR_INVALID_FIELD, at, "\"%s\" is not an object with a \"type\".", at);
    }
    return true;
}

static bool check_role(enum chat_surface surface, struct str role) {
    static const char *const openai[] = {"system", "developer", "user", "assistant", "tool", "function"};
    static const char *const anthropic[] = {"user", "assistant"};
    const char *const *known = surface == CHAT_MESSAGES ? anthropic : openai;
    size_t count = surface == CHAT_MESSAGES ? ARRAY_COUNT(anthropic) : ARRAY_COUNT(openai);
    for (size_t i = 0; i < count; i++)
        if (str_eq(role, str_from(known[i])))
            return true;
    return false;
}

static bool check_messages(struct chat_request *r, struct error *err) {
    size_t i, max;
    yyjson_val *message;
    char at[48];
    r->message_count = yyjson_arr_size(r->messages);
    if (r->message_count == 0 || r->message_count > CHAT_MESSAGES_MAX)
        return fail_at(err, ERR_INVALID_FIELD, "messages", "\"messages\" has %zu entries; expected 1 to %d.",
                       r->message_count, CHAT_MESSAGES_MAX);
    yyjson_arr_foreach(r->messages, i, max, message) {
        yyjson_val *role = yyjson_obj_get(message, "role");
        snprintf(at, sizeof at, "messages[%zu]", i);
        if (!yyjson_is_obj(message))
            return fail_at(err, ERR_INVALID_FIELD, at, "\"%s\" is %s; expected an object.", at,
                           yyjson_get_type_desc(message));
        snprintf(at, sizeof at, "messages[%zu].role", i);
        if (!yyjson_is_str(role))
            return fail_at(err, role ? ERR_INVALID_FIELD : ERR_MISSING_FIELD, at,
                           "\"%s\" is %s; expected a string.", at,
                           role ? yyjson_get_type_desc(role) : "missing");
        if (!check_role(r->surface, json_str_of(role)))
            return fail_at(err, ERR_INVALID_FIELD, at, "\"%s\" is \"%.*s\"; expected %s.", at,
                           STR_ARG(str_slice(json_str_of(role), 0, 40)),
                           r->surface == CHAT_MESSAGES ? "user or assistant"
                                                       : "system, developer, user, assistant or tool");
        if (!check_content(yyjson_obj_get(message, "content"), i, err))
            return false;
    }
    return true;
}

/* ---- the whole ---- */

static int64_t integer_in(yyjson_val *object, const char *name) {
    yyjson_val *value = yyjson_obj_get(object, name);
    return yyjson_is_int(value) ? yyjson_get_sint(value) : -1;
}

static void take_values(struct chat_request *r) {
    static const char *const output_names[] = {"max_completion_tokens", "max_tokens", "max_output_tokens"};
    yyjson_val *root = r->root, *temperature = yyjson_obj_get(root, "temperature");
    yyjson_val *format = yyjson_obj_get(root, "response_format");
    r->model = json_str_of(yyjson_obj_get(root, "model"));
    r->stream = yyjson_is_true(yyjson_obj_get(root, "stream"));
    r->include_usage =
        yyjson_is_true(yyjson_obj_get(yyjson_obj_get(root, "stream_options"), "include_usage"));
    r->temperature = yyjson_is_num(temperature) ? yyjson_get_num(temperature) : 1;
    yyjson_val *user = yyjson_obj_get(root, "user");
    if (r->surface == CHAT_MESSAGES)
        user = yyjson_obj_get(yyjson_obj_get(root, "metadata"), "user_id");
    r->user = yyjson_is_str(user) ? json_str_of(user) : STR("");
    r->output_max = -1;
    for (size_t i = 0; i < ARRAY_COUNT(output_names) && r->output_max < 0; i++)
        r->output_max = integer_in(root, output_names[i]);
    r->choices = integer_in(root, "n") > 0 ? integer_in(root, "n") : 1;
    yyjson_val *tools = yyjson_obj_get(root, "tools");
    r->tools = yyjson_arr_size(tools) ? tools : NULL;
    r->output_schema = yyjson_obj_get(yyjson_obj_get(format, "json_schema"), "schema");
}

bool chat_request_parse(enum chat_surface surface, struct str body, struct chat_request *out,
                        struct error *err) {
    struct chat_request r = {.surface = surface, .body = body};
    r.doc = json_parse(body, err);
    if (!r.doc)
        return false;
    r.root = yyjson_doc_get_root(r.doc);
    bool good = yyjson_is_obj(r.root) || fail(err, ERR_INVALID_JSON, "The body is %s; expected an object.",
                                              yyjson_get_type_desc(r.root));
    for (size_t i = 0; good && i < surfaces[surface].count; i++) {
        const struct field *f = &surfaces[surface].fields[i];
        good = check_field(f, yyjson_obj_get(r.root, f->name), err);
    }
    if (good) {
        take_values(&r);
        r.messages = yyjson_obj_get(r.root, "messages");
        good = !r.messages || check_messages(&r, err);
    }
    if (!good) {
        yyjson_doc_free(r.doc);
        return false;
    }
    *out = r;
    return true;
}

void chat_request_clear(struct chat_request *r) {
    yyjson_doc_free(r->doc);
    *r = (struct chat_request){0};
}

/* ---- passing it on: the client's own bytes, with a few exchanged ---- */

/* Behind the string that begins at `at`, which is a quote. The JSON is known to be good. */
static size_t skip_string(struct str json, size_t at) {
    for (at++; json.p[at] != '"'; at++)
        if (json.p[at] == '\\')
            at++;
    return at + 1;
}

static size_t skip_value(struct str json, size_t at) {
    int depth = 0;
    do {
        char c = json.p[at];
        if (c == '"') {
            at = skip_string(json, at);
            continue;
        }
        if (depth == 0 && (c == ',' || c == '}' || c == ']'))
            return at;
        depth += c == '{' || c == '[';
        depth -= c == '}' || c == ']';
        at++;
    } while (at < json.n && (depth > 0 || (json.p[at] != ',' && json.p[at] != '}')));
    return at;
}

static size_t skip_space(struct str json, size_t at) {
    while (at < json.n && strchr(" \t\r\n", json.p[at]) && json.p[at])
        at++;
    return at;
}

/* The value of a member of the outermost object, as a view into the JSON; .p NULL when it is not there. */
static struct str member(struct str json, struct str name) {
    size_t at = skip_space(json, skip_space(json, 0) + 1);
    while (at < json.n && json.p[at] == '"') {
        size_t key_end = skip_string(json, at);
        struct str key = str_slice(json, at + 1, key_end - 1);
        size_t from = skip_space(json, skip_space(json, key_end) + 1), to = skip_value(json, from);
        if (str_eq(key, name))
            return str_slice(json, from, to);
        at = skip_space(json, skip_space(json, to) + 1);
    }
    return (struct str){NULL, 0};
}

void chat_request_essence(const struct chat_request *r, struct buf *out) {
    static const char *const left_out[] = {"model", "user", "metadata", "stream_options", "store"};
    struct str json = r->body;
    size_t at = skip_space(json, skip_space(json, 0) + 1);
    while (at < json.n && json.p[at] == '"') {
        size_t key_end = skip_string(json, at);
        struct str key = str_slice(json, at + 1, key_end - 1);
        size_t from = skip_space(json, skip_space(json, key_end) + 1), to = skip_value(json, from);
        bool counts = true;
        for (size_t i = 0; i < ARRAY_COUNT(left_out); i++)
            counts &= !str_eq(key, str_from(left_out[i]));
        if (counts) {
            buf_add_str(out, str_slice(json, at, to));
            buf_add_char(out, ',');
        }
        at = skip_space(json, skip_space(json, to) + 1);
    }
}

static size_t offset_in(struct str json, struct str part) {
    return (size_t)(part.p - json.p);
}

struct change {
    size_t from, to; /* of the client's bytes */
    struct str by;
};

static void add_changed(struct buf *out, struct str json, const struct change *changes, size_t count) {
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        buf_add_str(out, str_slice(json, at, changes[i].from));
        buf_add_str(out, changes[i].by);
        at = changes[i].to;
    }
    buf_add_str(out, str_slice(json, at, json.n));
}

/* Streams are to tell their usage, whether the client asked or not. */
static bool wants_usage(const struct chat_request *r) {
    return r->stream && !r->include_usage && (r->surface == CHAT_COMPLETIONS || r->surface == CHAT_LEGACY);
}

static struct change ask_usage(const struct chat_request *r) {
    struct str options = member(r->body, STR("stream_options"));
    yyjson_val *value = yyjson_obj_get(r->root, "stream_options");
    if (!options.p) {
        size_t end = r->body.n;
        while (r->body.p[end - 1] != '}')
            end--;
        return (struct change){end - 1, end - 1, STR(",\"stream_options\":{\"include_usage\":true}")};
    }
    size_t from = offset_in(r->body, options);
    if (yyjson_obj_size(value) > 0 && !yyjson_obj_get(value, "include_usage"))
        return (struct change){from + 1, from + 1, STR("\"include_usage\":true,")};
    return (struct change){from, from + options.n, STR("{\"include_usage\":true}")};
}

bool chat_request_forward(const struct chat_request *r, struct str model, struct buf *out,
                          struct error *err) {
    struct str named = member(r->body, STR("model"));
    if (!named.p)
        return fail_at(err, ERR_INVALID_JSON, "model", "Write the key \"model\" without escapes.");
    AUTO_BUF quoted = BUF_INIT(4096);
    json_str(&JSON_WRITER(&quoted), model);
    size_t from = offset_in(r->body, named);
    struct change changes[2] = {{from, from + named.n, buf_str(&quoted)}};
    size_t count = 1;
    if (wants_usage(r)) {
        changes[count++] = ask_usage(r);
        if (changes[1].from < changes[0].from) {
            struct change first = changes[1];
            changes[1] = changes[0];
            changes[0] = first;
        }
    }
    add_changed(out, r->body, changes, count);
    return (!out->failed && !quoted.failed) ||
           fail(err, ERR_NO_MEMORY, "Out of memory for the upstream's request.");
}
