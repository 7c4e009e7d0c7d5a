#include "models/rules.h"

#include "../unit.h"

#include <math.h>
#include <stdio.h>
#include <time.h>

static const struct rules_label labels[] = {{{"refund", 6}, 0.71}, {{"card", 4}, 0.2}};

static struct rules_facts facts(void) {
    static struct rules_field fields[3];
    fields[0] = (struct rules_field){.name = STR("amount"), .type = RULES_FIELD_NUMBER, .number = 12.5};
    fields[1] = (struct rules_field){.name = STR("currency"), .type = RULES_FIELD_TEXT, .text = STR("EUR")};
    fields[2] = (struct rules_field){.name = STR("paid"), .type = RULES_FIELD_BOOL, .flag = true};
    return (struct rules_facts){.endpoint = STR("support"),
                                .model = STR("support@3"),
                                .prediction = STR("refund"),
                                .confidence = 0.71,
                                .labels = labels,
                                .label_count = 2,
                                .text = STR("I want my money back for the order of last week, please!"),
                                .fields = fields,
                                .field_count = 3,
                                .ocr_confidence = NAN};
}

static struct script *open_script(const char *function, const char *body) {
    char source[2000];
    struct error err;
    snprintf(source, sizeof source, "function %s(r)\n%s\nend", function, body);
    struct script *s = script_new(str_from(source), "t.lua", function, NULL, &err);
    if (!s)
        fail_msg("%s: %s", body, err.message);
    return s;
}

static void verifies(const char *body, bool expected, const char *expected_reason) {
    struct script *s = open_script("verify", body);
    struct error err;
    bool passed;
    char reason[RULES_REASON_SIZE];
    struct rules_facts f = facts();
    for (int i = 0; i < 2; i++) {
        if (!rules_verify(s, &f, &passed, reason, &err))
            fail_msg("%s: %s", body, err.message);
        assert_int_equal(passed, expected);
        assert_string_equal(reason, expected_reason);
    }
    script_free(s);
}

static void cannot_verify(const char *body, const char *expected) {
    struct script *s = open_script("verify", body);
    struct error err;
    bool passed = true;
    char reason[RULES_REASON_SIZE] = "untouched";
    struct rules_facts f = facts();
    if (rules_verify(s, &f, &passed, reason, &err))
        fail_msg("%s: no error", body);
    assert_int_equal(err.code, ERR_MODEL);
    if (strcmp(err.message, expected) != 0)
        fail_msg("%s:\n  got      %s\n  expected %s", body, err.message, expected);
    assert_true(passed);
    assert_string_equal(reason, "untouched");
    script_free(s);
}

static void verify_sees_the_whole_prediction(void **state) {
    verifies("return r.prediction == 'refund' and r.confidence == 0.71", true, "");
    verifies("return r.text:find('money back') ~= nil, 'asks for money'", true, "asks for money");
    verifies("return r.fields.amount < 10, 'amount ' .. r.fields.amount", false, "amount 12.5");
    verifies("return r.features.currency == 'EUR' and r.fields.paid == true and r.fields.nothing == nil",
             true, "");
    verifies("return #r.labels == 2 and r.labels[2].label == 'card' and r.labels[1].confidence > 0.7", true,
             "");
    verifies("return r.labels == r.labels and r.fields == r.features", true, "");
    verifies("return r.endpoint == 'support' and r.model == 'support@3' and r.ocr_confidence == nil", true,
             "");
    verifies("return false, nil", false, "");
}

static void a_reason_is_one_short_line_of_utf8(void **state) {
    verifies("return false, 'a\\nb\\0c'", false, "a b c");
    verifies("return false, '\\xff\\xc3\\xa9'", false, "???");
    char expected[RULES_REASON_SIZE] = "";
    for (int i = 0; i < 160; i += 2)
        strcat(expected, "\xc3\xa9");
    verifies("return false, ('\\xc3\\xa9'):rep(1000)", false, expected);
    expected[0] = 'x';
    expected[1] = '\0';
    for (int i = 0; i < 79; i++)
        strcat(expected, "\xc3\xa9");
    verifies("return false, 'x' .. ('\\xc3\\xa9'):rep(1000)", false, expected);
}

static void anything_but_true_or_false_is_an_error(void **state) {
    cannot_verify("", "t.lua: verify returned a nil; expected true or false");
    cannot_verify("return 1", "t.lua: verify returned a number; expected true or false");
    cannot_verify("return 'true'", "t.lua: verify returned a string; expected true or false");
    cannot_verify("return true, {}", "t.lua: verify gave a table as its reason; expected a text");
    cannot_verify("return r.predicton == 'x'", "t.lua:2: r has no \"predicton\"; did you mean r.prediction?");
    cannot_verify("return r.bananas", "t.lua:2: r has no \"bananas\"");
    cannot_verify("r.confidence = 1", "t.lua:2: r is read-only");
    cannot_verify("return r.fields.a.b", "t.lua:2: attempt to index a nil value (field 'a')");
    cannot_verify("return r[{}]", "t.lua:2: bad argument #2 to 'index' (string expected, got table)");
}

