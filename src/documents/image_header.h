/* Reads the structure of a JPEG, PNG or PGM file without decoding it: size in pixels, whether it is animated,
 * where it ends. What a decoder would allocate is judged here first, so a header that promises
 * 30,000 x 30,000 pixels costs nothing. ISO/IEC 10918-1 annex B; PNG specification, second edition.
 * Pure computation over bytes from outside, bounded by their length; any thread. */
#pragma once

#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct image_header {
    uint32_t width, height;
    uint32_t orientation; /* 1 to 8 as in Exif: how the camera was held; 0: not told */
    bool animated;
    bool complete; /* the end marker is there */
    size_t end;    /* the offset behind the end marker; the length when incomplete */
};

/* False, with *why a static text, when the bytes are no such file. A file cut short is no failure as long
 * as its size is known: then `complete` is false. */
bool image_header_jpeg(struct str bytes, struct image_header *out, const char **why) MUST_USE;
bool image_header_png(struct str bytes, struct image_header *out, const char **why) MUST_USE;

/* A binary grey map (P5, 8 bits) as pdftoppm writes it: complete only when exactly its pixels follow. */
bool image_header_pgm(struct str bytes, struct image_header *out, const char **why) MUST_USE;
