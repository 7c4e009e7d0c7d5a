/* Replies of upstreams. Beyond not crashing: the head and the body are the same however the bytes are cut
 * into pieces, and what was accepted has no byte in it that a later reader could trip over. */
#include "base/check.h"
#include "net/reply_reader.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
    struct reply_reader reader;
    enum reply_state state;
    size_t used;
    unsigned heads;
    struct buf heard; /* status, headers, body */
};

static void check_header(const struct http_header *h) {
    CHECK(h->name.n);
    for (size_t i = 0; i < h->name.n; i++)
        CHECK((unsigned char)h->name.p[i] > 0x20 && h->name.p[i] != ':' &&
              !(h->name.p[i] >= 'A' && h->name.p[i] <= 'Z'));
    for (size_t i = 0; i < h->value.n; i++)
        CHECK((unsigned char)h->value.p[i] >= 0x20 || h->value.p[i] == '\t');
}

static bool on_head(struct reply_reader *r, int status, const struct http_header *headers, size_t count) {
    struct outcome *o = CONTAINER_OF(r, struct outcome, reader);
    CHECK(o->heads++ == 0 && status >= 200 && status <= 599 && count <= REPLY_HEADERS_COUNT_MAX);
    buf_add_u64(&o->heard, (uint64_t)status);
    for (size_t i = 0; i < count; i++) {
        check_header(&headers[i]);
        buf_add_str(&o->heard, headers[i].name);
        buf_add_char(&o->heard, ':');
        buf_add_str(&o->heard, headers[i].value);
        buf_add_char(&o->heard, '\n');
    }
    return status != 299; /* stops */
}

static bool on_body(struct reply_reader *r, struct str bytes) {
    struct outcome *o = CONTAINER_OF(r, struct outcome, reader);
    CHECK(o->heads == 1 && bytes.n);
    buf_add_str(&o->heard, bytes);
    return true;
}

static const struct reply_events events = {on_head, on_body};

static void read_in_pieces(struct outcome *o, struct str bytes, size_t piece, bool to_head) {
    static struct http_header headers[REPLY_HEADERS_COUNT_MAX];
    o->heard = BUF_INIT(1 << 20);
    reply_begin(&o->reader, &events, headers, to_head);
    size_t at = 0;
    for (; o->state == REPLY_MORE && at < bytes.n; at += piece) {
        struct str part = str_slice(bytes, at, at + piece);
        size_t used = part.n;
        o->state = reply_feed(&o->reader, part, &used);
        CHECK(used <= part.n);
        o->used += used;
    }
    CHECK(o->reader.head.n <= REPLY_HEAD_MAX);
    if (o->state == REPLY_MORE)
        o->state = reply_end(&o->reader);
    if (o->state == REPLY_BAD || o->state == REPLY_TOO_LARGE)
        CHECK(reply_reason(&o->reader));
    reply_reader_clear(&o->reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2)
        return 0;
    struct str bytes = {(const char *)data + 1, size - 1};
    bool to_head = data[0] >= 128;
    struct outcome whole = {0}, pieces = {0};
    read_in_pieces(&whole, bytes, bytes.n, to_head);
    read_in_pieces(&pieces, bytes, data[0] % 64 + 1u, to_head);
    /* How much is heard before a refusal is free; what is accepted is not. */
    if (whole.state == REPLY_WHOLE || pieces.state == REPLY_WHOLE)
        CHECK(whole.state == pieces.state && whole.used == pieces.used &&
              whole.reader.keep == pieces.reader.keep &&
              str_eq(buf_str(&whole.heard), buf_str(&pieces.heard)));
    buf_free(&whole.heard);
    buf_free(&pieces.heard);
    return 0;
}
