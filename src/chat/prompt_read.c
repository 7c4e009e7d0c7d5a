#include "chat/prompt.h"

#include "chat/prompt_parts.h"
#include "config/document.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct reader {
    struct prompt *prompt;
    struct str rest; /* of the body */
    unsigned line;   /* of what is read next, from 1 */
    yaml_document_t *yaml;
    struct error *err;
};

static const char *const type_names[] = {"string", "integer", "number", "boolean", "enum", "json"};

const char *prompt_type_name(enum prompt_type type) {
    return type_names[type];
}

static bool no_memory(struct reader *r) {
    return fail(r->err, ERR_NO_MEMORY, "Out of memory while reading a prompt.");
}

#define wrong(r, at_line, ...) fail_line(r, at_line, __VA_ARGS__)
static bool PRINTF_LIKE(3, 4) fail_line(struct reader *r, unsigned line, const char *format, ...) {
    char reason[320];
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof(reason), format, args);
    va_end(args);
    return fail(r->err, ERR_DATA, "The prompt's line %u: %s.", line, reason);
}

/* ---- front matter ---- */

static struct str scalar(const yaml_node_t *node) {
    return node && node->type == YAML_SCALAR_NODE
               ? (struct str){(const char *)node->data.scalar.value, node->data.scalar.length}
               : (struct str){NULL, 0};
}

/* With 2 lines of "---" and comments before it, the front matter begins on line 2. */
static unsigned line_of(const yaml_node_t *node) {
    return (unsigned)node->start_mark.line + 2;
}

static bool is_name(struct str name) {
    if (name.n == 0 || name.n > PROMPT_NAME_MAX || !(isalpha((unsigned char)name.p[0]) || name.p[0] == '_'))
        return false;
    for (size_t i = 0; i < name.n; i++)
        if (!isalnum((unsigned char)name.p[i]) && !memchr("_-.", name.p[i], 3))
            return false;
    return true;
}

static bool keep(struct reader *r, struct str text, const char **out) {
    *out = arena_copy(r->prompt->arena, text).p;
    return *out || no_memory(r);
}

static bool read_type(struct reader *r, const yaml_node_t *node, struct prompt_slot *v) {
    for (size_t i = 0; i < ARRAY_COUNT(type_names); i++)
        if (str_eq(scalar(node), str_from(type_names[i]))) {
            v->shown.type = (enum prompt_type)i;
            return true;
        }
    return wrong(r, line_of(node), "a type is one of string, integer, number, boolean, enum, json");
}

static bool read_values(struct reader *r, const yaml_node_t *node, struct prompt_slot *v) {
    if (node->type != YAML_SEQUENCE_NODE)
        return wrong(r, line_of(node), "values is a list of texts");
    size_t count = (size_t)(node->data.sequence.items.top - node->data.sequence.items.start);
    if (count == 0 || count > PROMPT_VALUES_MAX)
        return wrong(r, line_of(node), "values holds 1 to %d texts", PROMPT_VALUES_MAX);
    v->values = arena_alloc(r->prompt->arena, count * sizeof(*v->values));
    if (!v->values)
        return no_memory(r);
    for (size_t i = 0; i < count; i++) {
        const yaml_node_t *item = yaml_document_get_node(r->yaml, node->data.sequence.items.start[i]);
        if (!scalar(item).p)
            return wrong(r, line_of(node), "values is a list of texts");
        v->values[i] = arena_copy(r->prompt->arena, scalar(item));
        if (!v->values[i].p)
            return no_memory(r);
    }
    v->value_count = count;
    return true;
}

static bool read_bool(struct reader *r, const yaml_node_t *node, bool *out) {
    struct str text = scalar(node);
    *out = str_eq(text, STR("true"));
    return *out || str_eq(text, STR("false")) || wrong(r, line_of(node), "expected true or false");
}

static bool read_length(struct reader *r, const yaml_node_t *node, size_t *out) {
    uint64_t number;
    if (!str_to_u64(scalar(node), &number) || number == 0 || number > PROMPT_RENDERED_MAX)
        return wrong(r, line_of(node), "max_length is a number of bytes from 1 to %d", PROMPT_RENDERED_MAX);
    *out = number;
    return true;
}

