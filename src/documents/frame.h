/* What the pool and a parser process say to each other over their socket pair: one request, one reply,
 * each a fixed head followed by its payload. Both ends are built together and run on one machine, so
 * numbers are in native order. The pool treats the worker as hostile: a reply's head is checked against
 * bounds before any of its payload is read. Plain values; any thread. */
#pragma once

#include "base/attributes.h"
#include "documents/visual.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FRAME_MAGIC = 0x316b7374 };

enum frame_kind {
    FRAME_IMAGE = 1, /* payload: a JPEG, PNG or PGM file */
    FRAME_WARM,      /* load Tesseract; no payload */
    FRAME_PROBE,     /* try something that the sandbox must refuse; `want` says what. For tests */
};

enum frame_format { FRAME_JPEG = 1, FRAME_PNG, FRAME_PGM };

struct frame_request {
    uint32_t magic, kind, format, want;
    uint32_t budget_ms;   /* for recognition: end within this with what there is */
    uint32_t quick_ms;    /* the same in processor time, for quick recognition; 0: no such bound */
    uint32_t cpu_seconds; /* of this request; the worker limits itself, see sandbox_filter.c */
    uint32_t max_text;
    uint64_t max_pixels;
    uint64_t size; /* of the payload */
};

enum frame_status {
    FRAME_OK,
    FRAME_READY,    /* the first reply of a new worker; `flags` holds its sandbox layers */
    FRAME_CORRUPT,  /* cannot be decoded; the message says why */
    FRAME_SIZE,     /* too small or too large */
    FRAME_MEMORY,   /* more memory than allowed */
    FRAME_INTERNAL, /* the worker itself is at fault (no language data, …) */
};

enum frame_flag { FRAME_OCR_USED = 1, FRAME_NORMALISED = 2, FRAME_PARTIAL = 4, FRAME_TEXT_TRUNCATED = 8 };

enum frame_time { FRAME_TIME_DECODE, FRAME_TIME_VISUAL, FRAME_TIME_NORMALISE, FRAME_TIME_OCR, FRAME_TIMES };

/* Followed by visual_count floats, text_size bytes of text and message_size bytes of message. */
struct frame_reply {
    uint32_t magic, status, flags;
    uint32_t width, height;
    float confidence;
    uint32_t microseconds[FRAME_TIMES];
    uint32_t visual_count, text_size, message_size;
};

enum { FRAME_MESSAGE_MAX = 240 };

/* The exit status of a worker that ran out of its memory limit. */
enum { FRAME_EXIT_MEMORY = 41 };

/* Is this head one that an honest worker could have sent for a request with this max_text? */
bool frame_reply_valid(const struct frame_reply *reply, uint32_t max_text);

/* Bytes that follow a valid head. */
size_t frame_reply_payload(const struct frame_reply *reply);

/* Brings floats that came from a worker into 0..1; NaN becomes 0. */
void frame_clamp(float *values, size_t count);

/* Reads or writes exactly n bytes of a blocking descriptor; false at its end or on an error. For the
 * worker's side: the pool's side waits with deadlines. */
bool frame_read_all(int fd, void *bytes, size_t n) MUST_USE;
bool frame_write_all(int fd, const void *bytes, size_t n) MUST_USE;
