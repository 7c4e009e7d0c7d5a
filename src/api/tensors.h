/* Tensors of the Open Inference Protocol v2 (kserve/open-inference-protocol, inference_rest.md) as they lie
 * in a request: numbers, truth values and byte strings in a JSON array, nested as the shape says or flat, or
 * behind the JSON as the binary tensor data extension has them (little-endian, row by row, a BYTES element
 * behind its length in 4 bytes). Everything is checked when a tensor is read; a reader then walks its
 * elements in their order and cannot fail. Tensors borrow the document and the body that they were read from.
 * Pure; any thread. */
#pragma once

#include "base/json.h"

enum tensor_type {
    TENSOR_BOOL,
    TENSOR_UINT8,
    TENSOR_UINT16,
    TENSOR_UINT32,
    TENSOR_UINT64,
    TENSOR_INT8,
    TENSOR_INT16,
    TENSOR_INT32,
    TENSOR_INT64,
    TENSOR_FP16,
    TENSOR_BF16,
    TENSOR_FP32,
    TENSOR_FP64,
    TENSOR_BYTES,
    TENSOR_TYPES
};
const char *tensor_type_name(enum tensor_type type); /* "FP32" */

enum { TENSOR_RANK_MAX = 8, TENSOR_NAME_MAX = 256 };

struct tensor {
    struct str name;
    enum tensor_type type;
    unsigned rank;
    uint64_t shape[TENSOR_RANK_MAX];
    size_t count;     /* of elements */
    yyjson_val *json; /* its array of elements; NULL: `binary` */
    struct str binary;
    bool bare; /* one BYTES element without its length */
};

/* Reads {"name","shape","datatype","data"} or, in the place of data, {"parameters":{"binary_data_size"}},
 * whose bytes are taken off the front of *binary. ERR_INVALID_FIELD names the tensor, what is wrong and what
 * was expected. */
bool tensor_read(struct tensor *out, yyjson_val *object, struct str *binary, struct error *err) MUST_USE;
/* The tensor of one BYTES element that `bytes` are, without a length before them. */
struct tensor tensor_of_bytes(struct str name, struct str bytes);

/* "[2, 3]", for messages; cut where it does not fit. */
enum { TENSOR_SHAPE_TEXT = 160 };
const char *tensor_shape_text(const struct tensor *t, char text[TENSOR_SHAPE_TEXT]);

enum tensor_kind {
    TENSOR_IS_NULL,
    TENSOR_IS_BOOL,
    TENSOR_IS_INT,
    TENSOR_IS_UINT,
    TENSOR_IS_FLOAT,
    TENSOR_IS_BYTES
};

struct tensor_value {
    enum tensor_kind kind;
    bool single; /* a float that has no more digits than FP32 */
    union {
        bool flag;
        int64_t integer;
        uint64_t positive;
        double number; /* may be infinite or NaN where it came in binary */
        struct str bytes;
    };
};

struct tensor_reader {
    const struct tensor *tensor;
    yyjson_val *at;
    struct str rest;
};
struct tensor_reader tensor_reader(const struct tensor *t);
/* At most tensor.count times. */
struct tensor_value tensor_next(struct tensor_reader *r);

/* The shortest decimal number that reads back as the same float (`single`: as the same 32-bit float); whole
 * numbers without a point. Not finite: null. */
void tensor_write_number(struct json_writer *w, double value, bool single);
