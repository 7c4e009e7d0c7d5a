#include "watch/event_json.h"

#include "base/clock.h"
#include "base/log.h"

#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COST_DECIMALS = 9, LOG_WAIT_MS = 50 };

static void write_outcome(const struct event *e, struct json_writer *w) {
    json_key(w, "prediction");
    if (e->prediction.n)
        json_str(w, e->prediction);
    else
        json_null(w);
    json_key(w, "confidence");
    if (e->confidence >= 0)
        json_fixed(w, (double)e->confidence, 4);
    else
        json_null(w);
}

static void write_error(const struct event *e, struct json_writer *w) {
    json_key(w, "error");
    if (!e->error_code.n) {
        json_null(w);
        return;
    }
    json_object(w);
    json_field_str(w, "code", e->error_code);
    json_field_str(w, "message", e->error_message);
    json_object_end(w);
}

static void write_cost(const struct event *e, struct json_writer *w) {
    json_key(w, "cost_usd");
    if (e->cost_nanodollars < 0)
        json_null(w);
    else
        json_fixed(w, (double)e->cost_nanodollars / 1e9, COST_DECIMALS);
}

static void write_count(struct json_writer *w, const char *key, int64_t tokens) {
    if (tokens != TOKENS_UNKNOWN)
        json_field_int(w, key, tokens);
}

static void write_language(const struct event_language *l, struct json_writer *w) {
    json_key(w, "usage");
    json_object(w);
    write_count(w, "input_tokens", l->usage.input);
    write_count(w, "cached_input_tokens", l->usage.cached_input);
    write_count(w, "cache_write_tokens", l->usage.cache_write);
    write_count(w, "output_tokens", l->usage.output);
    write_count(w, "reasoning_tokens", l->usage.reasoning);
    json_object_end(w);
    json_field_int(w, "attempts", l->attempts);
    json_field_ms(w, "upstream_ms", l->upstream_us);
    if (l->first_token_us)
        json_field_ms(w, "first_token_ms", l->first_token_us);
}

static void write_calls(const struct event *e, struct json_writer *w) {
    json_key(w, "calls");
    json_array(w);
    for (unsigned i = 0; i < e->call_count; i++) {
        const struct event_call *call = &e->calls[i];
        json_object(w);
        json_field_str(w, "model", call->model);
        json_field_int(w, "attempt", call->attempt);
        json_field_ms(w, "start_ms", call->start_us);
        json_field_ms(w, "ms", call->us);
        json_key(w, "status");
        if (call->status)
            json_int(w, call->status);
        else
            json_null(w);
        json_key(w, "failure");
        if (str_eq(call->outcome, STR("none")))
            json_null(w);
        else
            json_str(w, call->outcome);
        json_object_end(w);
    }
    json_array_end(w);
}

static void write_sometimes(const struct event *e, struct json_writer *w) {
    if (e->has_input) {
        char hex[SHA256_HEX_SIZE];
        sha256_hex(e->input_hash, hex);
        json_key(w, "input_sha256");
        json_raw(w, (struct str){"\"", 1});
        buf_add(w->out, hex, SHA256_HEX_SIZE - 1);
        buf_add_char(w->out, '"');
    }
    if (e->has_trace) {
        char hex[TRACE_ID_HEX_SIZE];
        trace_id_hex(e->trace, hex);
        json_field_text(w, "trace_id", hex);
    }
    if (e->has_language)
        write_language(&e->language, w);
    if (event_tells_calls(e))
        write_calls(e, w);
    if (e->cache != CACHE_NONE)
        json_field_text(w, "cache", cache_state_name(e->cache));
    if (e->scan != SCAN_NONE)
        json_field_text(w, "scan", scan_state_name(e->scan));
    if (e->ocr_confidence >= 0)
        json_field_fixed(w, "ocr_confidence", (double)e->ocr_confidence, 4);
    if (e->review) {
        json_field_text(w, "review_id", e->review->id);
        if (e->review->reason.n)
            json_field_str(w, "review_reason", e->review->reason);
    }
}

void event_write_fields(const struct event *e, struct json_writer *w) {
    json_field_str(w, "request_id", e->request_id);
    json_field_str(w, "client", e->client);
    json_field_str(w, "endpoint", e->endpoint);
    json_field_str(w, "model", e->model);
    json_field_int(w, "status", e->status);
    json_field_text(w, "decision", decision_name(e->decision));
    write_outcome(e, w);
    json_field_ms(w, "latency_ms", e->total_us);
    json_key(w, "stages");
    json_object(w);
    for (unsigned i = 0; i < e->stage_count; i++)
        json_field_ms(w, e->stages[i].name, e->stages[i].us);
    json_object_end(w);
    json_field_bool(w, "cached", cache_state_answers(e->cache));
    json_key(w, "fallback");
    if (e->fallback.n)
        json_str(w, e->fallback);
    else
        json_null(w);
    write_error(e, w);
    write_cost(e, w);
    write_sometimes(e, w);
}

static void write_time(struct event_log *log, int64_t wall_ns) {
    int64_t second = wall_ns / NS_PER_SECOND;
    if (second != log->second || log->text[0] == '\0') {
        char whole[CLOCK_TEXT_SIZE];
        clock_format(second * NS_PER_SECOND, whole);
        memcpy(log->text, whole, 19);
        log->second = second;
    }
    unsigned ms = (unsigned)(wall_ns / NS_PER_MS % 1000);
    char tail[] = {'.', (char)('0' + ms / 100), (char)('0' + ms / 10 % 10), (char)('0' + ms % 10), 'Z', '"'};
    buf_add(&log->lines, log->text, 19);
    buf_add(&log->lines, tail, sizeof tail);
}

void event_log_add(struct event_log *log, const struct event *e) {
    struct buf *out = &log->lines;
    size_t start = out->n;
    static const char head[] = "{\"time\":\"", info[] = ",\"level\":\"info\",\"event\":\"request\"",
                      error[] = ",\"level\":\"error\",\"event\":\"request\"";
    if (!buf_reserve(out, 1024)) {
        event_log_flush(log);
        start = 0;
    }
    buf_add(out, head, sizeof head - 1);
    write_time(log, e->wall_ns + (int64_t)e->total_us * 1000);
    if (e->status >= 500)
        buf_add(out, error, sizeof error - 1);
    else
        buf_add(out, info, sizeof info - 1);
    struct json_writer w = {.out = out, .comma = true};
    event_write_fields(e, &w);
    buf_add(out, "}\n", 2);
    if (out->failed) {
        out->n = start;
        out->failed = false;
    }
}

/* A pipe takes PIPE_BUF bytes at once and whole when it is writable at all. */
static void flush_to_pipe(struct str lines) {
    static _Thread_local bool stuck;
    while (lines.n > 0) {
        size_t n = lines.n < PIPE_BUF ? lines.n : PIPE_BUF;
        const char *end = memrchr(lines.p, '\n', n);
        if (end)
            n = (size_t)(end - lines.p) + 1;
        struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};
        if (poll(&out, 1, stuck ? 0 : LOG_WAIT_MS) != 1) {
            stuck = true;
            return;
        }
        stuck = false;
        log_lines(str_slice(lines, 0, n));
        lines = str_slice(lines, n, lines.n);
    }
}

void event_log_flush(struct event_log *log) {
    struct stat st;
    if (log->lines.n > 0) {
        if (fstat(STDERR_FILENO, &st) == 0 && S_ISREG(st.st_mode))
            log_lines(buf_str(&log->lines));
        else
            flush_to_pipe(buf_str(&log->lines));
    }
    buf_clear(&log->lines);
}
