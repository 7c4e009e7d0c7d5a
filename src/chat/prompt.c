#include "chat/prompt.h"

#include "base/arena.h"
#include "chat/prompt_parts.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- one template ---- */

const struct prompt_slot *prompt_slot_named(const struct prompt *p, struct str name) {
    for (size_t i = 0; i < p->variable_count; i++)
        if (str_eq(str_from(p->variables[i].shown.name), name))
            return &p->variables[i];
    return NULL;
}

struct prompt *prompt_ref(struct prompt *p) {
    atomic_fetch_add_explicit(&p->references, 1, memory_order_relaxed);
    return p;
}

void prompt_unref(struct prompt *p) {
    if (!p || atomic_fetch_sub_explicit(&p->references, 1, memory_order_acq_rel) != 1)
        return;
    for (size_t i = 0; i < p->variable_count; i++)
        yyjson_doc_free(p->variables[i].standard);
    arena_free(p->arena);
    free(p);
}

const char *prompt_name(const struct prompt *p) {
    return p->name;
}

const char *prompt_description(const struct prompt *p) {
    return p->description;
}

size_t prompt_variables(const struct prompt *p) {
    return p->variable_count;
}

struct prompt_variable prompt_variable_at(const struct prompt *p, size_t i) {
    return p->variables[i].shown;
}

/* ---- values ---- */

static bool is_among(const struct prompt_slot *v, yyjson_val *value) {
    for (size_t i = 0; i < v->value_count; i++)
        if (yyjson_is_str(value) && str_eq(json_str_of(value), v->values[i]))
            return true;
    return false;
}

static bool fits_type(const struct prompt_slot *v, yyjson_val *value) {
    switch (v->shown.type) {
    case PROMPT_STRING: return yyjson_is_str(value);
    case PROMPT_INTEGER: return yyjson_is_int(value);
    case PROMPT_NUMBER: return yyjson_is_num(value);
    case PROMPT_BOOLEAN: return yyjson_is_bool(value);
    case PROMPT_ENUM: return is_among(v, value);
    case PROMPT_JSON: break;
    }
    return true;
}

bool prompt_value_check(const struct prompt_slot *v, yyjson_val *value, struct error *err) {
    AUTO_BUF allowed = BUF_INIT(200);
    const char *name = v->shown.name;
    if (fits_type(v, value))
        return true;
    for (size_t i = 0; i < v->value_count; i++)
        buf_printf(&allowed, "%s%.*s", i ? ", " : "", STR_ARG(v->values[i]));
    if (v->shown.type == PROMPT_ENUM)
        return fail_at(err, ERR_INVALID_FIELD, name, "The prompt's variable \"%s\" must be one of: %.*s.",
                       name, STR_ARG(buf_str(&allowed)));
    return fail_at(err, ERR_INVALID_FIELD, name, "The prompt's variable \"%s\" must be of the type %s.", name,
                   prompt_type_name(v->shown.type));
}

/* The text of a value within a message. */
static void write_text(yyjson_val *value, struct buf *out) {
    struct json_writer w = JSON_WRITER(out);
    if (yyjson_is_str(value))
        buf_add_str(out, json_str_of(value));
    else
        json_value(&w, value);
}

/* ---- rendering ---- */

struct rendering {
    const struct prompt *prompt;
    yyjson_val *values[PROMPT_VARIABLES_MAX]; /* NULL: none */
    struct error *err;
};

static bool take_given(struct rendering *r, yyjson_val *values) {
    size_t index, max;
    yyjson_val *key, *value;
    yyjson_obj_foreach(values, index, max, key, value) {
        struct str name = json_str_of(key);
        const struct prompt_slot *v = prompt_slot_named(r->prompt, name);
        if (!v)
            return fail_at(r->err, ERR_INVALID_FIELD, "variables", "The prompt %s has no variable \"%.*s\".",
                           r->prompt->name, (int)(name.n < 80 ? name.n : 80), name.p);
        if (yyjson_is_null(value) && !v->shown.required && v->shown.type != PROMPT_JSON)
            continue;
        if (!prompt_value_check(v, value, r->err))
            return false;
        r->values[v - r->prompt->variables] = value;
    }
    return true;
}

