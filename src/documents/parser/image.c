#include "documents/parser/image.h"

#include "documents/documents.h"
#include "documents/image_header.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    MIN_SIDE = 16,
    OCR_LONG_SIDE = 3500,    /* A4 at 300 dpi; more only costs time */
    QUICK_LONG_SIDE = 1200,  /* more text in the same time than at 1,600; docs/receipts.md has the table */
    SMALL_LONG_SIDE = 1500,  /* below it letters are small enough to gain from enlarging */
    SECOND_PASS_MIN_MS = 150 /* less time left than this buys no second recognition */
};
static const float RAW_IS_GOOD_ENOUGH = 0.9F;

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static int64_t cpu_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void add_time(struct image_output *out, enum frame_time step, int64_t since) {
    out->microseconds[step] += (uint32_t)((now_ns() - since) / 1000);
}

__attribute__((format(printf, 3, 4))) static bool give_up(struct image_output *out, enum frame_status status,
                                                          const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(out->message, sizeof out->message, format, args);
    va_end(args);
    out->status = status;
    return false;
}

static bool judge_size(struct image_output *out, uint64_t max_pixels) {
    if (out->width < MIN_SIDE || out->height < MIN_SIDE)
        return give_up(out, FRAME_SIZE, "is %u x %u pixels; each side must have at least %d", out->width,
                       out->height, MIN_SIDE);
    if ((uint64_t)out->width * out->height > max_pixels)
        return give_up(out, FRAME_SIZE, "is %u x %u pixels; at most %llu million pixels are accepted",
                       out->width, out->height, (unsigned long long)(max_pixels / 1000000));
    return true;
}

/* Clockwise, to have the picture as it was seen. Mirrored kinds (2, 4, 5, 7) come from no camera. */
static int quarter_turns(uint32_t orientation) {
    return orientation == 6 ? 1 : orientation == 3 ? 2 : orientation == 8 ? 3 : 0;
}

static bool read_header(const struct image_input *input, struct image_output *out) {
    struct str bytes = {(const char *)input->bytes, input->size};
    struct image_header header = {0};
    const char *why = "it is no image";
    bool ok = false;
    if (input->format == FRAME_JPEG)
        ok = image_header_jpeg(bytes, &header, &why);
    else if (input->format == FRAME_PNG)
        ok = image_header_png(bytes, &header, &why);
    else
        ok = image_header_pgm(bytes, &header, &why);
    if (!ok)
        return give_up(out, FRAME_CORRUPT, "cannot be decoded: %s", why);
    out->width = header.width;
    out->height = header.height;
    out->quarter_turns = quarter_turns(header.orientation);
    return judge_size(out, input->max_pixels);
}

/* libjpeg leaves out the frequencies that a picture of half, a quarter or an eighth the size does not show,
 * so reducing makes decoding cheaper, not dearer. */
static PIX *decode_jpeg(const struct image_input *input, const struct image_output *out, uint32_t long_side) {
    l_int32 w, h, samples = 0, reduction = 1;
    uint32_t longest = out->width > out->height ? out->width : out->height;
    while (reduction < 8 && longest / (uint32_t)(reduction * 2) >= long_side)
        reduction *= 2;
    if (readHeaderMemJpeg(input->bytes, input->size, &w, &h, &samples, NULL, NULL) != 0)
        return NULL;
    l_int32 hint = samples == 4 ? 0 : L_JPEG_READ_LUMINANCE;
    return pixReadMemJpeg(input->bytes, input->size, 0, reduction, NULL, hint);
}

/* Leptonica reads these byte by byte, in a tenth of a second a page. The header was judged already. */
static PIX *decode_pgm(const struct image_input *input, const struct image_output *out) {
    const unsigned char *row = input->bytes + input->size - (size_t)out->width * out->height;
    PIX *pix = pixCreateNoInit((l_int32)out->width, (l_int32)out->height, 8);
    if (!pix)
        return NULL;
    pixSetPadBits(pix, 0);
    for (uint32_t y = 0; y < out->height; y++, row += out->width)
        memcpy(pixGetData(pix) + (size_t)y * (size_t)pixGetWpl(pix), row, out->width);
    pixEndianByteSwap(pix);
    return pix;
}

static PIX *on_white(PIX *pix) {
    if (pixGetDepth(pix) != 32 || pixGetSpp(pix) != 4)
        return pixClone(pix);
    return pixAlphaBlendUniform(pix, 0xffffff00);
}

