#include "evals/report.h"

#include "../../unit/unit.h"
#include "folder.h"
#include "failing_allocations.h"

static const char text[] =
    "name: s\nprompt: [{role: system, content: \"Speak {{language}}\"}, {role: user, content: "
    "\"{{text}}\"}]\n"
    "request: {temperature: 0}\ncases: 1\n"
    "assert: [{not-contains: \"{{language}}\"}]\n"
    "tests:\n- text: a\n  label: \"3\"\n  slice: x\n  vars: {language: German}\n  assert:\n"
    "  - regex: '^\\d$'\n  - schema: {type: integer}\n  - lua: 'answer.text == \"3\"'\n"
    "  - contains-any: [\"3\", \"4\"]\n  - similar: {to: \"3\", at_least: 0.5}\n"
    "- text: b\n  slice: y\n  vars: {language: French}\n  assert: [{not-tool: {name: t, arguments: {a: "
    "1}}}]\n";
static const char promptfoo[] =
    "prompts: ['[{\"role\":\"user\",\"content\":\"{{x}}\"}]', b]\ntests:\n- description: d\n  vars: {x: y}\n"
    "  assert: [{type: contains-all, value: [a, '{{x}}']}]\n";

enum { PLENTY = 1000000 };

/* How many allocations a reading makes: arenas take blocks, but under AddressSanitizer each piece by itself.
 */
static long allocations_of(const char *from, const char *name) {
    struct error err = {0};
    struct suite *s;
    allocations_left = PLENTY;
    assert_true(suite_parse(str_from(from), name, &s, &err));
    long made = PLENTY - allocations_left;
    allocations_left = -1;
    suite_free(s);
    return made;
}

/* Each of them fails in turn, and no failure is passed over. */
static struct suite *read_all(const char *from, const char *name, size_t cases) {
    long failures = 0, all = allocations_of(from, name);
    struct suite *s = NULL;
    for (bool good = false; !good; failures++) {
        struct error err = {0};
        allocations_left = failures;
        good = suite_parse(str_from(from), name, &s, &err);
        allocations_left = -1;
        if (!good)
            if (!strstr(err.message, "emory") && !strstr(err.message, "compiled schema"))
                fail_msg("%s: \"%s\"", name, err.message);
    }
    assert_int_equal(failures - 1, all);
    assert_int_equal(s->case_count, cases);
    return s;
}

static void reading_a_suite_fails_clearly(void **state) {
    suite_free(read_all(promptfoo, "p.yaml", 2));
    suite_free(read_all("text,label,slice\na,b,c\nd,e,f\n", "s.csv", 2));
    suite_free(read_all("{\"text\":\"a\",\"label\":3}\n", "s.jsonl", 1));
}

static void put(const struct test_folder *f, const char *name, const char *bytes) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", f->path, name);
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    fputs(bytes, out);
    fclose(out);
}

/* Cases that ask about files: named, and a folder of them. */
static void reading_files_fails_clearly(void **state) {
    struct test_folder f;
    char path[512];
    long failures = 0;
    folder_make(&f);
    snprintf(path, sizeof path, "%s/pages", f.path);
    assert_int_equal(mkdir(path, 0777), 0);
    snprintf(path, sizeof path, "%s/pages/memo", f.path);
    assert_int_equal(mkdir(path, 0777), 0);
    put(&f, "pages/memo/a.txt", "hello");
    put(&f, "pages/memo/b.txt", "there");
    put(&f, "rows.csv", "file,label\npages/memo/a.txt,x\n");
    put(&f, "s.yaml", "data: [rows.csv, pages/]\ntests:\n- file: pages/memo/b.txt\n  label: y\n");
    snprintf(path, sizeof path, "%s/s.yaml", f.path);
    for (bool good = false; !good; failures++) {
        struct suite *s = NULL;
        struct error err = {0};
        allocations_left = failures;
        good = suite_load(path, &s, &err);
        allocations_left = -1;
        if (good)
            assert_int_equal(s->case_count, 4);
        else if (!strstr(err.message, "emory"))
            fail_msg("%s", err.message);
        suite_free(s);
    }
    assert_true(failures > 20);
    folder_remove(&f);
}

static bool answer_three(struct answer_source *source, const struct suite *s, const struct progress *progress,
                         struct answers *out, struct error *err) {
    for (size_t i = 0; i < out->count; i++) {
        struct answer a = ANSWER_NONE;
        a.given = true;
        a.text = STR("3");
        a.model = a.problem = STR("");
        if (!answers_set(out, i, &a, err))
            return false;
    }
    return true;
}

/* An assertion that ran out of memory has not passed, whichever way it is asked; all else is an error. */
static void judging_fails_clearly(void **state) {
    struct suite *s = read_all(text, "s.yaml", 2);
    const struct judge nobody = {0};
    long failures = 0;
    for (bool good = false; !good; failures++) {
        struct answer_source source = {.name = "x", .ask = answer_three};
        struct graded_side a = {0}, b = {0};
        struct verdict v = {0};
        struct error err = {0};
        AUTO_BUF out = BUF_INIT(REPORT_MAX);
        allocations_left = failures;
        good = grade_side(&a, &source, s, &nobody, NULL, &err) &&
               grade_side(&b, &source, s, &nobody, NULL, &err) && verdict_reach(&v, s, &a, &b, &err);
        if (good) {
            const struct report r = {s, &a, &b, &v};
            report_json(&r, true, &out);
            report_junit(&r, &out);
            good = !out.failed && a.passed == 2 && b.passed == 2;
        } else {
            assert_int_equal(err.code, ERR_NO_MEMORY);
        }
        allocations_left = -1;
        verdict_free(&v);
        graded_side_free(&a);
        graded_side_free(&b);
    }
    assert_true(failures > 20);
    suite_free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reading_a_suite_fails_clearly),
        cmocka_unit_test(reading_files_fails_clearly),
        cmocka_unit_test(judging_fails_clearly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
