#include "cache/semantic.h"

#include "../unit.h"
#include "tunings.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

static unsigned char one[32] = {1}, two[32] = {2};
static char value[SEMANTIC_VALUE_MAX];
static size_t used;
static struct tuning *tuning;
static struct semantic_look look;

static struct semantic_query ask(const char *text) {
    return (struct semantic_query){.tenant = STR("alice"), .partition = one, .text = str_from(text)};
}

static enum semantic_result get(struct semantic_cache *c, const char *text, int64_t now) {
    struct semantic_query q = ask(text);
    return semantic_cache_get(c, tuning, &q, now, value, sizeof value, &used, &look);
}

static void put(struct semantic_cache *c, const char *text, const char *answer) {
    struct semantic_query q = ask(text);
    semantic_cache_put(c, &q, str_from(answer), 100);
}

static void finds_the_same_in_other_words(void **state) {
    struct semantic_cache *c = semantic_cache_new(16 << 20);
    put(c, "how do I block my lost card", "like this");
    put(c, "what does a transfer cost", "nothing");
    assert_int_equal(get(c, "how can I block my card, it is lost", 1), SEMANTIC_HIT);
    assert_str(((struct str){value, used}), "like this");
    assert_true(look.score > 0.9F && look.cosine > 0.5F && !look.reason);
    assert_int_equal(get(c, "paint wooden fences", 1), SEMANTIC_MISS);
    assert_int_equal(get(c, "how do I unblock my lost card", 1), SEMANTIC_REFUSED);
    assert_string_equal(look.reason, "opposites");
    struct semantic_query q = ask("how do I block my lost card");
    assert_int_equal(semantic_cache_get(c, NULL, &q, 1, value, sizeof value, &used, NULL), SEMANTIC_MISS);
    assert_int_equal(semantic_cache_get(c, tuning, &q, 1, value, 3, &used, NULL), SEMANTIC_REFUSED);
    struct semantic_cache_state s;
    semantic_cache_state(c, &s);
    assert_int_equal(s.rows, 2);
    assert_int_equal(s.partitions, 1);
    assert_int_equal(s.hits, 1);
    assert_int_equal(s.near_misses, 2);
    semantic_cache_free(c);
}

static void partitions_and_tenants_never_meet(void **state) {
    struct semantic_cache *c = semantic_cache_new(16 << 20);
    put(c, "how do I block my card", "alice's");
    struct semantic_query q = ask("how do I block my card");
    q.partition = two;
    assert_int_equal(semantic_cache_get(c, tuning, &q, 1, value, sizeof value, &used, NULL), SEMANTIC_MISS);
    q = ask("how do I block my card");
    q.tenant = STR("bob");
    assert_int_equal(semantic_cache_get(c, tuning, &q, 1, value, sizeof value, &used, NULL), SEMANTIC_MISS);
    semantic_cache_put(c, &q, STR("bob's"), 100);
    assert_int_equal(semantic_cache_forget(c, STR("alice")), 1);
    assert_int_equal(get(c, "how do I block my card", 1), SEMANTIC_MISS);
    assert_int_equal(semantic_cache_get(c, tuning, &q, 1, value, sizeof value, &used, NULL), SEMANTIC_HIT);
    assert_str(((struct str){value, used}), "bob's");
    semantic_cache_free(c);
}

static void an_answer_has_its_time_and_its_successor(void **state) {
    struct semantic_cache *c = semantic_cache_new(16 << 20);
    put(c, "how do I block my card", "old");
    assert_int_equal(get(c, "how do I block my card", 99), SEMANTIC_HIT);
    assert_int_equal(get(c, "how do I block my card", 100), SEMANTIC_MISS);
    put(c, "how do I block my card", "new");
    assert_int_equal(get(c, "how do I block my card", 1), SEMANTIC_HIT);
    assert_str(((struct str){value, used}), "new");
    struct semantic_cache_state s;
    semantic_cache_state(c, &s);
    assert_int_equal(s.rows, 1);
    semantic_cache_free(c);
}

