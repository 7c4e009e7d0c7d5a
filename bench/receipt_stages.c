/* What each way of looking at a page costs and yields, for docs/receipts.md: one JSON line for each page and
 * way, with the processor time, the text and, once for each page, the visual vector. Runs what
 * penstock-parser runs, in its own process, on one core. bench/receipt_table.py makes the table of it.
 *
 * receipt_stages DOCIMG_FOLDER EVERY_NTH_PAGE [WAY…]
 *
 * Receipts are real photographs and scans. The other classes are rendered, cleaner than any photograph, so
 * they are skewed, blurred, lit unevenly and compressed first, the same way in every run. */
#include "documents/documents.h"
#include "documents/parser/image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* One way. A long side of 0 keeps the size; a part below 1 takes the top of the page; 0 ms: unbounded. */
struct way {
    const char *name;
    enum ocr_layout layout;
    int long_side;
    float part;
    int ms;
    bool even; /* evened out and straightened first */
};

static const struct way ways[] = {
    {"full", OCR_LAYOUT_AUTO, 0, 1, 0, false},
    {"300 dpi", OCR_LAYOUT_AUTO, 2400, 1, 0, false},
    {"even", OCR_LAYOUT_AUTO, 0, 1, 0, true},
    {"column", OCR_LAYOUT_COLUMN, 0, 1, 0, false},
    {"block", OCR_LAYOUT_BLOCK, 0, 1, 0, false},
    {"1200 px", OCR_LAYOUT_BLOCK, 1200, 1, 0, false},
    {"1000 px", OCR_LAYOUT_BLOCK, 1000, 1, 0, false},
    {"800 px", OCR_LAYOUT_BLOCK, 800, 1, 0, false},
    {"top 40 %", OCR_LAYOUT_BLOCK, 0, 0.4F, 0, false},
    {"300 ms", OCR_LAYOUT_BLOCK, 0, 1, 300, false},
    {"300 ms, 1200 px", OCR_LAYOUT_BLOCK, 1200, 1, 300, false},
    {"300 ms, 1200 px, even", OCR_LAYOUT_BLOCK, 1200, 1, 300, true},
    {"300 ms, even", OCR_LAYOUT_BLOCK, 0, 1, 300, true},
    {"200 ms, 1200 px", OCR_LAYOUT_BLOCK, 1200, 1, 200, false},
};

static double cpu_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void put_json(const char *key, const char *text) {
    printf("\"%s\":\"", key);
    for (const char *at = text ? text : ""; *at; at++) {
        if (*at == '"' || *at == '\\')
            printf("\\%c", *at);
        else if ((unsigned char)*at < ' ')
            printf(" ");
        else
            putchar(*at);
    }
    printf("\"");
}

static uint32_t next_random(uint32_t *seed) {
    *seed = *seed * 1664525U + 1013904223U;
    return *seed >> 8;
}

/* -1..1 */
static float swing(uint32_t *seed) {
    return (float)(next_random(seed) % 2001) / 1000 - 1;
}

/* Uneven light and sensor noise, by pixel. */
static void shade(PIX *pix, uint32_t *seed) {
    l_int32 w = pixGetWidth(pix), h = pixGetHeight(pix);
    float across = 30 * swing(seed), down = 30 * swing(seed), gain = 0.87F + 0.12F * swing(seed);
    float noise = 6 + 4 * swing(seed);
    for (l_int32 y = 0; y < h; y++) {
        l_uint32 *line = pixGetData(pix) + (size_t)y * (size_t)pixGetWpl(pix);
        for (l_int32 x = 0; x < w; x++) {
            float light = across * (2 * (float)x / (float)w - 1) + down * (2 * (float)y / (float)h - 1);
            float value = (float)GET_DATA_BYTE(line, x) * gain + light - 10 + 2 * noise * swing(seed);
            SET_DATA_BYTE(line, x, value < 0 ? 0 : value > 255 ? 255 : (l_int32)value);
        }
    }
}

/* A rendered page as a camera would have taken it, as a JPEG of 1,600 pixels. */
static l_uint8 *degrade(const char *path, size_t *size) {
    uint32_t seed = 2166136261U;
    for (const char *at = strrchr(path, '/'); *at; at++)
        seed = (seed ^ (uint32_t)*at) * 16777619U;
    PIX *raw = pixRead(path);
    if (!raw)
        return NULL;
    l_int32 longest = pixGetWidth(raw) > pixGetHeight(raw) ? pixGetWidth(raw) : pixGetHeight(raw);
    float scale = 1600 / (float)longest;
    PIX *grey = pixConvertTo8(raw, 0), *large = pixScale(grey, scale, scale);
    PIX *turned = pixRotate(large, 0.035F * swing(&seed), L_ROTATE_AREA_MAP, L_BRING_IN_WHITE, 0, 0);
    PIX *soft = next_random(&seed) % 2 ? pixBlockconv(turned, 1, 1) : pixCopy(NULL, turned);
    l_uint8 *bytes = NULL;
    shade(soft, &seed);
    if (pixWriteMemJpeg(&bytes, size, soft, 40 + (l_int32)(next_random(&seed) % 40), 0) != 0)
        bytes = NULL;
    pixDestroy(&raw);
    pixDestroy(&grey);
    pixDestroy(&large);
    pixDestroy(&turned);
    pixDestroy(&soft);
    return bytes;
}

