#include "unit.h"

#include "base/clock.h"
#include "base/json.h"
#include "watch/spans.h"
#include "watch/tracing.h"

#include <stdio.h>

static struct error err;

static struct event *make_event(void) {
    struct event *e = event_new(1024);
    e->wall_ns = INT64_C(1795000000123456789);
    e->request_id = event_keep(e, STR("r \"1\"\n"));
    e->endpoint = event_keep(e, STR("shop"));
    e->status = 503;
    e->error_code = STR("upstream_error");
    e->total_us = 900;
    e->traced = e->has_trace = true;
    trace_new_id(e->trace, sizeof e->trace);
    event_add_stage(e, "authenticate", 100);
    event_add_stage(e, "call", 800);
    e->has_language = true;
    e->language =
        (struct event_language){.usage = CHAT_USAGE_UNKNOWN, .operation = "chat", .provider = "openai"};
    e->calls[e->call_count++] = (struct event_call){.model = STR("main/big/model"),
                                                    .outcome = STR("server"),
                                                    .start_us = 110,
                                                    .us = 300,
                                                    .status = 500,
                                                    .attempt = 2};
    return e;
}

static const char *text_of(yyjson_val *span, const char *key) {
    return yyjson_get_str(yyjson_obj_get(span, key));
}

static const char *attribute(yyjson_val *span, const char *key) {
    size_t index, max;
    yyjson_val *one;
    yyjson_arr_foreach(yyjson_obj_get(span, "attributes"), index, max, one) {
        if (strcmp(text_of(one, "key"), key) == 0) {
            yyjson_val *value = yyjson_obj_get(one, "value");
            return yyjson_get_str(
                yyjson_obj_get(value, yyjson_obj_get(value, "intValue") ? "intValue" : "stringValue"));
        }
    }
    return NULL;
}

static void an_event_is_its_spans(void **state) {
    struct event *e = make_event();
    AUTO_BUF spans = BUF_INIT(65536);
    AUTO_BUF list = BUF_INIT(65536);
    assert_int_equal(spans_add(e, &span_json, &spans), 4);
    assert_int_equal(spans_add(e, &span_json, &spans), 4);
    buf_add_str(&list, STR("["));
    buf_add_str(&list, buf_str(&spans));
    buf_add_str(&list, STR("]"));
    yyjson_doc *doc = json_parse(buf_str(&list), &err);
    if (!doc)
        fail_msg("%s in %s", err.message, buf_terminated(&list));
    yyjson_val *all = yyjson_doc_get_root(doc);
    assert_int_equal(yyjson_arr_size(all), 8);
    yyjson_val *request = yyjson_arr_get(all, 0), *second = yyjson_arr_get(all, 2),
               *call = yyjson_arr_get(all, 3);
    assert_string_equal(text_of(request, "name"), "chat shop");
    assert_string_equal(text_of(request, "startTimeUnixNano"), "1795000000123456789");
    assert_string_equal(text_of(request, "endTimeUnixNano"), "1795000000124356789");
    assert_null(text_of(request, "parentSpanId"));
    assert_string_equal(attribute(request, "penstock.request_id"), "r \"1\"\n");
    assert_string_equal(attribute(request, "http.response.status_code"), "503");
    assert_null(attribute(request, "gen_ai.usage.input_tokens")); /* not known is not zero */
    assert_string_equal(text_of(second, "name"), "call");
    assert_string_equal(text_of(second, "startTimeUnixNano"), "1795000000123556789");
    assert_string_equal(text_of(second, "parentSpanId"), text_of(request, "spanId"));
    assert_string_equal(text_of(call, "name"), "chat big/model");
    assert_string_equal(attribute(call, "penstock.upstream"), "main");
    assert_string_equal(attribute(call, "http.request.resend_count"), "1");
    assert_string_equal(attribute(call, "error.type"), "server");
    assert_string_equal(attribute(call, "penstock.call"), "answer");
    assert_string_not_equal(text_of(call, "spanId"), "0000000000000000");
    yyjson_doc_free(doc);
    event_free(e);
}

