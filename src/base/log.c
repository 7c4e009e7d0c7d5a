#include "base/log.h"

#include "base/clock.h"
#include "base/json.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

static atomic_int least = LOG_INFO;

void log_set_level(enum log_level level) {
    atomic_store_explicit(&least, level, memory_order_relaxed);
}

void log_lines(struct str lines) {
    /* A reader of our log that stopped reading must not stop us: after one second the line is given up. */
    while (lines.n > 0) {
        ssize_t n = write(STDERR_FILENO, lines.p, lines.n);
        if (n > 0) {
            lines = str_slice(lines, (size_t)n, lines.n);
        } else if (n < 0 && errno == EAGAIN) {
            struct pollfd wait = {.fd = STDERR_FILENO, .events = POLLOUT};
            if (poll(&wait, 1, 1000) != 1)
                return;
        } else if (errno != EINTR) {
            return;
        }
    }
}

bool log_is_due(_Atomic int64_t *said, int64_t now, int64_t every_ns) {
    int64_t last = atomic_load_explicit(said, memory_order_relaxed);
    return (last == 0 || now - last >= every_ns) && atomic_compare_exchange_strong(said, &last, now);
}

void log_event(enum log_level level, const char *event, const char *format, ...) {
    static const char *const names[] = {"debug", "info", "warn", "error"};
    if ((int)level < atomic_load_explicit(&least, memory_order_relaxed))
        return;
    char message[1024], time[CLOCK_TEXT_SIZE];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    clock_format(clock_wall(), time);
    AUTO_BUF line = BUF_INIT(16384);
    struct json_writer w = JSON_WRITER(&line);
    json_object(&w);
    json_field_text(&w, "time", time);
    json_field_text(&w, "level", names[level]);
    json_field_text(&w, "event", event);
    json_field_text(&w, "message", message);
    json_object_end(&w);
    buf_add_char(&line, '\n');
    if (!line.failed)
        log_lines(buf_str(&line));
}