/* The image in grey, its long side near `long_side` when it is larger than that. */
static PIX *decode(const struct image_input *input, struct image_output *out, uint32_t long_side) {
    int64_t started = now_ns();
    PIX *raw = NULL, *flat = NULL, *grey = NULL, *small = NULL;
    if (input->format == FRAME_JPEG)
        raw = decode_jpeg(input, out, long_side);
    else if (input->format == FRAME_PNG)
        raw = pixReadMemPng(input->bytes, input->size);
    else
        raw = decode_pgm(input, out);
    if (raw)
        flat = on_white(raw);
    if (flat)
        grey = pixConvertTo8(flat, 0);
    if (grey) {
        l_int32 w = pixGetWidth(grey), h = pixGetHeight(grey), longest = w > h ? w : h;
        l_int32 shortest = w > h ? h : w;
        float scale = (float)long_side / (float)longest;
        bool shrink = scale < 0.8F && (float)shortest * scale >= 2;
        small = shrink ? pixScaleAreaMap(grey, scale, scale) : pixClone(grey);
    }
    if (small && out->quarter_turns) {
        PIX *upright = pixRotateOrth(small, out->quarter_turns);
        pixDestroy(&small);
        small = upright;
    }
    pixDestroy(&raw);
    pixDestroy(&flat);
    pixDestroy(&grey);
    add_time(out, FRAME_TIME_DECODE, started);
    if (!small)
        give_up(out, FRAME_CORRUPT, "cannot be decoded: its pixel data is damaged or of an unsupported kind");
    return small;
}

static bool measure_looks(PIX *grey, struct image_output *out) {
    int64_t started = now_ns();
    l_int32 w = pixGetWidth(grey), h = pixGetHeight(grey), longest = w > h ? w : h;
    float scale = (float)VISUAL_LONG_SIDE / (float)longest;
    float sx = scale, sy = scale;
    /* A sliver keeps at least one pixel across. */
    if ((float)w * sx < 1)
        sx = 1 / (float)w;
    if ((float)h * sy < 1)
        sy = 1 / (float)h;
    PIX *small = scale < 1 ? pixScaleAreaMap(grey, sx, sy) : pixClone(grey);
    if (!small)
        return give_up(out, FRAME_CORRUPT, "cannot be reduced in size");
    w = pixGetWidth(small) < VISUAL_LONG_SIDE ? pixGetWidth(small) : VISUAL_LONG_SIDE;
    h = pixGetHeight(small) < VISUAL_LONG_SIDE ? pixGetHeight(small) : VISUAL_LONG_SIDE;
    uint8_t *pixels = malloc((size_t)w * (size_t)h);
    if (pixels) {
        for (l_int32 y = 0; y < h; y++) {
            const l_uint32 *line = pixGetData(small) + (size_t)y * (size_t)pixGetWpl(small);
            for (l_int32 x = 0; x < w; x++)
                pixels[(size_t)y * (size_t)w + (size_t)x] = GET_DATA_BYTE(line, x);
        }
        struct grey_image image = {(uint32_t)w, (uint32_t)h, pixels};
        out->has_visual = visual_vector(&image, out->visual);
    }
    free(pixels);
    pixDestroy(&small);
    add_time(out, FRAME_TIME_VISUAL, started);
    return out->has_visual || give_up(out, FRAME_MEMORY, "needs more memory than allowed");
}

static PIX *straighten(PIX *grey) {
    l_float32 angle = 0, confidence = 0;
    PIX *binary = pixThresholdToBinary(grey, 160);
    if (!binary)
        return NULL;
    bool found = pixFindSkew(binary, &angle, &confidence) == 0;
    pixDestroy(&binary);
    if (!found || confidence < 2.5F || (angle > -0.2F && angle < 0.2F))
        return pixClone(grey);
    return pixRotate(grey, angle * 3.14159265F / 180, L_ROTATE_AREA_MAP, L_BRING_IN_WHITE, 0, 0);
}

PIX *image_even_out(PIX *grey) {
    PIX *smooth = pixBlockconv(grey, 1, 1);
    PIX *even = smooth ? pixBackgroundNormMorph(smooth, NULL, 6, 15, 220) : NULL;
    PIX *straight = even ? straighten(even) : NULL;
    pixDestroy(&smooth);
    pixDestroy(&even);
    return straight;
}

