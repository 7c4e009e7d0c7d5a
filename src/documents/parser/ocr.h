/* Optical recognition by Tesseract, one handle per process, loaded on first use from language data that
 * was mapped before the sandbox closed. Lives in `penstock-parser` only; one thread. */
#pragma once

#include "base/attributes.h"

#include <leptonica/allheaders.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ocr;

/* Maps the language data; Tesseract itself starts later, inside the sandbox. NULL with a static text in
 * *why when there is no data. */
struct ocr *ocr_new(const char **why) MUST_USE;
void ocr_free(struct ocr *ocr);

/* Starts Tesseract if that has not happened yet (70 ms). */
bool ocr_warm(struct ocr *ocr) MUST_USE;

enum ocr_layout { OCR_LAYOUT_AUTO, OCR_LAYOUT_COLUMN, OCR_LAYOUT_BLOCK };

struct ocr_text {
    char *text; /* UTF-8, terminated; free() it */
    size_t size;
    float confidence; /* mean of the words, weighted by length; 0 when there are none */
    bool partial;     /* the deadline came first */
};

/* When to end: at a moment (CLOCK_MONOTONIC ns), or when the process has used so much processor time
 * (CLOCK_PROCESS_CPUTIME_ID ns). The latter gives the same text on a busy machine as on a free one. */
struct ocr_until {
    int64_t wall;
    int64_t cpu;
};

/* Recognises a grey image; ends soon after either time with what it has by then. */
bool ocr_read(struct ocr *ocr, PIX *grey, enum ocr_layout layout, struct ocr_until until,
              struct ocr_text *out) MUST_USE;
