/* Assertions of both forms: ours, {contains: x}, and promptfoo's, {type: contains, value: x}. */
#include "evals/suite_parts.h"

#include "guard/regex.h"
#include "guard/schema.h"

#include <ctype.h>
#include <stdio.h>

enum { ANY_MAX = 64 };

enum many { ONE, ALL_OF, ANY_OF, ANY_OF_NOCASE };

struct type {
    const char *name;
    enum assertion_kind kind;
    enum many many; /* a list, and what becomes of it */
    double threshold;
};

static const struct type types[] = {
    {"equals", ASSERT_EQUALS},
    {"contains", ASSERT_CONTAINS},
    {"icontains", ASSERT_ICONTAINS},
    {"starts-with", ASSERT_STARTS_WITH},
    {"regex", ASSERT_REGEX},
    {"contains-all", ASSERT_CONTAINS, ALL_OF},
    {"icontains-all", ASSERT_ICONTAINS, ALL_OF},
    {"contains-any", ASSERT_REGEX, ANY_OF},
    {"icontains-any", ASSERT_REGEX, ANY_OF_NOCASE},
    {"is-json", ASSERT_JSON},
    {"schema", ASSERT_JSON},
    {"number", ASSERT_NUMBER},
    {"lua", ASSERT_LUA},
    {"similar", ASSERT_SIMILAR, ONE, SIMILAR_THRESHOLD},
    {"rubric", ASSERT_RUBRIC},
    {"llm-rubric", ASSERT_RUBRIC},
    {"tool", ASSERT_TOOL},
    {"latency", ASSERT_LATENCY},
    {"cost", ASSERT_COST},
};

struct reading {
    struct suite_reader *r;
    const struct case_draft *draft; /* NULL: templates stay */
    const struct type *type;
    const yaml_node_t *value; /* NULL: none */
    bool negated;
    double threshold; /* NaN: none */
    unsigned line;
    struct assertion **out;
    size_t *count;
};

/* ---- which ---- */

static const struct type *type_named(struct str name) {
    for (size_t i = 0; i < ARRAY_COUNT(types); i++)
        if (str_eq(name, str_from(types[i].name)))
            return &types[i];
    return NULL;
}

