#include "guard/schema_parts.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* One pair of functions for each keyword: what its value must be, and what it asks of an instance. The table
 * is at the end. Source: JSON Schema validation, 6; core, 10. */

typedef struct schema_compiler compiler;
typedef struct schema_checker checker;
typedef const struct schema_rule rule_view;
typedef const struct schema_place place_view;

static struct schema_place item_at(place_view *above, yyjson_val *value, size_t index) {
    return (struct schema_place){above, value, {NULL, 0}, index};
}

static struct schema_place property_at(place_view *above, yyjson_val *key, yyjson_val *value) {
    return (struct schema_place){above, value, json_str_of(key), 0};
}

/* ---- any value ---- */

static bool compile_type(compiler *c, struct schema_rule *rule, struct error *err) {
    size_t index, max;
    yyjson_val *item;
    if (yyjson_is_str(rule->value))
        rule->number = schema_type_named(json_str_of(rule->value));
    yyjson_arr_foreach(rule->value, index, max, item) {
        unsigned type = schema_type_named(json_str_of(item));
        if (!type)
            rule->number = 0;
        if (!type)
            break;
        rule->number |= type;
    }
    return rule->number ||
           schema_malformed(c, err,
                            "expected one or an array of null, boolean, object, array, number, "
                            "string, integer");
}

static bool check_type(checker *c, rule_view *rule, place_view *at) {
    char names[120] = "";
    size_t n = 0;
    if (schema_types_of(at->value) & rule->number)
        return true;
    for (unsigned type = 1; type <= TYPE_INTEGER; type *= 2)
        if (rule->number & type)
            n += (size_t)snprintf(names + n, sizeof(names) - n, "%s%s", n ? " or " : "",
                                  schema_type_name(type));
    return schema_fault(c, rule, at, NULL, "%s", names);
}

static bool compile_enum(compiler *c, struct schema_rule *rule, struct error *err) {
    return yyjson_is_arr(rule->value) || schema_malformed(c, err, "expected an array");
}

static bool compile_anything(compiler *c, struct schema_rule *rule, struct error *err) {
    return true;
}

/* "one of \"a\", \"b\"" for a fault. */
static bool not_among(checker *c, rule_view *rule, place_view *at, yyjson_val *value, const char *before) {
    AUTO_BUF text = BUF_INIT(1 << 20);
    struct json_writer w = JSON_WRITER(&text);
    if (schema_goes_on(c))
        json_value(&w, value);
    struct str json = buf_str(&text);
    if (json.n > 2 && yyjson_is_arr(value) && before[0])
        json = str_slice(json, 1, json.n - 1);
    return schema_fault(c, rule, at, NULL, "%s%.*s", before, STR_ARG(json));
}

static bool check_enum(checker *c, rule_view *rule, place_view *at) {
    size_t index, max;
    yyjson_val *item;
    yyjson_arr_foreach(rule->value, index, max, item) if (schema_equal(c, item, at->value)) return true;
    return not_among(c, rule, at, rule->value, "one of ");
}

static bool check_const(checker *c, rule_view *rule, place_view *at) {
    return schema_equal(c, rule->value, at->value) || not_among(c, rule, at, rule->value, "");
}

/* ---- numbers ---- */

static bool compile_number(compiler *c, struct schema_rule *rule, struct error *err) {
    return yyjson_is_num(rule->value) || schema_malformed(c, err, "expected a number");
}

static bool compile_multiple(compiler *c, struct schema_rule *rule, struct error *err) {
    return (yyjson_is_num(rule->value) && schema_number(rule->value) > 0) ||
           schema_malformed(c, err, "expected a number above 0");
}

static bool off_limit(checker *c, rule_view *rule, place_view *at, const char *words) {
    return schema_fault(c, rule, at, NULL, "a number %s %.15Lg", words, schema_number(rule->value));
}

static bool check_minimum(checker *c, rule_view *rule, place_view *at) {
    return !yyjson_is_num(at->value) || schema_number(at->value) >= schema_number(rule->value) ||
           off_limit(c, rule, at, "of at least");
}

static bool check_maximum(checker *c, rule_view *rule, place_view *at) {
    return !yyjson_is_num(at->value) || schema_number(at->value) <= schema_number(rule->value) ||
           off_limit(c, rule, at, "of at most");
}

