/* Server-sent events. Beyond not crashing: the events are the same however the bytes are cut into pieces, and
 * none outgrows its cap. */
#include "base/check.h"
#include "net/sse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CAP = 512 };

static bool on_event(void *ctx, const struct sse_event *event) {
    struct buf *heard = ctx;
    CHECK(event->data.n <= CAP && event->name.n < 64);
    CHECK(str_find_char(event->data, '\r') == SIZE_MAX && str_find_char(event->name, '\n') == SIZE_MAX);
    buf_add_str(heard, event->name);
    buf_add_char(heard, '\0');
    buf_add_str(heard, event->data);
    buf_add_char(heard, '\0');
    return true;
}

static bool feed(struct str bytes, size_t piece, struct buf *heard) {
    struct sse_reader r = {.on_event = on_event, .ctx = heard, .line = BUF_INIT(CAP), .data = BUF_INIT(CAP)};
    bool good = true;
    for (size_t at = 0; good && at < bytes.n; at += piece)
        good = sse_feed(&r, str_slice(bytes, at, at + piece));
    CHECK(r.line.n <= CAP && r.data.n <= CAP);
    sse_reader_clear(&r);
    return good;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2)
        return 0;
    struct str bytes = {(const char *)data + 1, size - 1};
    AUTO_BUF whole = BUF_INIT(1 << 20), pieces = BUF_INIT(1 << 20);
    bool good = feed(bytes, bytes.n, &whole), also = feed(bytes, data[0] % 16 + 1u, &pieces);
    /* A line longer than the cap is refused only when it comes in pieces and has to be held. */
    CHECK(good || !also);
    CHECK(!also || str_eq(buf_str(&whole), buf_str(&pieces)));
    return 0;
}
