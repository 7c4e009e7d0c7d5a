#include "evals/suite_parts.h"

#include "base/hash.h"

#include <stdio.h>

struct str node_text(const yaml_node_t *node) {
    return node && node->type == YAML_SCALAR_NODE
               ? (struct str){(const char *)node->data.scalar.value, node->data.scalar.length}
               : (struct str){NULL, 0};
}

unsigned node_line(const yaml_node_t *node) {
    return node ? (unsigned)node->start_mark.line + 1 : 0;
}

bool node_is_map(const yaml_node_t *node) {
    return node && node->type == YAML_MAPPING_NODE;
}

bool node_is_list(const yaml_node_t *node) {
    return node && node->type == YAML_SEQUENCE_NODE;
}

size_t node_count(const yaml_node_t *list) {
    return node_is_list(list) ? (size_t)(list->data.sequence.items.top - list->data.sequence.items.start) : 0;
}

const yaml_node_t *node_item(struct suite_reader *r, const yaml_node_t *list, size_t i) {
    return yaml_document_get_node(r->yaml, list->data.sequence.items.start[i]);
}

static size_t pair_count(const yaml_node_t *map) {
    return (size_t)(map->data.mapping.pairs.top - map->data.mapping.pairs.start);
}

const yaml_node_t *node_member(struct suite_reader *r, const yaml_node_t *map, const char *key) {
    if (!node_is_map(map))
        return NULL;
    for (size_t i = 0; i < pair_count(map); i++) {
        const yaml_node_pair_t *pair = &map->data.mapping.pairs.start[i];
        if (str_eq(node_text(yaml_document_get_node(r->yaml, pair->key)), str_from(key)))
            return yaml_document_get_node(r->yaml, pair->value);
    }
    return NULL;
}

static size_t index_of(struct str key, const char *const *known, size_t count) {
    size_t i = 0;
    while (i < count && !str_eq(key, str_from(known[i])))
        i++;
    return i;
}