static bool check_exclusive_minimum(checker *c, rule_view *rule, place_view *at) {
    return !yyjson_is_num(at->value) || schema_number(at->value) > schema_number(rule->value) ||
           off_limit(c, rule, at, "above");
}

static bool check_exclusive_maximum(checker *c, rule_view *rule, place_view *at) {
    return !yyjson_is_num(at->value) || schema_number(at->value) < schema_number(rule->value) ||
           off_limit(c, rule, at, "below");
}

static bool check_multiple(checker *c, rule_view *rule, place_view *at) {
    return !yyjson_is_num(at->value) || schema_is_multiple(at->value, rule->value) ||
           off_limit(c, rule, at, "that is a multiple of");
}

/* ---- sizes ---- */

static bool compile_size(compiler *c, struct schema_rule *rule, struct error *err) {
    long double number = yyjson_is_num(rule->value) ? schema_number(rule->value) : -1;
    if (number < 0 || number != floorl(number))
        return schema_malformed(c, err, "expected a whole number of 0 or more");
    rule->number = number < 1e18L ? (uint64_t)number : (uint64_t)1e18;
    return true;
}

static bool off_size(checker *c, rule_view *rule, place_view *at, size_t size, const char *words,
                     const char *what) {
    char found[60];
    snprintf(found, sizeof(found), "%zu %s", size, what);
    return schema_fault(c, rule, at, found, "%s %llu %s", words, (unsigned long long)rule->number, what);
}

static bool check_min_length(checker *c, rule_view *rule, place_view *at) {
    size_t size = schema_code_points(json_str_of(at->value));
    return !yyjson_is_str(at->value) || size >= rule->number ||
           off_size(c, rule, at, size, "at least", "characters");
}

static bool check_max_length(checker *c, rule_view *rule, place_view *at) {
    size_t size = schema_code_points(json_str_of(at->value));
    return !yyjson_is_str(at->value) || size <= rule->number ||
           off_size(c, rule, at, size, "at most", "characters");
}

static bool check_min_items(checker *c, rule_view *rule, place_view *at) {
    size_t size = yyjson_arr_size(at->value);
    return !yyjson_is_arr(at->value) || size >= rule->number ||
           off_size(c, rule, at, size, "at least", "items");
}

static bool check_max_items(checker *c, rule_view *rule, place_view *at) {
    size_t size = yyjson_arr_size(at->value);
    return !yyjson_is_arr(at->value) || size <= rule->number ||
           off_size(c, rule, at, size, "at most", "items");
}

static bool check_min_properties(checker *c, rule_view *rule, place_view *at) {
    size_t size = yyjson_obj_size(at->value);
    return !yyjson_is_obj(at->value) || size >= rule->number ||
           off_size(c, rule, at, size, "at least", "properties");
}

static bool check_max_properties(checker *c, rule_view *rule, place_view *at) {
    size_t size = yyjson_obj_size(at->value);
    return !yyjson_is_obj(at->value) || size <= rule->number ||
           off_size(c, rule, at, size, "at most", "properties");
}

/* ---- strings ---- */

static bool compile_pattern(compiler *c, struct schema_rule *rule, struct error *err) {
    if (!yyjson_is_str(rule->value))
        return schema_malformed(c, err, "expected a string");
    rule->patterns = schema_room(c, sizeof(*rule->patterns), err);
    return rule->patterns && (rule->patterns[0] = schema_pattern(c, json_str_of(rule->value), err));
}

static bool check_pattern(checker *c, rule_view *rule, place_view *at) {
    if (!yyjson_is_str(at->value) || schema_matches(c, rule->patterns[0], json_str_of(at->value)))
        return true;
    struct str pattern = str_slice(json_str_of(rule->value), 0, SCHEMA_WORDS_MAX);
    return schema_fault(c, rule, at, NULL, "a string that matches %.*s", STR_ARG(pattern));
}

static bool compile_format(compiler *c, struct schema_rule *rule, struct error *err) {
    if (!yyjson_is_str(rule->value))
        return schema_malformed(c, err, "expected a string");
    rule->number = (uint64_t)(schema_format_named(json_str_of(rule->value)) + 1);
    return true;
}

