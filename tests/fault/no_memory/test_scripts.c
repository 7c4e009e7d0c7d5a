#include "models/rules.h"

#include "../../unit/unit.h"
#include "failing_allocations.h"

#include <math.h>

static const char source[] =
    "local t = {1, 2, 3}\n"
    "function verify(r)\n"
    "  local s = r.text:upper():gsub('L', '%0%0') .. r.labels[1].label .. r.fields.amount\n"
    "  for w in s:gmatch('%a+') do t[#t + 1] = w end\n"
    "  table.sort(t, function(a, b) return tostring(a) < tostring(b) end)\n"
    "  return #t > 3, ('x'):rep(200)\n"
    "end\n";

static bool verify(struct script *s, struct error *err) {
    const struct rules_label label = {STR("refund"), 1};
    const struct rules_field field = {.name = STR("amount"), .type = RULES_FIELD_NUMBER, .number = 3};
    const struct rules_facts facts = {.text = STR("hello hello hello hello hello hello hello hello hello"),
                                      .labels = &label,
                                      .label_count = 1,
                                      .fields = &field,
                                      .field_count = 1,
                                      .ocr_confidence = NAN};
    bool passed = false;
    char reason[RULES_REASON_SIZE];
    if (!rules_verify(s, &facts, &passed, reason, err))
        return false;
    assert_true(passed);
    return true;
}

static void loading_fails_clearly(void **state) {
    long failures = 0;
    for (;; failures++) {
        struct error err = {0};
        allocations_left = failures;
        struct script *s = script_new(str_from(source), "t.lua", "verify", NULL, &err);
        allocations_left = -1;
        if (s) {
            script_free(s);
            break;
        }
        assert_int_equal(err.code, ERR_NO_MEMORY);
        assert_non_null(strstr(err.message, "t.lua: out of memory"));
    }
    assert_true(failures > 100);
}

static void a_failed_call_leaves_the_script_usable(void **state) {
    long failures = 0;
    bool good = false;
    struct error err;
    struct script *s = script_new(str_from(source), "t.lua", "verify", NULL, &err);
    assert_non_null(s);
    for (; !good; failures++) {
        allocations_left = failures;
        good = verify(s, &err);
        allocations_left = -1;
        if (!good)
            assert_int_equal(err.code, ERR_NO_MEMORY);
        assert_true(verify(s, &err));
    }
    assert_true(failures > 20);
    script_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(loading_fails_clearly),
        cmocka_unit_test(a_failed_call_leaves_the_script_usable),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
