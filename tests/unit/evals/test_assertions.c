#include "unit.h"

#include "evals/judge.h"
#include "evals/suite.h"

#include <stdio.h>

static struct error err;
static struct suite *suite;

static int teardown(void **state) {
    suite_free(suite);
    suite = NULL;
    return 0;
}

/* One case with this assertion. */
static const struct suite_case *read_case(const char *assertion) {
    char text[4000];
    snprintf(text, sizeof text,
             "tests:\n  - id: c\n    text: \"what is six times seven?\"\n    vars: {number: 42, city: Ulm}\n"
             "    assert:\n      - %s\n",
             assertion);
    suite_free(suite);
    suite = NULL;
    if (!suite_parse(str_from(text), "t.yaml", &suite, &err))
        fail_msg("%s: %s", assertion, err.message);
    return &suite->cases[0];
}

static struct assertion_outcome check(const char *assertion, const struct answer *answer) {
    const struct suite_case *c = read_case(assertion);
    struct assertion_outcome o;
    assert_int_equal(c->assertion_count, 1);
    assertion_check(c->assertions[0], c, answer, &o);
    if (o.passed == (o.reason[0] != '\0'))
        fail_msg("%s: passed %d with the reason \"%s\"", assertion, o.passed, o.reason);
    assert_true(str_is_utf8(str_from(o.reason), NULL));
    return o;
}

static struct answer said(const char *text) {
    struct answer a = ANSWER_NONE;
    a.given = true;
    a.text = str_from(text);
    a.model = a.problem = str_from("");
    return a;
}

static void holds(const char *assertion, const char *text) {
    struct answer a = said(text);
    struct assertion_outcome o = check(assertion, &a);
    if (!o.passed)
        fail_msg("%s does not hold of \"%s\": %s", assertion, text, o.reason);
}

static void fails(const char *assertion, const char *text, const char *why) {
    struct answer a = said(text);
    struct assertion_outcome o = check(assertion, &a);
    if (o.passed)
        fail_msg("%s holds of \"%s\"", assertion, text);
    if (!strstr(o.reason, why))
        fail_msg("%s: the reason is \"%s\", which has no \"%s\"", assertion, o.reason, why);
}

static void texts(void **state) {
    holds("equals: \"yes\"", " yes\n");
    fails("equals: \"yes\"", "Yes", "expected equals");
    holds("equals: \"\"", "");
    fails("equals: \"\"", "x", "");
    holds("not-equals: \"yes\"", "no");
    fails("not-equals: \"yes\"", "yes", "not equals");
    holds("contains: b c", "a b c d");
    fails("contains: b c", "a b  c d", "contains");
    holds("icontains: ULM", "in Ulm.");
    holds("not-icontains: ULM", "in U.");
    holds("starts-with: \"In\"", "In Ulm");
    fails("starts-with: \"In\"", "in Ulm", "starts-with");
    holds("contains: \"{{city}}\"", "in Ulm");
    holds("{type: equals, value: 42}", "42");
    holds("{type: contains, value: x}", "x");
}

static void several_at_once(void **state) {
    const struct suite_case *c = read_case("contains-all: [a, b]");
    assert_int_equal(c->assertion_count, 2);
    assert_str(c->assertions[1]->value, "b");
    holds("contains-any: [\"a.b\", c]", "xa.bx");
    fails("contains-any: [\"a.b\", c]", "xaxbx", "regex");
    holds("icontains-any: [\"Straße\", \"a(b\"]", "STRAße");
    holds("icontains-any: [\"x\", \"a(B\"]", "A(b");
    fails("not-contains-any: [x, y]", "ay", "");
}

static void patterns(void **state) {
    holds("regex: '^\\d{2}$'", "42");
    fails("regex: '^\\d{2}$'", "4x", "regex");
    holds("not-regex: 'b+'", "aaa");
    /* More steps than a pattern may take: undecided is no pass, whichever way it is asked. */
    char text[2100];
    memset(text, 'a', sizeof text - 3);
    strcpy(text + sizeof text - 3, "c!");
    fails("regex: '^(a|a|b?)*(a|aa)*c$'", text, "undecided");
    fails("not-regex: '^(a|a|b?)*(a|aa)*c$'", text, "undecided");
}

