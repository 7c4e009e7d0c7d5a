#include "traffic/concurrency.h"

#include "../unit.h"

#include "base/clock.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#define SECOND NS_PER_SECOND
#define START  (1000 * SECOND)
#define NEVER  (START + 3600 * SECOND)

struct caller {
    struct concurrency_waiter waiter;
    int woken;
    bool granted;
    int order;
};
static int woken_so_far;

static void note(struct concurrency_waiter *w, bool granted) {
    struct caller *c = CONTAINER_OF(w, struct caller, waiter);
    c->woken++;
    c->granted = granted;
    c->order = ++woken_so_far;
}

static struct concurrency *make(uint32_t cap, uint32_t queue) {
    struct concurrency *c = concurrency_new(&(struct concurrency_options){.cap = cap, .queue = queue});
    assert_non_null(c);
    return c;
}

static enum concurrency_verdict enter(struct concurrency *c, struct caller *caller, int64_t deadline) {
    caller->waiter.wake = note;
    return concurrency_enter(c, &caller->waiter, deadline, START, NULL);
}

static void places_are_handed_on_in_the_order_of_coming(void **state) {
    struct concurrency *c = make(2, 3);
    struct caller callers[6] = {0};
    struct error err = {0};
    woken_so_far = 0;
    for (int i = 0; i < 5; i++)
        assert_int_equal(enter(c, &callers[i], NEVER), i < 2 ? CONCURRENCY_START : CONCURRENCY_WAIT);
    assert_int_equal(concurrency_enter(c, &callers[5].waiter, NEVER, START, &err), CONCURRENCY_REFUSED);
    assert_int_equal(err.code, ERR_OVERLOADED);
    assert_true(err.retry_after_ms > 0);
    for (int i = 2; i < 5; i++) {
        concurrency_exit(c, SECOND, START);
        assert_int_equal(callers[i].woken, 1);
        assert_true(callers[i].granted);
        assert_int_equal(callers[i].order, i - 1);
    }
    concurrency_exit(c, SECOND, START);
    concurrency_exit(c, SECOND, START);
    struct concurrency_state s = concurrency_state(c);
    assert_int_equal(s.running, 0);
    assert_int_equal(s.waiting, 0);
    assert_int_equal(s.queued, 3);
    assert_int_equal(s.refused, 1);
    concurrency_unref(c);
}

static void who_could_not_start_in_time_is_refused_at_once(void **state) {
    struct concurrency *c = make(2, 100);
    struct caller callers[12] = {0};
    struct error err = {0};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(enter(c, &callers[i], NEVER), CONCURRENCY_START);
        concurrency_exit(c, 4 * SECOND, START);
    }
    for (int i = 0; i < 2; i++)
        assert_int_equal(enter(c, &callers[i], NEVER), CONCURRENCY_START);
    /* The first of the queue starts in about 2 s, the fourth in about 8. */
    assert_int_equal(concurrency_enter(c, &callers[2].waiter, START + SECOND, START, &err),
                     CONCURRENCY_REFUSED);
    assert_int_equal(err.retry_after_ms, 2000);
    for (int i = 2; i < 5; i++)
        assert_int_equal(enter(c, &callers[i], START + 7 * SECOND), CONCURRENCY_WAIT);
    assert_int_equal(enter(c, &callers[5], START + 7 * SECOND), CONCURRENCY_REFUSED);
    assert_int_equal(concurrency_state(c).predicted_wait_ns, 8 * SECOND);
    for (int i = 0; i < 5; i++)
        concurrency_exit(c, -1, START);
    assert_int_equal(concurrency_state(c).running, 0);
    concurrency_unref(c);
}

static void a_waiter_whose_time_is_over_gets_no_place(void **state) {
    struct concurrency *c = make(1, 10);
    struct caller callers[3] = {0};
    assert_int_equal(enter(c, &callers[0], NEVER), CONCURRENCY_START);
    assert_int_equal(enter(c, &callers[1], START + SECOND), CONCURRENCY_WAIT);
    assert_int_equal(enter(c, &callers[2], START + 10 * SECOND), CONCURRENCY_WAIT);
    concurrency_exit(c, SECOND, START + 2 * SECOND);
    assert_int_equal(callers[1].woken, 1);
    assert_false(callers[1].granted);
    assert_true(callers[2].granted);
    assert_int_equal(concurrency_state(c).expired, 1);
    concurrency_exit(c, SECOND, START + 3 * SECOND);
    assert_int_equal(concurrency_state(c).running, 0);
    concurrency_unref(c);
}

static void who_leaves_is_not_woken(void **state) {
    struct concurrency *c = make(1, 10);
    struct caller callers[4] = {0};
    assert_int_equal(enter(c, &callers[0], NEVER), CONCURRENCY_START);
    for (int i = 1; i < 4; i++)
        assert_int_equal(enter(c, &callers[i], NEVER), CONCURRENCY_WAIT);
    assert_true(concurrency_leave(c, &callers[2].waiter));
    assert_false(concurrency_leave(c, &callers[2].waiter));
    concurrency_exit(c, SECOND, START);
    concurrency_exit(c, SECOND, START);
    assert_int_equal(callers[1].woken + callers[3].woken, 2);
    assert_int_equal(callers[2].woken, 0);
    assert_false(concurrency_leave(c, &callers[3].waiter)); /* it has a place to give back */
    concurrency_exit(c, -1, START);
    assert_int_equal(concurrency_state(c).running, 0);
    concurrency_unref(c);
}

