#include "api/tensors.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* `least` and `most`: of whole numbers. `digits`: that a float of this type can need to be told from its
 * neighbours; 0: it is none. */
static const struct type {
    const char *name;
    size_t size; /* of an element; 0: each has its own */
    int64_t least;
    uint64_t most;
    int digits;
} types[TENSOR_TYPES] = {
    [TENSOR_BOOL] = {"BOOL", 1},
    [TENSOR_UINT8] = {"UINT8", 1, 0, UINT8_MAX},
    [TENSOR_UINT16] = {"UINT16", 2, 0, UINT16_MAX},
    [TENSOR_UINT32] = {"UINT32", 4, 0, UINT32_MAX},
    [TENSOR_UINT64] = {"UINT64", 8, 0, UINT64_MAX},
    [TENSOR_INT8] = {"INT8", 1, INT8_MIN, INT8_MAX},
    [TENSOR_INT16] = {"INT16", 2, INT16_MIN, INT16_MAX},
    [TENSOR_INT32] = {"INT32", 4, INT32_MIN, INT32_MAX},
    [TENSOR_INT64] = {"INT64", 8, INT64_MIN, INT64_MAX},
    [TENSOR_FP16] = {"FP16", 2, .digits = 5},
    [TENSOR_BF16] = {"BF16", 2, .digits = 4},
    [TENSOR_FP32] = {"FP32", 4, .digits = 9},
    [TENSOR_FP64] = {"FP64", 8, .digits = 17},
    [TENSOR_BYTES] = {"BYTES", 0},
};

enum { LENGTH_SIZE = 4 }; /* before each BYTES element */

const char *tensor_type_name(enum tensor_type type) {
    return types[type].name;
}

const char *tensor_shape_text(const struct tensor *t, char text[TENSOR_SHAPE_TEXT]) {
    size_t n = 0;
    text[n++] = '[';
    for (unsigned i = 0; i < t->rank && n < TENSOR_SHAPE_TEXT - 24; i++)
        n += (size_t)snprintf(text + n, TENSOR_SHAPE_TEXT - n, "%s%" PRIu64, i ? ", " : "", t->shape[i]);
    text[n++] = ']';
    text[n] = '\0';
    return text;
}

/* ---- reading ---- */

#define SHOWN(s) STR_ARG(str_slice(s, 0, 60))

