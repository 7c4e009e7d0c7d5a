/* A version's confidence policy in its manifest: any bytes are refused with words, or are thresholds and a
 * score that gives a probability for whatever a backend answers and that reads back as it was written. */
#include "models/policy.h"

#include "base/check.h"

enum { LABELS = 3 };

static void judge(const struct policy *p) {
    static const float values[] = {0, 1, 0.5F, 1e-30F, 0.999999F};
    for (size_t i = 0; i < ARRAY_COUNT(values); i++) {
        struct model_answer a = {
            .label = (unsigned)i % LABELS,
            .confidence = values[i],
            .novelty = values[ARRAY_COUNT(values) - 1 - i],
            .top = {{(unsigned)i % LABELS, values[i]}, {LABELS - 1, (1 - values[i]) / 2}},
            .top_count = i % 3};
        struct policy_facts facts = {i << (8 * i), values[i]};
        float score = policy_score(p, &a, &facts);
        CHECK(score >= 0 && score <= 1);
        policy_apply(p, &facts, &a);
        CHECK(a.confidence >= 0 && a.confidence <= 1);
        for (size_t k = 0; k < a.top_count; k++)
            CHECK(a.top[k].confidence >= 0 && a.top[k].confidence <= 1);
    }
}

static void write_and_read(const struct policy *p) {
    AUTO_BUF text = BUF_INIT(1 << 20);
    struct json_writer w = JSON_WRITER(&text);
    struct policy again;
    struct error err = {0};
    json_object(&w);
    policy_write(p, &w);
    json_object_end(&w);
    yyjson_doc *doc = json_parse(buf_str(&text), &err);
    CHECK(doc && policy_read(&again, yyjson_doc_get_root(doc), LABELS, &err));
    CHECK(again.accept == p->accept && again.review == p->review && again.fitted == p->fitted);
    for (int i = 0; p->fitted && i < POLICY_TERMS; i++)
        CHECK(again.weights[i] == p->weights[i]);
    yyjson_doc_free(doc);
    policy_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct error err = {0};
    struct policy p;
    yyjson_doc *doc = json_parse((struct str){(const char *)data, size}, &err);
    if (!doc)
        return 0;
    if (policy_read(&p, yyjson_doc_get_root(doc), LABELS, &err)) {
        CHECK(p.accept >= 0 && p.accept <= 1 && p.review >= 0 && p.review <= 1);
        judge(&p);
        write_and_read(&p);
        policy_free(&p);
    } else
        CHECK(err.code != ERR_NONE && err.message[0] && !p.fitted);
    yyjson_doc_free(doc);
    return 0;
}
