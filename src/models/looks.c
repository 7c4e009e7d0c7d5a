#include "models/looks.h"

#include "models/backend.h"

#include <math.h>
#include <string.h>

/* One value that is far out, a stain or a fold, must not outweigh all the others. */
static const float most_deviation = 6;

bool looks_read(struct looks *out, struct str section, struct error *err) {
    struct artefact_cursor c = {section, "looks", err};
    struct looks l;
    if (!artefact_take_u32(&c, "labels", 2, MODEL_LABELS_MAX, &l.labels) ||
        !artefact_take_u32(&c, "values", 1, MODEL_VISUAL_MAX, &l.values) ||
        !artefact_take_floats(&c, "limits", l.labels, &l.limit) ||
        !artefact_take_floats(&c, "means", (size_t)l.labels * l.values, &l.mean) ||
        !artefact_take_floats(&c, "deviations", (size_t)l.labels * l.values, &l.inverse) ||
        !artefact_take_floats(&c, "directions", (size_t)l.labels * LOOKS_DIRECTIONS * l.values,
                              &l.directions) ||
        !artefact_done(&c))
        return false;
    *out = l;
    return true;
}

void looks_write(struct buf *out, const struct looks *l) {
    artefact_u32(out, l->labels);
    artefact_u32(out, l->values);
    artefact_floats(out, l->limit, l->labels);
    artefact_floats(out, l->mean, (size_t)l->labels * l->values);
    artefact_floats(out, l->inverse, (size_t)l->labels * l->values);
    artefact_floats(out, l->directions, (size_t)l->labels * LOOKS_DIRECTIONS * l->values);
}

void looks_set_limits(char *section, const float *limits, size_t labels) {
    memcpy(section + 2 * sizeof(uint32_t), limits, labels * sizeof *limits);
}

void looks_deviations(const float *values, const float *mean, const float *inverse, size_t n, float *out) {
    for (size_t v = 0; v < n; v++) {
        float deviation = (values[v] - mean[v]) * inverse[v];
        out[v] = fmaxf(-most_deviation, fminf(deviation, most_deviation));
    }
}

static float distance(const struct looks *l, size_t label, const float *values) {
    float deviation[MODEL_VISUAL_MAX], left = 0;
    size_t n = l->values;
    looks_deviations(values, l->mean + label * n, l->inverse + label * n, n, deviation);
    for (size_t v = 0; v < n; v++)
        left += deviation[v] * deviation[v];
    for (size_t k = 0; k < LOOKS_DIRECTIONS; k++) {
        const float *direction = l->directions + (label * LOOKS_DIRECTIONS + k) * n;
        float along = 0;
        for (size_t v = 0; v < n; v++)
            along += deviation[v] * direction[v];
        left -= along * along;
    }
    return sqrtf(fmaxf(left, 0) / (float)n);
}

void looks_distances(const struct looks *l, const float *values, float *out) {
    for (uint32_t k = 0; k < l->labels; k++)
        out[k] = l->limit[k] > 0 ? distance(l, k, values) / l->limit[k] : 0;
}
