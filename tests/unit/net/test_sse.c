#include "net/sse.h"

#include "../unit.h"

#include "base/clock.h"

enum { CAP = 64 };

struct heard {
    struct buf text; /* "name=data;" for each event */
    unsigned stop_after;
};

static bool on_event(void *ctx, const struct sse_event *event) {
    struct heard *h = ctx;
    buf_add_str(&h->text, event->name);
    buf_add_char(&h->text, '=');
    buf_add_str(&h->text, event->data);
    buf_add_char(&h->text, ';');
    return h->stop_after == 0 || --h->stop_after > 0;
}

static struct sse_reader reader_for(struct heard *h) {
    return (struct sse_reader){.on_event = on_event, .ctx = h, .line = BUF_INIT(CAP), .data = BUF_INIT(CAP)};
}

/* In pieces, the first of `first` bytes. */
static void assert_heard(const char *text, size_t n, size_t first, size_t piece, const char *expected) {
    struct heard h = {.text = BUF_INIT(4096)};
    struct sse_reader r = reader_for(&h);
    struct str bytes = {text, n};
    for (size_t at = 0, step = first; at < n; at += step, step = piece)
        assert_true(sse_feed(&r, str_slice(bytes, at, at + step)));
    assert_str(buf_str(&h.text), expected);
    sse_reader_clear(&r);
    buf_free(&h.text);
}

static void events_however_they_are_cut(void **state) {
    static const struct {
        const char *bytes, *events;
    } cases[] = {
        {"data: a\n\n", "=a;"},
        {"data:a\r\n\r\n", "=a;"},
        {"data: a\r\r", "=a;"},
        {"data: a\r\n\ndata: b\n\r\n", "=a;=b;"},
        {"data:  two\n\n", "= two;"},
        {"data\n\n", "=;"},
        {"data:\ndata:\n\n", "=\n;"},
        {"data: {\"a\":1}\ndata: b: c\n\n", "={\"a\":1}\nb: c;"},
        {"event: delta\ndata: x\n\ndata: y\n\n", "delta=x;=y;"},
        {"event: lost\n\ndata: y\n\n", "=y;"},
        {"\xef\xbb\xbf"
         "data: bom\n\n",
         "=bom;"},
        {"data: a\n\n\xef\xbb\xbf"
         "data: not a bom\n\n",
         "=a;"},
        {": keep-alive\n\n:\n\nid: 7\nretry: 9\nDATA: no\n data: no\n\ndata: yes\n\n", "=yes;"},
        {"\n\n\r\n\rdata: a\n\n\n\n", "=a;"},
        {"data: cut", ""},
        {"data: cut\n", ""},
        {"data: [DONE]\n\n", "=[DONE];"},
        {"data: \xe4\xb8\xad\xff\n\n", "=\xe4\xb8\xad\xff;"},
        {"event: 1\nevent: 2\ndata: x\n\n", "2=x;"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        size_t n = strlen(cases[i].bytes);
        for (size_t first = 1; first <= n; first++)
            assert_heard(cases[i].bytes, n, first, n, cases[i].events);
        assert_heard(cases[i].bytes, n, 1, 1, cases[i].events);
    }
}

static bool feed(const char *text, size_t piece, unsigned stop_after) {
    struct heard h = {.text = BUF_INIT(1 << 20), .stop_after = stop_after};
    struct sse_reader r = reader_for(&h);
    struct str bytes = str_from(text);
    bool good = true;
    for (size_t at = 0; good && at < bytes.n; at += piece)
        good = sse_feed(&r, str_slice(bytes, at, at + piece));
    sse_reader_clear(&r);
    buf_free(&h.text);
    return good;
}

#define TEN     "0123456789"
#define SEVENTY TEN TEN TEN TEN TEN TEN TEN

static void events_have_a_limit(void **state) {
    for (size_t piece = 1; piece < 200; piece += 13) {
        assert_false(feed("data: " SEVENTY "\n\n", piece, 0));
        assert_false(feed("data: " TEN TEN TEN "\ndata: " TEN TEN TEN "\ndata: " TEN "\n\n", piece, 0));
        assert_true(feed("data: " TEN TEN TEN "\n\ndata: " TEN TEN TEN "\n\ndata: " TEN "\n\n", piece, 0));
        assert_true(feed("event: " TEN TEN TEN TEN "\ndata: x\n\n", piece, 0));
    }
    assert_false(feed(":" SEVENTY, 20, 0)); /* a line that does not end */
}

static void a_long_name_is_cut(void **state) {
    struct heard h = {.text = BUF_INIT(4096)};
    struct sse_reader r = reader_for(&h);
    assert_true(sse_feed(&r, STR("event: " SEVENTY "\ndata: x\n\n")));
    assert_str(buf_str(&h.text), TEN TEN TEN TEN TEN TEN "012=x;");
    sse_reader_clear(&r);
    buf_free(&h.text);
}

static void the_caller_may_stop(void **state) {
    assert_false(feed("data: a\n\ndata: b\n\n", 100, 1));
    assert_true(feed("data: a\n\n", 100, 2));
}

/* A quadratic reader would take minutes for this. */
static void lines_that_end_with_cr_take_linear_time(void **state) {
    enum { SIZE = 4 << 20 };
    struct heard h = {.text = BUF_INIT(4096)};
    struct sse_reader r = reader_for(&h);
    char *bytes = malloc(SIZE);
    memset(bytes, '\r', SIZE);
    assert_true(sse_feed(&r, (struct str){bytes, SIZE}));
    assert_true(sse_feed(&r, STR("data: a\n\n")));
    assert_str(buf_str(&h.text), "=a;");
    sse_reader_clear(&r);
    buf_free(&h.text);
    free(bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(events_however_they_are_cut),
        cmocka_unit_test(events_have_a_limit),
        cmocka_unit_test(a_long_name_is_cut),
        cmocka_unit_test(the_caller_may_stop),
        cmocka_unit_test(lines_that_end_with_cr_take_linear_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
