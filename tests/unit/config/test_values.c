#include "config/values.h"

#include "../unit.h"

static void reads_durations(void **state) {
    int64_t ns;
    assert_true(value_duration(STR("500ms"), &ns));
    assert_int_equal(ns, 500000000);
    assert_true(value_duration(STR("1.5s"), &ns));
    assert_int_equal(ns, 1500000000);
    assert_true(value_duration(STR("30d"), &ns));
    assert_int_equal(ns, INT64_C(30) * 86400 * 1000000000);
    assert_true(value_duration(STR("24 h"), &ns));
    assert_int_equal(ns, INT64_C(24) * 3600 * 1000000000);
    assert_true(value_duration(STR("0"), &ns));
    assert_int_equal(ns, 0);
}

static void refuses_durations_that_could_be_misread(void **state) {
    const char *bad[] = {"",      "10",   "s",      "-1s",  "1.s",         "1e3s",
                         "10sec", "1s2m", "10 s s", "0x1s", "9999999999d", "99999999999999999999s"};
    int64_t ns;
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
        if (value_duration(str_from(bad[i]), &ns))
            fail_msg("\"%s\" was read as %lld ns", bad[i], (long long)ns);
}

static void reads_sizes_in_tens_and_twos(void **state) {
    int64_t n;
    assert_true(value_size(STR("10MB"), &n));
    assert_int_equal(n, 10000000);
    assert_true(value_size(STR("1GiB"), &n));
    assert_int_equal(n, 1 << 30);
    assert_true(value_size(STR("4096"), &n));
    assert_int_equal(n, 4096);
    assert_true(value_size(STR("1.5KiB"), &n));
    assert_int_equal(n, 1536);
    assert_false(value_size(STR("10mb"), &n));
    assert_false(value_size(STR("1.5"), &n));
    assert_false(value_size(STR("9999999999GiB"), &n));
}

static void reads_counts_shares_and_money(void **state) {
    int64_t n;
    double share;
    assert_true(value_integer(STR("40M"), &n));
    assert_int_equal(n, 40000000);
    assert_true(value_integer(STR("9223372036854775807"), &n));
    assert_true(n == INT64_MAX);
    assert_false(value_integer(STR("9223372036854775808"), &n));
    assert_false(value_integer(STR("1.5"), &n));
    assert_true(value_usd(STR("0.042"), &n));
    assert_int_equal(n, 42000000);
    assert_true(value_usd(STR("12.000000001"), &n));
    assert_int_equal(n, INT64_C(12000000001));
    assert_false(value_usd(STR("0.0000000001"), &n));
    assert_true(value_percent(STR("10%"), &share));
    assert_float_equal(share, 0.1, 1e-12);
    assert_true(value_percent(STR("0.1"), &share));
    assert_float_equal(share, 0.1, 1e-12);
    assert_true(value_percent(STR("33.3 %"), &share));
    assert_false(value_percent(STR("101%"), &share));
    assert_false(value_percent(STR("10"), &share));
    assert_false(value_percent(STR("-1%"), &share));
    assert_false(value_percent(STR("%"), &share));
    assert_false(value_percent(STR("nan"), &share));
}

static void writes_what_it_reads(void **state) {
    const struct {
        const char *text;
        bool (*read)(struct str, int64_t *);
        void (*write)(int64_t, char *);
    } cases[] = {
        {"10ms", value_duration, value_duration_text}, {"1d", value_duration, value_duration_text},
        {"90m", value_duration, value_duration_text},  {"7us", value_duration, value_duration_text},
        {"10MB", value_size, value_size_text},         {"1GiB", value_size, value_size_text},
        {"999B", value_size, value_size_text},         {"0", value_size, value_size_text},
        {"40M", value_integer, value_integer_text},    {"20000", value_integer, value_integer_text},
        {"1000.5", value_usd, value_usd_text},         {"0.000000001", value_usd, value_usd_text},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        int64_t value;
        char text[VALUE_TEXT_SIZE];
        assert_true(cases[i].read(str_from(cases[i].text), &value));
        cases[i].write(value, text);
        assert_string_equal(text, cases[i].text);
    }
}

static void reads_addresses(void **state) {
    struct value_address a;
    assert_true(value_address(STR("127.0.0.1:8080"), &a));
    assert_string_equal(a.host, "127.0.0.1");
    assert_int_equal(a.port, 8080);
    assert_true(a.loopback);
    assert_true(value_address(STR("[::1]:0"), &a));
    assert_string_equal(a.host, "::1");
    assert_true(a.loopback);
    assert_true(value_address(STR("0.0.0.0:80"), &a));
    assert_false(a.loopback);
    assert_true(value_address(STR("*:80"), &a));
    assert_string_equal(a.host, "");
    assert_false(a.loopback);
    assert_true(value_address(STR("localhost:80"), &a));
    assert_true(a.loopback);
    const char *bad[] = {"",       "80",    "1.2.3:80",   "1.2.3.4",        "1.2.3.4:",   "1.2.3.4:65536",
                         "::1:80", "[::1]", "[127.0.0.1", "example.com:80", "1.2.3.4:8o", "[]:80"};
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++)
        if (value_address(str_from(bad[i]), &a))
            fail_msg("\"%s\" was read as an address", bad[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_durations),
        cmocka_unit_test(refuses_durations_that_could_be_misread),
        cmocka_unit_test(reads_sizes_in_tens_and_twos),
        cmocka_unit_test(reads_counts_shares_and_money),
        cmocka_unit_test(writes_what_it_reads),
        cmocka_unit_test(reads_addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
