#include "models/onnx_file.h"

enum wire { WIRE_NUMBER = 0, WIRE_EIGHT = 1, WIRE_BYTES = 2, WIRE_FOUR = 5 };

/* The messages of onnx.proto that may lead to a tensor. */
enum message { MODEL, GRAPH, NODE, ATTRIBUTE, TENSOR, SPARSE_TENSOR, FUNCTION, TRAINING, MESSAGES };

static const char *const names[MESSAGES] = {"model",  "graph",         "node",     "attribute",
                                            "tensor", "sparse tensor", "function", "training info"};

static const struct way {
    enum message in;
    uint32_t field;
    enum message to;
} ways[] = {
    {MODEL, 7, GRAPH},
    {MODEL, 20, TRAINING},
    {MODEL, 25, FUNCTION},
    {GRAPH, 1, NODE},
    {GRAPH, 5, TENSOR},
    {GRAPH, 15, SPARSE_TENSOR},
    {NODE, 5, ATTRIBUTE},
    {ATTRIBUTE, 5, TENSOR},
    {ATTRIBUTE, 6, GRAPH},
    {ATTRIBUTE, 10, TENSOR},
    {ATTRIBUTE, 11, GRAPH},
    {ATTRIBUTE, 22, SPARSE_TENSOR},
    {ATTRIBUTE, 23, SPARSE_TENSOR},
    {SPARSE_TENSOR, 1, TENSOR},
    {SPARSE_TENSOR, 2, TENSOR},
    {FUNCTION, 7, NODE},
    {FUNCTION, 11, ATTRIBUTE},
    {TRAINING, 1, GRAPH},
    {TRAINING, 2, GRAPH},
};

enum { TENSOR_EXTERNAL_DATA = 13, TENSOR_DATA_LOCATION = 14 };

struct field {
    uint32_t number;
    enum wire wire;
    uint64_t value;
    struct str bytes;
};

static bool take_varint(struct str *rest, uint64_t *out) {
    uint64_t value = 0;
    for (unsigned i = 0; i < 10 && i < rest->n; i++) {
        unsigned char byte = (unsigned char)rest->p[i];
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte & 0x80)
            continue;
        *rest = str_slice(*rest, i + 1, rest->n);
        *out = value;
        return true;
    }
    return false;
}

/* Groups (wire types 3 and 4) do not occur in ONNX. */
static bool take_field(struct str *rest, struct field *f) {
    uint64_t tag, size;
    if (!take_varint(rest, &tag) || tag >> 3 == 0 || tag >> 3 > UINT32_MAX >> 3)
        return false;
    *f = (struct field){.number = (uint32_t)(tag >> 3), .wire = (enum wire)(tag & 7)};
    switch (f->wire) {
    case WIRE_NUMBER: return take_varint(rest, &f->value);
    case WIRE_EIGHT: size = 8; break;
    case WIRE_FOUR: size = 4; break;
    case WIRE_BYTES:
        if (!take_varint(rest, &size))
            return false;
        break;
    default: return false;
    }
    if (size > rest->n)
        return false;
    f->bytes = str_slice(*rest, 0, size);
    *rest = str_slice(*rest, size, rest->n);
    return true;
}

static const struct way *way_from(enum message in, uint32_t field) {
    for (size_t i = 0; i < ARRAY_COUNT(ways); i++)
        if (ways[i].in == in && ways[i].field == field)
            return &ways[i];
    return NULL;
}

static bool names_a_file(enum message in, const struct field *f) {
    return in == TENSOR &&
           (f->number == TENSOR_EXTERNAL_DATA ||
            (f->number == TENSOR_DATA_LOCATION && !(f->wire == WIRE_NUMBER && f->value == 0)));
}

static bool check_message(struct str bytes, enum message in, unsigned depth, struct error *err) {
    if (depth == ONNX_DEPTH_MAX)
        return fail(err, ERR_ARTEFACT, "The ONNX file nests its graphs more than %d messages deep.",
                    ONNX_DEPTH_MAX);
    for (struct str rest = bytes; rest.n;) {
        struct field f;
        size_t left = rest.n;
        if (!take_field(&rest, &f))
            return fail(err, ERR_ARTEFACT,
                        "The ONNX file is damaged: a %s ends or goes wrong %zu bytes before "
                        "its end.",
                        names[in], left);
        if (names_a_file(in, &f))
            return fail(
                err, ERR_ARTEFACT,
                "The ONNX file keeps numbers of a tensor in another file, which is never opened: export "
                "the model as one file (onnx.save_model with save_as_external_data=False).");
        const struct way *way = way_from(in, f.number);
        if (way && f.wire != WIRE_BYTES)
            return fail(err, ERR_ARTEFACT, "The ONNX file is damaged: a %s stands where a %s was expected.",
                        "number", names[way->to]);
        if (way && !check_message(f.bytes, way->to, depth + 1, err))
            return false;
    }
    return true;
}

bool onnx_file_check(struct str bytes, struct error *err) {
    if (bytes.n == 0)
        return fail(err, ERR_ARTEFACT, "The ONNX file is empty.");
    if (bytes.n > ONNX_FILE_MAX)
        return fail(err, ERR_ARTEFACT, "The ONNX file has %zu bytes; expected %d at most.", bytes.n,
                    ONNX_FILE_MAX);
    bool graph = false;
    for (struct str rest = bytes; rest.n && !graph;) {
        struct field f;
        if (!take_field(&rest, &f))
            return fail(err, ERR_ARTEFACT, "This is no ONNX file: its first bytes are no model's.");
        graph = f.number == 7 && f.wire == WIRE_BYTES;
    }
    if (!graph)
        return fail(err, ERR_ARTEFACT, "This is no ONNX file: there is no graph in it.");
    return check_message(bytes, MODEL, 0, err);
}
