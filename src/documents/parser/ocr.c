#include "documents/parser/ocr.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <tesseract/capi.h>
#include <time.h>
#include <unistd.h>

/* Tesseract wants a resolution; it only scales its guesses at letter sizes. */
enum { ASSUMED_DPI = 200 };

struct ocr {
    const char *data;
    size_t size;
    TessBaseAPI *tesseract;
    struct ocr_until until; /* of the recognition that runs */
    bool late;
};

static int64_t now_ns(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Where Debian 12, Debian 13, Tesseract's own build and TESSDATA_PREFIX put the English data. */
static int open_language(void) {
    static const char *const folders[] = {"/usr/share/tesseract-ocr/5/tessdata",
                                          "/usr/share/tesseract-ocr/4.00/tessdata", "/usr/share/tessdata",
                                          "/usr/local/share/tessdata"};
    char path[512];
    const char *own = getenv("TESSDATA_PREFIX");
    int fd = -1;
    if (own && snprintf(path, sizeof path, "%s/eng.traineddata", own) < (int)sizeof path)
        fd = open(path, O_RDONLY | O_CLOEXEC);
    for (size_t i = 0; i < ARRAY_COUNT(folders) && fd < 0; i++) {
        snprintf(path, sizeof path, "%s/eng.traineddata", folders[i]);
        fd = open(path, O_RDONLY | O_CLOEXEC);
    }
    return fd;
}

struct ocr *ocr_new(const char **why) {
    struct stat st;
    int fd = open_language();
    if (fd < 0)
        return *why = "eng.traineddata was not found; install tesseract-ocr-eng or set TESSDATA_PREFIX", NULL;
    struct ocr *ocr = calloc(1, sizeof *ocr);
    void *data = MAP_FAILED;
    if (ocr && fstat(fd, &st) == 0 && st.st_size > 0)
        data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    close(fd);
    if (data == MAP_FAILED) {
        free(ocr);
        return *why = "eng.traineddata could not be mapped", NULL;
    }
    ocr->data = data;
    ocr->size = (size_t)st.st_size;
    return ocr;
}

void ocr_free(struct ocr *ocr) {
    if (!ocr)
        return;
    if (ocr->tesseract) {
        TessBaseAPIEnd(ocr->tesseract);
        TessBaseAPIDelete(ocr->tesseract);
    }
    munmap((void *)(uintptr_t)ocr->data, ocr->size);
    free(ocr);
}

bool ocr_warm(struct ocr *ocr) {
    if (ocr->tesseract)
        return true;
    TessBaseAPI *handle = TessBaseAPICreate();
    if (!handle)
        return false;
    if (TessBaseAPIInit5(handle, ocr->data, (int)ocr->size, "eng", OEM_LSTM_ONLY, NULL, 0, NULL, NULL, 0,
                         false) != 0) {
        TessBaseAPIDelete(handle);
        return false;
    }
    ocr->tesseract = handle;
    return true;
}

static bool is_late(void *ctx, int words) {
    struct ocr *ocr = ctx;
    (void)words;
    if (!ocr->late)
        ocr->late =
            now_ns(CLOCK_MONOTONIC) >= ocr->until.wall || now_ns(CLOCK_PROCESS_CPUTIME_ID) >= ocr->until.cpu;
    return ocr->late;
}

static bool is_blank(const char *text) {
    return text[strspn(text, " \t\r\n")] == '\0';
}

/* The mean over words that were recognised; what the deadline cut off has blank words. */
static float mean_confidence(TessBaseAPI *handle) {
    TessResultIterator *words = TessBaseAPIGetIterator(handle);
    double sum = 0, weight = 0;
    if (!words)
        return 0;
    do {
        char *word = TessResultIteratorGetUTF8Text(words, RIL_WORD);
        if (word && !is_blank(word)) {
            double n = (double)strlen(word);
            sum += n * (double)TessResultIteratorConfidence(words, RIL_WORD);
            weight += n;
        }
        if (word)
            TessDeleteText(word);
    } while (TessResultIteratorNext(words, RIL_WORD));
    TessResultIteratorDelete(words);
    return weight > 0 ? (float)(sum / weight / 100) : 0;
}

/* Copies without the blank lines and spaces that unrecognised words leave behind. */
static char *copy_tidy(const char *text, size_t *size) {
    char *copy = malloc(strlen(text) + 1);
    size_t n = 0;
    if (!copy)
        return NULL;
    for (const char *at = text; *at; at++) {
        bool space = *at == ' ' || *at == '\n';
        if (!space || (n > 0 && copy[n - 1] != ' ' && copy[n - 1] != '\n'))
            copy[n++] = *at;
        else if (n > 0 && *at == '\n')
            copy[n - 1] = '\n';
    }
    while (n > 0 && (copy[n - 1] == ' ' || copy[n - 1] == '\n'))
        n--;
    copy[n] = '\0';
    *size = n;
    return copy;
}

static bool take_text(struct ocr *ocr, struct ocr_text *out) {
    char *text = TessBaseAPIGetUTF8Text(ocr->tesseract);
    struct ocr_text found = {.partial = ocr->late};
    /* None at all: the page has no lines. */
    if (text)
        found.confidence = mean_confidence(ocr->tesseract);
    found.text = copy_tidy(text ? text : "", &found.size);
    if (text)
        TessDeleteText(text);
    if (!found.text)
        return false;
    *out = found;
    return true;
}

bool ocr_read(struct ocr *ocr, PIX *grey, enum ocr_layout layout, struct ocr_until until,
              struct ocr_text *out) {
    static const TessPageSegMode modes[] = {[OCR_LAYOUT_AUTO] = PSM_AUTO,
                                            [OCR_LAYOUT_COLUMN] = PSM_SINGLE_COLUMN,
                                            [OCR_LAYOUT_BLOCK] = PSM_SINGLE_BLOCK};
    if (!ocr_warm(ocr))
        return false;
    ETEXT_DESC *monitor = TessMonitorCreate();
    if (!monitor)
        return false;
    ocr->until = until;
    ocr->late = false;
    TessMonitorSetCancelFunc(monitor, is_late);
    TessMonitorSetCancelThis(monitor, ocr);
    TessBaseAPISetPageSegMode(ocr->tesseract, modes[layout]);
    TessBaseAPISetImage2(ocr->tesseract, grey);
    TessBaseAPISetSourceResolution(ocr->tesseract, ASSUMED_DPI);
    /* An unhappy verdict means cancelled or an image without text: both leave a readable, maybe empty page.
     */
    (void)TessBaseAPIRecognize(ocr->tesseract, monitor);
    bool ok = take_text(ocr, out);
    TessBaseAPIClear(ocr->tesseract);
    TessMonitorDelete(monitor);
    return ok;
}