static bool take_values(struct rendering *r, yyjson_val *values) {
    if (values && !yyjson_is_obj(values))
        return fail_at(r->err, ERR_INVALID_FIELD, "variables", "The prompt's variables must be an object.");
    if (values && !take_given(r, values))
        return false;
    for (size_t i = 0; i < r->prompt->variable_count; i++) {
        const struct prompt_slot *v = &r->prompt->variables[i];
        if (!r->values[i])
            r->values[i] = yyjson_doc_get_root(v->standard);
        if (!r->values[i] && v->shown.required)
            return fail_at(r->err, ERR_MISSING_FIELD, v->shown.name,
                           "The prompt %s needs the variable \"%s\" (%s).", r->prompt->name, v->shown.name,
                           prompt_type_name(v->shown.type));
    }
    return true;
}

static bool is_true(yyjson_val *value) {
    return value && !yyjson_is_null(value) && !yyjson_is_false(value) &&
           !(yyjson_is_str(value) && yyjson_get_len(value) == 0) &&
           !(yyjson_is_ctn(value) && yyjson_get_len(value) == 0);
}

static bool write_value(struct rendering *r, const struct prompt_slot *v, struct buf *out) {
    yyjson_val *value = r->values[v - r->prompt->variables];
    size_t before = out->n;
    if (value)
        write_text(value, out);
    if (out->n - before > v->shown.max_length)
        return fail_at(r->err, ERR_INVALID_FIELD, v->shown.name,
                       "The prompt's variable \"%s\" has %zu bytes; at most %zu are taken.", v->shown.name,
                       out->n - before, v->shown.max_length);
    return true;
}

/* Pieces in order; a condition that does not hold skips to its piece `next`. */
static bool write_message(struct rendering *r, const struct prompt_message *m, struct buf *out) {
    for (const struct prompt_piece *p = m->pieces; p;) {
        if (p->kind == PIECE_VALUE && !write_value(r, p->variable, out))
            return false;
        if (p->kind == PIECE_TEXT)
            buf_add_str(out, p->text);
        bool skips = p->kind == PIECE_ELSE ||
                     (p->kind == PIECE_IF && !is_true(r->values[p->variable - r->prompt->variables]));
        p = skips ? p->jump : p->next;
    }
    return true;
}

bool prompt_render(const struct prompt *p, yyjson_val *values, struct buf *out, struct error *err) {
    struct rendering r = {.prompt = p, .err = err};
    struct json_writer w = JSON_WRITER(out);
    size_t before = out->n;
    bool good = take_values(&r, values);
    for (const struct prompt_message *m = p->messages; m && good; m = m->next) {
        AUTO_BUF text = BUF_INIT(PROMPT_RENDERED_MAX);
        good = write_message(&r, m, &text);
        if (good && text.failed)
            good = fail(err, ERR_INVALID_FIELD, "A message of the prompt %s would be longer than %d bytes.",
                        p->name, PROMPT_RENDERED_MAX);
        json_object(&w);
        json_field_text(&w, "role", m->role);
        json_field_str(&w, "content", buf_str(&text));
        json_object_end(&w);
    }
    if (good && out->failed)
        good = fail(err, ERR_NO_MEMORY, "Out of memory while rendering a prompt.");
    if (!good)
        out->n = before;
    return good;
}

bool prompt_value_from_text(const struct prompt *p, struct str name, struct str text, struct json_writer *w,
                            struct error *err) {
    const struct prompt_slot *v = prompt_slot_named(p, name);
    char key[PROMPT_NAME_MAX + 1];
    if (!v)
        return fail(err, ERR_INVALID_FIELD, "The prompt %s has no variable \"%.*s\".", p->name,
                    (int)(name.n < 80 ? name.n : 80), name.p);
    snprintf(key, sizeof(key), "%s", v->shown.name);
    if (v->shown.type == PROMPT_STRING || v->shown.type == PROMPT_ENUM) {
        json_field_str(w, key, text);
        return true;
    }
    yyjson_doc *doc = json_parse(text, err);
    if (!doc)
        return fail_within(err, "The prompt's variable \"%s\" (%s)", key, prompt_type_name(v->shown.type));
    json_key(w, key);
    json_value(w, yyjson_doc_get_root(doc));
    yyjson_doc_free(doc);
    return true;
}