/* What promptfoo has and we have not: the words that get a reason of their own. */
static const char *why_not(struct str name) {
    static const struct {
        const char *name, *reason;
    } refused[] = {
        {"javascript", "JavaScript is not run here; write the same as a Lua expression (type: lua)"},
        {"python", "Python is not run here; write the same as a Lua expression (type: lua)"},
        {"ruby", "Ruby is not run here; write the same as a Lua expression (type: lua)"},
        {"webhook", "nothing is asked elsewhere; write a Lua expression (type: lua) or a rubric"},
        {"contains-json", "write is-json, or a regex"},
        {"levenshtein", "write similar, with a threshold"},
        {"factuality", "write it as a rubric (type: llm-rubric)"},
        {"model-graded-closedqa", "write it as a rubric (type: llm-rubric)"},
        {"g-eval", "write it as a rubric (type: llm-rubric)"},
        {"answer-relevance", "write it as a rubric (type: llm-rubric)"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(refused); i++)
        if (str_eq(name, str_from(refused[i].name)))
            return refused[i].reason;
    return NULL;
}

static bool unknown_type(struct reading *g, struct str name) {
    const char *names[ARRAY_COUNT(types)], *reason = why_not(name);
    int shown = (int)(name.n > 60 ? 60 : name.n);
    for (size_t i = 0; i < ARRAY_COUNT(types); i++)
        names[i] = types[i].name;
    const char *near = str_nearest(name, names, ARRAY_COUNT(names));
    if (reason)
        return reader_wrong(g->r, g->line, "the assertion \"%.*s\" is not supported: %s", shown, name.p,
                            reason);
    if (near)
        return reader_wrong(g->r, g->line, "there is no assertion \"%.*s\"; did you mean \"%s\"?", shown,
                            name.p, near);
    return reader_wrong(
        g->r, g->line,
        "there is no assertion \"%.*s\"; there are equals, contains, icontains, contains-all, contains-any, "
        "starts-with, regex, is-json, number, lua, similar, rubric, tool, latency and cost",
        shown, name.p);
}

static bool find_type(struct reading *g, struct str name) {
    g->negated = str_starts(name, STR("not-"));
    g->type = type_named(g->negated ? str_slice(name, 4, name.n) : name);
    return g->type || unknown_type(g, g->negated ? str_slice(name, 4, name.n) : name);
}

/* ---- values ---- */

static bool fill(struct reading *g, struct str text, struct str *out) {
    return g->draft ? template_fill(g->r, text, g->draft, g->line, out) : reader_keep(g->r, text, out);
}

static bool take_text(struct reading *g, const yaml_node_t *node, struct str *out) {
    struct str text;
    if (!node)
        return reader_wrong(g->r, g->line, "%s: expected a value", g->type->name);
    return node_value_text(g->r, node, &text) && fill(g, text, out) &&
           (out->n > 0 || g->type->kind == ASSERT_EQUALS ||
            reader_wrong(g->r, g->line, "%s: an empty value holds of every answer", g->type->name));
}

static bool take_number(struct reading *g, const yaml_node_t *node, const char *what, double *out) {
    struct str text;
    if (!node_text(node).p || !fill(g, node_text(node), &text) || !str_to_double(text, out))
        return reader_wrong(g->r, g->line, "%s: %s is a number", g->type->name, what);
    return true;
}

/* The value as a JSON document; a text is taken as JSON, too. */
static yyjson_doc *take_json(struct reading *g, const yaml_node_t *node) {
    AUTO_BUF json = BUF_INIT(READER_JSON_MAX);
    struct error reason;
    struct str filled = {NULL, 0};
    char path[4096];
    if (str_starts(node_text(node), STR("file://"))) {
        if (!reader_open(g->r, str_slice(node_text(node), 7, node_text(node).n), g->line, READER_JSON_MAX,
                         &json, path))
            return NULL;
    } else if (node_text(node).p)
        buf_add_str(&json, node_text(node));
    else if (!node_json(g->r, node, &json))
        return NULL;
    yyjson_doc *doc = fill(g, buf_str(&json), &filled) ? json_parse(filled, &reason) : NULL;
    if (!doc && filled.p)
        (void)reader_wrong(g->r, g->line, "%s: not JSON: %.200s", g->type->name, reason.message);
    return doc;
}

static bool read_schema(struct reading *g, struct assertion *a) {
    struct str text = node_text(g->value);
    if (!g->value || (text.p && (text.n == 0 || str_eq(text, STR("true")) || str_eq(text, STR("null")))))
        return true;
    yyjson_doc *doc = take_json(g, g->value);
    struct error reason;
    if (!doc)
        return false;
    a->schema = schema_compile(yyjson_doc_get_root(doc), NULL, &reason);
    yyjson_doc_free(doc);
    return a->schema || reader_wrong(g->r, g->line, "the schema: %.300s", reason.message);
}

/* A number, or {is, within} or {is, percent}. */
static bool read_number(struct reading *g, struct assertion *a) {
    static const char *const keys[] = {"is", "within", "percent"};
    struct suite_reader *r = g->r;
    if (!node_is_map(g->value))
        return take_number(g, g->value, "the value", &a->number);
    const yaml_node_t *within = node_member(r, g->value, "within"),
                      *percent = node_member(r, g->value, "percent");
    if (!node_keys(r, g->value, "number", keys, ARRAY_COUNT(keys)) ||
        !take_number(g, node_member(r, g->value, "is"), "\"is\"", &a->number))
        return false;
    if (within && percent)
        return reader_wrong(r, g->line, "number: either within or percent");
    a->relative = percent != NULL;
    if ((within && !node_number(r, within, "within", 0, 1e300, &a->within)) ||
        (percent && !node_number(r, percent, "percent", 0, 1e6, &a->within)))
        return false;
    a->within /= percent ? 100 : 1;
    return true;
}

/* A text, or {to, at_least}. */
static bool read_similar(struct reading *g, struct assertion *a) {
    static const char *const keys[] = {"to", "at_least"};
    if (!node_is_map(g->value))
        return take_text(g, g->value, &a->value);
    return node_keys(g->r, g->value, "similar", keys, ARRAY_COUNT(keys)) &&
           node_read_number(g->r, g->value, "at_least", 0, 1, &a->threshold) &&
           take_text(g, node_member(g->r, g->value, "to"), &a->value);
}

/* A name, or {name, arguments}. */
static bool read_tool(struct reading *g, struct assertion *a) {
    static const char *const keys[] = {"name", "arguments"};
    if (!node_is_map(g->value))
        return take_text(g, g->value, &a->value);
    const yaml_node_t *arguments = node_member(g->r, g->value, "arguments");
    if (!node_keys(g->r, g->value, "tool", keys, ARRAY_COUNT(keys)) ||
        !take_text(g, node_member(g->r, g->value, "name"), &a->value))
        return false;
    if (arguments && !(a->arguments = take_json(g, arguments)))
        return false;
    return !arguments || yyjson_is_obj(yyjson_doc_get_root(a->arguments)) ||
           reader_wrong(g->r, g->line, "tool: its arguments are a mapping");
}

/* promptfoo writes the limit as a threshold. */
static bool read_limit(struct reading *g, struct assertion *a) {
    a->number = g->threshold;
    if (g->value && !take_number(g, g->value, "the limit", &a->number))
        return false;
    a->threshold = NAN;
    return a->number >= 0 ||
           reader_wrong(g->r, g->line, "%s: expected a number, 0 or more: %s", g->type->name,
                        g->type->kind == ASSERT_COST ? "US dollars" : "milliseconds");
}

/* A value that is no text is compared as JSON. */
static bool read_equals(struct reading *g, struct assertion *a) {
    if (node_is_map(g->value) || node_is_list(g->value)) {
        a->arguments = take_json(g, g->value);
        if (!a->arguments)
            return false;
    }
    return take_text(g, g->value, &a->value);
}

static bool read_value(struct reading *g, struct assertion *a) {
    switch (a->kind) {
    case ASSERT_EQUALS: return read_equals(g, a);
    case ASSERT_JSON: return read_schema(g, a);
    case ASSERT_NUMBER: return read_number(g, a);
    case ASSERT_SIMILAR: return read_similar(g, a);
    case ASSERT_TOOL: return read_tool(g, a);
    case ASSERT_LATENCY:
    case ASSERT_COST: return read_limit(g, a);
    default: return take_text(g, g->value, &a->value);
    }
}

/* ---- one ---- */

static struct assertion *begin(struct reading *g) {
    if (*g->count == READER_SHARED_MAX) {
        (void)reader_wrong(g->r, g->line, "more than %d assertions in one case", READER_SHARED_MAX);
        return NULL;
    }
    struct assertion *a = reader_add_assertion(g->r, g->line);
    if (!a)
        return NULL;
    a->kind = g->type->kind;
    a->negated = g->negated;
    a->threshold = !isnan(g->threshold) ? g->threshold : g->type->threshold > 0 ? g->type->threshold : NAN;
    g->out[(*g->count)++] = a;
    return a;
}

static bool finish(struct reading *g, struct assertion *a) {
    struct error reason;
    return assertion_prepare(a, &reason) ||
           reader_wrong(g->r, g->line, "%s: %.300s", g->type->name, reason.message);
}

static bool add_one(struct reading *g) {
    struct assertion *a = begin(g);
    return a && read_value(g, a) && finish(g, a);
}

/* Every character that means something in a pattern, taken as itself. */
static void add_literal(struct buf *pattern, struct str text) {
    for (size_t i = 0; i < text.n; i++) {
        if (strchr("\\^$.|?*+()[]{}/", text.p[i]) && text.p[i])
            buf_add_char(pattern, '\\');
        buf_add_char(pattern, text.p[i]);
    }
}

/* The same letter in either case, since ECMA's patterns have no flag inside. */
static void add_nocase(struct buf *pattern, struct str text) {
    for (size_t i = 0; i < text.n; i++) {
        int c = (unsigned char)text.p[i];
        if (c < 0x80 && isalpha(c))
            buf_printf(pattern, "[%c%c]", tolower(c), toupper(c));
        else
            add_literal(pattern, str_slice(text, i, i + 1));
    }
}

static bool add_any(struct reading *g, const yaml_node_t *list) {
    AUTO_BUF pattern = BUF_INIT(REGEX_BYTES_MAX);
    struct assertion *a = begin(g);
    if (!a)
        return false;
    for (size_t i = 0; i < node_count(list); i++) {
        struct str text;
        if (!take_text(g, node_item(g->r, list, i), &text))
            return false;
        if (i)
            buf_add_char(&pattern, '|');
        (g->type->many == ANY_OF ? add_literal : add_nocase)(&pattern, text);
    }
    if (pattern.failed)
        return reader_wrong(g->r, g->line, "%s: out of memory, or more than %d bytes", g->type->name,
                            REGEX_BYTES_MAX);
    return reader_keep(g->r, buf_str(&pattern), &a->value) && finish(g, a);
}

static bool add_all(struct reading *g, const yaml_node_t *list) {
    for (size_t i = 0; i < node_count(list); i++) {
        g->value = node_item(g->r, list, i);
        if (!add_one(g))
            return false;
    }
    return true;
}

static bool add(struct reading *g) {
    const yaml_node_t *list = g->value;
    if (g->type->many == ONE)
        return add_one(g);
    if (!node_is_list(list) || node_count(list) == 0 || node_count(list) > ANY_MAX)
        return reader_wrong(g->r, g->line, "%s: expected a list of 1 to %d texts", g->type->name, ANY_MAX);
    if (g->type->many != ALL_OF)
        return add_any(g, list);
    if (g->negated)
        return reader_wrong(g->r, g->line, "not-%s: write several not-contains, or not-contains-any",
                            g->type->name);
    return add_all(g, list);
}

/* ---- the two forms ---- */

static bool read_threshold(struct reading *g, const yaml_node_t *map) {
    g->threshold = NAN;
    return node_read_number(g->r, map, "threshold", 0, 1e12, &g->threshold);
}

static bool read_typed(struct reading *g, const yaml_node_t *map) {
    static const char *const keys[] = {"type", "value", "threshold", "metric", "weight", "provider"};
    const yaml_node_t *weight = node_member(g->r, map, "weight");
    struct str name = node_text(node_member(g->r, map, "type"));
    double one;
    if (!node_keys(g->r, map, "an assertion", keys, ARRAY_COUNT(keys)) || !read_threshold(g, map))
        return false;
    if (weight && (!str_to_double(node_text(weight), &one) || one != 1))
        return reader_wrong(g->r, node_line(weight),
                            "weight: all assertions weigh the same here; leave it out");
    if (!name.p)
        return reader_wrong(g->r, g->line, "type: expected a text, such as contains");
    g->value = node_member(g->r, map, "value");
    return find_type(g, name) && add(g);
}

static bool read_short(struct reading *g, const yaml_node_t *map) {
    size_t pairs = (size_t)(map->data.mapping.pairs.top - map->data.mapping.pairs.start), named = 0;
    if (!read_threshold(g, map))
        return false;
    for (size_t i = 0; i < pairs; i++) {
        const yaml_node_pair_t *pair = &map->data.mapping.pairs.start[i];
        struct str name = node_text(yaml_document_get_node(g->r->yaml, pair->key));
        if (str_eq(name, STR("threshold")))
            continue;
        g->value = yaml_document_get_node(g->r->yaml, pair->value);
        if (named++ || !name.p)
            return reader_wrong(g->r, g->line,
                                "an assertion is one key and its value, such as contains: yes");
        if (!find_type(g, name) || !add(g))
            return false;
    }
    return named ||
           reader_wrong(g->r, g->line, "an assertion is one key and its value, such as contains: yes");
}

/* {$ref: "#/assertionTemplates/NAME"}; NULL: there is none of this name. */
static const yaml_node_t *resolve(struct suite_reader *r, const yaml_node_t *node) {
    static const char prefix[] = "#/assertionTemplates/";
    struct str name = node_text(node_member(r, node, "$ref"));
    if (!name.p)
        return node;
    return str_starts(name, str_from(prefix)) ? node_member(r, r->templates, name.p + strlen(prefix)) : NULL;
}

bool assertions_read(struct suite_reader *r, const yaml_node_t *list, const struct case_draft *d,
                     struct assertion **out, size_t *count) {
    if (!list)
        return true;
    if (!node_is_list(list))
        return reader_wrong(r, node_line(list), "assert: expected a list");
    for (size_t i = 0; i < node_count(list); i++) {
        const yaml_node_t *node = resolve(r, node_item(r, list, i));
        struct reading g = {.r = r, .draft = d, .line = node_line(node), .out = out, .count = count};
        if (!node)
            return reader_wrong(r, node_line(node_item(r, list, i)),
                                "$ref: expected the name of one of the assertionTemplates");
        if (!node_is_map(node))
            return reader_wrong(r, g.line, "an assertion: expected a mapping, such as contains: yes");
        if (!(node_member(r, node, "type") ? read_typed(&g, node) : read_short(&g, node)))
            return false;
    }
    return true;
}

bool assertions_prepare_every(struct suite_reader *r, const yaml_node_t *list) {
    r->every = list;
    r->every_is_template = node_has_template(r, list, 0);
    return r->every_is_template || assertions_read(r, list, NULL, r->shared, &r->shared_count);
}
