#include "config/config.h"
#include "config/reference.h"

#include "../../unit/unit.h"
#include "failing_allocations.h"

static void a_configuration_is_whole_or_refused(void **state) {
    long failures = 0;
    for (;; failures++) {
        struct config_problems problems = {0};
        allocations_left = failures;
        const struct config *c = config_parse(config_example(), "t.yaml", ".", NULL, &problems);
        allocations_left = -1;
        if (c) {
            assert_int_equal(problems.count, 0);
            assert_int_equal(c->endpoints[0].fallback_count, 3);
            config_unref(c);
            break;
        }
        assert_true(problems.count > 0);
        assert_string_equal(problems.list[0].message, "t.yaml: out of memory");
    }
    assert_true(failures >= 3);
}

static void the_reference_is_whole_or_failed(void **state) {
    long failures = 0;
    for (;; failures++) {
        AUTO_BUF text = BUF_INIT(1 << 20);
        allocations_left = failures;
        config_reference(&text);
        allocations_left = -1;
        if (!text.failed)
            break;
    }
    assert_true(failures > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_configuration_is_whole_or_refused),
        cmocka_unit_test(the_reference_is_whole_or_failed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