bool node_keys(struct suite_reader *r, const yaml_node_t *map, const char *what, const char *const *known,
               size_t count) {
    uint64_t seen = 0;
    if (!node_is_map(map))
        return reader_wrong(r, node_line(map), "%s: expected a mapping (key: value)", what);
    for (size_t i = 0; i < pair_count(map); i++) {
        const yaml_node_t *key = yaml_document_get_node(r->yaml, map->data.mapping.pairs.start[i].key);
        struct str name = node_text(key);
        size_t at = name.p ? index_of(name, known, count) : count;
        if (at == count) {
            const char *near = name.p ? str_nearest(name, known, count) : NULL;
            return reader_wrong(r, node_line(key), "%s has no key \"%.*s\"%s%s%s", what,
                                (int)(name.n > 60 ? 60 : name.n), name.p ? name.p : "",
                                near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
        }
        if (seen & (UINT64_C(1) << at))
            return reader_wrong(r, node_line(key), "\"%s\" stands here a second time", known[at]);
        seen |= UINT64_C(1) << at;
    }
    return true;
}

bool node_read_text(struct suite_reader *r, const yaml_node_t *map, const char *key, struct str *out) {
    const yaml_node_t *node = node_member(r, map, key);
    if (!node)
        return true;
    if (!node_text(node).p)
        return reader_wrong(r, node_line(node), "%s: expected a text", key);
    return reader_keep(r, node_text(node), out);
}

bool node_number(struct suite_reader *r, const yaml_node_t *node, const char *what, double least, double most,
                 double *out) {
    double number;
    struct str text = node_text(node);
    if (!text.p || !str_to_double(text, &number) || number < least || number > most)
        return reader_wrong(r, node_line(node), "%s: expected a number from %.15g to %.15g", what, least,
                            most);
    *out = number;
    return true;
}

bool node_read_number(struct suite_reader *r, const yaml_node_t *map, const char *key, double least,
                      double most, double *out) {
    const yaml_node_t *node = node_member(r, map, key);
    return !node || node_number(r, node, key, least, most, out);
}

/* ---- as JSON ---- */

static bool is_json_number(struct str s) {
    size_t i = s.n && s.p[0] == '-', first = i;
    double number;
    if (i == s.n || s.p[i] < '0' || s.p[i] > '9' ||
        (s.p[first] == '0' && s.n > first + 1 && s.p[first + 1] >= '0' && s.p[first + 1] <= '9'))
        return false;
    if (s.p[s.n - 1] < '0' || s.p[s.n - 1] > '9' || str_find(s, STR(".e")) != SIZE_MAX ||
        str_find(s, STR(".E")) != SIZE_MAX)
        return false;
    return str_to_double(s, &number);
}

static void write_scalar(const yaml_node_t *node, struct json_writer *w) {
    struct str s = node_text(node);
    bool plain = node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    if (plain && (s.n == 0 || str_eq(s, STR("~")) || str_eq(s, STR("null"))))
        json_null(w);
    else if (plain && (str_eq(s, STR("true")) || str_eq(s, STR("false"))))
        json_bool(w, s.p[0] == 't');
    else if (plain && is_json_number(s))
        json_raw(w, s);
    else
        json_str(w, s);
}

static bool write_node(struct suite_reader *r, const yaml_node_t *node, unsigned depth,
                       struct json_writer *w);

static bool write_map(struct suite_reader *r, const yaml_node_t *node, unsigned depth,
                      struct json_writer *w) {
    json_object(w);
    for (size_t i = 0; i < pair_count(node); i++) {
        const yaml_node_pair_t *pair = &node->data.mapping.pairs.start[i];
        struct str key = node_text(yaml_document_get_node(r->yaml, pair->key));
        if (!key.p)
            return reader_wrong(r, node_line(node), "a key that is no text");
        json_str(w, key);
        buf_add_char(w->out, ':');
        w->comma = false;
        if (!write_node(r, yaml_document_get_node(r->yaml, pair->value), depth + 1, w))
            return false;
    }
    json_object_end(w);
    return true;
}

static bool write_node(struct suite_reader *r, const yaml_node_t *node, unsigned depth,
                       struct json_writer *w) {
    if (depth > READER_JSON_DEPTH || w->out->failed)
        return reader_wrong(r, node_line(node), "out of memory, or more than %d levels or %d bytes of JSON",
                            READER_JSON_DEPTH, READER_JSON_MAX);
    if (node_is_map(node))
        return write_map(r, node, depth, w);
    if (node && !node_is_list(node)) {
        write_scalar(node, w);
        return true;
    }
    json_array(w);
    for (size_t i = 0; i < node_count(node); i++)
        if (!write_node(r, node_item(r, node, i), depth + 1, w))
            return false;
    json_array_end(w);
    return true;
}

bool node_json(struct suite_reader *r, const yaml_node_t *node, struct buf *out) {
    enum { ALL_JSON_MAX = 64 << 20 };
    struct json_writer w = JSON_WRITER(out);
    if (!write_node(r, node, 0, &w))
        return false;
    r->json_bytes += out->n;
    if (out->failed || r->json_bytes > ALL_JSON_MAX)
        return reader_wrong(r, node_line(node), "out of memory, or more than %d bytes of JSON, or %d in all",
                            READER_JSON_MAX, ALL_JSON_MAX);
    return true;
}

bool node_value_text(struct suite_reader *r, const yaml_node_t *node, struct str *out) {
    AUTO_BUF json = BUF_INIT(READER_JSON_MAX);
    if (node_text(node).p)
        return reader_keep(r, node_text(node), out);
    return node_json(r, node, &json) && reader_keep(r, buf_str(&json), out);
}

bool node_has_template(struct suite_reader *r, const yaml_node_t *node, unsigned depth) {
    if (!node || depth > READER_JSON_DEPTH)
        return false;
    if (node_text(node).p)
        return template_in(node_text(node));
    bool found = false;
    for (size_t i = 0; !found && i < node_count(node); i++)
        found = node_has_template(r, node_item(r, node, i), depth + 1);
    for (size_t i = 0; !found && node_is_map(node) && i < pair_count(node); i++)
        found = node_has_template(r, yaml_document_get_node(r->yaml, node->data.mapping.pairs.start[i].value),
                                  depth + 1);
    return found;
}