static void json(void **state) {
    holds("is-json: ", "{\"a\": 1}");
    holds("type: is-json", " [1, 2] ");
    fails("is-json: ", "{\"a\": 1,}", "not JSON");
    fails("is-json: ", "Here it is: {}", "not JSON");
    holds("not-is-json: ", "no");
    fails("not-is-json: ", "{}", "is JSON");
    holds("schema: {type: object, required: [a], properties: {a: {type: integer, minimum: 3}}}",
          "{\"a\": 3}");
    fails("schema: {type: object, required: [a], properties: {a: {type: integer, minimum: 3}}}", "{\"a\": 2}",
          "/a");
    fails("schema: {type: object, required: [a]}", "{}", "\"a\"");
    holds("{type: is-json, value: '{\"type\": \"string\"}'}", "\"x\"");
    fails("{type: is-json, value: '{\"type\": \"string\"}'}", "1", "string");
}

static void numbers(void **state) {
    holds("number: 42", "42");
    holds("number: 42", "The answer is 42.");
    holds("number: 1234.5", "first 7, then 1,234.50 in all");
    holds("number: -3", "it is -3 degrees");
    holds("number: 3", "of 2-3");
    fails("number: 42", "42 or 43", "43");
    fails("number: 42", "none", "no number");
    fails("number: 42", "", "no number");
    holds("number: {is: 10, within: 0.5}", "10.5");
    fails("number: {is: 10, within: 0.5}", "10.51", "within");
    holds("number: {is: 0.3, within: 0}", "0.30000000000000004");
    holds("number: {is: 200, percent: 1}", "202");
    fails("number: {is: 200, percent: 1}", "197.9", "expected");
    holds("not-number: 5", "6");
    holds("not-number: 5", "none");
    holds("number: \"{{number}}\"", "42");
    holds("number: 1.5e3", "1.5e3");
}

static void expressions(void **state) {
    struct answer a = said("yes");
    a.confidence = 0.75;
    assert_true(check("lua: 'answer.confidence > 0.5 and answer.text == \"yes\"'", &a).passed);
    assert_false(check("lua: 'answer.confidence > 0.8'", &a).passed);
    assert_true(check("not-lua: 'answer.confidence > 0.8'", &a).passed);
    assert_true(
        check("lua: 'answer.input:find(\"six\") ~= nil and answer.variables.city == \"Ulm\"'", &a).passed);
    assert_true(check("lua: 'answer.latency_ms == nil and answer.expected == nil'", &a).passed);
    struct assertion_outcome o = check("lua: 'if answer.text == \"yes\" then return 0.9 end return 0'", &a);
    assert_true(o.passed && o.graded && o.score == 0.9);
    o = check("{lua: 'return 0.4', threshold: 0.3}", &a);
    assert_true(o.passed && o.score == 0.4);
    o = check("lua: 'return false, \"too\\nshort\"'", &a);
    assert_string_equal(o.reason, "too short");
    fails("lua: 'answer.txt'", "x", "text");
    fails("lua: 'answer.model'", "x", "expected true, false or a score");
    fails("lua: 'return 3'", "x", "expected 0 to 1");
    fails("not-lua: 'while true do end return true'", "x", "lua");
    fails("lua: 'os.exit()'", "x", "");
}

static void similarity(void **state) {
    struct answer a = said("The order was sent to Berlin on Monday.");
    assert_true(check("similar: The order was sent to Berlin on Monday.", &a).score == 1);
    holds("similar: {to: The order was sent to Berlin on Monday, at_least: 0.9}",
          "The order was sent to Berlin on Monday.");
    fails("similar: {to: The order was sent to Berlin on Monday, at_least: 0.9}", "We do not know.",
          "similarity");
    holds("not-similar: The order was sent to Berlin.", "No idea at all");
    holds("{type: similar, value: The order was sent to Berlin, threshold: 0.2}",
          "The order was sent to Hamburg");
    char text[3000];
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    fails("similar: short", text, "at most");
    fails("not-similar: short", text, "at most");
}