static void a_new_cap_takes_effect(void **state) {
    struct concurrency *c = make(1, 10);
    struct caller callers[5] = {0};
    /* Against the real clock, since configuring reads it. */
    int64_t now = clock_monotonic(), never = now + 3600 * SECOND;
    for (int i = 0; i < 5; i++) {
        callers[i].waiter.wake = note;
        assert_int_equal(concurrency_enter(c, &callers[i].waiter, never, now, NULL),
                         i < 1 ? CONCURRENCY_START : CONCURRENCY_WAIT);
    }
    concurrency_configure(c, &(struct concurrency_options){.cap = 3, .queue = 10});
    assert_true(callers[1].granted && callers[2].granted);
    assert_false(callers[3].granted);
    concurrency_configure(c, &(struct concurrency_options){.cap = 1, .queue = 10});
    concurrency_exit(c, -1, now);
    concurrency_exit(c, -1, now);
    assert_false(callers[3].granted);
    concurrency_exit(c, -1, now);
    assert_true(callers[3].granted);
    concurrency_exit(c, -1, now);
    concurrency_exit(c, -1, now);
    assert_int_equal(concurrency_state(c).running, 0);
    concurrency_unref(c);
}

static void nobody_waits_longer_than_the_longest(void **state) {
    struct concurrency *c =
        concurrency_new(&(struct concurrency_options){.cap = 1, .queue = 10, .wait_max_ns = SECOND});
    struct caller callers[2] = {0};
    assert_int_equal(enter(c, &callers[0], NEVER), CONCURRENCY_START);
    assert_int_equal(enter(c, &callers[1], NEVER), CONCURRENCY_WAIT);
    assert_int_equal(callers[1].waiter.deadline, START + SECOND);
    concurrency_exit(c, -1, START + SECOND);
    assert_false(callers[1].granted);
    assert_int_equal(concurrency_state(c).running, 0);
    concurrency_unref(c);
}

/* Loops: threads that each have many callers, some of which lose patience. The cap holds at every moment, and
 * in the end everybody has been served or refused: no wake-up is lost. */
enum { THREADS = 4, ROUNDS = 4000, CAP = 3, QUEUE = 8 };

struct thread_caller {
    struct concurrency_waiter waiter;
    atomic_int woken; /* 1: with a place, 2: without */
};
static struct concurrency *shared;
static atomic_int running, over_cap, served, refused, left, late;

static void wake_thread(struct concurrency_waiter *w, bool granted) {
    atomic_store(&CONTAINER_OF(w, struct thread_caller, waiter)->woken, granted ? 1 : 2);
}

static void work(void) {
    if (atomic_fetch_add(&running, 1) >= CAP)
        atomic_fetch_add(&over_cap, 1);
    sched_yield();
    atomic_fetch_sub(&running, 1);
    atomic_fetch_add(&served, 1);
    concurrency_exit(shared, 1000, clock_monotonic());
}

static void wait_or_leave(struct thread_caller *c, int round) {
    for (int spins = 0; atomic_load(&c->woken) == 0; spins++) {
        if (round % 5 == 0 && spins == 3 && concurrency_leave(shared, &c->waiter)) {
            atomic_fetch_add(&left, 1);
            return;
        }
        sched_yield();
    }
    if (atomic_load(&c->woken) == 1)
        work();
    else
        atomic_fetch_add(&late, 1);
}

static void *be_a_loop(void *ctx) {
    for (int round = 0; round < ROUNDS; round++) {
        struct thread_caller c = {.waiter.wake = wake_thread};
        int64_t now = clock_monotonic();
        switch (concurrency_enter(shared, &c.waiter, now + 60 * SECOND, now, NULL)) {
        case CONCURRENCY_START: work(); break;
        case CONCURRENCY_WAIT: wait_or_leave(&c, round); break;
        case CONCURRENCY_REFUSED: atomic_fetch_add(&refused, 1); break;
        }
    }
    return NULL;
}

static void the_cap_is_exact_over_threads_and_no_wake_up_is_lost(void **state) {
    pthread_t threads[THREADS * 4];
    shared = make(CAP, QUEUE);
    for (size_t i = 0; i < ARRAY_COUNT(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, be_a_loop, NULL), 0);
    for (size_t i = 0; i < ARRAY_COUNT(threads); i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(atomic_load(&over_cap), 0);
    assert_int_equal(served + refused + left + late, (int)ARRAY_COUNT(threads) * ROUNDS);
    assert_true(served > 0);
    struct concurrency_state s = concurrency_state(shared);
    assert_int_equal(s.running, 0);
    assert_int_equal(s.waiting, 0);
    concurrency_unref(shared);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_are_handed_on_in_the_order_of_coming),
        cmocka_unit_test(who_could_not_start_in_time_is_refused_at_once),
        cmocka_unit_test(a_waiter_whose_time_is_over_gets_no_place),
        cmocka_unit_test(who_leaves_is_not_woken),
        cmocka_unit_test(a_new_cap_takes_effect),
        cmocka_unit_test(nobody_waits_longer_than_the_longest),
        cmocka_unit_test(the_cap_is_exact_over_threads_and_no_wake_up_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