/* Once the type is known. */
static bool read_default(struct reader *r, const yaml_node_t *node, struct prompt_slot *v) {
    AUTO_BUF json = BUF_INIT(PROMPT_BYTES_MAX * 6);
    struct json_writer w = JSON_WRITER(&json);
    struct error reason;
    if (!scalar(node).p)
        return wrong(r, line_of(node), "a default is one value (of the type json: its text in quotes)");
    if (v->shown.type == PROMPT_STRING || v->shown.type == PROMPT_ENUM)
        json_str(&w, scalar(node));
    else
        buf_add_str(&json, scalar(node));
    if (json.failed)
        return no_memory(r);
    v->standard = json_parse(buf_str(&json), &reason);
    if (!v->standard || !prompt_value_check(v, yyjson_doc_get_root(v->standard), &reason))
        return wrong(r, line_of(node), "the default does not fit: %.200s", reason.message);
    return true;
}

static bool read_field(struct reader *r, struct str key, const yaml_node_t *value, struct prompt_slot *v,
                       const yaml_node_t **standard, bool *required) {
    if (str_eq(key, STR("name")))
        return is_name(scalar(value)) ? keep(r, scalar(value), &v->shown.name)
                                      : wrong(r, line_of(value), "a name has letters, digits, - _ . only");
    if (str_eq(key, STR("type")))
        return read_type(r, value, v);
    if (str_eq(key, STR("values")))
        return read_values(r, value, v);
    if (str_eq(key, STR("required")))
        return read_bool(r, value, required);
    if (str_eq(key, STR("max_length")))
        return read_length(r, value, &v->shown.max_length);
    if (str_eq(key, STR("default"))) {
        *standard = value;
        return true;
    }
    return str_eq(key, STR("description")) ||
           wrong(r, line_of(value),
                 "a variable has name, type, values, required, default, max_length, description");
}

static bool read_variable(struct reader *r, const yaml_node_t *node) {
    struct prompt *p = r->prompt;
    const yaml_node_t *standard = NULL;
    bool required = true;
    if (!node || node->type != YAML_MAPPING_NODE)
        return wrong(r, node ? line_of(node) : 1,
                     "a variable is a mapping, such as {name: question, type: string}");
    if (p->variable_count == PROMPT_VARIABLES_MAX)
        return wrong(r, line_of(node), "more than %d variables", PROMPT_VARIABLES_MAX);
    struct prompt_slot *v = &p->variables[p->variable_count];
    v->shown.max_length = PROMPT_RENDERED_MAX;
    for (yaml_node_pair_t *pair = node->data.mapping.pairs.start; pair < node->data.mapping.pairs.top; pair++)
        if (!read_field(r, scalar(yaml_document_get_node(r->yaml, pair->key)),
                        yaml_document_get_node(r->yaml, pair->value), v, &standard, &required))
            return false;
    if (!v->shown.name)
        return wrong(r, line_of(node), "a variable needs a name");
    if (prompt_slot_named(p, str_from(v->shown.name)))
        return wrong(r, line_of(node), "the variable \"%s\" is there twice", v->shown.name);
    if ((v->shown.type == PROMPT_ENUM) != (v->value_count > 0))
        return wrong(r, line_of(node), "an enum, and only an enum, needs values");
    p->variable_count++; /* from here on its default is freed with the prompt */
    v->shown.required = required && !standard;
    return !standard || read_default(r, standard, v);
}

static bool read_variables(struct reader *r, const yaml_node_t *node) {
    if (node->type != YAML_SEQUENCE_NODE)
        return wrong(r, line_of(node), "variables is a list");
    for (yaml_node_item_t *item = node->data.sequence.items.start; item < node->data.sequence.items.top;
         item++)
        if (!read_variable(r, yaml_document_get_node(r->yaml, *item)))
            return false;
    return true;
}

static bool read_front(struct reader *r) {
    const yaml_node_t *root = yaml_document_get_root_node(r->yaml);
    if (!root || root->type != YAML_MAPPING_NODE)
        return wrong(r, 2, "the front matter is a mapping with name and variables");
    for (yaml_node_pair_t *pair = root->data.mapping.pairs.start; pair < root->data.mapping.pairs.top;
         pair++) {
        struct str key = scalar(yaml_document_get_node(r->yaml, pair->key));
        const yaml_node_t *value = yaml_document_get_node(r->yaml, pair->value);
        bool good;
        if (str_eq(key, STR("name")))
            good = is_name(scalar(value))
                       ? keep(r, scalar(value), &r->prompt->name)
                       : wrong(r, line_of(value), "a name has letters, digits, - _ . only");
        else if (str_eq(key, STR("description")) && scalar(value).p)
            good = keep(r, scalar(value), &r->prompt->description);
        else if (str_eq(key, STR("variables")))
            good = read_variables(r, value);
        else
            good = wrong(r, line_of(value), "the front matter has name, description, variables");
        if (!good)
            return false;
    }
    return r->prompt->name || wrong(r, 2, "the front matter needs a name");
}