static void tools(void **state) {
    struct answer a = said("");
    a.tools = STR(
        "[{\"name\":\"other\",\"arguments\":{}},"
        "{\"name\":\"weather\",\"arguments\":{\"city\":\"Ulm\",\"days\":3,\"more\":{\"a\":1,\"b\":[1,2]}}}]");
    assert_true(check("tool: weather", &a).passed);
    assert_true(check("tool: {name: weather, arguments: {city: Ulm}}", &a).passed);
    assert_true(check("tool: {name: weather, arguments: {city: \"{{city}}\", days: 3.0}}", &a).passed);
    assert_true(check("tool: {name: weather, arguments: {more: {b: [1, 2]}}}", &a).passed);
    assert_string_equal(check("tool: {name: weather, arguments: {more: {b: [1]}}}", &a).reason,
                        "the tool \"weather\" was called with other arguments");
    assert_false(check("tool: {name: weather, arguments: {city: Bonn}}", &a).passed);
    assert_string_equal(check("tool: forecast", &a).reason, "the tool \"forecast\" was not called");
    assert_true(check("not-tool: forecast", &a).passed);
    assert_false(check("not-tool: weather", &a).passed);
    a.tools = (struct str){NULL, 0};
    assert_true(check("not-tool: weather", &a).passed);
    a.tools = STR("broken");
    assert_false(check("tool: weather", &a).passed);
}

static void limits(void **state) {
    struct answer a = said("x");
    a.latency_ms = 120;
    a.cost_usd = 0.002;
    assert_true(check("latency: 120", &a).passed);
    assert_string_equal(check("latency: 100", &a).reason, "the latency was 120 ms: expected at most 100 ms");
    assert_true(check("{type: latency, threshold: 200}", &a).passed);
    assert_true(check("cost: 0.002", &a).passed);
    assert_false(check("cost: 0.001", &a).passed);
    assert_false(check("not-cost: 0.01", &a).passed);
    /* What is not known holds neither way. */
    a.latency_ms = a.cost_usd = NAN;
    assert_string_equal(check("latency: 100", &a).reason, "the latency of this answer is not known");
    assert_false(check("not-latency: 100", &a).passed);
    assert_false(check("not-cost: 100", &a).passed);
}

/* ---- the judge's verdict ---- */

static bool judged(const char *assertion, const char *text, struct assertion_outcome *o) {
    const struct suite_case *c = read_case(assertion);
    return judge_verdict_read(str_from(text), c->assertions[0], o);
}

static void verdicts(void **state) {
    struct assertion_outcome o;
    assert_true(judged("rubric: is polite", "{\"reason\":\"fine\",\"pass\":true,\"score\":0.9}", &o));
    assert_true(o.passed && o.graded && o.score == 0.9);
    assert_true(judged("rubric: is polite",
                       "Sure!\n```json\n{\"pass\": false, \"reason\": \"rude\\nwords\"}\n```", &o));
    assert_false(o.passed);
    assert_false(o.graded);
    assert_string_equal(o.reason, "the judge: rude words");
    assert_true(judged("{rubric: is polite, threshold: 0.8}", "{\"pass\":true,\"score\":0.7}", &o));
    assert_false(o.passed);
    assert_true(judged("rubric: x", "{\"score\":0.5}", &o) && o.passed);
    assert_true(judged("{type: not-llm-rubric, value: x}", "{\"pass\":true}", &o) && !o.passed);
    assert_false(judged("rubric: x", "I would say it passes.", &o));
    assert_false(judged("rubric: x", "{\"pass\":\"true\"}", &o));
    assert_false(judged("rubric: x", "{\"pass\":true,\"score\":7}", &o));
    assert_false(judged("rubric: x", "{\"pass\":true", &o));
    assert_false(judged("rubric: x", "", &o));
    assert_false(judged("rubric: x", "}{", &o));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(texts, teardown),      cmocka_unit_test_teardown(several_at_once, teardown),
        cmocka_unit_test_teardown(patterns, teardown),   cmocka_unit_test_teardown(json, teardown),
        cmocka_unit_test_teardown(numbers, teardown),    cmocka_unit_test_teardown(expressions, teardown),
        cmocka_unit_test_teardown(similarity, teardown), cmocka_unit_test_teardown(tools, teardown),
        cmocka_unit_test_teardown(limits, teardown),     cmocka_unit_test_teardown(verdicts, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