static void stays_within_its_bytes(void **state) {
    enum { BYTES = 4 << 20 };
    struct semantic_cache *c = semantic_cache_new(BYTES);
    struct semantic_cache_state s;
    unsigned char key[32] = {0};
    char text[64];
    for (unsigned i = 0; i < 6000; i++) {
        struct semantic_query q = {.tenant = STR("t"), .partition = key};
        memcpy(key, &(unsigned){i % 700}, sizeof i);
        snprintf(text, sizeof text, "question number %u about things", i);
        q.text = str_from(text);
        semantic_cache_put(c, &q, STR("0123456789012345678901234567890123456789"), 100);
        assert_int_equal(semantic_cache_get(c, tuning, &q, 1, value, sizeof value, &used, NULL),
                         SEMANTIC_HIT);
    }
    semantic_cache_state(c, &s);
    assert_true(s.bytes <= BYTES && s.bytes > BYTES / 2);
    assert_true(s.evictions > 0 && s.rows + s.evictions == 6000);
    semantic_cache_free(c);
}

static void a_partition_has_so_many_rows(void **state) {
    struct semantic_cache *c = semantic_cache_new(256 << 20);
    struct semantic_cache_state s;
    char text[64];
    for (unsigned i = 0; i < SEMANTIC_ROWS_MAX + 500; i++) {
        snprintf(text, sizeof text, "question number %u", i);
        put(c, text, "x");
    }
    semantic_cache_state(c, &s);
    assert_true(s.rows <= SEMANTIC_ROWS_MAX && s.rows > SEMANTIC_ROWS_MAX - 400);
    assert_int_equal(get(c, text, 1), SEMANTIC_HIT);
    semantic_cache_free(c);
}

static enum semantic_result get_with(struct semantic_cache *c, const struct tuning *t,
                                     const struct semantic_query *q) {
    return semantic_cache_get(c, t, q, 1, value, sizeof value, &used, &look);
}

static void vectors_may_come_from_elsewhere(void **state) {
    struct semantic_cache *c = semantic_cache_new(16 << 20);
    static const char *const known[] = {"how do i block my card stop the plastic", NULL};
    struct tuning *t = make_tuning_for("main/embed", 3, 0.9F, known);
    assert_string_equal(tuning_vectors(t), "main/embed");
    assert_int_equal(tuning_dimensions(t), 3);
    assert_int_equal(tuning_dimensions(tuning), 0);
    float up[3] = {0, 0, 2}, right[3] = {1, 0, 0}, nothing[3] = {0, 0, 0}, broken[3] = {1, 0.0F / 0.0F, 0};
    struct semantic_query q = ask("how do I block my card");
    q.vector = up;
    q.dimensions = 3;
    semantic_cache_put(c, &q, STR("up"), 100);
    q.text = STR("stop the plastic"); /* not a word in common, and the vectors say that it is the same */
    assert_int_equal(get_with(c, t, &q), SEMANTIC_HIT);
    assert_float_equal(look.cosine, 1, 0.01);
    q.text = STR("how can I block my card");
    q.vector = right; /* alike in words, but the vectors say otherwise */
    assert_int_equal(get_with(c, t, &q), SEMANTIC_MISS);
    q.vector = nothing;
    assert_int_equal(get_with(c, t, &q), SEMANTIC_MISS);
    q.vector = broken;
    semantic_cache_put(c, &q, STR("broken"), 100);
    struct semantic_cache_state s;
    semantic_cache_state(c, &s);
    assert_int_equal(s.rows, 1);
    semantic_cache_free(c);
    tuning_unref(t);
}

static void vectors_decide_within_what_the_rules_allow(void **state) {
    struct semantic_cache *c = semantic_cache_new(16 << 20);
    struct tuning *t = make_tuning_for("main/embed", 3, 0.9F, NULL);
    float up[3] = {0, 0, 2}, near[3] = {0, 0.1F, 1}, half[3] = {0, 1, 1};
    struct semantic_query q = ask("how do I send 100 euros");
    q.vector = up;
    q.dimensions = 3;
    semantic_cache_put(c, &q, STR("up"), 100);
    q.text = STR("what does it take to send 100 euros");
    q.vector = near;
    assert_int_equal(get_with(c, t, &q), SEMANTIC_HIT);
    q.text = STR("how do I send 1000 euros");
    assert_int_equal(get_with(c, t, &q), SEMANTIC_REFUSED);
    assert_string_equal(look.reason, "numbers differ");
    q.text = STR("how can I send 100 euros");
    q.vector = half;
    assert_int_equal(get_with(c, t, &q), SEMANTIC_REFUSED);
    assert_float_equal(look.cosine, 0.707, 0.01);
    assert_string_equal(look.reason, "not sure enough");
    semantic_cache_free(c);
    tuning_unref(t);
}

