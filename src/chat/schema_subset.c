#include "chat/schema_subset.h"

enum { ALL = 0, OPENAI = 1 << DIALECT_OPENAI, ANTHROPIC = 1 << DIALECT_ANTHROPIC };

/* Of both providers the narrower: OpenAI's ten levels and a thousand values of enums; subschemas as visited,
 * each use of a definition by itself. */
enum { LEVELS_MAX = 10, VALUES_MAX = 1000, SUBSCHEMAS_MAX = 5000 };

struct walk {
    enum chat_dialect dialect;
    yyjson_val *root;
    int level;
    size_t subschemas, values;
};

static bool walk_schema(struct walk *w, yyjson_val *schema);

/* ---- what a keyword's value may be ---- */

static bool any(struct walk *w, yyjson_val *value) {
    return true;
}

static bool map_of_schemas(struct walk *w, yyjson_val *map) {
    size_t i, max;
    yyjson_val *key, *value;
    yyjson_obj_foreach(map, i, max, key, value) if (!walk_schema(w, value)) return false;
    return yyjson_is_obj(map);
}

static bool list_of_schemas(struct walk *w, yyjson_val *list) {
    size_t i, max;
    yyjson_val *value;
    yyjson_arr_foreach(list, i, max, value) if (!walk_schema(w, value)) return false;
    return yyjson_is_arr(list);
}

/* Definitions count where they are used. */
static bool definitions(struct walk *w, yyjson_val *map) {
    return yyjson_is_obj(map);
}

static bool plain_values(struct walk *w, yyjson_val *list) {
    size_t i, max;
    yyjson_val *value;
    w->values += yyjson_arr_size(list);
    yyjson_arr_foreach(list, i, max, value) if (yyjson_is_ctn(value)) return false;
    return yyjson_is_arr(list) && w->values <= VALUES_MAX;
}

static bool plain_value(struct walk *w, yyjson_val *value) {
    return !yyjson_is_ctn(value);
}

static bool no_others(struct walk *w, yyjson_val *value) {
    return yyjson_is_false(value);
}

static bool none_or_one(struct walk *w, yyjson_val *value) {
    return w->dialect == DIALECT_OPENAI || (yyjson_is_uint(value) && yyjson_get_uint(value) <= 1);
}

static bool known_format(struct walk *w, yyjson_val *value) {
    static const char *const both[] = {"date-time", "time", "date", "duration", "email",
                                       "hostname",  "ipv4", "ipv6", "uuid"};
    for (size_t i = 0; i < ARRAY_COUNT(both); i++)
        if (yyjson_equals_str(value, both[i]))
            return true;
    return w->dialect == DIALECT_ANTHROPIC && yyjson_equals_str(value, "uri");
}

/* "#/$defs/NAME"; a recursive one ends at the level where it is too deep. */
static bool reference(struct walk *w, yyjson_val *value) {
    struct str text = json_str_of(value);
    if (str_starts(text, STR("#/definitions/")) && w->dialect == DIALECT_OPENAI)
        return false;
    if (!str_starts(text, STR("#/$defs/")) && !str_starts(text, STR("#/definitions/")))
        return false;
    yyjson_val *target = yyjson_ptr_getn(w->root, text.p + 1, text.n - 1);
    return target && walk_schema(w, target);
}

static const struct keyword {
    const char *name;
    int dialects; /* ALL, or those that know it */
    bool (*allows)(struct walk *w, yyjson_val *value);
} keywords[] = {
    {"type", ALL, any},
    {"title", ALL, any},
    {"description", ALL, any},
    {"$schema", OPENAI, any},
    {"default", ANTHROPIC, any},
    {"properties", ALL, map_of_schemas},
    {"required", ALL, any},
    {"additionalProperties", ALL, no_others},
    {"items", ALL, walk_schema},
    {"minItems", ALL, none_or_one},
    {"maxItems", OPENAI, any},
    {"enum", ALL, plain_values},
    {"const", ALL, plain_value},
    {"anyOf", ALL, list_of_schemas},
    {"$ref", ALL, reference},
    {"$defs", ALL, definitions},
    {"definitions", ANTHROPIC, definitions},
    {"format", ALL, known_format},
    {"pattern", OPENAI, any},
    {"minimum", OPENAI, any},
    {"maximum", OPENAI, any},
    {"exclusiveMinimum", OPENAI, any},
    {"exclusiveMaximum", OPENAI, any},
    {"multipleOf", OPENAI, any},
};

static const struct keyword *keyword_named(yyjson_val *key) {
    for (size_t i = 0; i < ARRAY_COUNT(keywords); i++)
        if (yyjson_equals_str(key, keywords[i].name))
            return &keywords[i];
    return NULL;
}

/* ---- subschemas ---- */

static bool says_object(yyjson_val *schema) {
    yyjson_val *type = yyjson_obj_get(schema, "type"), *one;
    size_t i, max;
    yyjson_arr_foreach(type, i, max, one) if (yyjson_equals_str(one, "object")) return true;
    return yyjson_equals_str(type, "object") || yyjson_obj_get(schema, "properties");
}

static bool requires(yyjson_val *schema, yyjson_val *name) {
    yyjson_val *one;
    size_t i, max;
    yyjson_arr_foreach(yyjson_obj_get(schema, "required"), i, max,
                       one) if (yyjson_equals(one, name)) return true;
    return false;
}

/* Closed; at OpenAI's every property is required, too. */
static bool object_fits(const struct walk *w, yyjson_val *schema) {
    yyjson_val *properties = yyjson_obj_get(schema, "properties"), *key, *value;
    size_t i, max;
    if (!says_object(schema))
        return true;
    if (!yyjson_is_false(yyjson_obj_get(schema, "additionalProperties")))
        return false;
    if (w->dialect == DIALECT_OPENAI)
        yyjson_obj_foreach(properties, i, max, key, value) if (!requires(schema, key)) return false;
    return true;
}

static bool walk_keywords(struct walk *w, yyjson_val *schema) {
    size_t i, max;
    yyjson_val *key, *value;
    yyjson_obj_foreach(schema, i, max, key, value) {
        const struct keyword *k = keyword_named(key);
        if (!k || (k->dialects != ALL && !(k->dialects & (1 << w->dialect))) || !k->allows(w, value))
            return false;
    }
    return true;
}

static bool walk_schema(struct walk *w, yyjson_val *schema) {
    if (!yyjson_is_obj(schema) || w->level >= LEVELS_MAX || ++w->subschemas > SUBSCHEMAS_MAX)
        return false;
    w->level++;
    bool good = object_fits(w, schema) && walk_keywords(w, schema);
    w->level--;
    return good;
}

bool schema_is_sendable(yyjson_val *schema, enum chat_dialect dialect) {
    struct walk w = {.dialect = dialect, .root = schema};
    /* At the top both want an object that is no choice. */
    return yyjson_equals_str(yyjson_obj_get(schema, "type"), "object") && !yyjson_obj_get(schema, "anyOf") &&
           walk_schema(&w, schema);
}
