/* An inference request of the Open Inference Protocol v2, read: which tensors came, which outputs are wanted
 * and how, and the rows that the tensors hold: the i-th row is the i-th element of every tensor, or the i-th
 * row of the one tensor that holds all features. A row becomes what an endpoint is asked: a text, a file, or
 * features. Where they come from (binary extension, classification extension) say tensors.h and
 * docs/open-inference-protocol.md. Pure; any thread. */
#pragma once

#include "api/tensors.h"
#include "config/config.h"
#include "pipeline/request.h"

enum { OIP_ROWS_MAX = 1024, OIP_INPUTS_MAX = MODEL_FEATURES_MAX, OIP_ID_MAX = 256 };

enum oip_output {
    OIP_LABEL,
    OIP_CONFIDENCE,
    OIP_PROBABILITIES,
    OIP_CLASSES,
    OIP_DECISION,
    OIP_MODEL,
    OIP_REQUEST_ID,
    OIP_REVIEW_ID,
    OIP_ERROR,
    OIP_OUTPUTS
};
const char *oip_output_name(enum oip_output output); /* "label" */
/* What its elements are, and whether it has a second dimension, of the likeliest classes. */
enum tensor_type oip_output_type(enum oip_output output);
bool oip_output_is_wide(enum oip_output output);

struct oip_wanted {
    enum oip_output output;
    bool binary;
    unsigned classes; /* of probabilities, by the classification extension: so many, as "value:index:label";
                         0: no */
};

struct oip_request {
    struct str id; /* .p NULL: none */
    struct str user;
    struct oip_wanted wanted[OIP_OUTPUTS];
    unsigned wanted_count;
    struct tensor *inputs;
    struct tensor_reader *readers; /* of the next row */
    size_t input_count, row_count;
    enum input_kind kind;
    const char *const *columns; /* of the one tensor that holds all features; NULL: a tensor is a feature */
    size_t column_count;
    yyjson_doc *doc;
};

/* What the endpoint takes. */
struct oip_shape {
    unsigned accepts;           /* enum endpoint_accepts */
    const char *const *columns; /* of its features; NULL: unknown */
    size_t column_count;
};

/* `header_length`: the value of Inference-Header-Content-Length; .p NULL: the body is JSON; "0": it is the
 * one input's content itself. On success oip_request_clear frees what it holds; the rest lies in the arena or
 * is borrowed from `body` and `shape`. */
bool oip_request_read(struct oip_request *out, struct str body, struct str header_length,
                      const struct oip_shape *shape, struct arena *arena, struct error *err) MUST_USE;
void oip_request_clear(struct oip_request *r);
bool oip_wants(const struct oip_request *r, enum oip_output output);

/* The next row; at most row_count times. A row that makes no sense has its error in out->error, which does
 * not touch the others. */
void oip_next_row(struct oip_request *r, struct arena *arena, struct request_given *out);