static void one_call_sees_nothing_of_another(void **state) {
    struct script *s =
        open_script("verify", "local before = kept; kept = r.labels; r.fields.amount = 7\n"
                              "return before == nil and r.labels[1].label == r.prediction, r.text");
    struct error err;
    bool passed;
    char reason[RULES_REASON_SIZE];
    struct rules_label other = {STR("other"), 1};
    struct rules_facts first = facts(),
                       second = {.labels = &other, .label_count = 1, .prediction = STR("other")};
    assert_true(rules_verify(s, &first, &passed, reason, &err));
    assert_true(passed);
    assert_true(rules_verify(s, &second, &passed, reason, &err));
    assert_true(passed);
    assert_string_equal(reason, "");
    script_free(s);
}

static void a_long_text_is_cut_between_characters(void **state) {
    size_t n = 2 * RULES_TEXT_MAX;
    char *text = malloc(n);
    text[0] = 'x';
    for (size_t i = 1; i + 1 < n; i += 2)
        memcpy(text + i, "\xc3\xa9", 2);
    struct script *s = open_script("verify", "return utf8.len(r.text) ~= nil, tostring(#r.text)");
    struct rules_facts f = {.text = {text, n - 1}};
    struct error err;
    bool passed;
    char reason[RULES_REASON_SIZE];
    assert_true(rules_verify(s, &f, &passed, reason, &err));
    assert_true(passed);
    assert_string_equal(reason, "262143");
    script_free(s);
    free(text);
}

static void classifies(const char *body, const char *label, double confidence) {
    struct script *s = open_script("classify", body);
    struct error err;
    struct rules_answer answer;
    struct rules_facts f = facts();
    if (!rules_classify(s, &f, &answer, &err))
        fail_msg("%s: %s", body, err.message);
    assert_string_equal(answer.label, label);
    assert_float_equal(answer.confidence, confidence, 1e-12);
    script_free(s);
}

static void cannot_classify(const char *body, const char *expected) {
    struct script *s = open_script("classify", body);
    struct error err;
    struct rules_answer answer;
    struct rules_facts f = facts();
    if (rules_classify(s, &f, &answer, &err))
        fail_msg("%s: no error", body);
    assert_int_equal(err.code, ERR_MODEL);
    if (strcmp(err.message, expected) != 0)
        fail_msg("%s:\n  got      %s\n  expected %s", body, err.message, expected);
    script_free(s);
}

static void classify_answers_with_label_and_confidence(void **state) {
    classifies("if r.text:find('money') then return 'refund', 0.8 end", "refund", 0.8);
    classifies("return r.features.currency, 1", "EUR", 1);
    classifies("return ('x'):rep(128), 0",
               "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
               "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
               0);
}

static void classify_is_held_to_its_contract(void **state) {
    cannot_classify("return nil", "t.lua: the rules have no answer (classify returned nil)");
    cannot_classify("", "t.lua: the rules have no answer (classify returned nil)");
    cannot_classify("return 5, 1", "t.lua: classify returned a number as its label; expected a text");
    cannot_classify("return 'a'",
                    "t.lua: classify returned a nil as its confidence; expected a number from 0 to 1");
    cannot_classify("return 'a', '1'",
                    "t.lua: classify returned a string as its confidence; expected a number from 0 to 1");
    cannot_classify("return 'a', 1.5",
                    "t.lua: classify returned the confidence 1.5; expected a number from 0 to 1");
    cannot_classify("return 'a', 0/0",
                    "t.lua: classify returned the confidence -nan; expected a number from 0 to 1");
    const char *bad_label =
        "t.lua: classify returned a label that is not 1 to 128 bytes of one line of UTF-8";
    cannot_classify("return '', 1", bad_label);
    cannot_classify("return ('x'):rep(129), 1", bad_label);
    cannot_classify("return 'a\\nb', 1", bad_label);
    cannot_classify("return '\\xff', 1", bad_label);
    cannot_classify("return r.prediction, 1", "t.lua:2: r has no \"prediction\"");
}

/* What a verify costs, printed for the reader; under sanitizers it says little, so the bound is wide. */
static void verify_is_cheap(void **state) {
    struct script *s = open_script("verify", "if r.prediction == 'refund' and not r.text:find('order') then\n"
                                             "  return false, 'a refund needs an order'\nend\n"
                                             "return r.confidence > 0.6");
    struct rules_facts f = facts();
    struct error err;
    bool passed;
    char reason[RULES_REASON_SIZE];
    enum { CALLS = 20000 };
    for (int i = 0; i < 1000; i++)
        assert_true(rules_verify(s, &f, &passed, reason, &err));
    size_t memory = script_memory(s);
    clock_t start = clock();
    for (int i = 0; i < CALLS; i++)
        assert_true(rules_verify(s, &f, &passed, reason, &err));
    double us = (double)(clock() - start) / CLOCKS_PER_SEC * 1e6 / CALLS;
    print_message("             verify: %.2f us of CPU, %zu KB\n", us, script_memory(s) / 1024);
    assert_true(us < 200);
    assert_true(script_memory(s) < memory + 100000);
    script_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(verify_sees_the_whole_prediction),
        cmocka_unit_test(a_reason_is_one_short_line_of_utf8),
        cmocka_unit_test(anything_but_true_or_false_is_an_error),
        cmocka_unit_test(one_call_sees_nothing_of_another),
        cmocka_unit_test(a_long_text_is_cut_between_characters),
        cmocka_unit_test(classify_answers_with_label_and_confidence),
        cmocka_unit_test(classify_is_held_to_its_contract),
        cmocka_unit_test(verify_is_cheap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
