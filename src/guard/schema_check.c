#include "guard/schema_parts.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* A subschema that refers to itself at the same place would go on for ever; an instance is 64 levels deep. */
enum { DEPTH_MAX = 300 };

struct schema_checker {
    const struct schema *schema;
    struct schema_verdict *verdict; /* NULL: the first fault ends it */
    bool counting;                  /* count faults in `counted`, note none */
    unsigned counted, depth;
    uint64_t steps;
    const char *undecided;
};

/* ---- bounds ---- */

bool schema_undecided(struct schema_checker *c, const char *why) {
    if (!c->undecided)
        c->undecided = why;
    return false;
}

bool schema_is_undecided(const struct schema_checker *c) {
    return c->undecided != NULL;
}

bool schema_spend(struct schema_checker *c, size_t steps) {
    if (c->undecided)
        return false;
    if (steps >= c->steps)
        return schema_undecided(c, "the check took too many steps");
    c->steps -= steps;
    return true;
}

bool schema_goes_on(const struct schema_checker *c) {
    return (c->verdict || c->counting) && !c->undecided;
}

bool schema_asserts_formats(const struct schema_checker *c) {
    return c->schema->assert_formats;
}

bool schema_matches(struct schema_checker *c, const struct regex *pattern, struct str text) {
    if (!schema_spend(c, 20 + text.n / 4))
        return false;
    enum regex_outcome outcome = regex_find(pattern, text);
    if (outcome == REGEX_UNDECIDED)
        return schema_undecided(c, "a regular expression took too many steps");
    return outcome == REGEX_MATCH;
}

/* ---- faults ---- */

/* At most n - 1 bytes, whole characters. */
static void cut_utf8(char *text, size_t n) {
    size_t length = strnlen(text, n - 1);
    text[length] = 0;
    size_t from = length;
    while (from > 0 && ((unsigned char)text[from - 1] & 0xc0) == 0x80)
        from--;
    if (from > 0 && !str_is_utf8((struct str){text + from - 1, length - from + 1}, NULL))
        text[from - 1] = 0;
}

static void write_pointer(const struct schema_place *at, struct buf *out) {
    if (!at->above)
        return;
    write_pointer(at->above, out);
    buf_add_char(out, '/');
    if (!at->key.p)
        buf_add_u64(out, at->index);
    for (size_t i = 0; at->key.p && i < at->key.n; i++)
        if (at->key.p[i] == '~' || at->key.p[i] == '/')
            buf_add_str(out, at->key.p[i] == '~' ? STR("~0") : STR("~1"));
        else
            buf_add_char(out, at->key.p[i] ? at->key.p[i] : ' ');
}

/* "the string \"abc\"", "the number 7.5", "an object with 3 properties" */
static void describe(yyjson_val *value, char *out, size_t room) {
    AUTO_BUF json = BUF_INIT(4096);
    struct json_writer w = JSON_WRITER(&json);
    unsigned types = schema_types_of(value);
    if (types & TYPE_STRING)
        json_str(&w, str_slice(json_str_of(value), 0, 400));
    else if (types & (TYPE_NUMBER | TYPE_BOOLEAN))
        json_value(&w, value);
    struct str text = buf_str(&json);
    if (types & TYPE_STRING)
        snprintf(out, room, "the string %.*s", STR_ARG(text));
    else if (types & TYPE_NUMBER)
        snprintf(out, room, "the number %.*s", STR_ARG(text));
    else if (types & TYPE_OBJECT)
        snprintf(out, room, "an object with %zu properties", yyjson_obj_size(value));
    else if (types & TYPE_ARRAY)
        snprintf(out, room, "an array of %zu items", yyjson_arr_size(value));
    else
        snprintf(out, room, "%.*s", types & TYPE_NULL ? 4 : (int)text.n, types & TYPE_NULL ? "null" : text.p);
}

bool schema_fault(struct schema_checker *c, const struct schema_rule *rule, const struct schema_place *at,
                  const char *found, const char *expected, ...) {
    c->counted++;
    if (c->counting || !c->verdict || c->undecided)
        return false;
    struct schema_verdict *v = c->verdict;
    v->count++;
    if (v->kept == SCHEMA_FAULTS_MAX)
        return false;
    struct schema_fault *f = &v->faults[v->kept++];
    AUTO_BUF pointer = BUF_INIT(64 << 10);
    va_list args;
    va_start(args, expected);
    vsnprintf(f->expected, sizeof(f->expected), expected, args);
    va_end(args);
    write_pointer(at, &pointer);
    const char *place = buf_terminated(&pointer);
    snprintf(f->pointer, sizeof(f->pointer), "%s", place ? place : "");
    if (found)
        snprintf(f->found, sizeof(f->found), "%s", found);
    else
        describe(at->value, f->found, sizeof(f->found));
    f->keyword = rule ? rule->keyword->name : "false";
    cut_utf8(f->pointer, sizeof(f->pointer));
    cut_utf8(f->expected, sizeof(f->expected));
    cut_utf8(f->found, sizeof(f->found));
    return false;
}

