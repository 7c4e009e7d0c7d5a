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

/* Recognises a grey image; ends soon after `deadline` (clock_monotonic ns) with what it has by then. */
bool ocr_read(struct ocr *ocr, PIX *grey, enum ocr_layout layout, int64_t deadline,
              struct ocr_text *out) MUST_USE;
