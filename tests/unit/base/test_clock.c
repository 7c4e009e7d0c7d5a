#include "base/clock.h"

#include "../unit.h"

static void a_time_reads_back_as_it_was_written(void **state) {
    static const int64_t times[] = {0, 1, INT64_C(1795000000123) * NS_PER_MS,
                                    INT64_C(951782400) * NS_PER_SECOND, INT64_C(7258118399999) * NS_PER_MS};
    for (size_t i = 0; i < ARRAY_COUNT(times); i++) {
        char text[CLOCK_TEXT_SIZE];
        int64_t read;
        clock_format(times[i], text);
        assert_true(clock_parse(str_from(text), &read));
        assert_int_equal(read, times[i] / NS_PER_MS * NS_PER_MS);
    }
}

static void decimals_and_days(void **state) {
    int64_t t;
    assert_true(clock_parse(STR("1970-01-02"), &t));
    assert_int_equal(t, 86400 * NS_PER_SECOND);
    assert_true(clock_parse(STR("1970-01-01T00:00:01Z"), &t));
    assert_int_equal(t, NS_PER_SECOND);
    assert_true(clock_parse(STR("1970-01-01T00:00:01.000000001Z"), &t));
    assert_int_equal(t, NS_PER_SECOND + 1);
    assert_true(clock_parse(STR("1970-01-01T00:00:01.9999999999999999999999999999Z"), &t));
    assert_int_equal(t, 2 * NS_PER_SECOND - 1);
    assert_true(clock_parse(STR("2024-02-29"), &t));
}

static void what_is_no_time(void **state) {
    static const char *const texts[] = {"",
                                        "now",
                                        "2026",
                                        "2026-11",
                                        "2026-1-01",
                                        "2026-13-01",
                                        "2026-00-01",
                                        "2026-02-29",
                                        "2026-04-31",
                                        "2026-11-00",
                                        "1969-12-31",
                                        "2201-01-01",
                                        "2026-11-20T",
                                        "2026-11-20Z",
                                        "2026-11-20T10:00Z",
                                        "2026-11-20T24:00:00Z",
                                        "2026-11-20T23:60:00Z",
                                        "2026-11-20T23:59:60Z",
                                        "2026-11-20T10:00:00",
                                        "2026-11-20T10:00:00.Z",
                                        "2026-11-20T10:00:00+01:00",
                                        "2026-11-20 10:00:00Z",
                                        "2026-11-20T10:00:00Zx",
                                        "-026-11-20",
                                        "+026-11-20",
                                        "2026-+1-20"};
    int64_t t = 7;
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++)
        if (clock_parse(str_from(texts[i]), &t))
            fail_msg("\"%s\" was taken", texts[i]);
    assert_int_equal(t, 7);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_time_reads_back_as_it_was_written),
        cmocka_unit_test(decimals_and_days),
        cmocka_unit_test(what_is_no_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