/* ---- the walk ---- */

bool schema_fits(struct schema_checker *c, const struct schema_node *node, const struct schema_place *at) {
    bool good = true;
    if (!schema_spend(c, 1))
        return false;
    if (node->refuses_all)
        return schema_fault(c, NULL, at, NULL, "nothing: no value is allowed here");
    if (c->depth >= DEPTH_MAX)
        return schema_undecided(c, "the schema refers to itself without end, or goes too deep");
    c->depth++;
    for (const struct schema_rule *rule = node->rules; rule && (good || schema_goes_on(c)); rule = rule->next)
        good = rule->keyword->check(c, rule, at) && good;
    c->depth--;
    return good && !c->undecided;
}

bool schema_would_fit(struct schema_checker *c, const struct schema_node *node,
                      const struct schema_place *at) {
    struct schema_verdict *verdict = c->verdict;
    bool counting = c->counting;
    unsigned counted = c->counted;
    c->verdict = NULL;
    c->counting = false;
    bool good = schema_fits(c, node, at);
    c->verdict = verdict;
    c->counting = counting;
    c->counted = counted;
    return good;
}

static unsigned count_faults(struct schema_checker *c, const struct schema_node *node,
                             const struct schema_place *at) {
    struct schema_verdict *verdict = c->verdict;
    unsigned before = c->counted;
    c->verdict = NULL;
    c->counting = true;
    schema_fits(c, node, at);
    c->verdict = verdict;
    c->counting = false;
    unsigned count = c->counted - before;
    c->counted = before;
    return count;
}

void schema_note_nearest(struct schema_checker *c, const struct schema_rule *rule,
                         const struct schema_place *at) {
    const struct schema_node *nearest = NULL;
    unsigned fewest = 0;
    if (!c->verdict || c->counting || !yyjson_is_ctn(at->value))
        return;
    for (size_t i = 0; i < rule->count && !c->undecided; i++) {
        const struct schema_rule *type = schema_rule_of(rule->nodes[i], "type");
        if (type && !(type->number & schema_types_of(at->value)))
            continue;
        unsigned count = count_faults(c, rule->nodes[i], at);
        if (count && (!nearest || count < fewest)) {
            nearest = rule->nodes[i];
            fewest = count;
        }
    }
    if (nearest && !c->undecided)
        schema_fits(c, nearest, at);
}

enum schema_outcome schema_check(const struct schema *s, yyjson_val *instance, uint64_t steps,
                                 struct schema_verdict *verdict) {
    struct schema_checker c = {
        .schema = s, .verdict = verdict, .steps = steps ? steps : SCHEMA_STEPS_DEFAULT};
    struct schema_place root = {.value = instance};
    if (verdict)
        *verdict = (struct schema_verdict){0};
    bool good = schema_fits(&c, s->root, &root);
    enum schema_outcome outcome = c.undecided ? SCHEMA_UNDECIDED : good ? SCHEMA_VALID : SCHEMA_INVALID;
    if (!verdict)
        return outcome;
    verdict->outcome = outcome;
    if (outcome == SCHEMA_UNDECIDED) {
        verdict->kept = verdict->count = 1;
        verdict->faults[0] = (struct schema_fault){.keyword = ""};
        snprintf(verdict->faults[0].expected, SCHEMA_WORDS_MAX, "a value that can be checked");
        snprintf(verdict->faults[0].found, SCHEMA_WORDS_MAX, "no decision: %s", c.undecided);
    }
    return outcome;
}

void schema_explain(const struct schema_verdict *v, struct buf *out) {
    if (v->kept == 0)
        return;
    const struct schema_fault *f = &v->faults[0];
    buf_printf(out, "%s: expected %s, found %s", f->pointer[0] ? f->pointer : "the whole", f->expected,
               f->found);
    if (v->count > 1)
        buf_printf(out, " (and %u more)", v->count - 1);
}

void schema_explain_briefly(const struct schema_verdict *v, struct buf *out) {
    for (unsigned i = 0; i < v->kept; i++) {
        const struct schema_fault *f = &v->faults[i];
        buf_printf(out, "- at %s: expected %s, found %s\n", f->pointer[0] ? f->pointer : "the top level",
                   f->expected, f->found);
    }
    if (v->count > v->kept)
        buf_printf(out, "- and %u more\n", v->count - v->kept);
}