struct page {
    const char *label, *source, *file;
    const l_uint8 *bytes;
    size_t size;
};

static void put_page(const struct page *page) {
    printf("{");
    put_json("class", page->label);
    printf(",");
    put_json("source", page->source);
    printf(",");
    put_json("file", page->file);
    printf(",");
}

static PIX *prepare(const struct page *page, const struct way *way) {
    PIX *pix = pixReadMemJpeg(page->bytes, page->size, 0, 1, NULL, L_JPEG_READ_LUMINANCE);
    if (!pix)
        return NULL;
    l_int32 w = pixGetWidth(pix), h = pixGetHeight(pix), longest = w > h ? w : h;
    PIX *sized = NULL;
    if (way->long_side) {
        float scale = (float)way->long_side / (float)longest;
        sized = scale < 0.95F ? pixScaleAreaMap(pix, scale, scale) : pixScale(pix, scale, scale);
    } else {
        BOX *top = boxCreate(0, 0, w, (l_int32)((float)h * way->part));
        sized = pixClipRectangle(pix, top, NULL);
        boxDestroy(&top);
    }
    pixDestroy(&pix);
    if (!sized || !way->even)
        return sized;
    PIX *even = image_even_out(sized);
    pixDestroy(&sized);
    return even;
}

static void recognise(struct ocr *ocr, const struct page *page, const struct way *way) {
    double began = cpu_ms();
    struct ocr_until until = {.wall = INT64_MAX,
                              .cpu = way->ms ? (int64_t)((began + way->ms) * 1e6) : INT64_MAX};
    struct ocr_text text;
    PIX *pix = prepare(page, way);
    double prepared = cpu_ms();
    if (!pix || !ocr_read(ocr, pix, way->layout, until, &text))
        return;
    double ended = cpu_ms();
    put_page(page);
    put_json("way", way->name);
    printf(",\"prepare_ms\":%.2f,\"ms\":%.2f,\"confidence\":%.3f,\"partial\":%d,", prepared - began,
           ended - began, (double)text.confidence, text.partial);
    put_json("text", text.text);
    printf("}\n");
    free(text.text);
    pixDestroy(&pix);
}

static void look(const struct page *page) {
    struct image_input input = {.bytes = page->bytes,
                                .size = page->size,
                                .format = FRAME_JPEG,
                                .want = DOCUMENT_VISUAL,
                                .max_pixels = 100000000};
    struct image_output output;
    double began = cpu_ms();
    image_read(&input, NULL, &output);
    double ended = cpu_ms();
    if (output.status == FRAME_OK) {
        put_page(page);
        printf("\"way\":\"visual\",\"ms\":%.2f,\"prepare_ms\":%.2f,\"visual\":[", ended - began,
               output.microseconds[FRAME_TIME_DECODE] / 1000.0);
        for (size_t i = 0; i < DOCUMENT_VISUAL_COUNT; i++)
            printf("%s%.4f", i ? "," : "", (double)output.visual[i]);
        printf("]}\n");
    }
    image_output_free(&output);
}

static bool wanted(const char *name, char *const *names) {
    for (size_t i = 0; names[i]; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return !names[0];
}

static void measure(struct ocr *ocr, const char *folder, char *const *names, char *line) {
    char path[4096], *save;
    (void)strtok_r(line, ",", &save);
    struct page page = {.label = strtok_r(NULL, ",", &save)};
    page.file = strtok_r(NULL, ",", &save);
    page.source = strtok_r(NULL, ",", &save);
    if (!page.source || snprintf(path, sizeof path, "%s/%s", folder, page.file) >= (int)sizeof path ||
        access(path, R_OK) != 0)
        return;
    bool receipt = strcmp(page.label, "receipt") == 0;
    l_uint8 *bytes = receipt ? l_binaryRead(path, &page.size) : degrade(path, &page.size);
    if (!bytes)
        return;
    page.bytes = bytes;
    look(&page);
    for (size_t i = 0; i < ARRAY_COUNT(ways); i++)
        if (wanted(ways[i].name, names))
            recognise(ocr, &page, &ways[i]);
    fflush(stdout);
    free(bytes);
}

int main(int argc, char **argv) {
    char line[1024], path[4096];
    const char *why;
    if (argc < 3) {
        fprintf(stderr, "usage: receipt_stages DOCIMG_FOLDER EVERY_NTH_PAGE [WAY…]\n");
        return 2;
    }
    /* Tesseract's threads are counted when the process starts, so it starts again with one. */
    if (!getenv("OMP_THREAD_LIMIT")) {
        setenv("OMP_THREAD_LIMIT", "1", 1);
        execv("/proc/self/exe", argv);
    }
    snprintf(path, sizeof path, "%s/manifest.csv", argv[1]);
    FILE *manifest = fopen(path, "r");
    struct ocr *ocr = ocr_new(&why);
    int nth = atoi(argv[2]);
    if (!manifest || !ocr || nth < 1 || !ocr_warm(ocr))
        return 1;
    setMsgSeverity(L_SEVERITY_NONE);
    for (int n = 0; fgets(line, sizeof line, manifest); n++)
        if (n > 0 && n % nth == 0 && strncmp(line, "dev,", 4) == 0)
            measure(ocr, argv[1], argv + 3, line);
    fclose(manifest);
    ocr_free(ocr);
    return 0;
}