PIX *image_normalise(PIX *grey) {
    PIX *even = image_even_out(grey);
    if (!even)
        return NULL;
    l_int32 w = pixGetWidth(even), h = pixGetHeight(even);
    PIX *large = (w > h ? w : h) < SMALL_LONG_SIDE ? pixScale(even, 2, 2) : pixClone(even);
    pixDestroy(&even);
    return large;
}

/* Keeps the text up to max_text bytes, cut before a character rather than inside one. */
static void keep_text(struct image_output *out, struct ocr_text *text, size_t max_text) {
    size_t n = text->size;
    if (n > max_text) {
        n = max_text;
        while (n > 0 && ((unsigned char)text->text[n] & 0xC0) == 0x80)
            n--;
        out->flags |= FRAME_TEXT_TRUNCATED;
    }
    free(out->text);
    out->text = text->text;
    out->text_size = n;
    out->confidence = text->confidence;
    out->flags &= ~(unsigned)FRAME_PARTIAL;
    if (text->partial)
        out->flags |= FRAME_PARTIAL;
}

static bool recognise(PIX *grey, struct ocr *ocr, const struct image_input *input, enum ocr_layout layout,
                      struct image_output *out, struct ocr_text *text) {
    int64_t started = now_ns();
    bool quick = !(input->want & DOCUMENT_OCR) && input->quick_ns > 0;
    struct ocr_until until = {.wall = input->deadline, .cpu = quick ? cpu_ns() + input->quick_ns : INT64_MAX};
    bool ok = ocr_read(ocr, grey, layout, until, text);
    add_time(out, FRAME_TIME_OCR, started);
    return ok || give_up(out, FRAME_INTERNAL, "could not be recognised: Tesseract did not start");
}

/* A normalised page reads far better when the raw one read badly, and slightly worse when it read well. */
static bool recognise_again(PIX *grey, struct ocr *ocr, const struct image_input *input,
                            struct image_output *out) {
    struct ocr_text text;
    int64_t started = now_ns();
    PIX *normal = image_normalise(grey);
    add_time(out, FRAME_TIME_NORMALISE, started);
    if (!normal)
        return true;
    bool ok = recognise(normal, ocr, input, OCR_LAYOUT_AUTO, out, &text);
    pixDestroy(&normal);
    if (!ok)
        return false;
    if (text.partial || text.confidence <= out->confidence) {
        free(text.text);
        return true;
    }
    keep_text(out, &text, input->max_text);
    out->flags |= FRAME_NORMALISED;
    return true;
}

static bool recognise_image(PIX *grey, struct ocr *ocr, const struct image_input *input,
                            struct image_output *out) {
    bool quick = !(input->want & DOCUMENT_OCR);
    struct ocr_text text;
    if (!recognise(grey, ocr, input, quick ? OCR_LAYOUT_BLOCK : OCR_LAYOUT_AUTO, out, &text))
        return false;
    keep_text(out, &text, input->max_text);
    out->flags |= FRAME_OCR_USED;
    bool time_left = input->deadline - now_ns() > (int64_t)SECOND_PASS_MIN_MS * 1000000;
    if (quick || out->confidence >= RAW_IS_GOOD_ENOUGH || !time_left)
        return true;
    return recognise_again(grey, ocr, input, out);
}

void image_read(const struct image_input *input, struct ocr *ocr, struct image_output *out) {
    memset(out, 0, sizeof *out);
    out->confidence = 1;
    if (!read_header(input, out))
        return;
    uint32_t long_side = input->want & DOCUMENT_OCR         ? OCR_LONG_SIDE
                         : input->want & DOCUMENT_OCR_QUICK ? QUICK_LONG_SIDE
                                                            : VISUAL_LONG_SIDE;
    PIX *grey = decode(input, out, long_side);
    if (!grey)
        return;
    bool ok = !(input->want & DOCUMENT_VISUAL) || measure_looks(grey, out);
    if (ok && (input->want & (DOCUMENT_OCR | DOCUMENT_OCR_QUICK)) && ocr)
        ok = recognise_image(grey, ocr, input, out);
    pixDestroy(&grey);
    if (ok)
        out->status = FRAME_OK;
}

void image_output_free(struct image_output *out) {
    free(out->text);
    out->text = NULL;
}
