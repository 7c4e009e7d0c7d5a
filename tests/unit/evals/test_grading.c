#include "unit.h"

#include "folder.h"

#include "evals/report.h"

#include <math.h>
#include <stdio.h>

static struct error err;

/* ---- somebody who answers as a test wants ---- */

struct scripted {
    struct answer_source source;
    const char *(*answer)(size_t at, unsigned run); /* NULL: none; "!": an error */
};

static bool ask(struct answer_source *s, const struct suite *suite, const struct progress *progress,
                struct answers *out, struct error *e) {
    struct scripted *script = CONTAINER_OF(s, struct scripted, source);
    for (size_t i = 0; i < out->count; i++) {
        const char *text = script->answer(i / out->runs, (unsigned)(i % out->runs));
        struct answer a = ANSWER_NONE;
        a.given = text != NULL;
        a.refused = text && text[0] == '!';
        a.problem = str_from("scripted");
        a.model = str_from("m@7");
        a.text = str_from(text);
        a.latency_ms = (double)i;
        a.cost_usd = 0.001;
        if (!answers_set(out, i, &a, e))
            return false;
    }
    return true;
}

static const char *right(size_t at, unsigned run) {
    return "yes";
}
static const char *wrong_below_10(size_t at, unsigned run) {
    return at < 10 ? "no" : "yes";
}
static const char *wrong_in_every_fifth(size_t at, unsigned run) {
    return at % 5 == 0 ? "no" : "yes";
}
static const char *silent_in_every_tenth(size_t at, unsigned run) {
    return at % 10 == 0 ? NULL : "yes";
}
static const char *refused_at_3(size_t at, unsigned run) {
    return at == 3 ? "!" : "yes";
}
static const char *wrong_in_the_last_run(size_t at, unsigned run) {
    return run == 2 ? "no" : "yes";
}
static const char *noisy(size_t at, unsigned run) {
    return at % 4 == 0 ? "no" : "yes";
}
static const char *noisy_elsewhere(size_t at, unsigned run) {
    return at % 4 == 1 ? "no" : "yes";
}

static struct suite *suite;

/* `count` cases that want "yes", the first ten in the slice "first"; `head`: what stands above. */
static void make_suite(size_t count, const char *head) {
    AUTO_BUF text = BUF_INIT(1 << 20);
    buf_printf(&text, "%stests:\n", head);
    for (size_t i = 0; i < count; i++)
        buf_printf(&text, "- {text: a, label: \"yes\", slice: %s}\n", i < 10 ? "first" : "rest");
    suite_free(suite);
    suite = NULL;
    if (!suite_parse(buf_str(&text), "s.yaml", &suite, &err))
        fail_msg("%s", err.message);
}

static struct graded_side grade(const char *(*answer)(size_t, unsigned), const char *name) {
    struct scripted s = {.source = {.kind = EVALUATION_OF_VERSION, .ask = ask}, .answer = answer};
    struct graded_side g;
    const struct judge nobody = {0};
    snprintf(s.source.name, sizeof s.source.name, "%s", name);
    if (!grade_side(&g, &s.source, suite, &nobody, NULL, &err))
        fail_msg("%s", err.message);
    return g;
}

struct outcome {
    enum evaluation_verdict verdict;
    char reason[VERDICT_REASON_MAX];
};

static struct outcome judge_all_of(const char *(*answer)(size_t, unsigned),
                                   const char *(*baseline)(size_t, unsigned)) {
    struct graded_side a = grade(answer, "m@7"), b = {0};
    struct verdict v;
    struct outcome o;
    if (baseline)
        b = grade(baseline, "m@6");
    assert_true(verdict_reach(&v, suite, &a, baseline ? &b : NULL, &err));
    o.verdict = v.outcome;
    memcpy(o.reason, v.reason, sizeof o.reason);
    verdict_free(&v);
    graded_side_free(&a);
    graded_side_free(&b);
    return o;
}

static void expect(const char *(*answer)(size_t, unsigned), const char *(*baseline)(size_t, unsigned),
                   enum evaluation_verdict verdict, const char *reason) {
    struct outcome o = judge_all_of(answer, baseline);
    if (o.verdict != verdict || !strstr(o.reason, reason))
        fail_msg("%s: %s (expected %s: …%s…)", evaluation_verdict_name(o.verdict), o.reason,
                 evaluation_verdict_name(verdict), reason);
}

static int teardown(void **state) {
    suite_free(suite);
    suite = NULL;
    return 0;
}

/* ---- grading ---- */

