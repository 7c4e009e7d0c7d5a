#include "chat/request.h"

#include "chat/request_fields.h"

#include <stdio.h>
#include <string.h>

/* ---- messages ---- */

static bool check_role(enum chat_surface surface, struct str role) {
    static const char *const known[] = {"user", "assistant", "system", "developer", "tool", "function"};
    size_t count = surface == CHAT_MESSAGES ? 3 : surface == CHAT_RESPONSES ? 4 : ARRAY_COUNT(known);
    for (size_t i = 0; i < count; i++)
        if (str_eq(role, str_from(known[i])))
            return true;
    return false;
}

/* A prompt of ours may say all. */
static bool check_count(const struct chat_request *r, const char *name, size_t count, struct error *err) {
    bool prompted = yyjson_obj_get(r->root, "prompt_variables") != NULL;
    return ((count > 0 || prompted) && count <= CHAT_MESSAGES_MAX) ||
           fail_at(err, ERR_INVALID_FIELD, name, "\"%s\" has %zu entries; expected 1 to %d.", name, count,
                   CHAT_MESSAGES_MAX);
}

static bool wrong_role(const struct chat_request *r, size_t index, struct str role, struct error *err) {
    static const char *const expected[CHAT_SURFACE_COUNT] = {
        [CHAT_COMPLETIONS] = "system, developer, user, assistant or tool",
        [CHAT_RESPONSES] = "system, developer, user or assistant",
        [CHAT_MESSAGES] = "user, assistant or system",
    };
    char at[48];
    size_t bad;
    struct str shown = str_slice(role, 0, 40);
    if (!str_is_utf8(shown, &bad)) /* cut within a character */
        shown.n = bad;
    snprintf(at, sizeof at, "%s[%zu].role", r->surface == CHAT_RESPONSES ? "input" : "messages", index);
    return fail_at(err, ERR_INVALID_FIELD, at, "\"%s\" is \"%.*s\"; expected %s.", at, STR_ARG(shown),
                   expected[r->surface]);
}

/* What the table of fields cannot say. `turns`: messages, or a response's input items, which need no role. */
static bool check_turns(struct chat_request *r, yyjson_val *turns, struct error *err) {
    bool items = r->surface == CHAT_RESPONSES;
    size_t i, max;
    yyjson_val *turn;
    r->message_count = yyjson_arr_size(turns);
    if (!check_count(r, items ? "input" : "messages", r->message_count, err))
        return false;
    yyjson_arr_foreach(turns, i, max, turn) {
        yyjson_val *role = yyjson_obj_get(turn, "role");
        if ((role || !items) && !check_role(r->surface, json_str_of(role)))
            return wrong_role(r, i, json_str_of(role), err);
    }
    return true;
}

/* ---- the whole ---- */

static int64_t integer_in(yyjson_val *object, const char *name) {
    yyjson_val *value = yyjson_obj_get(object, name);
    return yyjson_is_int(value) ? yyjson_get_sint(value) : -1;
}

static void take_schema(struct chat_request *r) {
    yyjson_val *root = r->root,
               *format = yyjson_obj_get(yyjson_obj_get(root, "response_format"), "json_schema");
    if (r->surface == CHAT_RESPONSES)
        format = yyjson_obj_get(yyjson_obj_get(root, "text"), "format");
    else if (r->surface == CHAT_MESSAGES)
        format = yyjson_obj_get(yyjson_obj_get(root, "output_config"), "format");
    r->output_schema = yyjson_obj_get(format, "schema");
}

static bool includes_logprobs(yyjson_val *root) {
    size_t i, max;
    yyjson_val *item;
    yyjson_arr_foreach(yyjson_obj_get(root, "include"), i, max,
                       item) if (yyjson_equals_str(item, "message.output_text.logprobs")) return true;
    return false;
}

