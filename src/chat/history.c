#include "chat/history.h"

#include <stdio.h>
#include <string.h>

static bool has_type(yyjson_val *item, struct str type) {
    return str_eq(json_str_of(yyjson_obj_get(item, "type")), type);
}

/* An item of an answer as an item of a question. */
static void write_item(struct json_writer *w, yyjson_val *item) {
    size_t i, max;
    yyjson_val *key, *value;
    if (has_type(item, STR("reasoning")) && !yyjson_obj_get(item, "encrypted_content"))
        return;
    json_object(w);
    yyjson_obj_foreach(item, i, max, key, value) {
        struct str name = json_str_of(key);
        if (str_eq(name, STR("id")) || str_eq(name, STR("status")))
            continue;
        json_str(w, name);
        buf_add_char(w->out, ':');
        w->comma = false;
        json_value(w, value);
    }
    json_object_end(w);
}

static void write_items(struct json_writer *w, yyjson_val *items) {
    size_t i, max;
    yyjson_val *item;
    yyjson_arr_foreach(items, i, max, item) write_item(w, item);
}

static void write_input(struct json_writer *w, const struct chat_request *in) {
    yyjson_val *input = yyjson_obj_get(in->root, "input");
    if (yyjson_is_str(input)) {
        json_object(w);
        json_field_text(w, "role", "user");
        json_field_str(w, "content", json_str_of(input));
        json_object_end(w);
    }
    write_items(w, input);
}

void history_input(const struct chat_request *in, struct buf *out) {
    struct json_writer w = JSON_WRITER(out);
    json_array(&w);
    write_input(&w, in);
    json_array_end(&w);
}

/* ---- the answer ---- */

static bool take_answer(yyjson_val *response, struct history_answer *out) {
    struct str id = json_str_of(yyjson_obj_get(response, "id"));
    struct json_writer items = JSON_WRITER(&out->output), body = JSON_WRITER(&out->body);
    if (id.n == 0 || id.n >= sizeof out->id || !has_type(response, STR("")) ||
        !str_eq(json_str_of(yyjson_obj_get(response, "status")), STR("completed")))
        return false;
    snprintf(out->id, sizeof out->id, "%.*s", STR_ARG(id));
    json_value(&items, yyjson_obj_get(response, "output"));
    json_value(&body, response);
    return !out->output.failed && !out->body.failed;
}

/* The data of the event that ends a stream. */
static struct str last_event(struct str stream) {
    static const char type[] = "event: response.completed";
    struct str found = {NULL, 0}, rest = stream;
    for (size_t at; (at = str_find(rest, STR("event: response.completed"))) != SIZE_MAX;) {
        rest = str_slice(rest, at + sizeof type - 1, rest.n);
        found = rest;
    }
    size_t data = found.p ? str_find(found, STR("data:")) : SIZE_MAX;
    if (data == SIZE_MAX)
        return (struct str){NULL, 0};
    found = str_slice(found, data + 5, found.n);
    size_t end = str_find_char(found, '\n');
    return str_trim(str_slice(found, 0, end == SIZE_MAX ? found.n : end));
}

bool history_answer_read(struct str reply, bool stream, struct history_answer *out) {
    struct error err;
    struct str json = stream ? last_event(reply) : reply;
    *out =
        (struct history_answer){.output = BUF_INIT(4 * reply.n + 4096), .body = BUF_INIT(4 * reply.n + 4096)};
    yyjson_doc *doc = json.n ? json_parse(json, &err) : NULL;
    yyjson_val *root = yyjson_doc_get_root(doc);
    bool good = doc && take_answer(stream ? yyjson_obj_get(root, "response") : root, out);
    yyjson_doc_free(doc);
    if (!good)
        history_answer_clear(out);
    return good;
}

static void add_line(struct buf *out, struct str id) {
    if (id.n == 0 || str_find_char(id, '\n') != SIZE_MAX)
        return;
    buf_add_str(out, id);
    buf_add_char(out, '\n');
}

void history_answer_ids(const struct history_answer *a, struct buf *out) {
    struct error err;
    size_t i, max;
    yyjson_val *item;
    yyjson_doc *doc = json_parse(buf_str(&a->output), &err);
    yyjson_val *items = yyjson_doc_get_root(doc);
    yyjson_arr_foreach(items, i, max, item) add_line(out, json_str_of(yyjson_obj_get(item, "id")));
    yyjson_doc_free(doc);
}

void history_answer_clear(struct history_answer *a) {
    buf_free(&a->output);
    buf_free(&a->body);
}

