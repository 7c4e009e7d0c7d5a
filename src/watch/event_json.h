/* An event as JSON: one form for the request log's lines, `penstock requests` and the API. One thread
 * per writer. */
#pragma once

#include "base/json.h"
#include "watch/event.h"

/* Writes the fields into the object that is open in w: request_id, client, endpoint, model, status,
 * decision, prediction, confidence, latency_ms, stages {name: ms}, cached, fallback, error {code,
 * message}, cost_usd (null = unknown), input_sha256, and, where they say something, cache, scan,
 * ocr_confidence and review_id. */
void event_write_fields(const struct event *e, struct json_writer *w);

/* Lines of {"time":…,"level":…,"event":"request",…}, gathered in a buffer. */
struct event_log {
    struct buf lines;
    int64_t second; /* that `text` is written for */
    char text[24];  /* 2026-11-20T23:13:05 */
};
void event_log_add(struct event_log *log, const struct event *e);

/* Writes the lines to standard error and forgets them. A reader that stopped reading is waited for at
 * most 50 ms, then lines are left out until it reads again, so that it cannot stop the caller. */
void event_log_flush(struct event_log *log);