static bool check_format(checker *c, rule_view *rule, place_view *at) {
    if (!schema_asserts_formats(c) || rule->number == 0 || !yyjson_is_str(at->value) ||
        schema_format_holds((int)rule->number - 1, json_str_of(at->value)))
        return true;
    return schema_fault(c, rule, at, NULL, "a string of the format %s", yyjson_get_str(rule->value));
}

/* ---- objects ---- */

static bool compile_names(compiler *c, struct schema_rule *rule, struct error *err) {
    size_t index, max;
    yyjson_val *item;
    if (!yyjson_is_arr(rule->value))
        return schema_malformed(c, err, "expected an array of strings");
    yyjson_arr_foreach(rule->value, index, max, item) if (!yyjson_is_str(item)) return schema_malformed(
        c, err, "expected an array of strings");
    return true;
}

static bool has_all(checker *c, rule_view *rule, place_view *at, yyjson_val *names) {
    bool good = true;
    size_t index, max;
    yyjson_val *name;
    yyjson_arr_foreach(names, index, max, name) {
        if (!schema_spend(c, 1 + yyjson_obj_size(at->value)))
            return false;
        if (yyjson_obj_getn(at->value, yyjson_get_str(name), yyjson_get_len(name)))
            continue;
        good = schema_fault(c, rule, at, "no such property", "the property \"%s\"", yyjson_get_str(name));
        if (!schema_goes_on(c))
            return false;
    }
    return good;
}

static bool check_required(checker *c, rule_view *rule, place_view *at) {
    return !yyjson_is_obj(at->value) || has_all(c, rule, at, rule->value);
}

static bool check_properties(checker *c, rule_view *rule, place_view *at) {
    bool good = true;
    size_t index, max;
    yyjson_val *key, *value;
    if (!yyjson_is_obj(at->value))
        return true;
    yyjson_obj_foreach(rule->value, index, max, key, value) {
        if (!schema_spend(c, 1 + yyjson_obj_size(at->value)))
            return false;
        yyjson_val *there = yyjson_obj_getn(at->value, yyjson_get_str(key), yyjson_get_len(key));
        if (!there)
            continue;
        struct schema_place below = property_at(at, key, there);
        good = schema_fits(c, rule->nodes[index], &below) && good;
        if (!good && !schema_goes_on(c))
            return false;
    }
    return good;
}

static bool compile_pattern_properties(compiler *c, struct schema_rule *rule, struct error *err) {
    size_t index, max;
    yyjson_val *key, *value;
    if (!schema_map(c, rule, err) ||
        !(rule->patterns = schema_room(c, rule->count * sizeof(*rule->patterns), err)))
        return false;
    yyjson_obj_foreach(
        rule->value, index, max, key,
        value) if (!(rule->patterns[index] = schema_pattern(c, json_str_of(key), err))) return false;
    return true;
}

static bool check_pattern_properties(checker *c, rule_view *rule, place_view *at) {
    bool good = true;
    size_t index, max;
    yyjson_val *key, *value;
    if (!yyjson_is_obj(at->value))
        return true;
    yyjson_obj_foreach(at->value, index, max, key, value) {
        struct schema_place below = property_at(at, key, value);
        for (size_t i = 0; i < rule->count; i++) {
            if (schema_matches(c, rule->patterns[i], below.key))
                good = schema_fits(c, rule->nodes[i], &below) && good;
            if (schema_is_undecided(c) || (!good && !schema_goes_on(c)))
                return false;
        }
    }
    return good;
}

static bool is_additional(checker *c, rule_view *rule, struct str name) {
    rule_view *properties = schema_rule_of(rule->owner, "properties");
    rule_view *patterns = schema_rule_of(rule->owner, "patternProperties");
    if (properties &&
        (!schema_spend(c, properties->count) || yyjson_obj_getn(properties->value, name.p, name.n)))
        return false;
    for (size_t i = 0; patterns && i < patterns->count; i++)
        if (schema_matches(c, patterns->patterns[i], name))
            return false;
    return !schema_is_undecided(c);
}

