#include "base/trace.h"

#include "../unit.h"

static const char good[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

static void a_parent_is_read_and_passed_on(void **state) {
    struct trace t = trace_read(str_from(good), STR("congo=t61rcWkgMzE,rojo=00f067aa0ba902b7"));
    char out[TRACE_PARENT_SIZE], again[TRACE_PARENT_SIZE], hex[TRACE_ID_HEX_SIZE];
    assert_true(t.given && t.sampled);
    assert_str(t.state, "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7");
    trace_parent(&t, out);
    trace_parent(&t, again);
    assert_int_equal(strlen(out), TRACE_PARENT_SIZE - 1);
    assert_memory_equal(out, good, 36);
    assert_string_equal(out + 52, "-01");
    assert_memory_not_equal(out + 36, good + 36, 16);
    assert_memory_not_equal(out + 36, again + 36, 16);
    assert_true(trace_read(str_from(out), STR("")).given);
    trace_id_hex(t.id, hex);
    assert_string_equal(hex, "0af7651916cd43dd8448eb211c80319c");
}

static void what_is_none_is_no_trace(void **state) {
    static const char *const wrong[] = {
        "",
        "00",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-011",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c_b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-01",
        "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01x",
    };
    for (size_t i = 0; i < ARRAY_COUNT(wrong); i++)
        assert_false(trace_read(str_from(wrong[i]), STR("a=b")).given);
    assert_false(trace_read((struct str){NULL, 0}, STR("a=b")).given);
    struct str cut = {good, sizeof good - 2};
    assert_false(trace_read(cut, STR("")).given);
}

static void later_versions_are_read_as_far_as_they_go(void **state) {
    struct trace t =
        trace_read(STR("cc-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00-what-may-come"), STR(""));
    assert_true(t.given);
    assert_false(t.sampled);
}

static void a_state_that_is_none_is_left(void **state) {
    static char large[TRACE_STATE_MAX + 2];
    memset(large, 'a', sizeof large - 1);
    assert_int_equal(trace_read(str_from(good), str_from(large)).state.n, 0);
    assert_int_equal(trace_read(str_from(good), STR("a=\x01")).state.n, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_parent_is_read_and_passed_on),
        cmocka_unit_test(what_is_none_is_no_trace),
        cmocka_unit_test(later_versions_are_read_as_far_as_they_go),
        cmocka_unit_test(a_state_that_is_none_is_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
