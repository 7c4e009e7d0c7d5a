#include "work/ring.h"

#include "../unit.h"

#include <pthread.h>

static void comes_out_in_order_and_no_more_than_fits(void **state) {
    struct ring r;
    int items[8];
    assert_true(ring_init(&r, 5)); /* rounded up to 8 */
    assert_null(ring_pop(&r));
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 8; i++)
            assert_true(ring_push(&r, &items[i]));
        assert_false(ring_push(&r, &items[0]));
        assert_int_equal(ring_used(&r), 8);
        assert_ptr_equal(ring_pop(&r), &items[0]);
        assert_true(ring_used_at_most(&r, 1) >= 7);
        for (int i = 1; i < 8; i++)
            assert_ptr_equal(ring_pop(&r), &items[i]);
        assert_null(ring_pop(&r));
        assert_int_equal(ring_used(&r), 0);
        assert_int_equal(ring_used_at_most(&r, 1), 0);
    }
    ring_free(&r);
}

enum { COUNT = 200000 };

static void *produce(void *arg) {
    struct ring *r = arg;
    for (uintptr_t i = 1; i <= COUNT;)
        if (ring_push(r, (void *)i))
            i++;
    return NULL;
}

static void nothing_is_lost_between_two_threads(void **state) {
    struct ring r;
    pthread_t producer;
    assert_true(ring_init(&r, 64));
    assert_int_equal(pthread_create(&producer, NULL, produce, &r), 0);
    for (uintptr_t expected = 1; expected <= COUNT;) {
        void *got = ring_pop(&r);
        assert_true(ring_used(&r) <= 64);
        if (got)
            assert_int_equal((uintptr_t)got, expected++);
    }
    pthread_join(producer, NULL);
    assert_null(ring_pop(&r));
    ring_free(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_out_in_order_and_no_more_than_fits),
        cmocka_unit_test(nothing_is_lost_between_two_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