static bool check_additional_properties(checker *c, rule_view *rule, place_view *at) {
    bool good = true;
    size_t index, max;
    yyjson_val *key, *value;
    if (!yyjson_is_obj(at->value))
        return true;
    yyjson_obj_foreach(at->value, index, max, key, value) {
        struct schema_place below = property_at(at, key, value);
        if (!schema_spend(c, 1))
            return false;
        if (!is_additional(c, rule, below.key))
            continue;
        if (rule->nodes[0]->refuses_all)
            good = schema_fault(c, rule, &below, NULL, "no property of this name");
        else
            good = schema_fits(c, rule->nodes[0], &below) && good;
        if (!good && !schema_goes_on(c))
            return false;
    }
    return good && !schema_is_undecided(c);
}

static bool check_property_names(checker *c, rule_view *rule, place_view *at) {
    bool good = true;
    size_t index, max;
    yyjson_val *key, *value;
    if (!yyjson_is_obj(at->value))
        return true;
    yyjson_obj_foreach(at->value, index, max, key, value) {
        struct schema_place below = property_at(at, key, key);
        good = schema_fits(c, rule->nodes[0], &below) && good;
        if (!good && !schema_goes_on(c))
            return false;
    }
    return good;
}

static bool compile_dependent_required(compiler *c, struct schema_rule *rule, struct error *err) {
    size_t index, max;
    yyjson_val *key, *value;
    if (!yyjson_is_obj(rule->value))
        return schema_malformed(c, err, "expected an object of arrays of strings");
    yyjson_obj_foreach(rule->value, index, max, key, value) {
        struct schema_rule part = {.value = value};
        if (!compile_names(c, &part, err))
            return false;
    }
    return true;
}

static bool check_dependent_required(checker *c, rule_view *rule, place_view *at) {
    bool good = true;
    size_t index, max;
    yyjson_val *key, *names;
    if (!yyjson_is_obj(at->value))
        return true;
    yyjson_obj_foreach(rule->value, index, max, key, names) {
        if (!schema_spend(c, 1 + yyjson_obj_size(at->value)))
            return false;
        if (yyjson_obj_getn(at->value, yyjson_get_str(key), yyjson_get_len(key)))
            good = has_all(c, rule, at, names) && good;
        if (!good && !schema_goes_on(c))
            return false;
    }
    return good;
}

static bool check_dependent_schemas(checker *c, rule_view *rule, place_view *at) {
    bool good = true;
    size_t index, max;
    yyjson_val *key, *value;
    if (!yyjson_is_obj(at->value))
        return true;
    yyjson_obj_foreach(rule->value, index, max, key, value) {
        if (!schema_spend(c, 1 + yyjson_obj_size(at->value)))
            return false;
        if (yyjson_obj_getn(at->value, yyjson_get_str(key), yyjson_get_len(key)))
            good = schema_fits(c, rule->nodes[index], at) && good;
        if (!good && !schema_goes_on(c))
            return false;
    }
    return good;
}

/* ---- arrays ---- */

static bool check_items_between(checker *c, rule_view *rule, place_view *at, size_t from, size_t to) {
    bool good = true;
    size_t index, max;
    yyjson_val *item;
    if (!yyjson_is_arr(at->value))
        return true;
    yyjson_arr_foreach(at->value, index, max, item) {
        if (index < from)
            continue;
        if (index >= to)
            break;
        struct schema_place below = item_at(at, item, index);
        good = schema_fits(c, rule->nodes[rule->count > 1 ? index : 0], &below) && good;
        if (!good && !schema_goes_on(c))
            return false;
    }
    return good;
}

static bool check_prefix_items(checker *c, rule_view *rule, place_view *at) {
    return check_items_between(c, rule, at, 0, rule->count);
}

static bool check_items(checker *c, rule_view *rule, place_view *at) {
    rule_view *prefix = schema_rule_of(rule->owner, "prefixItems");
    return check_items_between(c, rule, at, prefix ? prefix->count : 0, SIZE_MAX);
}

