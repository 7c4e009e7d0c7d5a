#include "chat/context.h"

#include "../unit.h"

/* Each message says itself how many tokens it has. */
static int64_t count(void *ctx, yyjson_val *message) {
    return yyjson_get_sint(yyjson_obj_get(message, "t"));
}

static yyjson_doc *parse(struct str text) {
    struct error err;
    yyjson_doc *doc = json_parse(text, &err);
    assert_non_null(doc);
    return doc;
}

static const char talk[] =
    "[{\"role\":\"system\",\"content\":\"S\",\"t\":10},{\"role\":\"user\",\"content\":\"one\",\"t\":20},"
    "{\"role\":\"assistant\",\"tool_calls\":[{\"id\":\"c1\",\"function\":{\"name\":\"f\",\"arguments\":\"{}"
    "\"}}],\"t\":5},"
    "{\"role\":\"tool\",\"tool_call_id\":\"c1\",\"content\":\"r\",\"t\":5},"
    "{\"role\":\"assistant\",\"content\":\"two\",\"t\":20},{\"role\":\"user\",\"content\":\"three\",\"t\":10}"
    ","
    "{\"role\":\"assistant\",\"content\":\"four\",\"t\":10},{\"role\":\"user\",\"content\":\"five\",\"t\":10}"
    "]";

static struct context_limits limits(enum context_policy policy, int64_t window) {
    return (struct context_limits){
        .policy = policy, .window = window, .answer = 10, .count = count, .summary = 5};
}

static void test_what_fits_is_left_alone(void **state) {
    yyjson_doc *doc = parse(str_from(talk));
    struct context_limits l = limits(CONTEXT_REFUSE, 100);
    struct context_plan p;
    struct error err;
    assert_true(context_plan(yyjson_doc_get_root(doc), &l, &p, &err));
    assert_int_equal(p.verdict, CONTEXT_FITS);
    assert_int_equal(p.tokens, 90);
    context_plan_clear(&p);
    yyjson_doc_free(doc);
}

static void test_refusal_says_by_how_much(void **state) {
    yyjson_doc *doc = parse(str_from(talk));
    struct context_limits l = limits(CONTEXT_REFUSE, 99);
    struct context_plan p;
    struct error err;
    assert_false(context_plan(yyjson_doc_get_root(doc), &l, &p, &err));
    assert_int_equal(err.code, ERR_CONTEXT_LENGTH);
    assert_non_null(strstr(err.message, "90 tokens"));
    assert_non_null(strstr(err.message, "window of 99"));
    assert_non_null(strstr(err.message, ": 1 too many"));
    yyjson_doc_free(doc);
}

static void test_the_oldest_turn_goes_whole(void **state) {
    yyjson_doc *doc = parse(str_from(talk));
    struct context_limits l = limits(CONTEXT_DROP_OLDEST, 99);
    struct context_plan p;
    struct error err;
    AUTO_BUF out = BUF_INIT(4096);
    assert_true(context_plan(yyjson_doc_get_root(doc), &l, &p, &err));
    assert_int_equal(p.verdict, CONTEXT_SHORTEN);
    assert_int_equal(p.kept_tokens, 40);
    assert_int_equal(p.dropped, 4);
    context_write(yyjson_doc_get_root(doc), &p, "system", STR(""), &out);
    assert_str(buf_str(&out), "[{\"role\":\"system\",\"content\":\"S\",\"t\":10},"
                              "{\"role\":\"user\",\"content\":\"three\",\"t\":10},"
                              "{\"role\":\"assistant\",\"content\":\"four\",\"t\":10},"
                              "{\"role\":\"user\",\"content\":\"five\",\"t\":10}]");
    context_plan_clear(&p);
    yyjson_doc_free(doc);
}

static void test_a_summary_takes_the_place_of_what_goes(void **state) {
    yyjson_doc *doc = parse(str_from(talk));
    struct context_limits l = limits(CONTEXT_SUMMARISE, 50);
    struct context_plan p;
    struct error err;
    AUTO_BUF out = BUF_INIT(4096);
    AUTO_BUF dropped = BUF_INIT(4096);
    assert_true(context_plan(yyjson_doc_get_root(doc), &l, &p, &err));
    assert_int_equal(p.verdict, CONTEXT_SUMMARY);
    assert_int_equal(p.kept_tokens, 25);
    context_write_dropped(yyjson_doc_get_root(doc), &p, &dropped);
    assert_str(buf_str(&dropped),
               "user: one\nassistant: [calls f({})]\ntool: r\nassistant: two\nuser: three\n"
               "assistant: four\n");
    context_write(yyjson_doc_get_root(doc), &p, "system", STR("All \"well\"."), &out);
    assert_str(buf_str(&out),
               "[{\"role\":\"system\",\"content\":\"S\",\"t\":10},{\"role\":\"system\",\"content\":"
               "\"Summary of the earlier conversation: All \\\"well\\\".\"},"
               "{\"role\":\"user\",\"content\":\"five\",\"t\":10}]");
    context_plan_clear(&p);
    yyjson_doc_free(doc);
}

