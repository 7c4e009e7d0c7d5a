#include "unit.h"

#include "folder.h"

#include "evals/suite.h"

#include <stdio.h>

static struct test_folder folder;
static struct error err;
static struct suite *suite;

static int setup(void **state) {
    folder_make(&folder);
    return 0;
}

static int teardown(void **state) {
    suite_free(suite);
    suite = NULL;
    folder_remove(&folder);
    return 0;
}

static const char *write_file(const char *name, const char *text) {
    static char path[512];
    snprintf(path, sizeof path, "%s/%s", folder.path, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    return path;
}

static void make_folder(const char *name) {
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder.path, name);
    assert_int_equal(mkdir(path, 0777), 0);
}

static void load(const char *name, const char *text) {
    suite_free(suite);
    suite = NULL;
    if (!suite_load(write_file(name, text), &suite, &err))
        fail_msg("%s", err.message);
}

static void parse(const char *text) {
    suite_free(suite);
    suite = NULL;
    if (!suite_parse(str_from(text), "t.yaml", &suite, &err))
        fail_msg("%s", err.message);
}

static void refused_as(const char *name, const char *text, const char *why) {
    struct suite *none = NULL;
    if (suite_parse(str_from(text), name, &none, &err))
        fail_msg("accepted: %s", text);
    if (!strstr(err.message, why))
        fail_msg("\"%s\" has no \"%s\"", err.message, why);
}

static void refused(const char *text, const char *why) {
    refused_as("t.yaml", text, why);
}

static void the_own_form(void **state) {
    parse("name: routing\n"
          "endpoint: tickets\n"
          "baseline: tickets@1\n"
          "minimum: 0.9\n"
          "margin: 0.02\n"
          "cases: 50\n"
          "runs: 3\n"
          "assert:\n"
          "  - latency: 500\n"
          "tests:\n"
          "  - id: first\n"
          "    text: Where is my order?\n"
          "    label: shipping\n"
          "    slice: english\n"
          "  - features: {amount: 3, items: \"4\", country: DE, gone: null, sure: true}\n"
          "    assert:\n"
          "      - contains: \"3\"\n"
          "      - not-contains: x\n");
    assert_str(suite->name, "routing");
    assert_str(suite->endpoint, "tickets");
    assert_str(suite->baseline, "tickets@1");
    assert_true(suite->minimum == 0.9 && suite->margin == 0.02);
    assert_int_equal(suite->cases_minimum, 50);
    assert_int_equal(suite->runs, 3);
    assert_int_equal(suite->case_count, 2);
    assert_false(suite->chat);
    const struct suite_case *a = &suite->cases[0], *b = &suite->cases[1];
    assert_str(a->id, "first");
    assert_str(a->label, "shipping");
    assert_str(a->slice, "english");
    assert_int_equal(a->line, 11);
    assert_int_equal(a->assertion_count, 2);
    assert_int_equal(a->assertions[0]->kind, ASSERT_LATENCY);
    assert_int_equal(a->assertions[1]->kind, ASSERT_EQUALS);
    assert_str(b->id, "2");
    assert_str(b->features, "{\"amount\":3,\"items\":\"4\",\"country\":\"DE\",\"gone\":null,\"sure\":true}");
    assert_int_equal(b->assertion_count, 3);
    assert_true(b->assertions[2]->negated);
    assert_int_equal(b->assertions[2]->line, 18);
    assert_int_equal(strlen(suite->hash), 64);
}

static void defaults(void **state) {
    parse("tests: [{text: a, label: b}]");
    assert_str(suite->name, "t");
    assert_int_equal(suite->cases_minimum, 200);
    assert_true(suite->minimum == 0 && suite->margin == 0.05);
    assert_int_equal(suite->runs, 1);
}

static void prompts_get_the_variables(void **state) {
    parse("prompt:\n"
          "  - {role: system, content: \"Speak {{language}}. Braces: \\\\{{x}}.\"}\n"
          "  - {role: user, content: \"{{ text }}\"}\n"
          "request: {temperature: 0, tools: [{type: function}]}\n"
          "judge: grader\n"
          "tests:\n"
          "  - text: \"say \\\"hi\\\"\"\n"
          "    vars: {language: German}\n"
          "    assert: [{rubric: \"is {{language}}\"}]\n");
    AUTO_BUF out = BUF_INIT(10000);
    suite_case_messages(&suite->cases[0], &out);
    assert_str(buf_str(&out), "[{\"role\":\"system\",\"content\":\"Speak German. Braces: {{x}}.\"},"
                              "{\"role\":\"user\",\"content\":\"say \\\"hi\\\"\"}]");
    assert_true(suite->chat);
    assert_str(suite->request, "{\"temperature\":0,\"tools\":[{\"type\":\"function\"}]}");
    assert_str(suite->cases[0].assertions[0]->value, "is German");
    assert_str(suite->judge, "grader");
    parse("kind: chat\ntests: [{text: a, label: b}]");
    buf_clear(&out);
    suite_case_messages(&suite->cases[0], &out);
    assert_str(buf_str(&out), "[{\"role\":\"user\",\"content\":\"a\"}]");
}

