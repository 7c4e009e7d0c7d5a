/* Documents: what a file is, and the text and looks of it. Everything that decodes a file from outside
 * (images, optical recognition, PDF) runs in sandboxed child processes: `penstock-parser` keeps
 * Leptonica and Tesseract, `penstock-sandbox` runs poppler's programs. A child that crashes, hangs or
 * eats memory costs its one request a clear error and is replaced.
 *
 * The pool owns its threads (one for each worker process, asleep in poll most of the time, and one that
 * watches the queue), its processes and its queue. Jobs may be submitted and cancelled from any thread. */
#pragma once

#include "base/error.h"
#include "base/str.h"
#include "documents/file_type.h"
#include "documents/sandbox_layer.h"
#include "documents/visual.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zero in a field means its default. */
struct document_limits {
    size_t max_pages;      /* of a PDF; 50 */
    size_t max_pixels;     /* of an image, judged from its header; 40 million */
    size_t max_text_bytes; /* more is cut off, and the result says so; 1 MiB */
    size_t memory_bytes;   /* address space of one child process (of image processes: what the pool's
                              defaults say); 1 GiB */
    unsigned cpu_seconds;  /* of one child process for one job; 20 */
    unsigned quick_ms;     /* most processor time of DOCUMENT_OCR_QUICK per image or page; 300 */
    unsigned wall_ms;      /* of the whole job from its start, never beyond its deadline; 20,000 */
};

enum document_want {
    DOCUMENT_TEXT_EMBEDDED = 1, /* the text that a PDF or a text file carries */
    DOCUMENT_VISUAL = 2,        /* the visual vector: of the image, or of a PDF's first page */
    DOCUMENT_OCR = 4,           /* optical recognition of images, and of PDF pages that carry no text */
    DOCUMENT_OCR_QUICK = 8,     /* recognition for classification: smaller scale, bounded time, one pass */
    DOCUMENT_ALL = DOCUMENT_TEXT_EMBEDDED | DOCUMENT_VISUAL | DOCUMENT_OCR
};

/* Milliseconds spent; 0 where the step was not taken. */
struct document_times {
    float wait;      /* in the queue */
    float decode;    /* image to pixels */
    float visual;    /* visual vector */
    float normalise; /* background, skew, scale */
    float ocr;       /* recognition, all passes and pages */
    float pdf_text;  /* pdftotext */
    float pdf_image; /* pdftoppm, all pages */
    float total;     /* from submission to the end */
};

/* Immutable once delivered. */
struct document_result {
    enum file_type type;
    unsigned pages;
    unsigned width, height; /* of an image, pixels; 0 for others */
    struct str text;        /* valid UTF-8, pages separated by form feeds */
    float ocr_confidence;   /* 0..1, of the worst page; 1 when nothing was recognised optically */
    bool ocr_used;
    bool normalised;     /* the text comes from a normalised image */
    bool partial;        /* time ran out: some of the pages or lines are missing */
    bool text_truncated; /* cut at max_text_bytes */
    const float *visual; /* DOCUMENT_VISUAL_COUNT values in 0..1, or NULL */
    size_t visual_count;
    struct document_times ms;
};

/* NULL is fine. */
void document_result_free(struct document_result *result);

struct parser_pool_options {
    unsigned workers;            /* 0: one per core */
    unsigned queue;              /* most waiting jobs; 0: 64 per worker */
    bool prewarm;                /* load Tesseract when a worker starts (80 ms of CPU, 45 MB) rather than on
                                    its first recognition */
    unsigned required_layers;    /* sandbox_layer, or'ed: refuse to parse where one of these is missing too;
                                    SANDBOX_REQUIRED always is */
    const char *parser_program;  /* NULL: penstock-parser next to the running program, or $PENSTOCK_PARSER */
    const char *sandbox_program; /* NULL: penstock-sandbox beside the parser */
    struct document_limits defaults;
};

struct parser_pool;
struct parser_ticket;

/* Starts threads; the processes start in the background, so that it returns at once. NULL with *err when
 * a program is missing or threads cannot be made. */
struct parser_pool *parser_pool_new(const struct parser_pool_options *options, struct error *err) MUST_USE;

/* Cancels every job, waits until each `done` has run, ends processes and threads. NULL is fine. Not from
 * inside a `done`. */
void parser_pool_free(struct parser_pool *pool);

/* `result` is the callee's to free (document_result_free), NULL on failure; then *err says why. */
typedef void parser_done(void *ctx, struct document_result *result, const struct error *err);

struct parser_job {
    struct str bytes;              /* borrowed until `done` has run */
    enum file_type type;           /* as file_type_detect() said; FILE_TYPE_UNKNOWN: detected by the pool */
    unsigned want;                 /* document_want, or'ed */
    struct document_limits limits; /* zeros: the pool's defaults */
    int64_t deadline;              /* clock_monotonic() ns; 0: limits.wall_ms from now */
    parser_done *done;             /* on a thread of the pool; must not block */
    void *ctx;
};

/* The contract: after true, `done` runs exactly once, whatever happens (cancelled, deadline, crash, pool
 * freed), possibly before this returns. After false it never runs. Full queue: ERR_OVERLOADED.
 * *ticket (may be NULL when nobody will cancel) belongs to the caller until parser_ticket_free, which may
 * come before or after `done`. */
bool parser_pool_submit(struct parser_pool *pool, const struct parser_job *job, struct parser_ticket **ticket,
                        struct error *err) MUST_USE;

/* Asks for the job's end: a queued job is dropped, a running one's process is killed. `done` then follows
 * within milliseconds with ERR_CANCELLED, or with the result when that was faster. Any thread, also
 * after `done`; never blocks. */
void parser_ticket_cancel(struct parser_ticket *ticket);
void parser_ticket_free(struct parser_ticket *ticket);

/* The blocking form, for training and the command line. Ends by the deadline. */
bool documents_extract(struct parser_pool *pool, struct str bytes, unsigned want,
                       const struct document_limits *limits, int64_t deadline, struct document_result **out,
                       struct error *err) MUST_USE;

struct parser_pool_stats {
    unsigned workers, busy, queued;
    uint64_t jobs, failed;
    uint64_t restarts; /* workers replaced after a crash, a hang, a limit or a cancellation */
    uint64_t crashes, timeouts, memory_kills;
    unsigned image_layers, pdf_layers; /* sandbox_layer, or'ed; 0: none has started yet */
    float spawn_ms;                    /* of the newest worker, from spawn to ready */
};
void parser_pool_stats(struct parser_pool *pool, struct parser_pool_stats *out);
