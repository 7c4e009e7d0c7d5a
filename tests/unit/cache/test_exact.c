#include "cache/exact.h"

#include "../unit.h"

#include "base/buf.h"

#include <pthread.h>
#include <stdio.h>

static struct buf value = {.cap = EXACT_CACHE_VALUE_MAX};

static enum exact_result get(struct exact_cache *c, const char *key, int64_t now) {
    return exact_cache_get(c, str_from(key), now, &value);
}

static void gives_back_what_was_put_and_nothing_else(void **state) {
    struct exact_cache *c = exact_cache_new(1 << 20);
    exact_cache_put(c, STR("alice\0text"), STR("spam"), 100);
    assert_int_equal(exact_cache_get(c, STR("alice\0text"), 1, &value), EXACT_HIT);
    assert_str(buf_str(&value), "spam");
    assert_int_equal(exact_cache_get(c, STR("alice\0texT"), 1, &value), EXACT_MISS);
    assert_int_equal(get(c, "alice", 1), EXACT_MISS);
    exact_cache_put(c, STR("alice\0text"), STR("ham"), 100);
    assert_int_equal(exact_cache_get(c, STR("alice\0text"), 1, &value), EXACT_HIT);
    assert_str(buf_str(&value), "ham");
    struct buf narrow = {.cap = 2};
    assert_int_equal(exact_cache_get(c, STR("alice\0text"), 1, &narrow), EXACT_MISS);
    exact_cache_free(c);
}

static void an_expired_answer_is_stale_not_gone(void **state) {
    struct exact_cache *c = exact_cache_new(1 << 20);
    exact_cache_put(c, STR("k"), STR("v"), 100);
    assert_int_equal(get(c, "k", 99), EXACT_HIT);
    assert_int_equal(get(c, "k", 100), EXACT_STALE);
    assert_str(buf_str(&value), "v");
    exact_cache_free(c);
}

static void stays_within_its_bytes_and_keeps_what_is_used(void **state) {
    struct exact_cache *c = exact_cache_new(256 << 10);
    char key[32];
    exact_cache_put(c, STR("kept"), STR("yes"), 1000);
    for (int i = 0; i < 20000; i++) {
        snprintf(key, sizeof key, "key-%d", i);
        exact_cache_put(c, str_from(key), STR("0123456789012345678901234567890123456789"), 1000);
        assert_int_equal(get(c, "kept", 1), EXACT_HIT);
    }
    struct exact_cache_state s;
    exact_cache_state(c, &s);
    assert_true(s.bytes <= 256 << 10);
    assert_true(s.bytes > 200 << 10);
    assert_true(s.evictions > 0);
    assert_int_equal(get(c, "key-19999", 1), EXACT_HIT);
    assert_int_equal(get(c, "key-0", 1), EXACT_MISS);
    exact_cache_free(c);
}

/* Evictions and replacements move entries about: none that is still held may become unfindable. */
static void finds_all_that_it_holds(void **state) {
    enum { KEYS = 4000 };
    struct exact_cache *c = exact_cache_new(256 << 10);
    char key[32];
    unsigned dice = 1;
    for (int round = 0; round < 40000; round++) {
        dice = dice * 1664525 + 1013904223;
        snprintf(key, sizeof key, "%u", dice / 65536 % KEYS);
        exact_cache_put(c, str_from(key), str_from(key), 1);
    }
    struct exact_cache_state s;
    size_t found = 0;
    exact_cache_state(c, &s);
    for (unsigned i = 0; i < KEYS; i++) {
        snprintf(key, sizeof key, "%u", i);
        if (get(c, key, 0) != EXACT_HIT)
            continue;
        assert_true(str_eq(buf_str(&value), str_from(key)));
        found++;
    }
    assert_int_equal(found, s.entries);
    assert_in_range(found, 500, KEYS - 1);
    exact_cache_free(c);
}

static void *hammer(void *ctx) {
    struct exact_cache *c = ctx;
    char key[32];
    AUTO_BUF mine = BUF_INIT(EXACT_CACHE_VALUE_MAX);
    for (int i = 0; i < 20000; i++) {
        snprintf(key, sizeof key, "%d", i % 500);
        if (exact_cache_get(c, str_from(key), 0, &mine) != EXACT_MISS &&
            !str_eq(buf_str(&mine), str_from(key)))
            return c;
        exact_cache_put(c, str_from(key), str_from(key), 1);
    }
    return NULL;
}

static void threads_never_see_another_keys_answer(void **state) {
    struct exact_cache *c = exact_cache_new(64 << 10);
    pthread_t threads[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, hammer, c), 0);
    for (int i = 0; i < 4; i++) {
        void *wrong;
        pthread_join(threads[i], &wrong);
        assert_null(wrong);
    }
    exact_cache_free(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gives_back_what_was_put_and_nothing_else),
        cmocka_unit_test(an_expired_answer_is_stale_not_gone),
        cmocka_unit_test(stays_within_its_bytes_and_keeps_what_is_used),
        cmocka_unit_test(finds_all_that_it_holds),
        cmocka_unit_test(threads_never_see_another_keys_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
