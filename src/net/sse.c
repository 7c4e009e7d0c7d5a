#include "net/sse.h"

#include <string.h>

static struct str field_value(struct str line, size_t colon) {
    struct str value = str_slice(line, colon + 1, line.n);
    return value.n && value.p[0] == ' ' ? str_slice(value, 1, value.n) : value;
}

static bool dispatch(struct sse_reader *r) {
    struct sse_event event = {str_from(r->name), buf_str(&r->data)};
    bool whole = r->has_data;
    r->has_data = false;
    bool goes_on = !whole || r->on_event(r->ctx, &event);
    r->name[0] = '\0';
    buf_clear(&r->data);
    return goes_on;
}

static bool take_line(struct sse_reader *r, struct str line) {
    if (!r->started && str_starts(line, STR("\xef\xbb\xbf")))
        line = str_slice(line, 3, line.n);
    r->started = true;
    if (line.n == 0)
        return dispatch(r);
    size_t colon = str_find_char(line, ':');
    struct str field = str_slice(line, 0, colon);
    struct str value = colon == SIZE_MAX ? STR("") : field_value(line, colon);
    if (str_eq(field, STR("data"))) {
        if (r->has_data)
            buf_add_char(&r->data, '\n');
        buf_add_str(&r->data, value);
        r->has_data = true;
    } else if (str_eq(field, STR("event"))) {
        size_t n = value.n < sizeof r->name ? value.n : sizeof r->name - 1;
        memcpy(r->name, value.p, n);
        r->name[n] = '\0';
    }
    return !r->data.failed;
}

/* The first CR or LF, or SIZE_MAX. *lf: the next LF or the end, once looked for, so that many lines that end
 * with CR do not each look through all that is behind them. */
static size_t find_end(struct str bytes, const char **lf) {
    if (!*lf || *lf < bytes.p) {
        *lf = memchr(bytes.p, '\n', bytes.n);
        if (!*lf)
            *lf = bytes.p + bytes.n;
    }
    size_t n = (size_t)(*lf - bytes.p);
    const char *cr = memchr(bytes.p, '\r', n);
    return cr ? (size_t)(cr - bytes.p) : n < bytes.n ? n : SIZE_MAX;
}

bool sse_feed(struct sse_reader *r, struct str bytes) {
    const char *lf = NULL;
    while (bytes.n) {
        if (r->after_cr && bytes.p[0] == '\n')
            bytes = str_slice(bytes, 1, bytes.n);
        r->after_cr = false;
        if (bytes.n == 0)
            break;
        size_t end = find_end(bytes, &lf);
        if (end == SIZE_MAX) {
            buf_add_str(&r->line, bytes);
            return !r->line.failed;
        }
        r->after_cr = bytes.p[end] == '\r';
        struct str line = str_slice(bytes, 0, end);
        bytes = str_slice(bytes, end + 1, bytes.n);
        bool held = r->line.n > 0;
        if (held) {
            buf_add_str(&r->line, line);
            if (r->line.failed)
                return false;
            line = buf_str(&r->line);
        }
        if (!take_line(r, line))
            return false;
        if (held)
            buf_clear(&r->line);
    }
    return true;
}

void sse_reader_clear(struct sse_reader *r) {
    buf_free(&r->line);
    buf_free(&r->data);
}
