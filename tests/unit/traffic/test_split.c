#include "traffic/split.h"

#include "../unit.h"

#include <math.h>
#include <stdio.h>

enum { CALLERS = 20000 };

static unsigned choice(int caller, double first) {
    char name[32];
    snprintf(name, sizeof name, "caller-%d", caller);
    return split_choose((double[]){first, 1 - first}, 2, split_point(STR("documents"), str_from(name)));
}

static void shares_follow_the_weights(void **state) {
    int second = 0;
    for (int i = 0; i < CALLERS; i++)
        second += (int)choice(i, 0.9);
    assert_true(fabs(second / (double)CALLERS - 0.1) < 0.01);
}

static void a_growing_share_moves_nobody_back(void **state) {
    for (int i = 0; i < CALLERS; i++) {
        assert_int_equal(choice(i, 0.9), choice(i, 0.9));
        if (choice(i, 0.9) == 1)
            assert_int_equal(choice(i, 0.5), 1);
    }
}

static void endpoints_do_not_share_their_edges(void **state) {
    int same = 0;
    for (int i = 0; i < CALLERS; i++) {
        char name[32];
        snprintf(name, sizeof name, "%d", i);
        bool a = split_point(STR("a"), str_from(name)) < 0.5, b = split_point(STR("b"), str_from(name)) < 0.5;
        same += a == b;
    }
    assert_true(fabs(same / (double)CALLERS - 0.5) < 0.02);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_follow_the_weights),
        cmocka_unit_test(a_growing_share_moves_nobody_back),
        cmocka_unit_test(endpoints_do_not_share_their_edges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
