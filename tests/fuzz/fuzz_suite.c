/* A suite of any bytes, in each form: refused with a reason that names the file, or every case has an
 * assertion that can be asked of an answer, and messages that are JSON. Or a judge's verdict, or a chat's
 * reply. The first byte says which. */
#include "base/check.h"
#include "evals/chat_reply.h"
#include "evals/judge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const names[] = {"f.yaml", "f.csv", "f.jsonl"};

static void look_at(const struct suite_case *c) {
    struct answer answer = ANSWER_NONE;
    struct assertion_outcome outcome;
    AUTO_BUF out = BUF_INIT(16 << 20);
    CHECK(c->id.p && c->slice.p && c->file && c->assertion_count > 0);
    suite_case_messages(c, &out);
    yyjson_doc *doc = json_parse(buf_str(&out), NULL);
    CHECK(yyjson_is_arr(yyjson_doc_get_root(doc)));
    yyjson_doc_free(doc);
    answer.given = true;
    answer.text = c->text.p ? c->text : STR("{\"a\": -1,234.5}");
    answer.tools = STR("[{\"name\":\"a\",\"arguments\":{\"b\":[1]}}]");
    answer.model = STR("m");
    for (size_t i = 0; i < c->assertion_count && i < 8; i++) {
        buf_clear(&out);
        assertion_describe(c->assertions[i], &out);
        if (c->assertions[i]->kind == ASSERT_RUBRIC)
            continue;
        assertion_check(c->assertions[i], c, &answer, &outcome);
        CHECK(outcome.passed == (outcome.reason[0] == '\0'));
        CHECK(outcome.score >= 0 && outcome.score <= 1 && str_is_utf8(str_from(outcome.reason), NULL));
    }
}

static void look_at_verdict(struct str text) {
    const struct assertion rubric = {.kind = ASSERT_RUBRIC, .value = STR("is polite"), .threshold = NAN};
    struct assertion_outcome outcome;
    if (!judge_verdict_read(text, &rubric, &outcome))
        return;
    CHECK(outcome.score >= 0 && outcome.score <= 1 && outcome.passed == (outcome.reason[0] == '\0'));
    CHECK(str_is_utf8(str_from(outcome.reason), NULL));
}

static void look_at_reply(struct str body) {
    struct chat_words words;
    struct error err = {0};
    if (!chat_words_read(body, &words, &err))
        CHECK(err.code != ERR_NONE);
    else if (words.tools.n) {
        yyjson_doc *doc = json_parse(buf_str(&words.tools), NULL);
        CHECK(yyjson_is_arr(yyjson_doc_get_root(doc)));
        yyjson_doc_free(doc);
    }
    chat_words_free(&words);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct error err = {0};
    struct suite *suite;
    if (size == 0)
        return 0;
    const struct str text = {(const char *)data + 1, size - 1};
    if (data[0] == 'v' || data[0] == 'w') {
        (data[0] == 'v' ? look_at_verdict : look_at_reply)(text);
        return 0;
    }
    const char *name = names[data[0] % ARRAY_COUNT(names)];
    if (!suite_parse(text, name, &suite, &err)) {
        CHECK(err.code != ERR_NONE && err.message[0]);
        return 0;
    }
    for (size_t i = 0; i < suite->case_count && i < 16; i++)
        look_at(&suite->cases[i]);
    suite_free(suite);
    return 0;
}