static void cases_are_counted(void **state) {
    make_suite(300, "");
    struct graded_side g = grade(refused_at_3, "x");
    assert_int_equal(g.given, 300);
    assert_int_equal(g.passed, 299);
    assert_string_equal(g.cases[3].reason, "no answer: scripted");
    assert_string_equal(g.model, "m@7");
    assert_true(fabs(g.cost_usd - 0.3) < 1e-9);
    assert_true(g.latency_ms.p50 == 149 && g.latency_ms.p95 == 284);
    graded_side_free(&g);
    g = grade(silent_in_every_tenth, "x");
    assert_int_equal(g.given, 270);
    assert_int_equal(g.passed, 270);
    assert_false(g.cases[0].given);
    graded_side_free(&g);
}

static void runs_are_shared(void **state) {
    make_suite(30, "runs: 3\n");
    struct graded_side g = grade(wrong_in_the_last_run, "x");
    assert_int_equal(g.passed, 30);
    assert_true(fabs(g.mean_score - 2.0 / 3) < 1e-6);
    assert_int_equal(g.cases[0].runs_passed, 2);
    assert_string_equal(g.cases[0].reason, "the answer \"no\": expected equals \"yes\"");
    graded_side_free(&g);
    make_suite(30, "runs: 2\n");
    g = grade(wrong_below_10, "x");
    assert_int_equal(g.passed, 20);
    graded_side_free(&g);
}

static void rubrics_need_a_judge(void **state) {
    struct scripted s = {.source = {.ask = ask}, .answer = right};
    struct graded_side g;
    const struct judge nobody = {0};
    make_suite(3, "assert: [{rubric: is polite}]\n");
    assert_false(grade_side(&g, &s.source, suite, &nobody, NULL, &err));
    assert_int_equal(err.code, ERR_USAGE);
    assert_non_null(strstr(err.message, "--judge"));
}

/* ---- verdicts ---- */

static void a_verdict_without_a_baseline(void **state) {
    make_suite(300, "");
    expect(right, NULL, EVALUATION_PASS, "no baseline");
    make_suite(300, "minimum: 0.9\n");
    expect(wrong_below_10, NULL, EVALUATION_PASS, "96.67 %");
    expect(wrong_in_every_fifth, NULL, EVALUATION_WORSE,
           "80.00 % of the cases passed, and the suite wants 90.00 %");
    expect(silent_in_every_tenth, NULL, EVALUATION_NOT_ENOUGH_DATA, "30 of 300 cases were not answered");
}

static void few_cases_are_not_enough(void **state) {
    make_suite(199, "");
    expect(right, NULL, EVALUATION_NOT_ENOUGH_DATA, "199 answered cases, and the suite wants 200");
    make_suite(200, "");
    expect(right, NULL, EVALUATION_PASS, "");
    make_suite(50, "cases: 50\n");
    expect(right, NULL, EVALUATION_PASS, "");
    /* Too few to be sure that 80 % are less than 85 %, enough for 99 %. */
    make_suite(100, "minimum: 0.85\n");
    expect(wrong_in_every_fifth, NULL, EVALUATION_NOT_ENOUGH_DATA, "100 answered cases");
    make_suite(100, "minimum: 0.99\n");
    expect(wrong_in_every_fifth, NULL, EVALUATION_WORSE, "80.00 %");
}

static void a_verdict_against_a_baseline(void **state) {
    make_suite(1000, "");
    expect(right, right, EVALUATION_PASS, "not worse than m@6");
    expect(right, wrong_in_every_fifth, EVALUATION_PASS, "+20.00 points");
    expect(wrong_in_every_fifth, right, EVALUATION_WORSE, "worse than m@6 by 20.00 points");
    /* 10 of 1,000 lost, none won: p = 0.002. */
    expect(wrong_below_10, right, EVALUATION_WORSE, "by 1.00 points (p = 0.002, McNemar)");
    /* A quarter wrong in each, other cases: the loss is 0, and up to 4.4 points in truth. */
    expect(noisy, noisy_elsewhere, EVALUATION_PASS, "+0.00 points");
    make_suite(1000, "margin: 0.03\n");
    expect(noisy, noisy_elsewhere, EVALUATION_NOT_ENOUGH_DATA, "is not ruled out (margin 3.00)");
    make_suite(40, "");
    expect(wrong_in_every_fifth, right, EVALUATION_WORSE, "p = 0.0078");
    expect(right, right, EVALUATION_NOT_ENOUGH_DATA, "40 answered cases");
    make_suite(300, "");
    expect(right, silent_in_every_tenth, EVALUATION_PASS, "");
}

/* 10 lost in the slice of 10, 12 won elsewhere. */
static const char *wrong_elsewhere(size_t at, unsigned run) {
    return at >= 100 && at < 112 ? "no" : "yes";
}

static void a_lost_slice_is_worse_though_the_sum_is_not(void **state) {
    make_suite(600, "");
    expect(wrong_below_10, wrong_elsewhere, EVALUATION_WORSE, "in the slice \"first\" by 100.00 points");
}

/* ---- reports ---- */

static const char *odd(size_t at, unsigned run) {
    return at == 0 ? "<a href=\"x\">&\x01\n\xef\xbf\xbf]]>" : at == 1 ? NULL : "yes";
}

