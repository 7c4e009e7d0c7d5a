#include "pipeline/sessions.h"

#include "../unit.h"

#include "base/clock.h"

#include <stdio.h>

#define SECOND NS_PER_SECOND
#define START  (1000 * SECOND)

static const struct session_limits limits = {.idle_ns = 3600 * SECOND, .lifetime_ns = 43200 * SECOND};

static void key_of(unsigned number, unsigned char hash[SHA256_SIZE]) {
    sha256((struct str){(const char *)&number, sizeof number}, hash);
}

static void begin(struct session_table *t, unsigned key, int64_t now, char text[SESSION_TEXT_SIZE]) {
    unsigned char hash[SHA256_SIZE];
    key_of(key, hash);
    sessions_begin(t, hash, &limits, now, text);
}

/* Is it there, and of that key? */
static bool is_of(struct session_table *t, const char *text, unsigned key, int64_t now) {
    unsigned char wanted[SHA256_SIZE], found[SHA256_SIZE];
    key_of(key, wanted);
    return sessions_find(t, str_from(text), &limits, now, found) && memcmp(wanted, found, sizeof found) == 0;
}

static void a_session_stands_for_its_key(void **state) {
    struct session_table *t = sessions_new();
    char a[SESSION_TEXT_SIZE], b[SESSION_TEXT_SIZE], wrong[SESSION_TEXT_SIZE];
    begin(t, 1, START, a);
    begin(t, 2, START, b);
    assert_string_not_equal(a, b);
    assert_true(is_of(t, a, 1, START + 1) && is_of(t, b, 2, START + 1));
    memcpy(wrong, a, sizeof wrong);
    wrong[42] = wrong[42] == 'A' ? 'Q' : 'A';
    assert_false(is_of(t, wrong, 1, START + 1));
    assert_false(is_of(t, "", 1, START + 1));
    sessions_end(t, str_from(a));
    assert_false(is_of(t, a, 1, START + 2));
    assert_true(is_of(t, b, 2, START + 2));
    assert_int_equal(sessions_count(t, &limits, START + 2), 1);
    sessions_free(t);
}

static void it_ends_unused_after_an_hour_and_in_any_case_after_twelve(void **state) {
    struct session_table *t = sessions_new();
    char unused[SESSION_TEXT_SIZE], used[SESSION_TEXT_SIZE];
    begin(t, 1, START, unused);
    begin(t, 1, START, used);
    for (int64_t now = START; now < START + limits.lifetime_ns; now += 1800 * SECOND)
        assert_true(is_of(t, used, 1, now));
    assert_false(is_of(t, unused, 1, START + 3600 * SECOND));
    assert_true(is_of(t, used, 1, START + limits.lifetime_ns - 1));
    assert_false(is_of(t, used, 1, START + limits.lifetime_ns));
    assert_false(is_of(t, used, 1, START + 1));
    assert_int_equal(sessions_count(t, &limits, START), 0);
    sessions_free(t);
}

static void a_key_with_too_many_loses_its_oldest(void **state) {
    struct session_table *t = sessions_new();
    char other[SESSION_TEXT_SIZE], own[SESSIONS_PER_KEY + 1][SESSION_TEXT_SIZE];
    begin(t, 1, START, other);
    for (int i = 0; i <= SESSIONS_PER_KEY; i++)
        begin(t, 2, START + i, own[i]);
    assert_false(is_of(t, own[0], 2, START + 100));
    for (int i = 1; i <= SESSIONS_PER_KEY; i++)
        assert_true(is_of(t, own[i], 2, START + 100));
    assert_true(is_of(t, other, 1, START + 100));
    sessions_free(t);
}

static void where_all_places_are_taken_the_longest_unused_one_goes(void **state) {
    struct session_table *t = sessions_new();
    char(*all)[SESSION_TEXT_SIZE] = calloc(SESSIONS_MAX, sizeof *all), more[SESSION_TEXT_SIZE];
    for (unsigned i = 0; i < SESSIONS_MAX; i++)
        begin(t, i, START + i, all[i]);
    assert_true(is_of(t, all[0], 0, START + SECOND));
    begin(t, SESSIONS_MAX, START + 2 * SECOND, more);
    assert_true(is_of(t, more, SESSIONS_MAX, START + 3 * SECOND));
    assert_true(is_of(t, all[0], 0, START + 3 * SECOND));
    assert_false(is_of(t, all[1], 1, START + 3 * SECOND));
    assert_int_equal(sessions_count(t, &limits, START + 3 * SECOND), SESSIONS_MAX);
    free(all);
    sessions_free(t);
}

static void the_token_is_the_sessions_own_and_does_not_give_it_away(void **state) {
    char a[SESSION_TEXT_SIZE], b[SESSION_TEXT_SIZE], again[SESSION_TEXT_SIZE];
    session_token(STR("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), a);
    session_token(STR("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"), again);
    session_token(STR("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB"), b);
    assert_string_equal(a, again);
    assert_string_not_equal(a, b);
    assert_int_equal(strlen(a), SESSION_TEXT_SIZE - 1);
}

static void ten_wrong_keys_from_one_address_and_it_waits_out_the_minute(void **state) {
    struct session_table *t = sessions_new();
    struct str peer = STR("192.0.2.7");
    for (int i = 0; i < SIGN_IN_FAILURES_MAX; i++) {
        assert_int_equal(sign_in_wait(t, peer, START + i), 0);
        sign_in_failed(t, peer, START + i);
    }
    assert_int_equal(sign_in_wait(t, peer, START + 20 * SECOND), 40 * SECOND);
    unsigned held_up = 0;
    for (int i = 0; i < 1000; i++) {
        char other[32];
        snprintf(other, sizeof other, "198.51.100.%d", i);
        held_up += sign_in_wait(t, str_from(other), START + 20 * SECOND) > 0;
    }
    assert_true(held_up < 30); /* one of 256, whichever shares its place */
    assert_int_equal(sign_in_wait(t, peer, START + 60 * SECOND), 0);
    sign_in_failed(t, peer, START + 60 * SECOND);
    assert_int_equal(sign_in_wait(t, peer, START + 61 * SECOND), 0);
    sessions_free(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_session_stands_for_its_key),
        cmocka_unit_test(it_ends_unused_after_an_hour_and_in_any_case_after_twelve),
        cmocka_unit_test(a_key_with_too_many_loses_its_oldest),
        cmocka_unit_test(where_all_places_are_taken_the_longest_unused_one_goes),
        cmocka_unit_test(the_token_is_the_sessions_own_and_does_not_give_it_away),
        cmocka_unit_test(ten_wrong_keys_from_one_address_and_it_waits_out_the_minute),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