static void rows(void **state) {
    load("cases.csv",
         "id,text,label,slice\r\nx,\"Hi, you\",greeting,en\r\ny,\"Wer \"\"da\"\"?\",question,de\r\n");
    assert_int_equal(suite->case_count, 2);
    assert_str(suite->name, "cases");
    assert_str(suite->cases[1].text, "Wer \"da\"?");
    assert_str(suite->cases[1].label, "question");
    assert_str(suite->cases[1].slice, "de");
    assert_int_equal(suite->cases[1].line, 3);
    load("cases.jsonl", "{\"id\":\"x\",\"text\":\"Hi\",\"label\":\"greeting\",\"city\":\"Ulm\"}\n\n"
                        "{\"features\":{\"a\":1},\"label\":7,\"vars\":{\"k\":true}}\n");
    assert_int_equal(suite->case_count, 2);
    assert_str(suite->cases[0].variables[1].value, "Ulm");
    assert_str(suite->cases[1].features, "{\"a\":1}");
    assert_str(suite->cases[1].label, "7");
    assert_int_equal(suite->cases[1].line, 3);
}

static void data_stands_beside_the_suite(void **state) {
    char first[SHA256_HEX_SIZE];
    const char *text = "slice_by: label\n"
                       "columns: {text: frage, label: antwort}\n"
                       "assert: [{contains: \"{{hint}}\"}]\n"
                       "data: rows.csv\n"
                       "tests: [{id: own, text: a, label: b, vars: {hint: b}}]\n";
    write_file("rows.csv", "frage,antwort,hint\nwo?,hier,hie\n");
    load("s.yaml", text);
    assert_int_equal(suite->case_count, 2);
    assert_str(suite->cases[0].text, "wo?");
    assert_str(suite->cases[0].slice, "hier");
    assert_str(suite->cases[0].assertions[0]->value, "hie");
    assert_true(strstr(suite->cases[0].file, "rows.csv") != NULL);
    memcpy(first, suite->hash, sizeof first);
    write_file("rows.csv", "frage,antwort,hint\nwo?,dort,dor\n");
    load("s.yaml", text);
    assert_string_not_equal(first, suite->hash);
}

/* The whole of a file that a case asks about, and no other. */
static void asks_about(size_t at, const char *bytes, const char *label) {
    size_t n;
    char *read = suite_case_document(&suite->cases[at], &n, &err);
    if (!read)
        fail_msg("%s", err.message);
    assert_int_equal(n, strlen(bytes));
    assert_memory_equal(read, bytes, n);
    free(read);
    assert_str(suite->cases[at].label, label);
}

static void files_stand_beside_the_suite(void **state) {
    char hash[SHA256_HEX_SIZE];
    const char *yaml = "data: [rows.csv, lines.jsonl, pages/]\n"
                       "tests:\n  - file: one.txt\n    label: a\n";
    make_folder("pages");
    make_folder("pages/memo");
    write_file("one.txt", "one");
    write_file("two.txt", "two");
    write_file("pages/memo/three.txt", "three");
    write_file("rows.csv", "file,label,origin\ntwo.txt,b,scanner\n");
    write_file("lines.jsonl", "{\"file\": \"one.txt\", \"label\": \"c\", \"id\": \"x\"}\n");
    load("s.yaml", yaml);
    assert_int_equal(suite->case_count, 4);
    asks_about(0, "two", "b");
    asks_about(1, "one", "c");
    asks_about(2, "three", "memo");
    assert_str(suite->cases[2].id, "memo/three.txt");
    asks_about(3, "one", "a");
    memcpy(hash, suite->hash, sizeof hash);

    /* What is in them counts, then and now. */
    write_file("pages/memo/three.txt", "four!");
    size_t n;
    assert_null(suite_case_document(&suite->cases[2], &n, &err));
    assert_non_null(strstr(err.message, "was changed"));
    load("s.yaml", yaml);
    assert_string_not_equal(hash, suite->hash);
}