/* ---- messages ---- */

static const char *role_of_line(struct str line) {
    static const char *const roles[] = {"system", "developer", "user", "assistant"};
    while (line.n && isspace((unsigned char)line.p[line.n - 1]))
        line.n--;
    for (size_t i = 0; i < ARRAY_COUNT(roles); i++)
        if (line.n == strlen(roles[i]) + 1 && line.p[line.n - 1] == ':' &&
            str_starts(line, str_from(roles[i])))
            return roles[i];
    return NULL;
}

struct cutter {
    struct prompt_piece **end;
    struct prompt_piece *open, *otherwise; /* an {{#if}} and its {{else}} that wait for their end */
};

static struct prompt_piece *add_piece(struct reader *r, struct cutter *c, enum prompt_piece_kind kind) {
    struct prompt_piece *piece = arena_zalloc(r->prompt->arena, sizeof(*piece));
    if (!piece) {
        no_memory(r);
        return NULL;
    }
    piece->kind = kind;
    *c->end = piece;
    c->end = &piece->next;
    return piece;
}

static bool add_text(struct reader *r, struct cutter *c, struct str text) {
    struct prompt_piece *piece = text.n ? add_piece(r, c, PIECE_TEXT) : NULL;
    if (!piece)
        return text.n == 0;
    piece->text = arena_copy(r->prompt->arena, text);
    return piece->text.p || no_memory(r);
}

static bool add_variable(struct reader *r, struct cutter *c, enum prompt_piece_kind kind, struct str name) {
    const struct prompt_slot *v = prompt_slot_named(r->prompt, name);
    if (!v)
        return wrong(r, r->line, "the variable \"%.*s\" is not declared", (int)(name.n < 80 ? name.n : 80),
                     name.p);
    struct prompt_piece *piece = add_piece(r, c, kind);
    if (!piece)
        return false;
    piece->variable = v;
    if (kind == PIECE_IF)
        c->open = piece;
    return true;
}

static bool add_else(struct reader *r, struct cutter *c) {
    if (!c->open || c->otherwise)
        return wrong(r, r->line, "{{else}} stands once, between {{#if …}} and {{/if}}");
    if (!(c->otherwise = add_piece(r, c, PIECE_ELSE)))
        return false;
    struct prompt_piece *target = add_piece(r, c, PIECE_END);
    c->open->jump = target;
    return target != NULL;
}

static bool add_end(struct reader *r, struct cutter *c) {
    if (!c->open)
        return wrong(r, r->line, "{{/if}} without {{#if …}}");
    struct prompt_piece *target = add_piece(r, c, PIECE_END);
    if (!target)
        return false;
    *(c->otherwise ? &c->otherwise->jump : &c->open->jump) = target;
    c->open = c->otherwise = NULL;
    return true;
}

static bool add_tag(struct reader *r, struct cutter *c, struct str tag) {
    if (tag.n && tag.p[0] == '!')
        return true;
    tag = str_trim(tag);
    if (str_eq(tag, STR("else")))
        return add_else(r, c);
    if (str_eq(tag, STR("/if")))
        return add_end(r, c);
    if (!str_starts(tag, STR("#if ")))
        return add_variable(r, c, PIECE_VALUE, tag);
    if (c->open)
        return wrong(r, r->line, "an {{#if …}} does not stand within another");
    return add_variable(r, c, PIECE_IF, str_trim(str_slice(tag, 4, tag.n)));
}

