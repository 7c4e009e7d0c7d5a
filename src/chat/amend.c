#include "chat/amend.h"

#include <stdlib.h>

static yyjson_doc *read_as_is(struct str json) {
    return yyjson_read_opts((char *)(uintptr_t)json.p, json.n, YYJSON_READ_NUMBER_AS_RAW, NULL, NULL);
}

static bool out_of_memory(struct error *err) {
    return fail(err, ERR_NO_MEMORY, "Out of memory for this request.");
}

static yyjson_mut_doc *open_body(struct str body) {
    yyjson_doc *doc = read_as_is(body);
    yyjson_mut_doc *copy = doc ? yyjson_doc_mut_copy(doc, NULL) : NULL;
    yyjson_doc_free(doc);
    return copy;
}

/* Adds it to `out`, and frees it. */
static bool close_body(yyjson_mut_doc *doc, struct buf *out, struct error *err) {
    size_t n = 0;
    char *text = yyjson_mut_write(doc, YYJSON_WRITE_NOFLAG, &n);
    yyjson_mut_doc_free(doc);
    buf_add_str(out, (struct str){text, n});
    free(text);
    return (n && !out->failed) || out_of_memory(err);
}

/* JSON text as a value of the document; NULL: memory, or none. */
static yyjson_mut_val *value_of(yyjson_mut_doc *doc, struct str json) {
    yyjson_doc *read = read_as_is(json);
    yyjson_mut_val *value = read ? yyjson_val_mut_copy(doc, yyjson_doc_get_root(read)) : NULL;
    yyjson_doc_free(read);
    return value;
}

static bool is_there(yyjson_mut_val *value) {
    return value && !yyjson_mut_is_null(value);
}

static bool put(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key, yyjson_mut_val *value) {
    return value && yyjson_mut_obj_put(object, yyjson_mut_str(doc, key), value);
}

/* ---- a schema ---- */

/* {"type":"json_schema","name":…,"strict":true,"schema":…}, as far as the API has these words */
static yyjson_mut_val *format_of(yyjson_mut_doc *doc, struct str schema, bool named) {
    yyjson_mut_val *format = yyjson_mut_obj(doc);
    bool good = format && (!named || (yyjson_mut_obj_add_str(doc, format, "name", "answer") &&
                                      yyjson_mut_obj_add_bool(doc, format, "strict", true)));
    return good && put(doc, format, "schema", value_of(doc, schema)) ? format : NULL;
}

static bool add_type(yyjson_mut_doc *doc, yyjson_mut_val *format) {
    return yyjson_mut_obj_add_str(doc, format, "type", "json_schema");
}

static bool ask_chat_schema(yyjson_mut_doc *doc, yyjson_mut_val *root, struct str schema) {
    if (is_there(yyjson_mut_obj_get(root, "response_format")))
        return true;
    yyjson_mut_val *format = yyjson_mut_obj(doc), *inner = format_of(doc, schema, true);
    return format && add_type(doc, format) && put(doc, format, "json_schema", inner) &&
           put(doc, root, "response_format", format);
}

/* Under `key` and "format" there, beside what else is said of the output. */
static bool ask_inner_schema(yyjson_mut_doc *doc, yyjson_mut_val *root, const char *key, struct str schema,
                             bool named) {
    yyjson_mut_val *output = yyjson_mut_obj_get(root, key), *format;
    if (is_there(output) && (!yyjson_mut_is_obj(output) || is_there(yyjson_mut_obj_get(output, "format"))))
        return true;
    if (!is_there(output)) {
        output = yyjson_mut_obj(doc);
        if (!put(doc, root, key, output))
            return false;
    }
    format = format_of(doc, schema, named);
    return format && add_type(doc, format) && put(doc, output, "format", format);
}

static bool ask_schema(yyjson_mut_doc *doc, enum chat_surface api, struct str schema) {
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    switch (api) {
    case CHAT_COMPLETIONS: return ask_chat_schema(doc, root, schema);
    case CHAT_RESPONSES: return ask_inner_schema(doc, root, "text", schema, true);
    case CHAT_MESSAGES: return ask_inner_schema(doc, root, "output_config", schema, false);
    case CHAT_LEGACY:
    case CHAT_EMBEDDINGS:
    case CHAT_SURFACE_COUNT: break;
    }
    return true;
}

/* ---- log-probabilities ---- */

static bool include_logprobs(yyjson_mut_doc *doc, yyjson_mut_val *root) {
    static const char wanted[] = "message.output_text.logprobs";
    yyjson_mut_val *list = yyjson_mut_obj_get(root, "include"), *item;
    size_t i, max;
    if (!is_there(list)) {
        list = yyjson_mut_arr(doc);
        if (!put(doc, root, "include", list))
            return false;
    }
    yyjson_mut_arr_foreach(list, i, max, item) if (yyjson_mut_equals_str(item, wanted)) return true;
    return yyjson_mut_arr_add_str(doc, list, wanted);
}