/* Beside a text it is a variable like others, and other names are said. */
static void a_column_of_files(void **state) {
    write_file("one.txt", "one");
    load("rows.csv", "text,label,file\nhello,b,none.pdf\n");
    assert_null(suite->cases[0].document.p);
    write_file("scans.csv", "text,label,scan\nnot asked,b,one.txt\n");
    load("s.yaml", "data: scans.csv\ncolumns: {file: scan}\n");
    asks_about(0, "one", "b");
    assert_null(suite->cases[0].text.p);
}

static void wrong_files(void **state) {
    struct suite *none = NULL;
    const struct {
        const char *yaml, *why;
    } bad[] = {
        {"tests:\n  - file: none.pdf\n    label: a\n", "s.yaml:2: "},
        {"tests:\n  - file: empty\n    label: a\n", "empty is empty"},
        {"tests:\n  - file: [a]\n    label: a\n", "file"},
        {"tests:\n  - file: one.txt\n    text: hello\n    label: a\n", "one of them"},
        {"prompt: hello\ntests:\n  - file: one.txt\n    label: a\n", "conversation"},
        {"data: nowhere/\n", "nowhere"},
    };
    write_file("one.txt", "one");
    write_file("empty", "");
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        if (suite_load(write_file("s.yaml", bad[i].yaml), &none, &err))
            fail_msg("accepted: %s", bad[i].yaml);
        if (!strstr(err.message, bad[i].why))
            fail_msg("\"%s\" has no \"%s\"", err.message, bad[i].why);
    }
    refused("tests:\n  - file: one.txt\n    label: a\n", "files are not read here");
    refused("data: pages/\n", "files are not read here");
}

static void rows_without_a_text_are_features(void **state) {
    load("cases.csv", "amount,country,label\n3.5,DE,fine\n,BR,check\n");
    assert_str(suite->cases[0].features, "{\"amount\":3.5,\"country\":\"DE\"}");
    assert_str(suite->cases[1].features, "{\"amount\":null,\"country\":\"BR\"}");
    /* A column in which one cell is no number is one of names. */
    load("cases.csv", "zip,amount,label\n\"89,073\",1,x\n89073,2,y\nAB1,3,z\n");
    assert_str(suite->cases[1].features, "{\"zip\":\"89073\",\"amount\":2}");
}

static void promptfoos_form(void **state) {
    write_file("greet.txt", "Greet {{name}} in {{language}}.");
    load("promptfooconfig.yaml", "# yaml-language-server: $schema=x\n"
                                 "description: greetings\n"
                                 "prompts:\n"
                                 "  - 'Say hello to {{name}} in {{language}}'\n"
                                 "  - file://greet.txt\n"
                                 "providers: [openai:gpt-4o, {id: x}]\n"
                                 "evaluateOptions: {repeat: 2}\n"
                                 "defaultTest:\n"
                                 "  vars: {language: English}\n"
                                 "  assert:\n"
                                 "    - type: not-icontains\n"
                                 "      value: as an AI\n"
                                 "tests:\n"
                                 "  - description: a friend\n"
                                 "    vars: {name: Ada, language: German}\n"
                                 "    assert:\n"
                                 "      - {type: contains, value: '{{name}}'}\n"
                                 "      - {type: is-json}\n"
                                 "      - {type: similar, value: Hallo Ada, threshold: 0.6}\n"
                                 "      - {type: llm-rubric, value: is polite}\n"
                                 "      - {type: latency, threshold: 2000}\n"
                                 "      - {type: cost, threshold: 0.01}\n"
                                 "  - vars: {name: Bob}\n"
                                 "    metadata: {slice: short}\n"
                                 "    assert:\n"
                                 "      - {type: contains-all, value: [a, b]}\n");
    assert_int_equal(suite->case_count, 4);
    assert_int_equal(suite->runs, 2);
    assert_true(suite->chat);
    const struct suite_case *a = &suite->cases[0], *b = &suite->cases[3];
    assert_str(a->id, "1: a friend #1");
    assert_str(a->slice, "prompt 1");
    assert_str(a->messages, "[{\"role\":\"user\",\"content\":\"Say hello to Ada in German\"}]");
    assert_int_equal(a->assertion_count, 7);
    assert_str(a->assertions[1]->value, "Ada");
    assert_true(a->assertions[3]->threshold == 0.6);
    assert_true(a->assertions[5]->number == 2000 && a->assertions[6]->number == 0.01);
    assert_str(b->messages, "[{\"role\":\"user\",\"content\":\"Greet Bob in English.\"}]");
    assert_str(b->slice, "short");
    assert_int_equal(b->assertion_count, 3);
}

