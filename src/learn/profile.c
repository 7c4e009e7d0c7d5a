#include "learn/profile.h"

#include "base/check.h"

struct histogram histogram_linear(const char *name, double first, double step, size_t count) {
    CHECK(count <= PROFILE_EDGES_MAX);
    struct histogram h = {.name = name, .edge_count = count};
    for (size_t i = 0; i < count; i++)
        h.edges[i] = first + step * (double)i;
    return h;
}

struct histogram histogram_doubling(const char *name, size_t count) {
    CHECK(count <= PROFILE_EDGES_MAX);
    struct histogram h = {.name = name, .edge_count = count};
    for (size_t i = 0; i < count; i++)
        h.edges[i] = (double)(1u << i);
    return h;
}

void histogram_add(struct histogram *h, double value) {
    size_t at = 0;
    while (at < h->edge_count && value >= h->edges[at])
        at++;
    h->counts[at]++;
    h->rows++;
}

void histogram_write_fields(const struct histogram *h, struct json_writer *w) {
    double rows = h->rows ? (double)h->rows : 1;
    json_key(w, "edges");
    json_array(w);
    for (size_t i = 0; i < h->edge_count; i++)
        json_double(w, h->edges[i]); /* as counted: a value may lie on an edge */
    json_array_end(w);
    json_key(w, "shares");
    json_array(w);
    for (size_t i = 0; i <= h->edge_count; i++)
        json_fixed(w, (double)h->counts[i] / rows, 6);
    json_array_end(w);
}

void histogram_write(const struct histogram *h, struct json_writer *w) {
    json_key(w, h->name);
    json_object(w);
    histogram_write_fields(h, w);
    json_object_end(w);
}
