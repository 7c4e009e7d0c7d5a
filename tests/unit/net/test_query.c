#include "net/query.h"

#include "../unit.h"

static struct arena *arena;

static int make_arena(void **state) {
    arena = arena_new(65536);
    return arena ? 0 : -1;
}

static int free_arena(void **state) {
    arena_free(arena);
    return 0;
}

static void decodes_percent_signs(void **state) {
    struct str out;
    struct error err;
    assert_true(percent_decode(STR("a%20b%2Fc+%c3%A9"), false, arena, &out, &err));
    assert_str(out, "a b/c+\xc3\xa9");
    assert_true(percent_decode(STR("a+b"), true, arena, &out, &err));
    assert_str(out, "a b");
    struct str plain = STR("plain");
    assert_true(percent_decode(plain, true, arena, &out, &err));
    assert_ptr_equal(out.p, plain.p);
    assert_true(percent_decode(STR(""), true, arena, &out, &err));
    assert_int_equal(out.n, 0);
}

static void refuses_what_is_not_text(void **state) {
    static const char *const cases[] = {"%", "%2", "a%2", "%zz", "%0g", "%00", "%ff", "%c3", "%ed%a0%80"};
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct str out;
        struct error err = {0};
        if (percent_decode(str_from(cases[i]), false, arena, &out, &err))
            fail_msg("not refused: %s", cases[i]);
        assert_int_equal(err.code, ERR_BAD_REQUEST);
    }
}

static void finds_query_parameters(void **state) {
    struct str query = STR("a=1&b=x%26y&&c&d=&b=second&%65=five");
    struct str value;
    struct error err;
    assert_true(http_query_get(query, STR("b"), arena, &value, &err));
    assert_str(value, "x&y");
    assert_true(http_query_get(query, STR("c"), arena, &value, &err));
    assert_non_null(value.p);
    assert_int_equal(value.n, 0);
    assert_true(http_query_get(query, STR("d"), arena, &value, &err));
    assert_non_null(value.p);
    assert_true(http_query_get(query, STR("e"), arena, &value, &err));
    assert_str(value, "five");
    assert_true(http_query_get(query, STR("x"), arena, &value, &err));
    assert_null(value.p);
    assert_true(http_query_get(STR(""), STR("x"), arena, &value, &err));
    assert_null(value.p);
    assert_false(http_query_get(STR("limit=%zz"), STR("limit"), arena, &value, &err));
    assert_non_null(strstr(err.message, "limit"));
}

static void walks_paths(void **state) {
    struct str path = STR("/v1//x"), segment;
    assert_true(path_next(&path, &segment));
    assert_str(segment, "v1");
    assert_true(path_next(&path, &segment));
    assert_str(segment, "");
    assert_true(path_next(&path, &segment));
    assert_str(segment, "x");
    assert_false(path_next(&path, &segment));
    path = STR("/");
    assert_true(path_next(&path, &segment));
    assert_str(segment, "");
    assert_false(path_next(&path, &segment));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(decodes_percent_signs),
        cmocka_unit_test(refuses_what_is_not_text),
        cmocka_unit_test(finds_query_parameters),
        cmocka_unit_test(walks_paths),
    };
    return cmocka_run_group_tests(tests, make_arena, free_arena);
}
