#include "guard/schema.h"

#include "guard/schema_parts.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { ARENA_BYTES = 16 << 20, PLACES_MAX = 2000 };

/* Where the compiler stands in the schema. */
struct step {
    const struct step *above;
    struct str key; /* .p NULL: `index` it is */
    size_t index;
    bool whole; /* `key` is a pointer already */
};

/* A name for a place: an $id (anchor empty) or an $anchor within one. */
struct named_place {
    struct named_place *next;
    struct str base, anchor;
    yyjson_val *source;
};

struct reference {
    struct reference *next;
    struct schema_rule *rule;
    struct str base;
    struct str place; /* of the reference, as a pointer */
};

struct schema_compiler {
    struct schema *schema;
    struct schema_node **nodes; /* by the value's position in the document */
    size_t values, count, names;
    struct str base; /* the $id that holds here, absolute where one was given */
    const struct step *at;
    struct named_place *places;
    struct reference *references;
    unsigned depth;
};

/* ---- places ---- */

static void write_step(const struct step *at, struct buf *out) {
    if (!at)
        return;
    write_step(at->above, out);
    buf_add_char(out, '/');
    if (!at->key.p) {
        buf_add_u64(out, at->index);
        return;
    }
    if (at->whole) {
        buf_add_str(out, at->key);
        return;
    }
    for (size_t i = 0; i < at->key.n; i++)
        if (at->key.p[i] == '~' || at->key.p[i] == '/')
            buf_add_str(out, at->key.p[i] == '~' ? STR("~0") : STR("~1"));
        else
            buf_add_char(out, at->key.p[i]);
}

bool schema_malformed(struct schema_compiler *c, struct error *err, const char *format, ...) {
    AUTO_BUF place = BUF_INIT(4096);
    char reason[320];
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof(reason), format, args);
    va_end(args);
    write_step(c->at, &place);
    const char *terminated = buf_terminated(&place);
    return fail_at(err, ERR_INVALID_FIELD, terminated ? terminated : "",
                   "The JSON Schema is wrong at %s: %s.",
                   terminated && terminated[0] ? terminated : "its root", reason);
}

void *schema_room(struct schema_compiler *c, size_t n, struct error *err) {
    void *room = arena_zalloc(c->schema->arena, n);
    if (!room)
        fail(err, ERR_NO_MEMORY,
             "The JSON Schema takes more than the %d MiB that a compiled schema may have.",
             ARENA_BYTES >> 20);
    return room;
}

/* ---- nodes ---- */

static bool compile_node(struct schema_compiler *c, yyjson_val *source, struct schema_node **out,
                         struct error *err);

static bool compile_below(struct schema_compiler *c, const struct step *step, yyjson_val *source,
                          struct schema_node **out, struct error *err) {
    const struct step *above = c->at;
    c->at = step;
    bool good = compile_node(c, source, out, err);
    c->at = above;
    return good;
}

bool schema_one(struct schema_compiler *c, struct schema_rule *rule, struct error *err) {
    rule->nodes = schema_room(c, sizeof(*rule->nodes), err);
    rule->count = 1;
    return rule->nodes && compile_node(c, rule->value, &rule->nodes[0], err);
}

bool schema_list(struct schema_compiler *c, struct schema_rule *rule, struct error *err) {
    size_t index, max;
    yyjson_val *item;
    if (!yyjson_is_arr(rule->value) || yyjson_arr_size(rule->value) == 0)
        return schema_malformed(c, err, "expected an array of one schema or more");
    rule->count = yyjson_arr_size(rule->value);
    if (!(rule->nodes = schema_room(c, rule->count * sizeof(*rule->nodes), err)))
        return false;
    yyjson_arr_foreach(rule->value, index, max, item) {
        struct step step = {c->at, {NULL, 0}, index, false};
        if (!compile_below(c, &step, item, &rule->nodes[index], err))
            return false;
    }
    return true;
}