static bool cut_message(struct reader *r, struct prompt_message *m, struct str text) {
    struct cutter c = {.end = &m->pieces};
    while (text.n) {
        size_t at = str_find(text, STR("{{"));
        bool plain = at != SIZE_MAX && at > 0 && text.p[at - 1] == '\\';
        struct str before = str_slice(text, 0, plain ? at - 1 : at);
        for (size_t i = 0; i < before.n; i++)
            r->line += before.p[i] == '\n';
        if (!add_text(r, &c, before) || (plain && !add_text(r, &c, STR("{{"))))
            return false;
        if (at == SIZE_MAX)
            break;
        text = str_slice(text, at + 2, text.n);
        if (plain)
            continue;
        size_t end = str_find(text, STR("}}"));
        if (end == SIZE_MAX)
            return wrong(r, r->line, "{{ without }}; write \\{{ for two braces");
        if (!add_tag(r, &c, str_slice(text, 0, end)))
            return false;
        for (size_t i = 0; i < end; i++)
            r->line += text.p[i] == '\n';
        text = str_slice(text, end + 2, text.n);
    }
    return !c.open || wrong(r, r->line, "{{#if …}} without {{/if}}");
}

/* The lines up to the next role, without the white space around them. */
static struct str take_text(struct str *rest) {
    struct str whole = *rest;
    while (rest->n && !role_of_line(str_slice(*rest, 0, str_find_char(*rest, '\n'))))
        str_split(rest, '\n');
    return str_slice(whole, 0, whole.n - rest->n);
}

static bool read_messages(struct reader *r) {
    struct prompt_message **end = &r->prompt->messages;
    unsigned count = 0;
    while (r->rest.n) {
        unsigned line = r->line++;
        struct str head = str_split(&r->rest, '\n');
        const char *role = role_of_line(head);
        if (!role && str_trim(head).n == 0 && count == 0)
            continue;
        if (!role)
            return wrong(r, line, "expected a role: system:, developer:, user: or assistant:");
        if (++count > PROMPT_MESSAGES_MAX)
            return wrong(r, line, "more than %d messages", PROMPT_MESSAGES_MAX);
        struct prompt_message *m = arena_zalloc(r->prompt->arena, sizeof(*m));
        if (!m)
            return no_memory(r);
        m->role = role;
        *end = m;
        end = &m->next;
        struct str whole = take_text(&r->rest), text = whole;
        unsigned next = r->line;
        for (size_t i = 0; i < whole.n; i++)
            next += whole.p[i] == '\n';
        while (text.n && isspace((unsigned char)text.p[text.n - 1]))
            text.n--;
        if (!cut_message(r, m, text))
            return false;
        r->line = next;
    }
    return count > 0 || wrong(r, r->line, "there is no message");
}

/* ---- the whole ---- */

static bool read_parts(struct reader *r, struct str front) {
    yaml_document_t yaml;
    struct document_fault fault;
    if (!document_read(front, &yaml, &fault))
        return wrong(r, fault.line + 1, "%s", fault.message);
    r->yaml = &yaml;
    bool good = read_front(r) && read_messages(r);
    yaml_document_delete(&yaml);
    return good;
}

static bool read_prompt(struct reader *r, struct str text) {
    size_t bad;
    if (text.n > PROMPT_BYTES_MAX)
        return fail(r->err, ERR_DATA, "The prompt has %zu bytes; at most %d are taken.", text.n,
                    PROMPT_BYTES_MAX);
    if (!str_is_utf8(text, &bad))
        return fail(r->err, ERR_DATA, "The prompt is not UTF-8 at byte %zu.", bad);
    if (!str_starts(text, STR("---\n")))
        return wrong(r, 1, "a prompt begins with a line \"---\", its front matter, and a second \"---\"");
    struct str after = str_slice(text, 4, text.n);
    size_t end = str_starts(after, STR("---\n")) ? 0 : str_find(after, STR("\n---\n"));
    if (end == SIZE_MAX)
        return wrong(r, 1, "the front matter has no second line \"---\"");
    struct str front = str_slice(after, 0, end + (end > 0));
    r->rest = str_slice(after, front.n + 4, after.n);
    r->line = 3;
    for (size_t i = 0; i < front.n; i++)
        r->line += front.p[i] == '\n';
    return read_parts(r, front);
}

struct prompt *prompt_parse(struct str text, struct error *err) {
    struct prompt *p = calloc(1, sizeof(*p));
    struct reader r = {.prompt = p, .line = 1, .err = err};
    if (!p || !(p->arena = arena_new(8 << 20))) {
        free(p);
        no_memory(&r);
        return NULL;
    }
    atomic_init(&p->references, 1);
    p->description = "";
    if (read_prompt(&r, text))
        return p;
    prompt_unref(p);
    return NULL;
}