/* Whatever a caller does: a vector is compared with its like only, and judged by what was tuned for it. */
static void other_vectors_than_the_tunings_find_nothing(void **state) {
    struct semantic_cache *c = semantic_cache_new(16 << 20);
    struct tuning *t = make_tuning_for("main/embed", 3, 0.5F, NULL);
    float up[4] = {0, 0, 2, 0};
    struct semantic_query q = ask("how do I block my card");
    semantic_cache_put(c, &q, STR("by wording"), 100);
    assert_int_equal(get_with(c, t, &q), SEMANTIC_MISS);
    for (q.vector = up, q.dimensions = 2; q.dimensions <= 4; q.dimensions++) {
        semantic_cache_put(c, &q, STR("by vector"), 100);
        assert_int_equal(get_with(c, tuning, &q), SEMANTIC_MISS);
        assert_int_equal(get_with(c, t, &q), q.dimensions == 3 ? SEMANTIC_HIT : SEMANTIC_MISS);
    }
    semantic_cache_free(c);
    tuning_unref(t);
}

static void what_cannot_be_kept_is_not(void **state) {
    static char longer[SEMANTIC_TEXT_MAX + 2], large[SEMANTIC_VALUE_MAX + 1];
    struct semantic_cache *c = semantic_cache_new(1 << 20), *tiny = semantic_cache_new(1024);
    memset(longer, 'a', sizeof longer - 1);
    put(c, longer, "x");
    put(c, "", "x");
    put(c, "...", "x");
    struct semantic_query q = ask("how do I block my card");
    semantic_cache_put(c, &q, (struct str){large, sizeof large}, 100);
    put(tiny, "how do I block my card", "x");
    struct semantic_cache_state s;
    semantic_cache_state(c, &s);
    assert_int_equal(s.rows, 0);
    semantic_cache_state(tiny, &s);
    assert_int_equal(s.rows, 0);
    assert_int_equal(s.bytes, 0);
    assert_int_equal(get(c, longer, 1), SEMANTIC_MISS);
    semantic_cache_free(c);
    semantic_cache_free(tiny);
}

/* Threads that look, keep, evict and forget at once: whoever finds something finds a whole answer of its own
 * tenant's. */
struct hammer {
    struct semantic_cache *c;
    unsigned seed;
};

static void *hammer(void *arg) {
    struct hammer *h = arg;
    static const char *const tenants[] = {"alice", "bob"};
    char text[64], answer[64], found[64];
    size_t n;
    for (unsigned i = 0; i < 1500; i++) {
        unsigned k = (i * 7 + h->seed * 13) % 97, t = i % 2;
        struct semantic_query q = {.tenant = str_from(tenants[t]), .partition = k % 3 ? one : two};
        snprintf(text, sizeof text, "question number %u", k);
        q.text = str_from(text);
        if (semantic_cache_get(h->c, tuning, &q, 1, found, sizeof found, &n, NULL) == SEMANTIC_HIT) {
            snprintf(answer, sizeof answer, "%s %u", tenants[t], k);
            assert_str(((struct str){found, n}), answer);
        }
        snprintf(answer, sizeof answer, "%s %u", tenants[t], k);
        semantic_cache_put(h->c, &q, str_from(answer), 100);
        if (i % 200 == 199)
            semantic_cache_forget(h->c, str_from(tenants[t]));
    }
    return NULL;
}

