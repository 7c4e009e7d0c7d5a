/* How many answers are drawn, over days that pass in milliseconds. */
#include "../unit.h"

#include "base/hash.h"
#include "pipeline/audit_pace.h"

#include <math.h>

#define HOUR (INT64_C(3600) * 1000000000)

static uint64_t state_of_chance = 3;
static double chance(void) {
    state_of_chance += UINT64_C(0x9e3779b97f4a7c15);
    return (double)(hash64_u64(state_of_chance) >> 11) * 0x1p-53;
}

/* One day with so many answers an hour; the items drawn, and the answers that they stand for. */
static void play(struct audit_pace *p, double share, unsigned most, int per_hour, int64_t from,
                 unsigned *drawn, double *stands_for) {
    *drawn = 0;
    *stands_for = 0;
    for (int i = 0; i < 24 * per_hour; i++) {
        double with = audit_pace_draw(p, share, most, chance(), from + i * (24 * HOUR / (24 * per_hour)));
        *drawn += with > 0;
        *stands_for += with > 0 ? 1 / with : 0;
    }
}

static void a_share_is_drawn_while_it_is_few(void **state) {
    struct audit_pace p = {0};
    unsigned drawn;
    double stands_for;
    play(&p, 0.01, 1000, 1000, HOUR, &drawn, &stands_for);
    assert_true(drawn > 160 && drawn < 330); /* 240, deviation 15 */
    assert_true(fabs(stands_for - 100.0 * drawn) < 1e-6);
}

static void more_than_people_are_to_get_is_thinned_and_each_counts_for_more(void **state) {
    struct audit_pace p = {0};
    unsigned drawn;
    double stands_for, sum = 0;
    for (int day = 0; day < 30; day++) {
        play(&p, 0.1, 20, 20000, HOUR + 24 * HOUR * day, &drawn, &stands_for);
        assert_true(drawn < 24 * 20 * 4);
        sum += stands_for;
    }
    /* 480,000 answers a day: what the items stand for is that, whatever the pace was */
    assert_true(fabs(sum / 30 / 480000 - 1) < 0.1);
}

static void none_is_none(void **state) {
    struct audit_pace p = {0};
    assert_true(audit_pace_draw(&p, 0, 20, 0, HOUR) == 0);
    assert_true(audit_pace_draw(&p, 0.5, 0, 0, HOUR) == 0);
    assert_true(audit_pace_draw(&p, 0.5, 20, 0.5, HOUR) == 0);
    assert_true(audit_pace_draw(&p, 0.5, 20, 0.4999, HOUR) == 0.5);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_share_is_drawn_while_it_is_few),
        cmocka_unit_test(more_than_people_are_to_get_is_thinned_and_each_counts_for_more),
        cmocka_unit_test(none_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
