/* Documents made on the spot: a page of print as an image, a PDF with text, a PDF that holds only a
 * picture. The caller frees the bytes. */
#pragma once

#include "base/buf.h"

#include <leptonica/allheaders.h>
#include <stdio.h>
#include <stdlib.h>

/* Black print on white, letters large enough for recognition. */
static inline PIX *sample_pix(const char *text, int width, int height) {
    PIX *page = pixCreate(width / 2, height / 2, 8);
    L_BMF *font = bmfCreate(NULL, 14);
    pixSetAll(page);
    pixSetTextblock(page, font, text, 0, 20, 40, width / 2 - 40, 0, NULL);
    PIX *large = pixScale(page, 2, 2);
    bmfDestroy(&font);
    pixDestroy(&page);
    return large;
}

static inline struct str sample_image(const char *text, int width, int height, int format) {
    PIX *pix = sample_pix(text, width, height);
    l_uint8 *bytes = NULL;
    size_t size = 0;
    if (pixWriteMem(&bytes, &size, pix, format) != 0)
        size = 0;
    pixDestroy(&pix);
    return (struct str){(const char *)bytes, size};
}

static inline struct str sample_picture_pdf(const char *text) {
    PIX *pix = sample_pix(text, 1000, 1000);
    l_uint8 *bytes = NULL;
    size_t size = 0;
    if (pixConvertToPdfData(pix, L_FLATE_ENCODE, 0, &bytes, &size, 0, 0, 100, "page", NULL, 0) != 0)
        size = 0;
    pixDestroy(&pix);
    return (struct str){(const char *)bytes, size};
}

/* A PDF of so many pages, each saying `text` and its number. Without a cross-reference table: poppler makes
 * one up, as it does for many files in the wild. */
static inline struct str sample_pdf(const char *text, unsigned pages) {
    struct buf out = BUF_INIT((size_t)64 << 20);
    buf_printf(
        &out,
        "%%PDF-1.4\n1 0 obj\n<</Type/Catalog/Pages 2 0 R>>\nendobj\n"
        "3 0 obj\n<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>\nendobj\n2 0 obj\n<</Type/Pages/Kids[");
    for (unsigned i = 0; i < pages; i++)
        buf_printf(&out, "%u 0 R ", 10 + i * 2);
    buf_printf(&out, "]/Count %u>>\nendobj\n", pages);
    for (unsigned i = 0; i < pages; i++) {
        char content[400];
        int n = snprintf(content, sizeof content, "BT /F1 14 Tf 72 700 Td (%s %u) Tj ET", text, i + 1);
        buf_printf(&out,
                   "%u 0 obj\n<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents %u 0 R"
                   "/Resources<</Font<</F1 3 0 R>>>>>>\nendobj\n%u 0 obj\n<</Length "
                   "%d>>\nstream\n%s\nendstream\nendobj\n",
                   10 + i * 2, 11 + i * 2, 11 + i * 2, n, content);
    }
    buf_printf(&out, "trailer\n<</Root 1 0 R>>\n%%%%EOF\n");
    return buf_str(&out);
}

static inline void sample_free(struct str bytes) {
    free((void *)(uintptr_t)bytes.p);
}
