/* How the pages of each class look, so that a page which only resembles one class more than the others is
 * told from a page of that class: the mean of each visual value over the class's pages, how far they stray
 * from it, and the main directions in which they vary. A page's distance from a class is the root mean square
 * of what it deviates, each value in the class's own measure, apart from these directions. It is relative to
 * the distance within which nearly all pages of the class were that the statistics had not seen, and so means
 * the same for every class: up to 1 is near, more is strange.
 *
 * In the file: u32 labels, u32 values; floats: limits (one per label); then for all labels means and inverse
 * deviations (values for each label) and directions (LOOKS_DIRECTIONS times values for each label, of length
 * 1, at right angles, or 0). A view over mapped bytes; any thread. */
#pragma once

#include "models/artefact.h"

enum { LOOKS_DIRECTIONS = 8 };

struct looks {
    uint32_t labels, values;
    const float *limit; /* distance within which a page of the label is near; 0: too few pages to know */
    const float *mean, *inverse, *directions;
};

bool looks_read(struct looks *out, struct str section, struct error *err) MUST_USE;
void looks_write(struct buf *out, const struct looks *l);

/* Overwrites the limits in an artefact's section, whose labels are as many. */
void looks_set_limits(char *section, const float *limits, size_t labels);

/* What values deviate from a class's pages, in its measure and bounded (n each). */
void looks_deviations(const float *values, const float *mean, const float *inverse, size_t n, float *out);

/* Relative distances (labels floats) of standardised values; 0 where too little is known to say. */
void looks_distances(const struct looks *l, const float *values, float *out);

/* Is it near enough to be one of the label's pages? Never where too little is known. */
static inline bool looks_near(float relative) {
    return relative > 0 && relative <= 1;
}
