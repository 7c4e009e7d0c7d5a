/* How a page looks, as numbers: ink and brightness by place, line rhythm and margins, run lengths,
 * sizes of connected components. Costs a hundredth of recognising the text, and tells a receipt from a
 * book page without reading either. Pure computation over grey pixels, no state; any thread. */
#pragma once

#include "base/attributes.h"

#include <stdbool.h>
#include <stdint.h>

/* Changes with every change of the features, since models are trained on the vector's order. */
enum { DOCUMENT_VISUAL_COUNT = 425, DOCUMENT_VISUAL_VERSION = 1 };

/* The longest side, in pixels, that images are reduced to before this. */
enum { VISUAL_LONG_SIDE = 640 };

struct grey_image {
    uint32_t width, height; /* at most VISUAL_LONG_SIDE, at least 1 */
    const uint8_t *pixels;  /* width * height, row by row, 0 black */
};

/* Fills `out` with values in 0..1. False when memory is out or the size is beyond the bounds. */
bool visual_vector(const struct grey_image *image, float out[DOCUMENT_VISUAL_COUNT]) MUST_USE;