bool schema_map(struct schema_compiler *c, struct schema_rule *rule, struct error *err) {
    size_t index, max;
    yyjson_val *key, *value;
    if (!yyjson_is_obj(rule->value))
        return schema_malformed(c, err, "expected an object whose values are schemas");
    rule->count = yyjson_obj_size(rule->value);
    if (!(rule->nodes = schema_room(c, rule->count * sizeof(*rule->nodes), err)))
        return false;
    yyjson_obj_foreach(rule->value, index, max, key, value) {
        struct step step = {c->at, json_str_of(key), 0, false};
        if (!compile_below(c, &step, value, &rule->nodes[index], err))
            return false;
    }
    return true;
}

struct regex *schema_pattern(struct schema_compiler *c, struct str text, struct error *err) {
    struct error reason;
    struct schema_pattern_link *link = schema_room(c, sizeof(*link), err);
    if (!link)
        return NULL;
    if (!(link->regex = regex_compile(text, &reason))) {
        if (reason.code == ERR_NO_MEMORY)
            fail(err, ERR_NO_MEMORY, "Out of memory while compiling a JSON Schema.");
        else
            schema_malformed(c, err, "%s", reason.message);
        return NULL;
    }
    link->next = c->schema->patterns;
    c->schema->patterns = link;
    return link->regex;
}

bool schema_reference(struct schema_compiler *c, struct schema_rule *rule, struct error *err) {
    AUTO_BUF place = BUF_INIT(4096);
    if (!yyjson_is_str(rule->value))
        return schema_malformed(c, err, "expected a string");
    struct reference *reference = schema_room(c, sizeof(*reference), err);
    rule->nodes = schema_room(c, sizeof(*rule->nodes), err);
    if (!reference || !rule->nodes)
        return false;
    rule->count = 1;
    write_step(c->at, &place);
    *reference =
        (struct reference){c->references, rule, c->base, arena_copy(c->schema->arena, buf_str(&place))};
    c->references = reference;
    return reference->place.p || fail(err, ERR_NO_MEMORY, "Out of memory while compiling a JSON Schema.");
}

static bool name_place(struct schema_compiler *c, struct str anchor, yyjson_val *source, struct error *err) {
    struct named_place *place = schema_room(c, sizeof(*place), err);
    if (!place)
        return false;
    if (++c->names > PLACES_MAX)
        return schema_malformed(c, err, "more than %d $id and $anchor", PLACES_MAX);
    *place = (struct named_place){c->places, c->base, anchor, source};
    c->places = place;
    return true;
}

/* $id and $anchor say what this place is called. */
static bool read_names(struct schema_compiler *c, yyjson_val *source, struct error *err) {
    yyjson_val *id = yyjson_obj_get(source, "$id"), *anchor = yyjson_obj_get(source, "$anchor");
    yyjson_val *dynamic = yyjson_obj_get(source, "$dynamicAnchor"); /* for $ref, as good as an $anchor */
    if ((id && !yyjson_is_str(id)) || (anchor && !yyjson_is_str(anchor)) ||
        (dynamic && !yyjson_is_str(dynamic)))
        return schema_malformed(c, err, "$id and $anchor must be strings");
    if (id) {
        struct str reference = json_str_of(id);
        size_t hash = str_find_char(reference, '#');
        if (hash != SIZE_MAX && hash + 1 < reference.n)
            return schema_malformed(c, err, "an $id has no fragment; use $anchor");
        char *base = schema_uri_resolve(c->schema->arena, c->base, str_slice(reference, 0, hash));
        if (!base)
            return fail(err, ERR_NO_MEMORY, "Out of memory while compiling a JSON Schema.");
        c->base = str_from(base);
        if (!name_place(c, STR(""), source, err))
            return false;
    }
    return (!anchor || name_place(c, json_str_of(anchor), source, err)) &&
           (!dynamic || name_place(c, json_str_of(dynamic), source, err));
}