static bool check_contains(checker *c, rule_view *rule, place_view *at) {
    rule_view *least_rule = schema_rule_of(rule->owner, "minContains");
    rule_view *most_rule = schema_rule_of(rule->owner, "maxContains");
    uint64_t least = least_rule ? least_rule->number : 1, most = most_rule ? most_rule->number : UINT64_MAX;
    uint64_t count = 0;
    size_t index, max;
    yyjson_val *item;
    if (!yyjson_is_arr(at->value))
        return true;
    yyjson_arr_foreach(at->value, index, max, item) {
        struct schema_place below = item_at(at, item, index);
        count += schema_would_fit(c, rule->nodes[0], &below);
    }
    if (schema_is_undecided(c) || (count >= least && count <= most))
        return !schema_is_undecided(c);
    char found[60];
    snprintf(found, sizeof(found), "%llu of them", (unsigned long long)count);
    return schema_fault(c, rule, at, found, "at %s %llu items of the kind that \"contains\" describes",
                        count < least ? "least" : "most", (unsigned long long)(count < least ? least : most));
}

/* minContains and maxContains are contains' affair. */
static bool check_nothing(checker *c, rule_view *rule, place_view *at) {
    return true;
}

static bool compile_bool(compiler *c, struct schema_rule *rule, struct error *err) {
    return yyjson_is_bool(rule->value) || schema_malformed(c, err, "expected true or false");
}

struct hashed {
    uint64_t hash;
    size_t index;
    yyjson_val *value;
};

static int by_hash(const void *a, const void *b) {
    const struct hashed *x = a, *y = b;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return x->index < y->index ? -1 : x->index > y->index;
}

/* Equal values are neighbours once sorted by hash. */
static bool find_twins(checker *c, struct hashed *items, size_t count, size_t twins[2]) {
    qsort(items, count, sizeof(*items), by_hash);
    for (size_t i = 0; i < count; i++)
        for (size_t j = i + 1; j < count && items[j].hash == items[i].hash; j++)
            if (schema_equal(c, items[i].value, items[j].value)) {
                twins[0] = items[i].index;
                twins[1] = items[j].index;
                return true;
            }
    return false;
}

static bool check_unique_items(checker *c, rule_view *rule, place_view *at) {
    size_t index, max, count = yyjson_arr_size(at->value), twins[2];
    yyjson_val *item;
    if (!yyjson_is_arr(at->value) || !yyjson_get_bool(rule->value) || count < 2)
        return true;
    if (!schema_spend(c, count))
        return false;
    struct hashed *items = malloc(count * sizeof(*items));
    if (!items)
        return schema_undecided(c, "memory is out");
    yyjson_arr_foreach(at->value, index, max, item) items[index] =
        (struct hashed){schema_hash(c, item), index, item};
    bool twin = !schema_is_undecided(c) && find_twins(c, items, count, twins);
    free(items);
    if (!twin)
        return !schema_is_undecided(c);
    char found[80];
    snprintf(found, sizeof(found), "equal ones at %zu and %zu", twins[0], twins[1]);
    return schema_fault(c, rule, at, found, "items of which no two are equal");
}

/* ---- schemas together ---- */

static bool check_all_of(checker *c, rule_view *rule, place_view *at) {
    bool good = true;
    for (size_t i = 0; i < rule->count && (good || schema_goes_on(c)); i++)
        good = schema_fits(c, rule->nodes[i], at) && good;
    return good;
}

static bool check_any_of(checker *c, rule_view *rule, place_view *at) {
    for (size_t i = 0; i < rule->count; i++)
        if (schema_would_fit(c, rule->nodes[i], at))
            return true;
    schema_fault(c, rule, at, NULL, "what at least one of %zu alternatives allows", rule->count);
    schema_note_nearest(c, rule, at);
    return false;
}

static bool check_one_of(checker *c, rule_view *rule, place_view *at) {
    size_t fitting = 0;
    char found[60];
    for (size_t i = 0; i < rule->count; i++)
        fitting += schema_would_fit(c, rule->nodes[i], at);
    if (fitting == 1)
        return true;
    snprintf(found, sizeof(found), "a value that %zu of them allow", fitting);
    schema_fault(c, rule, at, fitting ? found : NULL, "what exactly one of %zu alternatives allows",
                 rule->count);
    if (fitting == 0)
        schema_note_nearest(c, rule, at);
    return false;
}

