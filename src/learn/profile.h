/* The reference profile: how inputs and answers looked when the version was made, against which drift is
 * measured later. Histograms of rows observed by the cross-validation, so that what is unseen there is
 * as unseen as in traffic. JSON:
 *   {"rows":N, "histograms":{NAME:{"edges":[e1,…,en],"shares":[s0,…,sn]},…}, "labels":{LABEL:share,…}}
 * share i is of the rows with e_i <= value < e_(i+1); the first and last are open. */
#pragma once

#include "base/json.h"
#include "learn/quality.h"

enum { PROFILE_EDGES_MAX = 20 };

struct histogram {
    const char *name;
    size_t edge_count;
    double edges[PROFILE_EDGES_MAX];
    size_t counts[PROFILE_EDGES_MAX + 1];
    size_t rows;
};

/* `count` edges from `first` on, each `step` further. */
struct histogram histogram_linear(const char *name, double first, double step, size_t count);
/* 1, 2, 4, … */
struct histogram histogram_doubling(const char *name, size_t count);
void histogram_add(struct histogram *h, double value);
void histogram_write(const struct histogram *h, struct json_writer *w);        /* key and value */
void histogram_write_fields(const struct histogram *h, struct json_writer *w); /* of an object that is open */