static bool compile_rules(struct schema_compiler *c, yyjson_val *source, struct schema_node *node,
                          struct error *err) {
    struct schema_rule **end = &node->rules;
    size_t index, max;
    yyjson_val *key, *value;
    yyjson_obj_foreach(source, index, max, key, value) {
        const struct schema_keyword *keyword = schema_keyword_find(json_str_of(key));
        if (!keyword)
            continue;
        struct schema_rule *rule = schema_room(c, sizeof(*rule), err);
        if (!rule)
            return false;
        struct step step = {c->at, json_str_of(key), 0, false};
        const struct step *above = c->at;
        *rule = (struct schema_rule){.keyword = keyword, .owner = node, .value = value};
        c->at = &step;
        bool good = keyword->compile(c, rule, err);
        c->at = above;
        if (!good)
            return false;
        if (keyword->check) {
            *end = rule;
            end = &rule->next;
        }
    }
    return true;
}

static bool compile_node(struct schema_compiler *c, yyjson_val *source, struct schema_node **out,
                         struct error *err) {
    struct schema_node **known = &c->nodes[source - c->schema->doc->root];
    if (*known) {
        *out = *known;
        return true;
    }
    if (!yyjson_is_obj(source) && !yyjson_is_bool(source))
        return schema_malformed(c, err, "a schema is an object, true or false");
    if (++c->count > SCHEMA_NODES_MAX)
        return schema_malformed(c, err, "more than %d schemas in one", SCHEMA_NODES_MAX);
    if (c->depth >= JSON_DEPTH_MAX)
        return schema_malformed(c, err, "nested deeper than %d levels", JSON_DEPTH_MAX);
    struct schema_node *node = schema_room(c, sizeof(*node), err);
    if (!node)
        return false;
    *known = *out = node;
    node->source = source;
    node->refuses_all = yyjson_is_false(source);
    if (!yyjson_is_obj(source))
        return true;
    struct str base = c->base;
    c->depth++;
    bool good = read_names(c, source, err) && compile_rules(c, source, node, err);
    c->depth--;
    c->base = base;
    return good;
}

/* ---- references ---- */

static const struct named_place *place_named(const struct schema_compiler *c, struct str base,
                                             struct str anchor) {
    for (const struct named_place *p = c->places; p; p = p->next)
        if (str_eq(p->base, base) && str_eq(p->anchor, anchor))
            return p;
    return NULL;
}

static yyjson_val *child_named(yyjson_val *value, struct str token) {
    uint64_t index;
    if (yyjson_is_arr(value))
        return token.n && (token.n == 1 || token.p[0] != '0') && str_to_u64(token, &index)
                   ? yyjson_arr_get(value, index)
                   : NULL;
    char *name = str_dup(token), *to = name;
    if (!name)
        return NULL;
    for (const char *p = name; *p; p++)
        if (*p == '~' && (p[1] == '0' || p[1] == '1'))
            *to++ = *++p == '0' ? '~' : '/';
        else
            *to++ = *p;
    yyjson_val *child = yyjson_obj_getn(value, name, (size_t)(to - name));
    free(name);
    return child;
}

/* Walks a JSON Pointer (RFC 6901) from c->base's root; an $id on the way changes the base. */
static yyjson_val *walk(struct schema_compiler *c, yyjson_val *from, struct str pointer) {
    while (from && pointer.n) {
        pointer = str_slice(pointer, 1, pointer.n);
        size_t slash = str_find_char(pointer, '/');
        from = child_named(from, str_slice(pointer, 0, slash));
        pointer = slash == SIZE_MAX ? (struct str){"", 0} : str_slice(pointer, slash, pointer.n);
        for (const struct named_place *p = c->places; p && from && pointer.n; p = p->next)
            if (p->source == from && p->anchor.n == 0)
                c->base = p->base;
    }
    return from;
}

