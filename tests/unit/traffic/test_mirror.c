#include "unit.h"

#include "traffic/mirror.h"

#include "base/clock.h"

#include <stdio.h>

#define DAY (24 * 3600 * NS_PER_SECOND)

static const int64_t noon = INT64_C(20000) * 24 * 3600 * NS_PER_SECOND + 12 * 3600 * NS_PER_SECOND;

static void so_many_at_once(void **state) {
    struct mirror *m = mirror_new("one", &(struct mirror_terms){.share = 1, .at_once = 2}, 0, noon);
    assert_int_equal(mirror_enter(m, -1, noon), MIRROR_GO); /* without a limit no price is needed */
    assert_int_equal(mirror_enter(m, 5, noon), MIRROR_GO);
    assert_int_equal(mirror_enter(m, -1, noon), MIRROR_BUSY);
    mirror_leave(m, -1, -1);
    assert_int_equal(mirror_enter(m, -1, noon), MIRROR_GO);
    assert_int_equal(mirror_count(m, MIRROR_GO), 3);
    assert_int_equal(mirror_count(m, MIRROR_BUSY), 1);
    mirror_unref(m);
}

static void so_much_a_day(void **state) {
    struct mirror_terms terms = {.share = 1, .at_once = 10, .per_day = 100};
    struct mirror *m = mirror_new("one", &terms, 30, noon); /* spent before a restart */
    assert_int_equal(mirror_enter(m, -1, noon), MIRROR_NO_PRICE);
    assert_int_equal(mirror_enter(m, 40, noon), MIRROR_GO);
    assert_int_equal(mirror_enter(m, 40, noon), MIRROR_SPENT); /* what is under way counts */
    mirror_leave(m, 40, 10);
    assert_int_equal(mirror_enter(m, 40, noon), MIRROR_GO);
    mirror_leave(m, 40, -1); /* unknown: as estimated */
    assert_int_equal(mirror_enter(m, 21, noon), MIRROR_SPENT);
    assert_int_equal(mirror_enter(m, 20, noon), MIRROR_GO);
    mirror_leave(m, 20, 20);
    assert_int_equal(mirror_enter(m, 90, noon + DAY), MIRROR_GO); /* the next day */
    assert_int_equal(mirror_enter(m, 20, noon), MIRROR_SPENT); /* a clock that went back begins no new one */
    mirror_unref(m);
}

static void a_share_of_the_requests(void **state) {
    struct mirror *m = mirror_new("one", &(struct mirror_terms){.share = 0.2, .at_once = 1}, 0, noon);
    struct mirror *all = mirror_new("two", &(struct mirror_terms){.share = 1, .at_once = 1}, 0, noon);
    unsigned taken = 0;
    for (unsigned i = 0; i < 10000; i++) {
        char id[16];
        snprintf(id, sizeof id, "request-%u", i);
        bool takes = mirror_takes(m, str_from(id));
        assert_int_equal(takes, mirror_takes(m, str_from(id)));
        assert_true(mirror_takes(all, str_from(id)));
        taken += takes;
    }
    assert_in_range(taken, 1850, 2150);
    assert_string_equal(mirror_rollout(m), "one");
    mirror_unref(mirror_ref(m));
    mirror_unref(m);
    mirror_unref(all);
    mirror_unref(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(so_many_at_once),
        cmocka_unit_test(so_much_a_day),
        cmocka_unit_test(a_share_of_the_requests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
