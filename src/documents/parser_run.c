#include "documents/parser_run.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "documents/image_header.h"

#include <stdlib.h>
#include <string.h>

enum { MIN_SIDE = 16, BUDGET_MARGIN_MS = 20, BUDGET_PERCENT = 90, START_MS = 10000 };

void document_result_free(struct document_result *result) {
    if (!result)
        return;
    free((void *)(uintptr_t)result->text.p);
    free((void *)(uintptr_t)result->visual);
    free(result);
}

/* Length of the valid UTF-8 sequence at the start of s, or 0. */
static size_t valid_sequence(struct str s) {
    for (size_t n = 1; n <= 4 && n <= s.n; n++)
        if (str_is_utf8(str_slice(s, 0, n), NULL))
            return n;
    return 0;
}

static void add_clean(struct buf *out, struct str text) {
    size_t bad;
    while (text.n > 0) {
        if (str_is_utf8(text, &bad))
            bad = text.n;
        for (size_t i = 0; i < bad; i++) {
            char c = text.p[i];
            buf_add_char(out, c != '\0' ? c : ' ');
        }
        text = str_slice(text, bad, text.n);
        if (text.n > 0 && valid_sequence(text) == 0) {
            buf_add_str(out, STR("\xEF\xBF\xBD"));
            text = str_slice(text, 1, text.n);
        }
    }
}

/* The longest prefix of at most `most` bytes that does not end inside a character. */
static struct str cut(struct str text, size_t most) {
    if (text.n <= most)
        return text;
    while (most > 0 && ((unsigned char)text.p[most] & 0xC0) == 0x80)
        most--;
    return str_slice(text, 0, most);
}

bool parser_run_keep_text(struct document_result *result, struct str text, size_t max_text,
                          struct error *err) {
    struct str kept = cut(text, max_text);
    /* Each bad byte may grow to three. */
    struct buf clean = BUF_INIT(kept.n * 3 + 1);
    add_clean(&clean, kept);
    char *owned = buf_terminated(&clean);
    if (!owned) {
        buf_free(&clean);
        return fail(err, ERR_NO_MEMORY, "no memory was left for the document's text");
    }
    struct str fitting = cut(buf_str(&clean), max_text);
    result->text_truncated = result->text_truncated || kept.n < text.n || fitting.n < clean.n;
    free((void *)(uintptr_t)result->text.p);
    result->text = (struct str){owned, fitting.n};
    return true;
}

static bool keep_visual(struct document_result *result, const struct parser_answer *answer,
                        struct error *err) {
    size_t size = answer->head.visual_count * sizeof(float);
    if (size == 0)
        return true;
    float *visual = malloc(size);
    if (!visual)
        return fail(err, ERR_NO_MEMORY, "no memory was left for the document's visual vector");
    memcpy(visual, answer->visual, size);
    free((void *)(uintptr_t)result->visual);
    result->visual = visual;
    result->visual_count = answer->head.visual_count;
    return true;
}

static void add_times(struct document_result *result, const uint32_t microseconds[FRAME_TIMES]) {
    result->ms.decode += (float)microseconds[FRAME_TIME_DECODE] / 1000;
    result->ms.visual += (float)microseconds[FRAME_TIME_VISUAL] / 1000;
    result->ms.normalise += (float)microseconds[FRAME_TIME_NORMALISE] / 1000;
    result->ms.ocr += (float)microseconds[FRAME_TIME_OCR] / 1000;
}

static bool image_refused(const struct parser_answer *answer, const char *what, struct error *err) {
    switch ((enum frame_status)answer->head.status) {
    case FRAME_SIZE: return fail(err, ERR_IMAGE_SIZE, "the %s %s", what, answer->message);
    case FRAME_CORRUPT:
        return fail(err, ERR_FILE_CORRUPT, "the %s %s; save it anew and send it again", what,
                    answer->message);
    case FRAME_MEMORY: return fail(err, ERR_DOCUMENT_TOO_COMPLEX, "the %s %s", what, answer->message);
    case FRAME_OK: return true;
    default: return fail(err, ERR_INTERNAL, "the %s %s", what, answer->message);
    }
}

/* A process that sat idle may have died meanwhile (the machine out of memory): no fault of this job, which
 * gets a new one. */
static bool ready_process(struct parser_bench *bench, const struct patience *patience, struct error *err) {
    struct patience starting = *patience;
    int64_t most = clock_monotonic() + START_MS * NS_PER_MS;
    if (bench->process.pid != 0) {
        if (parser_process_idle(&bench->process))
            return true;
        log_event(LOG_WARN, "parser.lost", "a parser process ended between two documents; it is replaced");
        parser_process_stop(&bench->process);
        bench->replaced++;
    }
    if (starting.until > most)
        starting.until = most;
    return parser_process_start(&bench->process, bench->programs->parser, bench->start_memory,
                                bench->required_layers, &starting, err);
}

/* Recognition should end by itself, with what it has, before its process would be killed. */
static uint32_t recognition_budget(const struct parser_task *task) {
    int64_t left = patience_left_ns(task->patience) / NS_PER_MS * BUDGET_PERCENT / 100 - BUDGET_MARGIN_MS;
    return left > 0 ? (uint32_t)left : 0;
}

