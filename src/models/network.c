#include "models/network.h"

#include "models/backend.h"

#include <math.h>
#include <string.h>

bool network_read(struct network *out, struct str section, const char *name, struct error *err) {
    struct artefact_cursor c = {section, name, err};
    struct network n = {0};
    uint32_t reserved;
    if (!artefact_take_u32(&c, "labels", 2, MODEL_LABELS_MAX, &n.labels) ||
        !artefact_take_u32(&c, "hidden units", 0, NETWORK_HIDDEN_MAX, &n.hidden) ||
        !artefact_take_u32(&c, "rows", 1, NETWORK_ROWS_MAX, &n.rows) ||
        !artefact_take_u32(&c, "reserved", 0, 0, &reserved))
        return false;
    n.labels_room = (uint32_t)vector_room(n.labels);
    uint32_t hidden_room = (uint32_t)vector_room(n.hidden);
    n.stride = n.labels_room + hidden_room;
    const float *heads;
    const void *values, *top;
    if (!artefact_take_floats(&c, "linear bias", n.labels_room, &n.linear_bias) ||
        !artefact_take_floats(&c, "hidden bias", hidden_room, &n.hidden_bias) ||
        !artefact_take_floats(&c, "top bias", n.labels_room, &n.top_bias) ||
        !artefact_take_floats(&c, "top factors", hidden_room, &n.top_scale) ||
        !artefact_take_floats(&c, "heads", (size_t)n.rows * 4, &heads) ||
        !artefact_take(&c, "rows", n.rows, n.stride, &values) ||
        !artefact_take(&c, "top rows", n.hidden, n.labels_room, &top) || !artefact_done(&c))
        return false;
    n.heads = (const void *)heads;
    n.values = values;
    n.top = top;
    *out = n;
    return true;
}

/* Bytes of `n` floats and the factor that gives them back; the largest becomes 127. */
static float quantise(const float *values, size_t n, int8_t *bytes) {
    float largest = 0;
    for (size_t i = 0; i < n; i++)
        largest = fmaxf(largest, fabsf(values[i]));
    float scale = largest / 127;
    for (size_t i = 0; i < n; i++)
        bytes[i] = scale > 0 ? (int8_t)lrintf(values[i] / scale) : 0;
    return scale;
}

static void write_rows(struct buf *out, const struct network_weights *w, struct network_head *heads,
                       int8_t *rows) {
    size_t stride = w->labels_room + w->hidden_room;
    for (uint32_t r = 0; r < w->rows; r++) {
        int8_t *bytes = rows + r * stride;
        struct network_head h = {.mass = w->mass[r]};
        h.linear = quantise(w->linear + r * w->labels_room, w->labels_room, bytes);
        if (w->hidden)
            h.hidden = quantise(w->hidden_rows + r * w->hidden_room, w->hidden_room, bytes + w->labels_room);
        heads[r] = h;
    }
    out->n += w->rows * (sizeof *heads + stride);
}

void network_write(struct buf *out, const struct network_weights *w) {
    artefact_u32(out, w->labels);
    artefact_u32(out, w->hidden);
    artefact_u32(out, w->rows);
    artefact_u32(out, 0);
    artefact_floats(out, w->linear_bias, w->labels_room);
    artefact_floats(out, w->hidden_bias, w->hidden_room);
    artefact_floats(out, w->top_bias, w->labels_room);
    int8_t row[MODEL_LABELS_MAX + VECTOR_ALIGN];
    for (uint32_t h = 0; h < w->hidden_room; h++) {
        float scale = h < w->hidden ? quantise(w->top + h * w->labels_room, w->labels_room, row) : 0;
        artefact_floats(out, &scale, 1);
    }
    size_t stride = w->labels_room + w->hidden_room;
    if (!buf_reserve(out, w->rows * (sizeof(struct network_head) + stride)))
        return;
    struct network_head *heads = (void *)(out->p + out->n);
    write_rows(out, w, heads, (int8_t *)(heads + w->rows));
    for (uint32_t h = 0; h < w->hidden; h++) {
        quantise(w->top + h * w->labels_room, w->labels_room, row);
        buf_add(out, row, w->labels_room);
    }
}

void network_add_waiting(const struct network *n, float *sums, struct network_rows *rows) {
    vector_add_rows(sums, rows->linear, rows->count, n->labels_room);
    if (n->hidden)
        vector_add_rows(sums + n->labels_room, rows->hidden, rows->count, n->stride - n->labels_room);
    rows->count = 0;
}

void network_finish(const struct network *n, float *sums, float *linear, float *hidden) {
    for (uint32_t i = 0; i < n->labels_room; i++)
        linear[i] = sums[i] + n->linear_bias[i];
    memcpy(hidden, n->top_bias, n->labels_room * sizeof *hidden);
    /* Half of the units are on, in no order that a processor could foresee: collected first, without a
     * branch. */
    struct vector_row on[NETWORK_HIDDEN_MAX];
    uint32_t count = 0;
    float *units = sums + n->labels_room;
    for (uint32_t h = 0; h < n->hidden; h++) {
        units[h] += n->hidden_bias[h];
        on[count] = (struct vector_row){n->top + (size_t)h * n->labels_room, units[h] * n->top_scale[h]};
        count += units[h] > 0;
    }
    vector_add_rows(hidden, on, count, n->labels_room);
}
