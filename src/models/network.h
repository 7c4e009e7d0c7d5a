/* The weights of a `linear` version. Each feature has a row of bytes: what it adds to every label's
 * score (the linear part) and to every hidden unit (the hidden part: one layer of rectified units, whose
 * values feed a second score for every label). The two parts are trained apart, err in different places
 * and are added, each with its own factor, by models/confidence.h.
 *
 * Rows are quantised to 8 bits with one factor per row and part. In the file: u32 labels, hidden, rows, 0;
 * floats linear bias, hidden bias, top bias (each padded to VECTOR_ALIGN), top factors (one per hidden
 * unit, padded); heads; rows; top rows. A view over mapped bytes; any thread. */
#pragma once

#include "models/artefact.h"
#include "models/vector.h"

enum { NETWORK_HIDDEN_MAX = 512, NETWORK_ROWS_MAX = 1 << 24 };

struct network_head {
    float linear, hidden; /* a byte times this is the weight */
    float mass;           /* what a feature with value 1 adds to the square of its block's length */
    float reserved;
};

struct network {
    uint32_t labels, hidden, rows;
    uint32_t labels_room, stride; /* bytes of a row's linear part, and of the whole row */
    const float *linear_bias, *hidden_bias, *top_bias, *top_scale;
    const struct network_head *heads;
    const int8_t *values;
    const int8_t *top; /* hidden rows of labels_room bytes */
};

bool network_read(struct network *out, struct str section, const char *name, struct error *err) MUST_USE;

/* Float weights, as training has them. Row r: linear + r * labels_room, hidden_rows + r * hidden_room. */
struct network_weights {
    uint32_t labels, hidden, rows;
    size_t labels_room, hidden_room; /* padded by vector_room */
    const float *linear, *linear_bias;
    const float *hidden_rows, *hidden_bias;
    const float *top, *top_bias; /* hidden rows of labels_room */
    const float *mass;           /* one per row */
};
void network_write(struct buf *out, const struct network_weights *w);

/* Adds value * row to sums (stride floats: linear, then hidden). */
static inline void network_add(const struct network *n, float *sums, uint32_t row, float value) {
    const struct network_head *h = &n->heads[row];
    const int8_t *bytes = n->values + (size_t)row * n->stride;
    vector_add_bytes(sums, bytes, value * h->linear, n->labels_room);
    if (n->hidden)
        vector_add_bytes(sums + n->labels_room, bytes + n->labels_room, value * h->hidden,
                         n->stride - n->labels_room);
}

/* Rows whose turn comes together, which is quicker than one by one. Zero `count` to begin. */
enum { NETWORK_ROWS_AT_ONCE = 64 };

struct network_rows {
    size_t count;
    struct vector_row linear[NETWORK_ROWS_AT_ONCE], hidden[NETWORK_ROWS_AT_ONCE];
};

/* Adds those that wait to sums, as network_add would have. */
void network_add_waiting(const struct network *n, float *sums, struct network_rows *rows);

static inline void network_add_soon(const struct network *n, float *sums, struct network_rows *rows,
                                    uint32_t row, float value) {
    if (rows->count == NETWORK_ROWS_AT_ONCE)
        network_add_waiting(n, sums, rows);
    const struct network_head *h = &n->heads[row];
    const int8_t *bytes = n->values + (size_t)row * n->stride;
    rows->linear[rows->count] = (struct vector_row){bytes, value * h->linear};
    rows->hidden[rows->count++] = (struct vector_row){bytes + n->labels_room, value * h->hidden};
}

static inline void network_prefetch(const struct network *n, uint32_t row) {
    __builtin_prefetch(&n->heads[row]);
    const int8_t *bytes = n->values + (size_t)row * n->stride;
    for (uint32_t at = 0; at < n->stride; at += 64)
        __builtin_prefetch(bytes + at);
}

/* From sums without bias to the two scores of each label (labels_room floats each; the hidden ones are 0
 * without a hidden part). Changes sums. */
void network_finish(const struct network *n, float *sums, float *linear, float *hidden);
