#include "base/str.h"

#include "../unit.h"

enum { LENGTH_MAX = 40 };

static bool is_control(int c) {
    return c < 0x20 || c == 0x7f;
}

static void finds_every_control_character_at_every_place(void **state) {
    char text[LENGTH_MAX];
    assert_false(str_has_control(STR("")));
    for (size_t n = 1; n <= LENGTH_MAX; n++)
        for (size_t at = 0; at < n; at++)
            for (int c = 0; c < 256; c++) {
                memset(text, at % 2 ? 0xc3 : 'a', sizeof text);
                text[at] = (char)c;
                assert_int_equal(str_has_control((struct str){text, n}), is_control(c));
                assert_int_equal(str_count_control((struct str){text, n}), is_control(c));
            }
}

static void counts_more_control_characters_than_a_byte_holds(void **state) {
    char text[10007];
    memset(text, '\n', sizeof text);
    text[5000] = 'a';
    assert_int_equal(str_count_control((struct str){text, sizeof text}), sizeof text - 1);
}

static void a_difference_of_one_bit_is_a_difference(void **state) {
    char a[LENGTH_MAX] = {0}, b[LENGTH_MAX] = {0};
    for (size_t n = 0; n <= LENGTH_MAX; n++) {
        assert_true(str_eq_constant_time((struct str){a, n}, (struct str){b, n}));
        for (size_t bit = 0; bit < 8 * n; bit++) {
            b[bit / 8] ^= (char)(1 << bit % 8);
            assert_false(str_eq_constant_time((struct str){a, n}, (struct str){b, n}));
            b[bit / 8] = 0;
        }
    }
    assert_false(str_eq_constant_time((struct str){a, 8}, (struct str){b, 9}));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_every_control_character_at_every_place),
        cmocka_unit_test(counts_more_control_characters_than_a_byte_holds),
        cmocka_unit_test(a_difference_of_one_bit_is_a_difference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
