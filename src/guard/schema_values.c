#include "guard/schema_parts.h"

#include "base/hash.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const struct {
    const char *name;
    unsigned type;
} types[] = {
    {"null", TYPE_NULL},     {"boolean", TYPE_BOOLEAN}, {"object", TYPE_OBJECT},   {"array", TYPE_ARRAY},
    {"number", TYPE_NUMBER}, {"string", TYPE_STRING},   {"integer", TYPE_INTEGER},
};

unsigned schema_type_named(struct str name) {
    for (size_t i = 0; i < ARRAY_COUNT(types); i++)
        if (str_eq(name, str_from(types[i].name)))
            return types[i].type;
    return 0;
}

const char *schema_type_name(unsigned type) {
    for (size_t i = 0; i < ARRAY_COUNT(types); i++)
        if (types[i].type == type)
            return types[i].name;
    return "value";
}

unsigned schema_types_of(yyjson_val *value) {
    switch (yyjson_get_type(value)) {
    case YYJSON_TYPE_NULL: return TYPE_NULL;
    case YYJSON_TYPE_BOOL: return TYPE_BOOLEAN;
    case YYJSON_TYPE_OBJ: return TYPE_OBJECT;
    case YYJSON_TYPE_ARR: return TYPE_ARRAY;
    case YYJSON_TYPE_STR: return TYPE_STRING;
    case YYJSON_TYPE_NUM:
        if (yyjson_is_int(value) || floor(yyjson_get_real(value)) == yyjson_get_real(value))
            return TYPE_NUMBER | TYPE_INTEGER;
        return TYPE_NUMBER;
    default: return 0;
    }
}

/* 64 bits of mantissa or more hold every integer and every double of the document exactly. */
long double schema_number(yyjson_val *value) {
    if (yyjson_is_uint(value))
        return (long double)yyjson_get_uint(value);
    if (yyjson_is_sint(value))
        return (long double)yyjson_get_sint(value);
    return (long double)yyjson_get_real(value);
}

size_t schema_code_points(struct str text) {
    size_t count = 0;
    for (size_t i = 0; i < text.n; i++)
        count += ((unsigned char)text.p[i] & 0xc0) != 0x80;
    return count;
}

/* ---- equality ---- */

static bool equal_objects(struct schema_checker *c, yyjson_val *a, yyjson_val *b) {
    size_t index, max;
    yyjson_val *key, *value;
    if (yyjson_obj_size(a) != yyjson_obj_size(b))
        return false;
    yyjson_obj_foreach(a, index, max, key, value) {
        if (!schema_spend(c, yyjson_obj_size(b)))
            return false;
        yyjson_val *other = yyjson_obj_getn(b, yyjson_get_str(key), yyjson_get_len(key));
        if (!other || !schema_equal(c, value, other))
            return false;
    }
    return true;
}

static bool equal_arrays(struct schema_checker *c, yyjson_val *a, yyjson_val *b) {
    if (yyjson_arr_size(a) != yyjson_arr_size(b))
        return false;
    yyjson_arr_iter other = yyjson_arr_iter_with(b);
    size_t index, max;
    yyjson_val *item;
    yyjson_arr_foreach(a, index, max,
                       item) if (!schema_equal(c, item, yyjson_arr_iter_next(&other))) return false;
    return true;
}

bool schema_equal(struct schema_checker *c, yyjson_val *a, yyjson_val *b) {
    if (yyjson_get_type(a) != yyjson_get_type(b))
        return false;
    if (!schema_spend(c, 1 + (yyjson_is_str(a) ? yyjson_get_len(a) / 64 : 0)))
        return false;
    switch (yyjson_get_type(a)) {
    case YYJSON_TYPE_BOOL: return yyjson_get_bool(a) == yyjson_get_bool(b);
    case YYJSON_TYPE_NUM: return schema_number(a) == schema_number(b);
    case YYJSON_TYPE_STR: return str_eq(json_str_of(a), json_str_of(b));
    case YYJSON_TYPE_ARR: return equal_arrays(c, a, b);
    case YYJSON_TYPE_OBJ: return equal_objects(c, a, b);
    default: return true;
    }
}

static uint64_t hash_number(yyjson_val *value) {
    double number = (double)schema_number(value);
    uint64_t bits;
    if (number == 0)
        number = 0; /* -0 too */
    memcpy(&bits, &number, sizeof(bits));
    return hash64_u64(bits);
}

uint64_t schema_hash(struct schema_checker *c, yyjson_val *value) {
    uint64_t sum = (uint64_t)yyjson_get_type(value);
    size_t index, max;
    yyjson_val *key, *item;
    if (!schema_spend(c, 1 + (yyjson_is_str(value) ? yyjson_get_len(value) / 64 : 0)))
        return 0;
    switch (yyjson_get_type(value)) {
    case YYJSON_TYPE_BOOL: return hash64_u64(sum * 2 + yyjson_get_bool(value));
    case YYJSON_TYPE_NUM: return hash_number(value);
    case YYJSON_TYPE_STR: return hash64(json_str_of(value), sum);
    case YYJSON_TYPE_ARR:
        yyjson_arr_foreach(value, index, max, item) sum = hash64_u64(sum ^ schema_hash(c, item));
        return sum;
    case YYJSON_TYPE_OBJ: /* a sum, since the order of keys says nothing */
        yyjson_obj_foreach(value, index, max, key, item) sum +=
            hash64_u64(hash64(json_str_of(key), 1) ^ schema_hash(c, item));
        return sum;
    default: return hash64_u64(sum);
    }
}

/* ---- multiples ---- */

/* digits × 10^exponent, exactly */
struct decimal {
    __int128 digits; /* below 10^20 */
    int exponent;
};

/* The shortest decimal that reads back as this double is what somebody wrote. */
static struct decimal decimal_of_real(double value) {
    char text[40];
    struct decimal d = {0, 0};
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*e", digits - 1, fabs(value));
        if (strtod(text, NULL) == fabs(value))
            break;
    }
    const char *p = text;
    for (bool point = false; *p && *p != 'e'; p++) {
        if (*p == '.') {
            point = true;
            continue;
        }
        d.digits = d.digits * 10 + (*p - '0');
        d.exponent -= point;
    }
    d.exponent += *p == 'e' ? atoi(p + 1) : 0;
    return d;
}

static struct decimal decimal_of(yyjson_val *value) {
    if (yyjson_is_uint(value))
        return (struct decimal){yyjson_get_uint(value), 0};
    if (yyjson_is_sint(value)) {
        __int128 number = yyjson_get_sint(value);
        return (struct decimal){number < 0 ? -number : number, 0};
    }
    return decimal_of_real(yyjson_get_real(value));
}

bool schema_is_multiple(yyjson_val *value, yyjson_val *of) {
    struct decimal x = decimal_of(value), m = decimal_of(of);
    if (x.digits == 0)
        return true;
    if (m.digits == 0)
        return false;
    while (m.digits % 10 == 0) {
        m.digits /= 10;
        m.exponent++;
    }
    /* What is left over of x is dragged through the difference of the exponents digit by digit: no overflow.
     */
    for (; m.exponent > x.exponent; x.exponent++) {
        if (x.digits % 10)
            return false;
        x.digits /= 10;
    }
    __int128 rest = x.digits % m.digits;
    for (int i = x.exponent - m.exponent; i > 0 && rest; i--)
        rest = rest * 10 % m.digits;
    return rest == 0;
}