/* For "The tensor …". */
static bool wrong(const struct tensor *t, struct error *err, const char *format, ...) PRINTF_LIKE(3, 4);
static bool wrong(const struct tensor *t, struct error *err, const char *format, ...) {
    char what[320], param[ERROR_PARAM_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    snprintf(param, sizeof param, "%.*s", SHOWN(t->name));
    return fail_at(err, ERR_INVALID_FIELD, param, "The tensor \"%.*s\" %s", SHOWN(t->name), what);
}

static bool read_name(struct tensor *t, yyjson_val *object, struct error *err) {
    yyjson_val *name = yyjson_obj_get(object, "name");
    t->name = STR("");
    if (!yyjson_is_str(name))
        return fail_at(err, ERR_INVALID_FIELD, "inputs", "A tensor has no \"name\"; expected a text.");
    t->name = json_str_of(name);
    return (t->name.n > 0 && t->name.n <= TENSOR_NAME_MAX) ||
           fail_at(err, ERR_INVALID_FIELD, "inputs", "A tensor's name has %zu bytes; expected 1 to %d.",
                   t->name.n, TENSOR_NAME_MAX);
}

static bool read_type(struct tensor *t, yyjson_val *object, struct error *err) {
    const char *names[TENSOR_TYPES];
    struct str given = json_str_of(yyjson_obj_get(object, "datatype"));
    for (unsigned i = 0; i < TENSOR_TYPES; i++) {
        names[i] = types[i].name;
        if (str_eq(given, str_from(names[i]))) {
            t->type = (enum tensor_type)i;
            return true;
        }
    }
    const char *near = given.n ? str_nearest(given, names, TENSOR_TYPES) : NULL;
    return given.n
               ? wrong(t, err, "has the unknown datatype \"%.*s\"%s%s%s.", STR_ARG(str_slice(given, 0, 20)),
                       near ? "; did you mean " : "; FP32 and BYTES are such", near ? near : "",
                       near ? "?" : "")
               : wrong(t, err, "has no \"datatype\"; expected a text such as FP32 or BYTES.");
}

static bool read_shape(struct tensor *t, yyjson_val *object, struct error *err) {
    yyjson_val *shape = yyjson_obj_get(object, "shape"), *dimension;
    size_t index, max;
    if (!yyjson_is_arr(shape))
        return wrong(t, err, "has no \"shape\"; expected an array of numbers such as [1].");
    if (yyjson_arr_size(shape) > TENSOR_RANK_MAX)
        return wrong(t, err, "has %zu dimensions; at most %d are taken.", yyjson_arr_size(shape),
                     TENSOR_RANK_MAX);
    t->rank = 0;
    t->count = 1;
    yyjson_arr_foreach(shape, index, max, dimension) {
        if (!yyjson_is_uint(dimension))
            return wrong(t, err, "has a shape whose entry %zu is no whole number from 0 on.", index + 1);
        t->shape[t->rank++] = yyjson_get_uint(dimension);
        if (__builtin_mul_overflow(t->count, yyjson_get_uint(dimension), &t->count))
            return wrong(t, err, "has a shape of more elements than can be counted.");
    }
    return true;
}

/* Where an element lies: "data[3]", "data[0][1]". */
enum { PLACE_SIZE = 96 };

static const char *place_of(const struct tensor *t, bool nested, size_t index, char text[PLACE_SIZE]) {
    if (!nested) {
        snprintf(text, PLACE_SIZE, "data[%zu]", index);
        return text;
    }
    size_t below = t->count, n = 4;
    memcpy(text, "data", 5);
    for (unsigned i = 0; i < t->rank && n < PLACE_SIZE - 24; i++) {
        below /= t->shape[i];
        n += (size_t)snprintf(text + n, PLACE_SIZE - n, "[%zu]", index / below);
        index %= below;
    }
    return text;
}

static bool is_fitting(const struct type *type, yyjson_val *v) {
    if (type->digits)
        return yyjson_is_num(v) || yyjson_is_null(v);
    if (yyjson_is_uint(v))
        return yyjson_get_uint(v) <= type->most;
    return yyjson_is_sint(v) && yyjson_get_sint(v) >= type->least;
}

static bool check_element(const struct tensor *t, yyjson_val *v, bool nested, size_t index,
                          struct error *err) {
    const struct type *type = &types[t->type];
    char place[PLACE_SIZE];
    bool good = t->type == TENSOR_BYTES  ? yyjson_is_str(v) || yyjson_is_null(v)
                : t->type == TENSOR_BOOL ? yyjson_is_bool(v)
                                         : is_fitting(type, v);
    if (good)
        return true;
    const char *at = place_of(t, nested, index, place);
    if (yyjson_is_int(v) && !type->digits && t->type != TENSOR_BYTES && t->type != TENSOR_BOOL)
        return wrong(t, err, "has a number at %s that is no %s; expected %" PRId64 " to %" PRIu64 ".", at,
                     type->name, type->least, type->most);
    return wrong(t, err, "has the wrong type at %s: %s; expected %s for %s.", at, yyjson_get_type_desc(v),
                 t->type == TENSOR_BYTES  ? "a text"
                 : t->type == TENSOR_BOOL ? "true or false"
                 : type->digits           ? "a number"
                                          : "a whole number",
                 type->name);
}

/* Arrays within arrays as the shape says, so that elements lie in their order. */
static bool check_nesting(const struct tensor *t, yyjson_val *array, unsigned dimension, struct error *err) {
    yyjson_val *inner;
    size_t index, max;
    if (!yyjson_is_arr(array) || yyjson_arr_size(array) != t->shape[dimension])
        return wrong(t, err, "has %s in dimension %u of its data; its shape says an array of %" PRIu64 ".",
                     yyjson_is_arr(array) ? "an array of another length" : yyjson_get_type_desc(array),
                     dimension + 1, t->shape[dimension]);
    bool last = dimension + 1 == t->rank;
    yyjson_arr_foreach(array, index, max, inner) {
        if (last && yyjson_is_arr(inner))
            return wrong(t, err, "has arrays nested deeper than the %u dimensions of its shape.", t->rank);
        if (!last && !check_nesting(t, inner, dimension + 1, err))
            return false;
    }
    return true;
}

/* yyjson lays values out one behind the other, an array's before what it holds: the elements of nested arrays
 * are met in row-major order by walking on and leaving the arrays out. */
static yyjson_val *next_element(yyjson_val *at) {
    while (yyjson_is_arr(at))
        at++;
    return at;
}

static bool check_json(const struct tensor *t, struct error *err) {
    bool nested = yyjson_is_arr(yyjson_arr_get_first(t->json));
    char shape[TENSOR_SHAPE_TEXT];
    if (nested && t->rank > 1) {
        if (!check_nesting(t, t->json, 0, err))
            return false;
    } else if (yyjson_arr_size(t->json) != t->count) {
        return wrong(t, err, "has %zu elements in its data; its shape %s says %zu.", yyjson_arr_size(t->json),
                     tensor_shape_text(t, shape), t->count);
    }
    yyjson_val *at = t->json + 1;
    for (size_t i = 0; i < t->count; i++) {
        at = nested && t->rank > 1 ? next_element(at) : at;
        if (!check_element(t, at, nested && t->rank > 1, i, err))
            return false;
        at++;
    }
    return true;
}

static uint32_t length_at(const char *bytes) {
    const unsigned char *b = (const unsigned char *)bytes;
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static bool check_lengths(const struct tensor *t, struct error *err) {
    struct str rest = t->binary;
    for (size_t i = 0; i < t->count; i++) {
        if (rest.n < LENGTH_SIZE || rest.n - LENGTH_SIZE < length_at(rest.p))
            return wrong(
                t, err,
                "ends within its element %zu of %zu: expected 4 bytes of length (little-endian) and as "
                "many bytes behind them.",
                i + 1, t->count);
        rest = str_slice(rest, LENGTH_SIZE + length_at(rest.p), rest.n);
    }
    return rest.n == 0 ||
           wrong(t, err, "has %zu bytes behind its last element (%zu by its shape).", rest.n, t->count);
}

static bool check_binary(const struct tensor *t, struct error *err) {
    const struct type *type = &types[t->type];
    char shape[TENSOR_SHAPE_TEXT];
    size_t wanted;
    if (t->type == TENSOR_BYTES)
        return check_lengths(t, err);
    if (__builtin_mul_overflow(t->count, type->size, &wanted) || wanted != t->binary.n)
        return wrong(t, err, "has %zu bytes; its shape %s of %s says %zu elements of %zu bytes.", t->binary.n,
                     tensor_shape_text(t, shape), type->name, t->count, type->size);
    for (size_t i = 0; t->type == TENSOR_BOOL && i < t->count; i++)
        if (t->binary.p[i] != 0 && t->binary.p[i] != 1)
            return wrong(t, err, "has the byte %u as element %zu; expected 0 or 1 for BOOL.",
                         (unsigned char)t->binary.p[i], i + 1);
    return true;
}

static bool take_binary(struct tensor *t, yyjson_val *size, struct str *binary, struct error *err) {
    if (!yyjson_is_uint(size))
        return wrong(t, err, "has a \"binary_data_size\" that is no whole number of bytes.");
    if (yyjson_get_uint(size) > binary->n)
        return wrong(t, err,
                     "has %" PRIu64
                     " bytes by its \"binary_data_size\"; only %zu are left behind the JSON, whose "
                     "length the header Inference-Header-Content-Length gives.",
                     yyjson_get_uint(size), binary->n);
    t->binary = str_slice(*binary, 0, yyjson_get_uint(size));
    *binary = str_slice(*binary, t->binary.n, binary->n);
    return true;
}

bool tensor_read(struct tensor *out, yyjson_val *object, struct str *binary, struct error *err) {
    struct tensor t = {0};
    if (!yyjson_is_obj(object))
        return fail_at(err, ERR_INVALID_FIELD, "inputs",
                       "A tensor is %s; expected an object with name, shape, datatype and data.",
                       yyjson_get_type_desc(object));
    if (!read_name(&t, object, err) || !read_type(&t, object, err) || !read_shape(&t, object, err))
        return false;
    yyjson_val *parameters = yyjson_obj_get(object, "parameters"), *data = yyjson_obj_get(object, "data");
    yyjson_val *size = yyjson_obj_get(parameters, "binary_data_size");
    if (yyjson_obj_get(parameters, "shared_memory_region"))
        return wrong(&t, err, "lies in shared memory, which is not supported; send its data.");
    if (!size == !data)
        return wrong(&t, err, "has %s \"data\" %s \"binary_data_size\"; expected one of the two.",
                     size ? "both" : "neither", size ? "and" : "nor");
    if (size && !take_binary(&t, size, binary, err))
        return false;
    if (data && !yyjson_is_arr(data))
        return wrong(&t, err, "has %s as its data; expected an array.", yyjson_get_type_desc(data));
    t.json = data;
    if (!(data ? check_json(&t, err) : check_binary(&t, err)))
        return false;
    *out = t;
    return true;
}

struct tensor tensor_of_bytes(struct str name, struct str bytes) {
    return (struct tensor){.name = name,
                           .type = TENSOR_BYTES,
                           .rank = 1,
                           .shape = {1},
                           .count = 1,
                           .binary = bytes,
                           .bare = true};
}

/* ---- walking over elements ---- */

struct tensor_reader tensor_reader(const struct tensor *t) {
    return (struct tensor_reader){t, t->json ? t->json + 1 : NULL, t->binary};
}

static double power_of_two(int exponent) {
    return ldexp(1, exponent);
}

/* IEEE 754 binary16 */
static double half(uint16_t bits) {
    unsigned exponent = bits >> 10 & 31, fraction = bits & 1023;
    double value = exponent == 31 ? (fraction ? (double)NAN : (double)INFINITY)
                   : exponent     ? (1024 + fraction) * power_of_two((int)exponent - 25)
                                  : fraction * power_of_two(-24);
    return bits & 0x8000 ? -value : value;
}

/* The first 16 bits of a binary32 */
static double brain(uint16_t bits) {
    uint32_t wide = (uint32_t)bits << 16;
    float value;
    memcpy(&value, &wide, sizeof value);
    return (double)value;
}

/* `size` bytes, little-endian */
static uint64_t bits_at(const char *p, size_t size) {
    uint64_t bits = 0;
    for (size_t i = 0; i < size; i++)
        bits |= (uint64_t)(unsigned char)p[i] << 8 * i;
    return bits;
}

static struct tensor_value float_value(enum tensor_type type, uint64_t bits) {
    struct tensor_value v = {.kind = TENSOR_IS_FLOAT, .single = type != TENSOR_FP64};
    uint32_t low = (uint32_t)bits;
    float single;
    memcpy(&single, &low, sizeof single);
    memcpy(&v.number, &bits, sizeof v.number);
    if (type != TENSOR_FP64)
        v.number = type == TENSOR_FP16   ? half((uint16_t)bits)
                   : type == TENSOR_BF16 ? brain((uint16_t)bits)
                                         : (double)single;
    return v;
}

static struct tensor_value binary_value(struct tensor_reader *r) {
    enum tensor_type type = r->tensor->type;
    size_t size = types[type].size;
    const char *p = r->rest.p;
    if (type == TENSOR_BYTES) {
        size_t skip = r->tensor->bare ? 0 : LENGTH_SIZE, n = skip ? length_at(p) : r->rest.n;
        r->rest = str_slice(r->rest, skip + n, r->rest.n);
        return (struct tensor_value){.kind = TENSOR_IS_BYTES, .bytes = {p + skip, n}};
    }
    uint64_t bits = bits_at(p, size);
    r->rest = str_slice(r->rest, size, r->rest.n);
    if (types[type].digits)
        return float_value(type, bits);
    if (type == TENSOR_BOOL)
        return (struct tensor_value){.kind = TENSOR_IS_BOOL, .flag = bits != 0};
    if (types[type].least == 0)
        return (struct tensor_value){.kind = TENSOR_IS_UINT, .positive = bits};
    unsigned unused = 64 - 8 * (unsigned)size; /* its sign goes to the top and back */
    return (struct tensor_value){.kind = TENSOR_IS_INT, .integer = (int64_t)(bits << unused) >> unused};
}

static struct tensor_value json_value_of(yyjson_val *v, enum tensor_type type) {
    if (yyjson_is_null(v))
        return (struct tensor_value){.kind = TENSOR_IS_NULL};
    if (yyjson_is_bool(v))
        return (struct tensor_value){.kind = TENSOR_IS_BOOL, .flag = yyjson_get_bool(v)};
    if (yyjson_is_str(v))
        return (struct tensor_value){.kind = TENSOR_IS_BYTES, .bytes = json_str_of(v)};
    if (types[type].digits) /* what it says in decimal counts, not what would be left of it in this type */
        return (struct tensor_value){.kind = TENSOR_IS_FLOAT, .number = yyjson_get_num(v)};
    if (yyjson_is_uint(v))
        return (struct tensor_value){.kind = TENSOR_IS_UINT, .positive = yyjson_get_uint(v)};
    return (struct tensor_value){.kind = TENSOR_IS_INT, .integer = yyjson_get_sint(v)};
}

struct tensor_value tensor_next(struct tensor_reader *r) {
    if (!r->tensor->json)
        return binary_value(r);
    r->at = next_element(r->at);
    return json_value_of(r->at++, r->tensor->type);
}

/* The fewest decimals, at most 9, that give it back; -1: more are needed. A whole number divided by a power
 * of ten is what reading the decimal number gives, as long as both can be held exactly. */
static int decimals_of(double value, bool single) {
    double power = 10;
    for (int decimals = 1; decimals <= 9; decimals++, power *= 10) {
        double back = rint(value * power) / power;
        if (single ? (float)back == (float)value : back == value)
            return decimals;
    }
    return -1;
}

static void write_digits(struct json_writer *w, double value, bool single) {
    char text[32];
    int last = single ? 9 : 17;
    for (int digits = last - 2; digits <= last; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (single ? strtof(text, NULL) == (float)value : strtod(text, NULL) == value)
            break;
    }
    json_raw(w, str_from(text));
}

void tensor_write_number(struct json_writer *w, double value, bool single) {
    if (!isfinite(value)) {
        json_null(w);
        return;
    }
    if (value == trunc(value) && fabs(value) < 1e15) {
        json_int(w, (int64_t)value);
        return;
    }
    int decimals = fabs(value) < 1e6 ? decimals_of(value, single) : -1;
    if (decimals > 0)
        json_fixed(w, value, decimals);
    else
        write_digits(w, value, single);
}
