/* From the bytes of one image to its looks and its text: decode, reduce, normalise, recognise. All of it
 * runs in `penstock-parser` behind the sandbox; tests and fuzz targets call it in their own process. */
#pragma once

#include "documents/frame.h"
#include "documents/parser/ocr.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct image_input {
    const unsigned char *bytes;
    size_t size;
    enum frame_format format;
    unsigned want; /* document_want: visual, recognition, quick recognition */
    uint64_t max_pixels;
    size_t max_text;
    int64_t deadline; /* CLOCK_MONOTONIC ns, for recognition */
    int64_t quick_ns; /* processor time for quick recognition; 0: unbounded */
};

struct image_output {
    enum frame_status status;
    char message[FRAME_MESSAGE_MAX]; /* when the status is not FRAME_OK: ends a sentence about the image */
    unsigned flags;                  /* frame_flag */
    uint32_t width, height;          /* as the header states them */
    int quarter_turns;               /* clockwise, taken to have it upright */
    float confidence;
    uint32_t microseconds[FRAME_TIMES];
    bool has_visual;
    float visual[DOCUMENT_VISUAL_COUNT];
    char *text; /* malloc'ed, at most max_text bytes, may be NULL */
    size_t text_size;
};

/* Always fills *out. `ocr` may be NULL when no recognition is wanted. */
void image_read(const struct image_input *input, struct ocr *ocr, struct image_output *out);
void image_output_free(struct image_output *out);

/* Smooths, evens out the background and straightens. A new image, or NULL. */
PIX *image_even_out(PIX *grey) MUST_USE;

/* The same, and enlarges where letters are small. */
PIX *image_normalise(PIX *grey) MUST_USE;
