/* Is a JSON value what a JSON Schema (draft 2020-12) says it should be? A schema is compiled once and then
 * immutable and reference counted: any thread may check with it. Schemas and instances may be hostile: sizes,
 * depth, regular expressions and work are bounded, and what could not be decided is said to be undecided.
 * Sources: json-schema.org/draft/2020-12/json-schema-core and json-schema-validation; RFC 6901 (pointers).
 * Not supported, and refused rather than ignored: references to other documents, $dynamicRef,
 * unevaluatedItems, unevaluatedProperties. `format` is an annotation unless asked for. */
#pragma once

#include "base/json.h"

struct schema;

enum {
    SCHEMA_BYTES_MAX = 1 << 20,
    SCHEMA_NODES_MAX = 20000, /* subschemas */
    SCHEMA_FAULTS_MAX = 8,    /* kept of one check; the others are counted */
    SCHEMA_POINTER_MAX = 200,
    SCHEMA_WORDS_MAX = 160
};
/* What a check may cost: a step is a comparison or so, some nanoseconds. */
#define SCHEMA_STEPS_DEFAULT 1000000u

struct schema_options {
    bool assert_formats; /* date-time, date, time, email, uri, uuid, ipv4, ipv6 */
};

/* Copies what it needs of `json`. A schema that is itself wrong is refused (ERR_INVALID_FIELD) with its place
 * as a JSON Pointer in err->param and in the message. `options` may be NULL. */
struct schema *schema_compile(yyjson_val *json, const struct schema_options *options,
                              struct error *err) MUST_USE;
struct schema *schema_ref(struct schema *s);
void schema_unref(struct schema *s); /* NULL is fine */

enum schema_outcome {
    SCHEMA_VALID,
    SCHEMA_INVALID,
    SCHEMA_UNDECIDED /* out of steps, depth or memory: faults[0] says which. Never to be taken for valid */
};

/* All texts are UTF-8, terminated, and cut where they are too long. */
struct schema_fault {
    char pointer[SCHEMA_POINTER_MAX]; /* in the instance; "" is the whole of it */
    char expected[SCHEMA_WORDS_MAX];  /* "an integer", "at most 3 items", "the property \"id\"" */
    char found[SCHEMA_WORDS_MAX];     /* "the string \"7\"", "5 items", "no such property" */
    const char *keyword;              /* static: "type", "required", … */
};

struct schema_verdict {
    enum schema_outcome outcome;
    unsigned kept, count; /* faults here, faults in all */
    struct schema_fault faults[SCHEMA_FAULTS_MAX];
};

/* `verdict` may be NULL, which is faster: the first fault ends the check. `steps` 0: the default. */
enum schema_outcome schema_check(const struct schema *s, yyjson_val *instance, uint64_t steps,
                                 struct schema_verdict *verdict);

/* One line for a person: `/items/2/price: expected a number, found the string "7" (and 3 more)`. */
void schema_explain(const struct schema_verdict *verdict, struct buf *out);

/* For the model that is to repair its answer: a line "- at PLACE: expected …, found …" for each fault kept.
 */
void schema_explain_briefly(const struct schema_verdict *verdict, struct buf *out);