static bool check_not(checker *c, rule_view *rule, place_view *at) {
    if (!schema_would_fit(c, rule->nodes[0], at))
        return !schema_is_undecided(c);
    return not_among(c, rule, at, rule->value, "anything but ");
}

static bool check_if(checker *c, rule_view *rule, place_view *at) {
    bool holds = schema_would_fit(c, rule->nodes[0], at);
    rule_view *then = schema_rule_of(rule->owner, holds ? "then" : "else");
    return !then || (!schema_is_undecided(c) && schema_fits(c, then->nodes[0], at));
}

static bool check_reference(checker *c, rule_view *rule, place_view *at) {
    return schema_fits(c, rule->nodes[0], at);
}

static bool refuse(compiler *c, struct schema_rule *rule, struct error *err) {
    return schema_malformed(c, err, "%s is not supported, and to ignore it would accept what it forbids",
                            rule->keyword->name);
}

/* Another meta-schema may give the keywords another meaning. */
static bool compile_dialect(compiler *c, struct schema_rule *rule, struct error *err) {
    struct str uri = json_str_of(rule->value);
    return str_starts(uri, STR("https://json-schema.org/")) ||
           str_starts(uri, STR("http://json-schema.org/")) ||
           schema_malformed(c, err, "only JSON Schema's own meta-schemas are known");
}

static bool compile_definitions(compiler *c, struct schema_rule *rule, struct error *err) {
    return schema_map(c, rule, err);
}

static const struct schema_keyword keywords[] = {
    {"$ref", schema_reference, check_reference},
    {"$schema", compile_dialect, NULL},
    {"$defs", compile_definitions, NULL},
    {"definitions", compile_definitions, NULL},
    {"$dynamicRef", refuse, NULL},
    {"unevaluatedItems", refuse, NULL},
    {"unevaluatedProperties", refuse, NULL},
    {"type", compile_type, check_type},
    {"enum", compile_enum, check_enum},
    {"const", compile_anything, check_const},
    {"minimum", compile_number, check_minimum},
    {"maximum", compile_number, check_maximum},
    {"exclusiveMinimum", compile_number, check_exclusive_minimum},
    {"exclusiveMaximum", compile_number, check_exclusive_maximum},
    {"multipleOf", compile_multiple, check_multiple},
    {"minLength", compile_size, check_min_length},
    {"maxLength", compile_size, check_max_length},
    {"pattern", compile_pattern, check_pattern},
    {"format", compile_format, check_format},
    {"required", compile_names, check_required},
    {"minProperties", compile_size, check_min_properties},
    {"maxProperties", compile_size, check_max_properties},
    {"properties", schema_map, check_properties},
    {"patternProperties", compile_pattern_properties, check_pattern_properties},
    {"additionalProperties", schema_one, check_additional_properties},
    {"propertyNames", schema_one, check_property_names},
    {"dependentRequired", compile_dependent_required, check_dependent_required},
    {"dependentSchemas", schema_map, check_dependent_schemas},
    {"minItems", compile_size, check_min_items},
    {"maxItems", compile_size, check_max_items},
    {"prefixItems", schema_list, check_prefix_items},
    {"items", schema_one, check_items},
    {"contains", schema_one, check_contains},
    {"minContains", compile_size, check_nothing},
    {"maxContains", compile_size, check_nothing},
    {"uniqueItems", compile_bool, check_unique_items},
    {"allOf", schema_list, check_all_of},
    {"anyOf", schema_list, check_any_of},
    {"oneOf", schema_list, check_one_of},
    {"not", schema_one, check_not},
    {"if", schema_one, check_if},
    {"then", schema_one, check_nothing},
    {"else", schema_one, check_nothing},
};

const struct schema_keyword *schema_keyword_find(struct str name) {
    for (size_t i = 0; i < ARRAY_COUNT(keywords); i++)
        if (str_eq(name, str_from(keywords[i].name)))
            return &keywords[i];
    return NULL;
}

const struct schema_rule *schema_rule_of(const struct schema_node *node, const char *keyword) {
    for (const struct schema_rule *rule = node->rules; rule; rule = rule->next)
        if (strcmp(rule->keyword->name, keyword) == 0)
            return rule;
    return NULL;
}