static void more_of_promptfoos_form(void **state) {
    write_file("prompts.txt", "Say {{x}}.\n---\nShout {{x}}.\n");
    write_file("schema.json", "{\"type\": \"object\"}");
    load("f.yaml", "prompts: prompts.txt\n"
                   "assertionTemplates: {loud: {type: icontains, value: arrr}}\n"
                   "defaultTest: {options: {provider: openai:gpt-4o}}\n"
                   "tests:\n"
                   "  - vars: {x: a}\n"
                   "  - vars: {x: b}\n"
                   "    assert:\n"
                   "      - $ref: '#/assertionTemplates/loud'\n"
                   "      - {type: is-json, value: file://schema.json}\n"
                   "      - {type: equals, value: {a: [1, 2], b: x}}\n");
    assert_int_equal(suite->case_count, 2);
    assert_int_equal(suite->left_out, 1);
    const struct suite_case *c = &suite->cases[1];
    assert_str(c->messages, "[{\"role\":\"user\",\"content\":\"Shout b.\"}]");
    assert_str(c->assertions[0]->value, "arrr");
    assert_non_null(c->assertions[1]->schema);
    struct answer answer = ANSWER_NONE;
    struct assertion_outcome o;
    answer.text = STR("{\"b\": \"x\", \"a\": [1, 2]}");
    assertion_check(c->assertions[2], c, &answer, &o);
    assert_true(o.passed);
    answer.text = STR("{\"b\": \"x\", \"a\": [2, 1]}");
    assertion_check(c->assertions[2], c, &answer, &o);
    assert_false(o.passed);
    refused("prompts: [a]\ntests:\n  - assert: [{$ref: '#/assertionTemplates/none'}]\n", "t.yaml:3: $ref");
    refused("prompts: [a]\ndefaultTest: {options: {transform: x}}\ntests: []", "no key \"transform\"");
}

static void prompts_as_messages(void **state) {
    parse("prompts: ['[{\"role\":\"system\",\"content\":\"Be "
          "brief.\"},{\"role\":\"user\",\"content\":\"{{q}}\"}]']\n"
          "tests: [{vars: {q: 'a \"b\"'}, assert: [{type: contains, value: x}]}]");
    assert_str(
        suite->cases[0].messages,
        "[{\"role\":\"system\",\"content\":\"Be brief.\"},{\"role\":\"user\",\"content\":\"a \\\"b\\\"\"}]");
    assert_str(suite->cases[0].text, "a \"b\"");
}

static void what_is_wrong_is_said_with_its_line(void **state) {
    refused("", "t.yaml:1: a suite is a mapping");
    refused("tests: 3", "t.yaml:1: tests: expected a list");
    refused("name: x\n", "there is no case");
    refused("tests:\n  - text: a\n", "t.yaml:2: the case has neither a label nor an assertion");
    refused("minimun: 0.9\ntests: []", "t.yaml:1: a suite has no key \"minimun\"; did you mean \"minimum\"?");
    refused("minimum: 90\ntests: []", "t.yaml:1: minimum: expected a number from 0 to 1");
    refused("name: a\nname: b\n", "a second time");
    refused("tests:\n  - {id: a, text: a, label: b}\n  - {id: a, text: b, label: c}\n",
            "t.yaml:3: a second case \"a\"");
    refused("tests:\n  - text: a\n    assert:\n      - contain: x\n",
            "t.yaml:4: there is no assertion \"contain\"; did you");
    refused("tests:\n  - text: a\n    assert:\n      - regex: '('\n", "t.yaml:4: regex");
    refused("tests:\n  - text: a\n    assert:\n      - lua: 'x ='\n", "t.yaml:4: lua");
    refused("tests:\n  - text: a\n    assert:\n      - schema: {type: 7}\n", "t.yaml:4: the schema");
    refused("tests:\n  - text: a\n    assert:\n      - contains: ''\n",
            "an empty value holds of every answer");
    refused("tests:\n  - text: a\n    assert: [{latency: -1}]\n", "0 or more");
    refused("tests:\n  - text: a\n    assert: [{number: many}]\n", "number");
    refused("tests:\n  - text: a\n    assert: [{contains: x, regex: y}]\n", "one key");
    refused("tests:\n  - text: a\n    assert: [x]\n", "expected a mapping");
    refused("tests:\n  - text: a\n    assert: [{contains: '{{b}}'}]\n", "no variable \"b\"");
    refused("tests:\n  - text: a\n    assert: [{contains: '{{text | upper}}'}]\n",
            "takes the name of a variable");
    refused("tests:\n  - text: a\n    assert: [{contains: '{% if x %}'}]\n", "{%");
    refused("tests:\n  - text: a\n    assert: [{contains: '{{text'}]\n", "without its");
    refused("data: rows.txt\n", ".csv or .jsonl");
    refused("request: {model: x}\ntests: []", "evaluation's own");
    refused("tests: [\n", "t.yaml:2: not valid YAML");
    refused("tests: [{text: a, label: b}]\n\tx: 1\n", "tab");
    refused_as("t.csv", "text,label\na\n", "t.csv:2: 1 columns, expected the header's 2");
    refused_as("t.csv", "text,label\na,\n", "t.csv:2: the label is empty");
    refused_as("t.csv", "text,label,text\na,b,c\n", "t.csv:1: a second column \"text\"");
    refused_as("t.csv", "text,label\n\"a,b\n", "t.csv:2");
    refused_as("t.csv", "", "t.csv:1: expected a header");
    refused_as("t.jsonl", "{\"text\":\"a\",\"label\":\"b\"}\n{\"text\":\n", "t.jsonl:2: ");
    refused_as("t.jsonl", "[]\n", "t.jsonl:1: expected an object");
}