/* ---- the next request ---- */

/* The next of "[a,b][c][]"; NULL at the end, or (*good) where it cannot be read. */
static yyjson_doc *next_kept(struct str *items, struct error *err, bool *good) {
    yyjson_read_err why;
    if (items->n == 0)
        return NULL;
    yyjson_doc *doc =
        yyjson_read_opts((char *)(uintptr_t)items->p, items->n, YYJSON_READ_STOP_WHEN_DONE, NULL, &why);
    *good = doc || fail(err, ERR_INTERNAL, "A kept conversation cannot be read.");
    if (doc)
        *items = str_slice(*items, yyjson_doc_get_read_size(doc), items->n);
    return doc;
}

static void write_kept(struct json_writer *w, struct str items, struct error *err, bool *good) {
    for (yyjson_doc *doc; (doc = next_kept(&items, err, good));) {
        write_items(w, yyjson_doc_get_root(doc));
        yyjson_doc_free(doc);
    }
}

/* All members but those that a conversation replaces. */
static void write_others(struct json_writer *w, const struct chat_request *in, bool keep_previous) {
    size_t i, max;
    yyjson_val *key, *value;
    yyjson_obj_foreach(in->root, i, max, key, value) {
        struct str name = json_str_of(key);
        bool before = str_eq(name, STR("previous_response_id")) || str_eq(name, STR("conversation"));
        if (str_eq(name, STR("input")) || (before && !keep_previous))
            continue;
        json_str(w, name);
        buf_add_char(w->out, ':');
        w->comma = false;
        json_value(w, value);
    }
    json_key(w, "input");
}

bool history_prepend(const struct chat_request *in, struct str items, struct buf *body, struct error *err) {
    struct json_writer w = JSON_WRITER(body);
    bool good = true;
    json_object(&w);
    write_others(&w, in, false);
    json_array(&w);
    write_kept(&w, items, err, &good);
    write_input(&w, in);
    json_array_end(&w);
    json_object_end(&w);
    return good && (!body->failed || fail(err, ERR_NO_MEMORY, "Out of memory for this request."));
}

bool history_join(struct str arrays, struct json_writer *w, struct error *err) {
    bool good = true;
    json_array(w);
    for (yyjson_doc *doc; (doc = next_kept(&arrays, err, &good));) {
        size_t i, max;
        yyjson_val *item, *items = yyjson_doc_get_root(doc);
        yyjson_arr_foreach(items, i, max, item) json_value(w, item);
        yyjson_doc_free(doc);
    }
    json_array_end(w);
    return good;
}

/* ---- items by name ---- */

static bool is_reference(yyjson_val *item) {
    return has_type(item, STR("item_reference"));
}

void history_references(const struct chat_request *in, struct buf *out) {
    size_t i, max;
    yyjson_val *item, *input = yyjson_obj_get(in->root, "input");
    yyjson_arr_foreach(input, i, max, item) {
        if (is_reference(item))
            add_line(out, json_str_of(yyjson_obj_get(item, "id")));
    }
}

static bool write_found(struct json_writer *w, struct str id, struct str found, struct error *err) {
    bool good = true, written = false;
    for (yyjson_doc *doc; !written && (doc = next_kept(&found, err, &good));) {
        size_t i, max;
        yyjson_val *item, *items = yyjson_doc_get_root(doc);
        yyjson_arr_foreach(items, i, max, item) {
            if (written || !str_eq(json_str_of(yyjson_obj_get(item, "id")), id))
                continue;
            write_item(w, item);
            written = true;
        }
        yyjson_doc_free(doc);
    }
    return good && (written || fail_at(err, ERR_NOT_FOUND, "input", "There is no item \"%.*s\".",
                                       STR_ARG(str_slice(id, 0, 80))));
}

bool history_resolve(const struct chat_request *in, struct str found, struct buf *body, struct error *err) {
    struct json_writer w = JSON_WRITER(body);
    size_t i, max;
    yyjson_val *item, *input = yyjson_obj_get(in->root, "input");
    bool good = true;
    json_object(&w);
    write_others(&w, in, true);
    json_array(&w);
    yyjson_arr_foreach(input, i, max, item) {
        if (!is_reference(item))
            json_value(&w, item);
        else
            good = good && write_found(&w, json_str_of(yyjson_obj_get(item, "id")), found, err);
    }
    json_array_end(&w);
    json_object_end(&w);
    return good && (!body->failed || fail(err, ERR_NO_MEMORY, "Out of memory for this request."));
}
