/* Request heads and chunked bodies. Beyond not crashing: the result is the same however the bytes are cut
 * into pieces, and what was accepted has no byte in it that a later reader could trip over. */
#include "base/check.h"
#include "net/http_chunks.h"
#include "net/http_head.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { HEAD_MAX = 4096, HEADERS_MAX = 20, BODY_MAX = 1000 };

struct outcome {
    enum head_state state;
    struct head_scan scan;
    enum error_code code;
};

static struct outcome scan_in_pieces(struct str bytes, size_t piece) {
    struct outcome o = {.state = HEAD_PARTIAL};
    for (size_t n = piece; o.state == HEAD_PARTIAL; n += piece) {
        struct error err = {0};
        o.state = head_scan(&o.scan, str_slice(bytes, 0, n), HEAD_MAX, &err);
        o.code = err.code;
        if (n >= bytes.n)
            break;
    }
    return o;
}

static bool is_inside(struct str part, struct str whole) {
    return part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

static void check_text(struct str s, struct str head) {
    CHECK(is_inside(s, head));
    for (size_t i = 0; i < s.n; i++)
        CHECK((unsigned char)s.p[i] >= 0x20 || s.p[i] == '\t');
}

static void check_head(const struct http_head *h, struct str head) {
    CHECK(h->target.n && (h->target.p[0] == '/' || h->target.p[0] == '*'));
    check_text(h->target, head);
    CHECK(is_inside(h->path, h->target) && is_inside(h->query, h->target));
    CHECK(h->header_count <= HEADERS_MAX);
    for (size_t i = 0; i < h->header_count; i++) {
        struct str name = h->headers[i].name;
        CHECK(name.n);
        check_text(name, head);
        check_text(h->headers[i].value, head);
        for (size_t k = 0; k < name.n; k++)
            CHECK(name.p[k] != ' ' && name.p[k] != ':' && !(name.p[k] >= 'A' && name.p[k] <= 'Z'));
    }
    CHECK(!h->chunked || h->content_length == 0);
}

struct decoded {
    enum chunks_state state;
    size_t used;
    struct buf body;
};

static struct decoded decode_in_pieces(const llhttp_t *start, struct str bytes, size_t piece) {
    struct decoded d = {.state = CHUNKS_MORE, .body = BUF_INIT(BODY_MAX)};
    llhttp_t parser = *start;
    struct chunks chunks = {0};
    while (d.state == CHUNKS_MORE && d.used < bytes.n) {
        struct str part = str_slice(bytes, d.used, d.used + piece);
        struct error err;
        size_t used = 0;
        d.state = chunks_feed(&chunks, &parser, part, &used, &d.body, &err);
        if (d.state == CHUNKS_REFUSED)
            break;
        CHECK(used <= part.n && (d.state == CHUNKS_END || used == part.n));
        d.used += used;
    }
    CHECK(d.body.n <= BODY_MAX);
    return d;
}

static void check_chunks(const llhttp_t *start, struct str bytes, size_t piece) {
    struct decoded whole = decode_in_pieces(start, bytes, SIZE_MAX / 2);
    struct decoded pieces = decode_in_pieces(start, bytes, piece);
    /* How much is decoded before a refusal is free; what is accepted is not. */
    if (whole.state == CHUNKS_END || pieces.state == CHUNKS_END) {
        CHECK(whole.state == pieces.state && whole.used == pieces.used);
        CHECK(str_eq(buf_str(&whole.body), buf_str(&pieces.body)));
    }
    buf_free(&whole.body);
    buf_free(&pieces.body);
}

/* What the quick way takes, llhttp must take too, and mean the same by it. */
static void check_plain(struct str bytes, const struct head_scan *scan, const struct http_head *h,
                        struct arena *arena) {
    struct http_header *headers = arena_alloc(arena, scan->lines * sizeof *headers);
    struct str head = arena_copy(arena, str_slice(bytes, 0, scan->length));
    struct http_head other;
    llhttp_t parser;
    CHECK(headers && head.p && http_head_parse_llhttp(head, scan, headers, &parser, &other, NULL));
    CHECK(h->method == other.method && str_eq(h->method_name, other.method_name) &&
          str_eq(h->target, other.target) && h->content_length == other.content_length &&
          h->chunked == other.chunked && h->keep_alive == other.keep_alive && h->is_1_1 == other.is_1_1 &&
          h->expects_continue == other.expects_continue && h->header_count == other.header_count);
    for (size_t i = 0; i < h->header_count; i++)
        CHECK(str_eq(h->headers[i].name, headers[i].name) && str_eq(h->headers[i].value, headers[i].value));
}

static void check_request(struct str bytes, const struct head_scan *scan, size_t piece) {
    struct arena *arena = arena_new(1 << 20);
    struct str head = arena_copy(arena, str_slice(bytes, 0, scan->length));
    struct http_head parsed;
    llhttp_t parser;
    struct error err;
    CHECK(head.p);
    if (http_head_parse(head, scan, HEADERS_MAX, arena, &parser, &parsed, &err)) {
        check_head(&parsed, head);
        check_plain(bytes, scan, &parsed, arena);
        if (parsed.chunked)
            check_chunks(&parser, str_slice(bytes, scan->length, bytes.n), piece);
    } else {
        CHECK(err.code != ERR_NONE && err.message[0]);
    }
    arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2)
        return 0;
    size_t piece = data[0] % 64 + 1u;
    struct str bytes = {(const char *)data + 1, size - 1};
    struct outcome whole = scan_in_pieces(bytes, bytes.n);
    struct outcome pieces = scan_in_pieces(bytes, piece);
    CHECK(whole.state == pieces.state && whole.code == pieces.code);
    if (whole.state != HEAD_WHOLE)
        return 0;
    CHECK(memcmp(&whole.scan, &pieces.scan, sizeof whole.scan) == 0);
    check_request(bytes, &whole.scan, piece);
    return 0;
}
