/* The pool against parser processes that crash, lie, stall or never start: one request pays with a clear
 * error, the next one is served. */
#include "documents/documents.h"

#include "../../unit/unit.h"

#include "base/clock.h"

#include <stdio.h>
#include <unistd.h>

/* A 32 x 32 JPEG as far as its structure goes; the comment says how the process shall behave. */
#define JPEG(word)                                                                                           \
    STR("\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0\xff\xfe\0\x10"                                       \
        "BEHAVE:" word "\xff\xc0\0\x0b\x08\0\x20\0\x20\1\1\x11\0\xff\xda\0\x08\1\1\0\0\x3f\0abc\xff\xd9")

static struct parser_pool *open_pool(const char *variant) {
    char program[4096];
    struct error err = {0};
    snprintf(program, sizeof program, "%s%s", getenv("PENSTOCK_BAD_PARSER"), variant);
    const struct parser_pool_options options = {
        .workers = 1, .parser_program = program, .sandbox_program = program, .defaults = {.wall_ms = 1500}};
    struct parser_pool *pool = parser_pool_new(&options, &err);
    if (!pool)
        fail_msg("%s", err.message);
    return pool;
}

static enum error_code ask(struct parser_pool *pool, struct str document, struct document_result **out) {
    struct error err = {0};
    int64_t began = clock_monotonic();
    bool ok = documents_extract(pool, document, DOCUMENT_VISUAL, NULL, 0, out, &err);
    assert_true(clock_monotonic() - began < 30 * NS_PER_SECOND);
    if (!ok)
        assert_true(err.message[0] != '\0');
    return ok ? ERR_NONE : err.code;
}

static void each_misbehaviour_costs_one_request(void **state) {
    (void)state;
    static const struct {
        struct str document;
        enum error_code code;
    } cases[] = {
        {JPEG("quit   "), ERR_DOCUMENT_UNREADABLE},  {JPEG("crash  "), ERR_DOCUMENT_UNREADABLE},
        {JPEG("greedy "), ERR_DOCUMENT_TOO_COMPLEX}, {JPEG("mute   "), ERR_DOCUMENT_TIMEOUT},
        {JPEG("magic  "), ERR_DOCUMENT_UNREADABLE},  {JPEG("long   "), ERR_DOCUMENT_UNREADABLE},
        {JPEG("message"), ERR_DOCUMENT_UNREADABLE},  {JPEG("half   "), ERR_DOCUMENT_TIMEOUT},
    };
    struct parser_pool *pool = open_pool("");
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct document_result *result = NULL;
        enum error_code code = ask(pool, cases[i].document, &result);
        if (code != cases[i].code)
            fail_msg("case %zu: %s", i, error_name(code));
        assert_null(result);
        assert_int_equal(ask(pool, JPEG("well   "), &result), ERR_NONE);
        document_result_free(result);
    }
    struct parser_pool_stats stats;
    parser_pool_stats(pool, &stats);
    assert_int_equal(stats.restarts, ARRAY_COUNT(cases));
    assert_int_equal(stats.jobs, 2 * ARRAY_COUNT(cases));
    assert_int_equal(stats.failed, ARRAY_COUNT(cases));
    parser_pool_free(pool);
}

static void a_process_that_leaves_between_jobs_costs_nobody(void **state) {
    (void)state;
    struct parser_pool *pool = open_pool("");
    struct document_result *result = NULL;
    assert_int_equal(ask(pool, JPEG("leave  "), &result), ERR_NONE);
    document_result_free(result);
    usleep(1000 * 1000); /* it has left */
    assert_int_equal(ask(pool, JPEG("well   "), &result), ERR_NONE);
    document_result_free(result);
    struct parser_pool_stats stats;
    parser_pool_stats(pool, &stats);
    assert_int_equal(stats.restarts, 1);
    assert_int_equal(stats.failed, 0);
    parser_pool_free(pool);
}

static void numbers_and_text_from_a_liar_are_made_safe(void **state) {
    (void)state;
    struct parser_pool *pool = open_pool("");
    struct document_result *result = NULL;
    assert_int_equal(ask(pool, JPEG("numbers"), &result), ERR_NONE);
    assert_int_equal(result->visual_count, DOCUMENT_VISUAL_COUNT);
    for (size_t i = 0; i < result->visual_count; i++)
        assert_true(result->visual[i] >= 0 && result->visual[i] <= 1);
    assert_true(str_is_utf8(result->text, NULL));
    assert_str(result->text, "\xEF\xBF\xBD ok\xEF\xBF\xBD(");
    document_result_free(result);
    parser_pool_free(pool);
}

static void a_process_that_never_becomes_ready_fails_its_requests(void **state) {
    (void)state;
    static const struct {
        const char *variant;
        enum error_code code;
    } cases[] = {{"-quits", ERR_INTERNAL}, {"-root", ERR_INTERNAL}};
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct parser_pool *pool = open_pool(cases[i].variant);
        struct document_result *result = NULL;
        assert_int_equal(ask(pool, JPEG("well   "), &result), cases[i].code);
        parser_pool_free(pool);
    }
}

static void a_process_that_is_silent_from_the_start_ends_at_the_deadline(void **state) {
    (void)state;
    struct parser_pool *pool = open_pool("-mute");
    struct document_result *result = NULL;
    struct error err = {0};
    int64_t began = clock_monotonic();
    assert_false(documents_extract(pool, JPEG("well   "), DOCUMENT_VISUAL, NULL, began + 300 * NS_PER_MS,
                                   &result, &err));
    assert_true(err.code == ERR_DEADLINE || err.code == ERR_DOCUMENT_TIMEOUT);
    assert_true(clock_monotonic() - began < 30 * NS_PER_SECOND);
    parser_pool_free(pool);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_misbehaviour_costs_one_request),
        cmocka_unit_test(a_process_that_leaves_between_jobs_costs_nobody),
        cmocka_unit_test(numbers_and_text_from_a_liar_are_made_safe),
        cmocka_unit_test(a_process_that_never_becomes_ready_fails_its_requests),
        cmocka_unit_test(a_process_that_is_silent_from_the_start_ends_at_the_deadline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