static void reports_are_valid_whatever_was_said(void **state) {
    make_suite(220, "minimum: 1\n");
    struct graded_side a = grade(odd, "m@7"), b = grade(right, "m@6");
    struct verdict v;
    assert_true(verdict_reach(&v, suite, &a, &b, &err));
    const struct report r = {suite, &a, &b, &v};
    AUTO_BUF out = BUF_INIT(REPORT_MAX);
    report_json(&r, true, &out);
    yyjson_doc *doc = json_parse(buf_str(&out), &err);
    if (!doc)
        fail_msg("%s", err.message);
    yyjson_val *root = yyjson_doc_get_root(doc), *results = yyjson_obj_get(root, "results"),
               *first = yyjson_arr_get_first(results);
    assert_str(json_str_of(yyjson_obj_get(root, "verdict")), "worse");
    assert_int_equal(yyjson_arr_size(results), 220);
    assert_false(yyjson_get_bool(yyjson_obj_get(first, "passed")));
    assert_true(yyjson_is_null(yyjson_obj_get(yyjson_arr_get(results, 1), "passed")));
    assert_true(yyjson_get_bool(yyjson_obj_get(first, "baseline_passed")));
    assert_int_equal(yyjson_get_int(yyjson_obj_get(root, "unanswered")), 1);
    assert_int_equal(yyjson_arr_size(yyjson_obj_get(root, "slices")), 2);
    yyjson_doc_free(doc);
    buf_clear(&out);
    report_json(&r, false, &out);
    doc = json_parse(buf_str(&out), &err);
    assert_non_null(doc);
    assert_int_equal(yyjson_arr_size(yyjson_obj_get(yyjson_doc_get_root(doc), "failures")), 2);
    yyjson_doc_free(doc);
    buf_clear(&out);
    report_junit(&r, &out);
    const char *xml = buf_terminated(&out);
    assert_non_null(strstr(xml, "tests=\"221\" failures=\"2\" errors=\"1\" skipped=\"0\""));
    assert_non_null(strstr(xml, "&lt;a href=&quot;x&quot;&gt;&amp;?&#10;?]]&gt;</failure>"));
    assert_non_null(strstr(xml, "<failure type=\"worse\""));
    for (const char *c = xml; *c; c++)
        assert_true((unsigned char)*c >= 0x20 || *c == '\n');
    verdict_free(&v);
    graded_side_free(&a);
    graded_side_free(&b);
}

static void answers_come_back_as_recorded(void **state) {
    struct test_folder folder;
    char path[512];
    AUTO_BUF out = BUF_INIT(1 << 20);
    folder_make(&folder);
    make_suite(12, "runs: 3\n");
    struct graded_side a = grade(wrong_in_the_last_run, "m@7"), b;
    answers_write(&a.answers, suite, &out);
    snprintf(path, sizeof path, "%s/answers.jsonl", folder.path);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fwrite(out.p, 1, out.n, f);
    fputs("{\"id\": \"of another suite\", \"answer\": \"x\"}\n\n", f);
    fclose(f);
    const struct judge nobody = {0};
    struct answer_source *source = source_recorded(path, "m@7", &err);
    assert_non_null(source);
    assert_true(grade_side(&b, source, suite, &nobody, NULL, &err));
    assert_int_equal(b.given, 12);
    assert_int_equal(b.cases[5].runs_passed, 2);
    assert_true(b.cases[5].latency_ms == a.cases[5].latency_ms && b.cost_usd == a.cost_usd);
    answer_source_free(source);
    graded_side_free(&b);
    f = fopen(path, "w");
    fputs("{\"id\": 3, \"answer\": \"yes\"}\n{\"id\": \"4\", \"answer\": 5}\n{\"id\": \"5\"}\n", f);
    fclose(f);
    source = source_recorded(path, "m@7", &err);
    assert_false(grade_side(&b, source, suite, &nobody, NULL, &err));
    assert_non_null(strstr(err.message, "answers.jsonl:3: expected \"answer\""));
    answer_source_free(source);
    graded_side_free(&a);
    folder_remove(&folder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(cases_are_counted, teardown),
        cmocka_unit_test_teardown(runs_are_shared, teardown),
        cmocka_unit_test_teardown(rubrics_need_a_judge, teardown),
        cmocka_unit_test_teardown(a_verdict_without_a_baseline, teardown),
        cmocka_unit_test_teardown(few_cases_are_not_enough, teardown),
        cmocka_unit_test_teardown(a_verdict_against_a_baseline, teardown),
        cmocka_unit_test_teardown(a_lost_slice_is_worse_though_the_sum_is_not, teardown),
        cmocka_unit_test_teardown(reports_are_valid_whatever_was_said, teardown),
        cmocka_unit_test_teardown(answers_come_back_as_recorded, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