static void take_values(struct chat_request *r) {
    static const char *const output_names[] = {"max_completion_tokens", "max_tokens", "max_output_tokens"};
    yyjson_val *root = r->root, *temperature = yyjson_obj_get(root, "temperature");
    yyjson_val *logprobs = yyjson_obj_get(root, "logprobs");
    r->model = json_str_of(yyjson_obj_get(root, "model"));
    r->stream = yyjson_is_true(yyjson_obj_get(root, "stream"));
    r->include_usage =
        yyjson_is_true(yyjson_obj_get(yyjson_obj_get(root, "stream_options"), "include_usage"));
    r->temperature = yyjson_is_num(temperature) ? yyjson_get_num(temperature) : 1;
    yyjson_val *user = yyjson_obj_get(root, "user");
    if (r->surface == CHAT_MESSAGES)
        user = yyjson_obj_get(yyjson_obj_get(root, "metadata"), "user_id");
    if (!yyjson_is_str(user))
        user = yyjson_obj_get(root, "safety_identifier");
    r->user = yyjson_is_str(user) ? json_str_of(user) : STR("");
    r->output_max = -1;
    for (size_t i = 0; i < ARRAY_COUNT(output_names) && r->output_max < 0; i++)
        r->output_max = integer_in(root, output_names[i]);
    r->choices = integer_in(root, "n") > 0 ? integer_in(root, "n") : 1;
    yyjson_val *tools = yyjson_obj_get(root, "tools");
    r->tools = yyjson_arr_size(tools) ? tools : NULL;
    take_schema(r);
    r->metadata = yyjson_obj_get(root, "metadata");
    r->conversation = yyjson_obj_get(root, "conversation");
    r->previous_response_id = json_str_of(yyjson_obj_get(root, "previous_response_id"));
    r->seed = yyjson_obj_get(root, "seed");
    r->logprobs = yyjson_is_true(logprobs) || yyjson_is_int(logprobs) ||
                  (r->surface == CHAT_RESPONSES &&
                   (yyjson_is_int(yyjson_obj_get(root, "top_logprobs")) || includes_logprobs(root)));
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
    good = good && chat_fields_check(surface, r.root, err);
    if (good) {
        take_values(&r);
        bool talks = surface == CHAT_COMPLETIONS || surface == CHAT_MESSAGES;
        r.messages = talks ? yyjson_obj_get(r.root, "messages") : NULL;
        yyjson_val *input = surface == CHAT_RESPONSES ? yyjson_obj_get(r.root, "input") : NULL;
        r.turns = yyjson_is_arr(input) ? input : r.messages;
        good = !r.turns || check_turns(&r, r.turns, err);
    }
    if (good && r.model.n == 0)
        good = fail_at(err, ERR_INVALID_FIELD, "model", "\"model\" is empty.");
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
    const char *start = json.p + at + 1, *p = start;
    for (;;) {
        size_t before = 0;
        p = memchr(p, '"', (size_t)(json.p + json.n - p));
        while (p - before > start && p[-1 - (ptrdiff_t)before] == '\\')
            before++;
        p++;
        if (before % 2 == 0)
            return (size_t)(p - json.p);
    }
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

static bool is_one_of(struct str key, const char *const *names, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (str_eq(key, str_from(names[i])))
            return true;
    return false;
}

/* All members but those named, as the client wrote them. */
static void add_members(struct str json, const char *const *left_out, size_t count, struct buf *out) {
    size_t at = skip_space(json, skip_space(json, 0) + 1);
    while (at < json.n && json.p[at] == '"') {
        size_t key_end = skip_string(json, at);
        struct str key = str_slice(json, at + 1, key_end - 1);
        size_t from = skip_space(json, skip_space(json, key_end) + 1), to = skip_value(json, from);
        if (!is_one_of(key, left_out, count)) {
            buf_add_str(out, str_slice(json, at, to));
            buf_add_char(out, ',');
        }
        at = skip_space(json, skip_space(json, to) + 1);
    }
}

/* What changes nothing about the answer, and messages, where those are looked at apart. */
static const char *const no_matter[] = {"model", "user", "metadata", "stream_options", "store", "messages"};

void chat_request_essence(const struct chat_request *r, struct buf *out) {
    add_members(r->body, no_matter, ARRAY_COUNT(no_matter) - 1, out);
}

bool chat_request_is_essence(const struct chat_request *r) {
    size_t i, max;
    yyjson_val *key, *value;
    yyjson_obj_foreach(r->root, i, max, key, value) {
        if (is_one_of(json_str_of(key), no_matter + 1, ARRAY_COUNT(no_matter) - 2))
            return false;
    }
    return true;
}

static bool is_plain(yyjson_val *message) {
    return yyjson_obj_size(message) == 2 && yyjson_is_str(yyjson_obj_get(message, "content")) &&
           yyjson_is_str(yyjson_obj_get(message, "role"));
}

bool chat_request_question(const struct chat_request *r, struct str *question, struct buf *rest) {
    size_t i, max;
    yyjson_val *message, *last = yyjson_arr_get_last(r->messages);
    if (!last || !str_eq(json_str_of(yyjson_obj_get(last, "role")), STR("user")))
        return false;
    add_members(r->body, no_matter, ARRAY_COUNT(no_matter), rest);
    yyjson_arr_foreach(r->messages, i, max, message) {
        if (!is_plain(message))
            return false;
        if (message == last)
            break;
        struct json_writer w = JSON_WRITER(rest);
        json_str(&w, json_str_of(yyjson_obj_get(message, "role")));
        json_str(&w, json_str_of(yyjson_obj_get(message, "content")));
    }
    *question = json_str_of(yyjson_obj_get(last, "content"));
    return !rest->failed;
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

bool chat_request_with_turns(const struct chat_request *r, struct str turns, struct buf *out) {
    struct str old = member(r->body, r->surface == CHAT_RESPONSES ? STR("input") : STR("messages"));
    if (!old.p)
        return false;
    size_t from = offset_in(r->body, old);
    add_changed(out, r->body, &(struct change){from, from + old.n, turns}, 1);
    return !out->failed;
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
