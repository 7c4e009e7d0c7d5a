#include "cache/semantic.h"

#include "../../unit/cache/tunings.h"
#include "../../unit/unit.h"
#include "failing_allocations.h"

static void use_cache(struct tuning *t, const float *vector, size_t dimensions) {
    static const unsigned char partition[32];
    char value[64];
    size_t used;
    long failures = 0;
    bool kept = false;
    for (; !kept; failures++) {
        struct semantic_query q = {.tenant = STR("a"),
                                   .partition = partition,
                                   .text = STR("where is my card"),
                                   .vector = vector,
                                   .dimensions = dimensions};
        allocations_left = failures;
        struct semantic_cache *c = semantic_cache_new(16 << 20);
        if (c)
            semantic_cache_put(c, &q, STR("there"), 100);
        q.text = STR("where is my card please");
        kept = c && semantic_cache_get(c, t, &q, 1, value, sizeof value, &used, NULL) == SEMANTIC_HIT;
        allocations_left = -1;
        semantic_cache_free(c);
    }
    assert_true(failures > 3);
    tuning_unref(t);
}

static void a_cache_works_with_what_memory_there_is(void **state) {
    static const float vector[] = {1, 2, 3};
    use_cache(make_tuning(0.5F, NULL), NULL, 0);
    use_cache(make_tuning_for("main/small", 3, 0.5F, NULL), vector, 3);
}

static void a_tuning_opens_or_says_why_not(void **state) {
    AUTO_BUF bytes = BUF_INIT(4 << 20);
    struct tuning *t = NULL;
    long failures = 0;
    write_tuning(&bytes, 0.5F, NULL);
    for (;; failures++) {
        struct error err = {0};
        allocations_left = failures;
        bool ok = tuning_open(&t, buf_str(&bytes), &err);
        allocations_left = -1;
        if (ok)
            break;
        assert_int_equal(err.code, ERR_NO_MEMORY);
    }
    assert_int_equal(failures, 2);
    tuning_unref(t);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cache_works_with_what_memory_there_is),
        cmocka_unit_test(a_tuning_opens_or_says_why_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