static void what_promptfoo_has_and_we_have_not_is_refused(void **state) {
#define TEST(assertion) "prompts: [a]\ntests:\n  - vars: {x: y}\n    assert:\n      - " assertion "\n"
    refused(TEST("{type: javascript, value: 'output.length < 5'}"),
            "t.yaml:5: the assertion \"javascript\" is not supported");
    refused(TEST("{type: not-python, value: x}"), "\"python\" is not supported");
    refused(TEST("{type: perplexity, threshold: 3}"), "there is no assertion \"perplexity\"");
    refused(TEST("{type: contains, value: x, weight: 2}"), "weight");
    refused(TEST("{type: contains, value: x, transform: y}"), "no key \"transform\"");
    refused("prompts: [a]\ntests: file://tests.csv\n", "files of tests are not read");
    refused("prompts: [a]\ntests: [{vars: {x: [1, 2]}, assert: [{type: contains, value: a}]}]",
            "several tests");
    refused("prompts: [a]\ntests: [{vars: {x: 'file://y'}, assert: [{type: contains, value: a}]}]",
            "from a file");
    refused("prompts: [a]\ntests: [{threshold: 0.5, assert: [{type: contains, value: a}]}]", "threshold");
    refused("prompts: ['{{missing}}']\ntests: [{assert: [{type: contains, value: a}]}]",
            "no variable \"missing\"");
    refused("prompts: ['file://x.py']\ntests: []", ".txt, .md or .json");
    refused("prompts: [a]\nscenarios: []\ntests: []", "no key \"scenarios\"");
}

static void hostile_documents_stay_small(void **state) {
    /* Each level names the one before ten times. */
    char text[4000] = "x0: &x0 [a, a, a, a, a, a, a, a, a, a]\n";
    for (int i = 1; i < 12; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text),
                 "x%d: &x%d [*x%d, *x%d, *x%d, *x%d, *x%d, *x%d, *x%d, *x%d, *x%d, *x%d]\n", i, i, i - 1,
                 i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
    refused(text, "no key");
    char laughs[4000] = "request:\n";
    for (const char *at = text; *at;) {
        const char *end = strchr(at, '\n');
        snprintf(laughs + strlen(laughs), sizeof laughs - strlen(laughs), "  %.*s\n", (int)(end - at), at);
        at = end + 1;
    }
    strcat(laughs, "tests: [{text: a, label: b}]\n");
    refused(laughs, "bytes of JSON");
    refused("request: &a {x: *a}\ntests: [{text: a, label: b}]", "levels");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_own_form, setup, teardown),
        cmocka_unit_test_setup_teardown(defaults, setup, teardown),
        cmocka_unit_test_setup_teardown(prompts_get_the_variables, setup, teardown),
        cmocka_unit_test_setup_teardown(rows, setup, teardown),
        cmocka_unit_test_setup_teardown(data_stands_beside_the_suite, setup, teardown),
        cmocka_unit_test_setup_teardown(rows_without_a_text_are_features, setup, teardown),
        cmocka_unit_test_setup_teardown(promptfoos_form, setup, teardown),
        cmocka_unit_test_setup_teardown(more_of_promptfoos_form, setup, teardown),
        cmocka_unit_test_setup_teardown(files_stand_beside_the_suite, setup, teardown),
        cmocka_unit_test_setup_teardown(a_column_of_files, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_files, setup, teardown),
        cmocka_unit_test_setup_teardown(prompts_as_messages, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_wrong_is_said_with_its_line, setup, teardown),
        cmocka_unit_test_setup_teardown(what_promptfoo_has_and_we_have_not_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(hostile_documents_stay_small, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