bool parser_run_image(struct parser_bench *bench, const struct parser_task *task, struct str bytes,
                      enum frame_format format, unsigned want, struct document_result *result,
                      struct parser_answer *answer, struct error *err) {
    *answer = (struct parser_answer){0};
    if (!ready_process(bench, task->patience, err))
        return false;
    struct frame_request request = {
        .magic = FRAME_MAGIC,
        .kind = FRAME_IMAGE,
        .format = format,
        .want = want,
        .budget_ms = recognition_budget(task),
        .quick_ms = task->limits.quick_ms,
        .cpu_seconds = task->limits.cpu_seconds,
        .max_text = (uint32_t)task->limits.max_text_bytes,
        .max_pixels = task->limits.max_pixels,
        .size = bytes.n,
    };
    if (!parser_process_ask(&bench->process, &request, bytes, task->patience, answer, &bench->last_end, err))
        return false;
    const char *what = format == FRAME_JPEG ? "JPEG" : format == FRAME_PNG ? "PNG" : "rendered page";
    add_times(result, answer->head.microseconds);
    if (image_refused(answer, what, err) && keep_visual(result, answer, err))
        return true;
    parser_answer_free(answer);
    return false;
}

/* Judged here already, from the header, so that a lying or oversized image never reaches a process. */
static bool check_image(const struct parser_task *task, struct document_result *result, struct error *err) {
    const char *name = file_type_name(task->type), *why;
    struct image_header header;
    bool ok = task->type == FILE_TYPE_JPEG ? image_header_jpeg(task->bytes, &header, &why)
                                           : image_header_png(task->bytes, &header, &why);
    if (!ok)
        return fail(err, ERR_FILE_CORRUPT, "the %s cannot be decoded: %s; save it anew and send it again",
                    name, why);
    if (header.width < MIN_SIDE || header.height < MIN_SIDE)
        return fail(err, ERR_IMAGE_SIZE, "the %s is %u x %u pixels; each side must have at least %d", name,
                    header.width, header.height, MIN_SIDE);
    if ((uint64_t)header.width * header.height > task->limits.max_pixels)
        return fail(err, ERR_IMAGE_SIZE, "the %s is %u x %u pixels; at most %.1f million pixels are accepted",
                    name, header.width, header.height, (double)task->limits.max_pixels / 1e6);
    if (header.animated)
        return fail(err, ERR_FILE_TYPE, "the PNG is animated; send a still image");
    if (!header.complete)
        return fail(err, ERR_FILE_CORRUPT,
                    "the %s is truncated: its end marker is missing after %zu bytes; send the whole file",
                    name, task->bytes.n);
    result->width = header.width;
    result->height = header.height;
    return true;
}

static bool run_image(struct parser_bench *bench, const struct parser_task *task,
                      struct document_result *result, struct error *err) {
    enum frame_format format = task->type == FILE_TYPE_JPEG ? FRAME_JPEG : FRAME_PNG;
    struct parser_answer answer;
    result->pages = 1;
    if (!check_image(task, result, err) ||
        !parser_run_image(bench, task, task->bytes, format, task->want, result, &answer, err))
        return false;
    uint32_t flags = answer.head.flags;
    result->ocr_used = flags & FRAME_OCR_USED;
    result->normalised = flags & FRAME_NORMALISED;
    result->partial = flags & FRAME_PARTIAL;
    result->text_truncated = flags & FRAME_TEXT_TRUNCATED;
    if (result->ocr_used)
        result->ocr_confidence = answer.head.confidence;
    bool ok = parser_run_keep_text(result, (struct str){answer.text, answer.head.text_size},
                                   task->limits.max_text_bytes, err);
    parser_answer_free(&answer);
    return ok;
}

static bool run_text(const struct parser_task *task, struct document_result *result, struct error *err) {
    size_t bad;
    if (!str_is_utf8(task->bytes, &bad))
        return fail(err, ERR_INVALID_TEXT, "the text is not UTF-8: the first bad byte is at offset %zu", bad);
    result->pages = 1;
    return parser_run_keep_text(result, task->bytes, task->limits.max_text_bytes, err);
}

bool parser_run(struct parser_bench *bench, const struct parser_task *task, struct document_result **out,
                struct error *err) {
    struct document_result *result = calloc(1, sizeof *result);
    bool ok = false;
    if (!result)
        return fail(err, ERR_NO_MEMORY, "no memory was left for reading a document");
    result->type = task->type;
    result->ocr_confidence = 1;
    switch (task->type) {
    case FILE_TYPE_JPEG:
    case FILE_TYPE_PNG: ok = run_image(bench, task, result, err); break;
    case FILE_TYPE_PDF: ok = parser_run_pdf(bench, task, result, err); break;
    case FILE_TYPE_TEXT: ok = run_text(task, result, err); break;
    case FILE_TYPE_UNKNOWN: ok = fail(err, ERR_FILE_TYPE, "the file's type is not known"); break;
    }
    if (!ok) {
        document_result_free(result);
        return false;
    }
    *out = result;
    return true;
}