static void threads_find_whole_answers(void **state) {
    enum { THREADS = 4 };
    struct semantic_cache *c = semantic_cache_new(2 << 20);
    pthread_t threads[THREADS];
    struct hammer hammers[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        hammers[i] = (struct hammer){c, i};
        assert_int_equal(pthread_create(&threads[i], NULL, hammer, &hammers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    struct semantic_cache_state s;
    semantic_cache_state(c, &s);
    assert_true(s.hits > 0);
    semantic_cache_forget(c, STR("alice"));
    semantic_cache_forget(c, STR("bob"));
    semantic_cache_state(c, &s);
    assert_int_equal(s.rows, 0);
    assert_int_equal(s.bytes, 0);
    semantic_cache_free(c);
}

static void a_damaged_tuning_is_refused(void **state) {
    AUTO_BUF bytes = BUF_INIT(4 << 20);
    struct tuning *t;
    struct error err;
    write_tuning(&bytes, 0.5F, NULL);
    for (size_t n = 0; n < bytes.n; n += n < 100 ? 1 : 97003)
        assert_false(tuning_open(&t, (struct str){bytes.p, n}, &err));
    bytes.p[8] = 9; /* format */
    assert_false(tuning_open(&t, buf_str(&bytes), &err));
    assert_int_equal(err.code, ERR_ARTEFACT);
    assert_non_null(strstr(err.message, "cache tune"));
    bytes.p[8] = TUNING_FORMAT_VECTORS; /* and no vectors */
    assert_false(tuning_open(&t, buf_str(&bytes), &err));
    bytes.p[8] = TUNING_FORMAT_WORDING;
    memset(bytes.p + bytes.n - sizeof(struct tuning_tree), 0xff, 4); /* a feature that there is not */
    assert_false(tuning_open(&t, buf_str(&bytes), &err));
    memset(bytes.p + bytes.n - 4, 0xff, 4); /* a leaf that is no number */
    assert_false(tuning_open(&t, buf_str(&bytes), &err));
}

static void a_damaged_tuning_for_vectors_is_refused(void **state) {
    enum { FORMAT_AT = 8, FEATURES_AT = 24, DIMENSIONS_AT = 44, NAME_AT = 48 };
    AUTO_BUF bytes = BUF_INIT(4 << 20);
    struct tuning *t;
    struct error err;
    write_tuning_for(&bytes, "main/embed", 3, 0.5F, NULL);
    for (size_t n = 0; n < bytes.n; n += n < 400 ? 1 : 97003)
        assert_false(tuning_open(&t, (struct str){bytes.p, n}, &err));
    static const struct {
        size_t at;
        char byte;
    } damage[] = {{FORMAT_AT, TUNING_FORMAT_WORDING},
                  {FORMAT_AT, 3},
                  {FEATURES_AT, WORDING_FEATURES},
                  {DIMENSIONS_AT, 0},
                  {DIMENSIONS_AT + 1, 0x7f},
                  {NAME_AT, 0},
                  {NAME_AT + 1, '\n'},
                  {NAME_AT + 2, (char)0xff}};
    for (size_t i = 0; i < ARRAY_COUNT(damage); i++) {
        char good = bytes.p[damage[i].at];
        bytes.p[damage[i].at] = damage[i].byte;
        assert_false(tuning_open(&t, buf_str(&bytes), &err));
        assert_int_equal(err.code, ERR_ARTEFACT);
        bytes.p[damage[i].at] = good;
    }
    memset(bytes.p + NAME_AT, 'a', TUNING_VECTORS_SIZE); /* without an end */
    assert_false(tuning_open(&t, buf_str(&bytes), &err));
    bytes.p[NAME_AT + TUNING_VECTORS_SIZE - 1] = '\0';
    assert_true(tuning_open(&t, buf_str(&bytes), &err));
    assert_int_equal(strlen(tuning_vectors(t)), TUNING_VECTORS_SIZE - 1);
    tuning_unref(t);
}

static int set_up(void **state) {
    static const char *const known[] = {
        "how do i block my lost card what does a transfer cost paint wooden fence", NULL};
    tuning = make_tuning(0.6F, known);
    return tuning ? 0 : -1;
}

static int tear_down(void **state) {
    tuning_unref(tuning);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_same_in_other_words),
        cmocka_unit_test(partitions_and_tenants_never_meet),
        cmocka_unit_test(an_answer_has_its_time_and_its_successor),
        cmocka_unit_test(stays_within_its_bytes),
        cmocka_unit_test(a_partition_has_so_many_rows),
        cmocka_unit_test(vectors_may_come_from_elsewhere),
        cmocka_unit_test(vectors_decide_within_what_the_rules_allow),
        cmocka_unit_test(other_vectors_than_the_tunings_find_nothing),
        cmocka_unit_test(what_cannot_be_kept_is_not),
        cmocka_unit_test(threads_find_whole_answers),
        cmocka_unit_test(a_damaged_tuning_is_refused),
        cmocka_unit_test(a_damaged_tuning_for_vectors_is_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
