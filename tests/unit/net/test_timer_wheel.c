#include "net/timer_wheel.h"

#include "base/attributes.h"
#include "base/clock.h"

#include "../unit.h"

enum { TIMERS = 2000 };

struct probe {
    struct loop_timer timer;
    int64_t fired_ns;
    unsigned times;
};

static struct timer_wheel wheel;
static int64_t now_ns;

static void on_fire(struct loop_timer *timer) {
    struct probe *p = CONTAINER_OF(timer, struct probe, timer);
    p->fired_ns = now_ns;
    p->times++;
}

/* Jumps to each time at which the wheel wants to be looked at, up to `until`. */
static void run_until(int64_t until) {
    for (;;) {
        int64_t next = wheel_next_ns(&wheel);
        if (next > until)
            break;
        if (next > now_ns)
            now_ns = next;
        wheel_advance(&wheel, now_ns);
    }
    now_ns = until;
    wheel_advance(&wheel, now_ns);
}

static int begin(void **state) {
    now_ns = 123456789012345;
    wheel_init(&wheel, now_ns);
    return 0;
}

static uint64_t next_random(uint64_t *seed) {
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return *seed >> 33;
}

/* The property of all: never early, never more than a tick late, once, over deadlines from 0 ms to 50 days.
 */
static void fires_each_once_and_on_time(void **state) {
    static struct probe probes[TIMERS];
    memset(probes, 0, sizeof probes);
    int64_t start_ns = now_ns;
    uint64_t seed = 1;
    for (int i = 0; i < TIMERS; i++) {
        probes[i].timer.fire = on_fire;
        uint64_t span = UINT64_C(1) << (next_random(&seed) % 32); /* ms */
        int64_t wait =
            (int64_t)(next_random(&seed) % span) * NS_PER_MS + (int64_t)(next_random(&seed) % NS_PER_MS);
        wheel_arm(&wheel, &probes[i].timer, start_ns + wait);
    }
    run_until(start_ns + (INT64_C(1) << 32) * NS_PER_MS);
    for (int i = 0; i < TIMERS; i++) {
        assert_int_equal(probes[i].times, 1);
        assert_true(probes[i].fired_ns >= probes[i].timer.deadline_ns);
        assert_true(probes[i].fired_ns <= probes[i].timer.deadline_ns + 2 * NS_PER_MS);
        assert_false(wheel_is_armed(&probes[i].timer));
    }
    assert_true(wheel_next_ns(&wheel) == INT64_MAX);
}

static void moves_and_disarms(void **state) {
    struct probe later = {.timer.fire = on_fire}, sooner = {.timer.fire = on_fire},
                 never = {.timer.fire = on_fire};
    int64_t start_ns = now_ns;
    wheel_arm(&wheel, &later.timer, start_ns + 10 * NS_PER_MS);
    wheel_arm(&wheel, &later.timer, start_ns + 5000 * NS_PER_MS);
    wheel_arm(&wheel, &sooner.timer, start_ns + 5000 * NS_PER_MS);
    wheel_arm(&wheel, &sooner.timer, start_ns + 10 * NS_PER_MS);
    wheel_arm(&wheel, &never.timer, start_ns + 10 * NS_PER_MS);
    wheel_disarm(&wheel, &never.timer);
    wheel_disarm(&wheel, &never.timer);
    run_until(start_ns + 4999 * NS_PER_MS);
    assert_int_equal(later.times, 0);
    assert_int_equal(sooner.times, 1);
    run_until(start_ns + 5001 * NS_PER_MS);
    assert_int_equal(later.times, 1);
    assert_int_equal(sooner.times, 1);
    assert_int_equal(never.times, 0);
}

static struct probe victim, chained;

static void on_fire_disarm(struct loop_timer *timer) {
    on_fire(timer);
    wheel_disarm(&wheel, &victim.timer);
    wheel_arm(&wheel, timer, now_ns); /* at once, but not within this wheel_advance */
}

static void on_fire_chain(struct loop_timer *timer) {
    on_fire(timer);
    if (chained.times < 5)
        wheel_arm(&wheel, timer, now_ns + 100 * NS_PER_MS);
}

static void lets_timers_touch_timers(void **state) {
    struct probe killer = {.timer.fire = on_fire_disarm};
    victim = (struct probe){.timer.fire = on_fire};
    chained = (struct probe){.timer.fire = on_fire_chain};
    /* Same slot; the one armed last is fired first. */
    wheel_arm(&wheel, &victim.timer, now_ns + 7 * NS_PER_MS);
    wheel_arm(&wheel, &killer.timer, now_ns + 7 * NS_PER_MS);
    wheel_arm(&wheel, &chained.timer, now_ns + 1 * NS_PER_MS);
    int64_t start_ns = now_ns;
    now_ns += 20 * NS_PER_MS;
    wheel_advance(&wheel, now_ns);
    assert_int_equal(killer.times, 1);
    assert_int_equal(victim.times, 0);
    assert_true(wheel_is_armed(&killer.timer));
    wheel_disarm(&wheel, &killer.timer);
    run_until(start_ns + 1000 * NS_PER_MS);
    assert_int_equal(chained.times, 5);
}

static void catches_up_after_a_long_pause(void **state) {
    struct probe a = {.timer.fire = on_fire}, b = {.timer.fire = on_fire};
    wheel_arm(&wheel, &a.timer, now_ns + 3 * NS_PER_MS);
    wheel_arm(&wheel, &b.timer, now_ns + 3600 * NS_PER_SECOND);
    now_ns += 2 * 3600 * NS_PER_SECOND;
    wheel_advance(&wheel, now_ns);
    assert_int_equal(a.times, 1);
    assert_int_equal(b.times, 1);
}

static void takes_deadlines_of_the_past_and_of_never(void **state) {
    struct probe past = {.timer.fire = on_fire}, never = {.timer.fire = on_fire};
    wheel_arm(&wheel, &past.timer, 0);
    wheel_arm(&wheel, &never.timer, INT64_MAX);
    run_until(now_ns + 2 * NS_PER_MS);
    assert_int_equal(past.times, 1);
    run_until(now_ns + 365 * 86400 * NS_PER_SECOND);
    assert_int_equal(never.times, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(fires_each_once_and_on_time, begin),
        cmocka_unit_test_setup(moves_and_disarms, begin),
        cmocka_unit_test_setup(lets_timers_touch_timers, begin),
        cmocka_unit_test_setup(catches_up_after_a_long_pause, begin),
        cmocka_unit_test_setup(takes_deadlines_of_the_past_and_of_never, begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