static bool ask_logprobs(yyjson_mut_doc *doc, enum chat_surface api) {
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    if (api == CHAT_COMPLETIONS)
        return put(doc, root, "logprobs", yyjson_mut_true(doc));
    return api != CHAT_RESPONSES || include_logprobs(doc, root);
}

bool chat_amend_request(enum chat_surface api, const struct chat_wishes *wishes, struct buf *body,
                        struct error *err) {
    if (wishes->schema.n == 0 && !wishes->logprobs)
        return true;
    yyjson_mut_doc *doc = open_body(buf_str(body));
    bool good = doc && (wishes->schema.n == 0 || ask_schema(doc, api, wishes->schema)) &&
                (!wishes->logprobs || ask_logprobs(doc, api));
    if (!good) {
        yyjson_mut_doc_free(doc);
        return out_of_memory(err);
    }
    buf_clear(body);
    return close_body(doc, body, err);
}

/* ---- turns ---- */

/* Responses take a text for a single turn of the user's. */
static yyjson_mut_val *list_of_turns(yyjson_mut_doc *doc, const char *key) {
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc), *turns = yyjson_mut_obj_get(root, key);
    if (!yyjson_mut_is_str(turns))
        return yyjson_mut_is_arr(turns) ? turns : NULL;
    yyjson_mut_val *list = yyjson_mut_arr(doc), *turn = yyjson_mut_arr_add_obj(doc, list);
    bool good = turn && yyjson_mut_obj_add_str(doc, turn, "role", "user") &&
                put(doc, turn, "content", yyjson_mut_val_mut_copy(doc, turns)) && put(doc, root, key, list);
    return good ? list : NULL;
}

static bool append_all(yyjson_mut_doc *doc, yyjson_mut_val *list, yyjson_mut_val *turns) {
    bool good = list && yyjson_mut_is_arr(turns);
    while (good && yyjson_mut_arr_size(turns))
        good = yyjson_mut_arr_append(list, yyjson_mut_arr_remove_first(turns));
    return good;
}

bool chat_amend_turns(const struct chat_request *r, struct str turns, struct buf *out, struct error *err) {
    const char *key = r->surface == CHAT_RESPONSES ? "input" : "messages";
    if (!r->messages && r->surface != CHAT_RESPONSES)
        return fail(err, ERR_BAD_REQUEST, "This request has no turns.");
    AUTO_BUF list = BUF_INIT(turns.n + 2);
    buf_add_char(&list, '[');
    buf_add_str(&list, turns);
    buf_add_char(&list, ']');
    yyjson_mut_doc *doc = open_body(r->body);
    if (!doc || list.failed || !append_all(doc, list_of_turns(doc, key), value_of(doc, buf_str(&list)))) {
        yyjson_mut_doc_free(doc);
        return out_of_memory(err);
    }
    return close_body(doc, out, err);
}

/* ---- replies ---- */

/* An array becomes empty, an object null: each API's way of saying that there are none. */
static bool hide(yyjson_mut_doc *doc, yyjson_mut_val *object) {
    yyjson_mut_val *value = yyjson_mut_obj_get(object, "logprobs");
    if (!yyjson_mut_is_ctn(value))
        return true;
    return put(doc, object, "logprobs",
               yyjson_mut_is_arr(value) ? yyjson_mut_arr(doc) : yyjson_mut_null(doc));
}

static bool hide_in_each(yyjson_mut_doc *doc, yyjson_mut_val *list) {
    yyjson_mut_val *item;
    size_t i, max;
    bool good = true;
    yyjson_mut_arr_foreach(list, i, max, item) good = good && hide(doc, item);
    return good;
}

static bool hide_in_response(yyjson_mut_doc *doc, yyjson_mut_val *response) {
    yyjson_mut_val *output = yyjson_mut_obj_get(response, "output"), *item;
    size_t i, max;
    bool good = true;
    yyjson_mut_arr_foreach(output, i, max, item) good =
        good && hide_in_each(doc, yyjson_mut_obj_get(item, "content"));
    return good;
}

bool chat_hide_logprobs(struct str body, struct buf *out, struct error *err) {
    yyjson_mut_doc *doc = open_body(body);
    if (!doc)
        return out_of_memory(err);
    yyjson_mut_val *root = yyjson_mut_doc_get_root(doc);
    bool good = hide(doc, root) && hide_in_each(doc, yyjson_mut_obj_get(root, "choices")) &&
                hide_in_response(doc, root) && hide_in_response(doc, yyjson_mut_obj_get(root, "response")) &&
                hide(doc, yyjson_mut_obj_get(root, "part")) &&
                hide_in_each(doc, yyjson_mut_obj_get(yyjson_mut_obj_get(root, "item"), "content"));
    if (good)
        return close_body(doc, out, err);
    yyjson_mut_doc_free(doc);
    return out_of_memory(err);
}