static void test_what_must_stay_may_not_fit(void **state) {
    yyjson_doc *doc = parse(str_from(talk));
    struct context_limits l = limits(CONTEXT_DROP_OLDEST, 25);
    struct context_plan p;
    struct error err;
    assert_false(context_plan(yyjson_doc_get_root(doc), &l, &p, &err));
    assert_non_null(strstr(err.message, "20 tokens in what must be kept"));
    yyjson_doc_free(doc);
}

/* ---- properties, over conversations by chance ---- */

static uint32_t chance(uint32_t *seed, uint32_t below) {
    *seed = *seed * 1664525u + 1013904223u;
    return (*seed >> 8) % below;
}

/* Results may come late, in another turn, or never. */
static void make_talk(uint32_t *seed, struct buf *out) {
    static const char *const roles[] = {"user", "user", "assistant", "system", "tool", "assistant"};
    uint32_t calls = 0, n = 1 + chance(seed, 24);
    buf_add_char(out, '[');
    for (uint32_t i = 0; i < n; i++) {
        const char *role = roles[chance(seed, ARRAY_COUNT(roles))];
        buf_printf(out, "%s{\"role\":\"%s\",\"t\":%u", i ? "," : "", role, chance(seed, 30));
        if (strcmp(role, "assistant") == 0 && chance(seed, 2))
            buf_printf(out, ",\"tool_calls\":[{\"id\":\"c%u\"}]", calls++);
        if (strcmp(role, "tool") == 0)
            buf_printf(out, ",\"tool_call_id\":\"c%u\"", chance(seed, calls + 1));
        buf_add_char(out, '}');
    }
    buf_add_char(out, ']');
}

static bool has_role(yyjson_val *message, const char *role) {
    return strcmp(yyjson_get_str(yyjson_obj_get(message, "role")), role) == 0;
}

/* A kept result has its call, a kept call has the results that were there. */
static void assert_pairs_whole(yyjson_val *messages, const struct context_plan *p) {
    for (size_t i = 0; i < p->count; i++) {
        const char *id = yyjson_get_str(yyjson_obj_get(yyjson_arr_get(messages, i), "tool_call_id"));
        for (size_t j = 0; id && j < i; j++) {
            yyjson_val *calls = yyjson_obj_get(yyjson_arr_get(messages, j), "tool_calls");
            const char *call = yyjson_get_str(yyjson_obj_get(yyjson_arr_get_first(calls), "id"));
            if (call && strcmp(call, id) == 0)
                assert_int_equal(p->keep[i], p->keep[j]);
        }
    }
}

static void assert_plan_holds(yyjson_val *messages, const struct context_limits *l,
                              const struct context_plan *p) {
    int64_t sum = p->verdict == CONTEXT_SUMMARY ? l->summary : 0;
    size_t last_user = SIZE_MAX;
    for (size_t i = 0; i < p->count; i++) {
        yyjson_val *message = yyjson_arr_get(messages, i);
        sum += p->keep[i] ? count(NULL, message) : 0;
        if (has_role(message, "system"))
            assert_true(p->keep[i]);
        if (has_role(message, "user"))
            last_user = i;
    }
    for (size_t i = last_user; i < p->count; i++)
        assert_true(p->keep[i]);
    assert_int_equal(sum, p->kept_tokens);
    assert_true(sum + l->answer <= l->window);
    assert_pairs_whole(messages, p);
}

static void test_properties(void **state) {
    uint32_t seed = 7;
    unsigned planned = 0, refused = 0;
    for (int round = 0; round < 20000; round++) {
        AUTO_BUF text = BUF_INIT(1 << 16);
        struct context_plan p;
        struct error err;
        make_talk(&seed, &text);
        yyjson_doc *doc = parse(buf_str(&text));
        struct context_limits l = limits(1 + (int)chance(&seed, 2), 20 + chance(&seed, 300));
        if (context_plan(yyjson_doc_get_root(doc), &l, &p, &err)) {
            assert_plan_holds(yyjson_doc_get_root(doc), &l, &p);
            planned += p.dropped > 0;
            context_plan_clear(&p);
        } else {
            refused++;
        }
        yyjson_doc_free(doc);
    }
    assert_true(planned > 1000 && refused > 1000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_fits_is_left_alone),
        cmocka_unit_test(test_refusal_says_by_how_much),
        cmocka_unit_test(test_the_oldest_turn_goes_whole),
        cmocka_unit_test(test_a_summary_takes_the_place_of_what_goes),
        cmocka_unit_test(test_what_must_stay_may_not_fit),
        cmocka_unit_test(test_properties),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
