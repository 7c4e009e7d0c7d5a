/* What a schema is compiled into: a node for each subschema, a rule for each keyword of it. Shared by the
 * files schema_*.c and by nobody else. All of it lives in the schema's arena and never changes after
 * compiling. */
#pragma once

#include "base/arena.h"
#include "guard/regex.h"
#include "guard/schema.h"

#include <stdatomic.h>

struct schema_rule;
struct schema_compiler;
struct schema_checker;

/* One place of the instance under check, and how it was reached. */
struct schema_place {
    const struct schema_place *above; /* NULL: the root */
    yyjson_val *value;
    struct str key; /* .p NULL: `index` it is */
    size_t index;
};

struct schema_keyword {
    const char *name;
    bool (*compile)(struct schema_compiler *c, struct schema_rule *rule, struct error *err);
    bool (*check)(struct schema_checker *c, const struct schema_rule *rule, const struct schema_place *at);
};

struct schema_node {
    yyjson_val *source;
    bool refuses_all; /* the schema `false` */
    struct schema_rule *rules;
};

/* What the compiler made of a keyword's value; each keyword uses what it needs. */
struct schema_rule {
    struct schema_rule *next;
    const struct schema_keyword *keyword;
    const struct schema_node *owner;
    yyjson_val *value;
    uint64_t number;            /* a limit; a set of types; a format */
    struct schema_node **nodes; /* subschemas, in the order of the value */
    struct regex **patterns;    /* likewise */
    size_t count;
};

struct schema_pattern_link {
    struct schema_pattern_link *next;
    struct regex *regex;
};

struct schema {
    atomic_int references;
    bool assert_formats;
    yyjson_doc *doc;
    struct arena *arena;
    struct schema_node *root;
    struct schema_pattern_link *patterns; /* to be freed */
};

/* ---- schema_keywords.c: the table ---- */
const struct schema_keyword *schema_keyword_find(struct str name);
const struct schema_rule *schema_rule_of(const struct schema_node *node, const char *keyword);

/* ---- schema_compile.c: for the keywords' compilers ---- */
bool schema_malformed(struct schema_compiler *c, struct error *err, const char *format, ...)
    PRINTF_LIKE(3, 4);
void *schema_room(struct schema_compiler *c, size_t n, struct error *err);
bool schema_one(struct schema_compiler *c, struct schema_rule *rule, struct error *err);       /* a schema */
bool schema_list(struct schema_compiler *c, struct schema_rule *rule, struct error *err);      /* an array */
bool schema_map(struct schema_compiler *c, struct schema_rule *rule, struct error *err);       /* an object */
bool schema_reference(struct schema_compiler *c, struct schema_rule *rule, struct error *err); /* $ref */
struct regex *schema_pattern(struct schema_compiler *c, struct str text, struct error *err);

/* ---- schema_check.c: for the keywords' checks ---- */
bool schema_fits(struct schema_checker *c, const struct schema_node *node, const struct schema_place *at);
/* Without noting faults. */
bool schema_would_fit(struct schema_checker *c, const struct schema_node *node,
                      const struct schema_place *at);
/* Notes the faults of the alternative that comes nearest. */
void schema_note_nearest(struct schema_checker *c, const struct schema_rule *rule,
                         const struct schema_place *at);
bool schema_spend(struct schema_checker *c, size_t steps); /* false: there are none left */
bool schema_undecided(struct schema_checker *c, const char *why);
bool schema_is_undecided(const struct schema_checker *c);
/* False. `found` NULL: what is there is described. */
bool schema_fault(struct schema_checker *c, const struct schema_rule *rule, const struct schema_place *at,
                  const char *found, const char *expected, ...) PRINTF_LIKE(5, 6);
bool schema_goes_on(const struct schema_checker *c); /* after a fault: are more of them wanted? */
bool schema_matches(struct schema_checker *c, const struct regex *pattern, struct str text);
bool schema_asserts_formats(const struct schema_checker *c);

/* ---- schema_uri.c ---- */
/* RFC 3986, 5.2, of `reference` without its fragment. NULL: the arena is full. */
char *schema_uri_resolve(struct arena *arena, struct str base, struct str reference);
/* %41 → A. NULL: the arena is full. */
char *schema_uri_decode(struct arena *arena, struct str text);

/* ---- schema_values.c ---- */
enum schema_type {
    TYPE_NULL = 1,
    TYPE_BOOLEAN = 2,
    TYPE_OBJECT = 4,
    TYPE_ARRAY = 8,
    TYPE_NUMBER = 16,
    TYPE_STRING = 32,
    TYPE_INTEGER = 64 /* 1.0 is one, too */
};
unsigned schema_type_named(struct str name); /* 0: none */
unsigned schema_types_of(yyjson_val *value); /* an integer is a number as well */
const char *schema_type_name(unsigned type);
long double schema_number(yyjson_val *value);
size_t schema_code_points(struct str text);
/* JSON Schema's equality: 1 and 1.0 are equal, the order of keys says nothing. */
bool schema_equal(struct schema_checker *c, yyjson_val *a, yyjson_val *b);
/* Equal values have equal hashes. */
uint64_t schema_hash(struct schema_checker *c, yyjson_val *value);
/* Exact in decimal: 0.0075 is a multiple of 0.0001. */
bool schema_is_multiple(yyjson_val *value, yyjson_val *of);

/* ---- schema_format.c ---- */
int schema_format_named(struct str name); /* -1: an unknown one, which asserts nothing */
bool schema_format_holds(int format, struct str text);