/* The same story in protobuf: bytes written out by hand, after the field numbers of span_format.h. */
static void a_span_in_protobuf(void **state) {
    static const unsigned char trace[TRACE_ID_SIZE] = {1}, id[SPAN_ID_SIZE] = {2}, parent[SPAN_ID_SIZE] = {3};
    static const char expected[] =
        "\x0a\x10\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"           /* trace_id */
        "\x12\x08\x02\0\0\0\0\0\0\0\x22\x08\x03\0\0\0\0\0\0\0" /* span_id, parent */
        "\x2a\x04name\x30\x03"                                 /* name, kind */
        "\x39\x01\0\0\0\0\0\0\0\x41\0\x01\0\0\0\0\0\0";        /* start, end */
    const struct span_head head = {trace, id, parent, "name", SPAN_CLIENT, 1, 256};
    AUTO_BUF out = BUF_INIT(4096);
    struct span_writer w = {.out = &out};
    span_protobuf.begin(&w, &head);
    span_protobuf.text(&w, "t", STR("x"));
    span_protobuf.number(&w, "n", 300);
    span_protobuf.number(&w, "m", -1);
    span_protobuf.real(&w, "r", 0.5);
    span_protobuf.end(&w, true, STR("why"));
    assert_false(out.failed);
    assert_int_equal(out.p[0], 0x12); /* of ScopeSpans: spans */
    assert_memory_equal(out.p + 2, expected, sizeof expected - 1);
    assert_int_equal((unsigned char)out.p[1], out.n - 2);
    static const char rest[] =
        "\x4a\x08\x0a\x01t\x12\x03\x0a\x01x"                                    /* string_value */
        "\x4a\x08\x0a\x01n\x12\x03\x18\xac\x02"                                 /* int_value 300 */
        "\x4a\x10\x0a\x01m\x12\x0b\x18\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01" /* -1 */
        "\x4a\x0e\x0a\x01r\x12\x09\x21\0\0\0\0\0\0\xe0\x3f"                     /* double 0.5 */
        "\x7a\x07\x12\x03why\x18\x02";                                          /* status */
    assert_int_equal(out.n, 2 + sizeof expected - 1 + sizeof rest - 1);
    assert_memory_equal(out.p + 2 + sizeof expected - 1, rest, sizeof rest - 1);
}

static struct tracing *start(void) {
    struct tracing *t;
    struct tracing_options options = {
        .url = "http://127.0.0.1:1/v1/traces", .header = "a: b", .version = "1", .format = &span_json};
    if (!tracing_start(&t, &options, &err))
        fail_msg("%s", err.message);
    return t;
}

/* A collector that is not there, and more spans than the buffer holds: none waits, each is counted. */
static void what_cannot_be_sent_is_counted(void **state) {
    enum { MANY = 6000 };
    struct tracing *t = start();
    struct event *e = make_event();
    struct tracing_counts counts;
    for (int i = 0; i < MANY; i++)
        tracing_add(t, e);
    tracing_counts(t, &counts);
    assert_int_equal(counts.exported, 0);
    assert_true(counts.dropped > 0);
    assert_true(counts.dropped + counts.failed < 4 * MANY); /* some wait */
    int64_t began = clock_monotonic();
    tracing_stop(t);
    assert_true(clock_monotonic() - began < 20 * NS_PER_SECOND);
    event_free(e);
}

static void traces_begin_by_share(void **state) {
    int sampled = 0;
    for (int i = 0; i < 10000; i++) {
        struct trace none = {0}, all = {0}, some = {0}, given = {.given = true};
        trace_begin(&none, 0);
        trace_begin(&all, 1);
        trace_begin(&some, 0.25);
        trace_begin(&given, 1);
        assert_false(none.made);
        assert_true(all.made && all.sampled);
        assert_false(given.made);
        sampled += some.sampled;
    }
    assert_true(sampled > 2200 && sampled < 2800);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_span_in_protobuf),
        cmocka_unit_test(an_event_is_its_spans),
        cmocka_unit_test(what_cannot_be_sent_is_counted),
        cmocka_unit_test(traces_begin_by_share),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