static bool resolve(struct schema_compiler *c, const struct reference *r, struct error *err) {
    struct str text = json_str_of(r->rule->value), fragment = text;
    struct str document = str_split(&fragment, '#');
    struct step at = {NULL, str_slice(r->place, 1, r->place.n), 0, true};
    const char *base = schema_uri_resolve(c->schema->arena, r->base, document);
    const char *name = base ? schema_uri_decode(c->schema->arena, fragment) : NULL;
    c->at = &at;
    if (!name)
        return fail(err, ERR_NO_MEMORY, "Out of memory while compiling a JSON Schema.");
    struct str anchor = str_from(name);
    bool pointer = anchor.n == 0 || anchor.p[0] == '/';
    const struct named_place *root = place_named(c, str_from(base), STR(""));
    if (!root)
        return schema_malformed(c, err,
                                "\"%.*s\" is in another document, and none is fetched; put it under $defs",
                                (int)(text.n < 120 ? text.n : 120), text.p);
    const struct named_place *place = pointer ? root : place_named(c, root->base, anchor);
    c->base = root->base;
    yyjson_val *source = place ? walk(c, place->source, pointer ? anchor : STR("")) : NULL;
    if (!source)
        return schema_malformed(c, err, "\"%.*s\" leads nowhere in this schema",
                                (int)(text.n < 120 ? text.n : 120), text.p);
    return compile_node(c, source, &r->rule->nodes[0], err);
}

/* What a reference leads to may hold further references. */
static bool resolve_all(struct schema_compiler *c, struct error *err) {
    while (c->references) {
        struct reference *r = c->references;
        c->references = r->next;
        if (!resolve(c, r, err))
            return false;
    }
    return true;
}

/* ---- the schema ---- */

static bool compile_document(struct schema_compiler *c, struct error *err) {
    struct schema *s = c->schema;
    c->values = yyjson_doc_get_val_count(s->doc);
    if (!(c->nodes = calloc(c->values, sizeof(struct schema_node *))))
        return fail(err, ERR_NO_MEMORY, "Out of memory while compiling a JSON Schema.");
    bool good = name_place(c, STR(""), s->doc->root, err) && compile_node(c, s->doc->root, &s->root, err) &&
                resolve_all(c, err);
    free(c->nodes);
    return good;
}

static bool copy_document(struct schema *s, yyjson_val *json, struct error *err) {
    size_t n = 0;
    if (!json)
        return fail(err, ERR_INVALID_FIELD, "There is no JSON Schema.");
    char *text = yyjson_val_write(json, 0, &n);
    if (!text)
        return fail(err, ERR_NO_MEMORY, "Out of memory while compiling a JSON Schema.");
    if (n <= SCHEMA_BYTES_MAX)
        s->doc = yyjson_read(text, n, 0);
    free(text);
    if (n > SCHEMA_BYTES_MAX)
        return fail(err, ERR_INVALID_FIELD, "The JSON Schema has %zu bytes; at most %d are taken.", n,
                    SCHEMA_BYTES_MAX);
    return s->doc || fail(err, ERR_NO_MEMORY, "Out of memory while compiling a JSON Schema.");
}

struct schema *schema_compile(yyjson_val *json, const struct schema_options *options, struct error *err) {
    struct schema *s = calloc(1, sizeof(*s));
    if (!s || !(s->arena = arena_new(ARENA_BYTES))) {
        free(s);
        fail(err, ERR_NO_MEMORY, "Out of memory while compiling a JSON Schema.");
        return NULL;
    }
    atomic_init(&s->references, 1);
    s->assert_formats = options && options->assert_formats;
    struct schema_compiler c = {.schema = s, .base = STR("")};
    if (copy_document(s, json, err) && compile_document(&c, err))
        return s;
    schema_unref(s);
    return NULL;
}

struct schema *schema_ref(struct schema *s) {
    atomic_fetch_add_explicit(&s->references, 1, memory_order_relaxed);
    return s;
}

void schema_unref(struct schema *s) {
    if (!s || atomic_fetch_sub_explicit(&s->references, 1, memory_order_acq_rel) != 1)
        return;
    for (struct schema_pattern_link *p = s->patterns; p; p = p->next)
        regex_free(p->regex);
    arena_free(s->arena);
    yyjson_doc_free(s->doc);
    free(s);
}
