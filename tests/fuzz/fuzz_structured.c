/* A line of JSON (a schema, or the log-probabilities of tokens), then an answer: looking at them ends, what
 * is said of an answer is UTF-8, what is sure is between 0 and 1, and an answer agrees with itself. */
#include "chat/schema_subset.h"
#include "chat/structured.h"

#include <math.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition) {
    if (!condition)
        abort();
}

static void check(const struct schema *schema, struct str answer) {
    static struct structured_verdict v;
    struct buf out = BUF_INIT(1 << 20);
    struct error err;
    structured_check(schema, answer, &v);
    must(v.json.p >= answer.p && v.json.p + v.json.n <= answer.p + answer.n);
    structured_explain(&v, &out);
    must(!out.failed && str_is_utf8(buf_str(&out), NULL));
    buf_clear(&out);
    buf_add_char(&out, '[');
    structured_repair_turns(&v, answer, 1000, &out);
    buf_add_char(&out, ']');
    yyjson_doc *turns = json_parse(buf_str(&out), &err);
    must(yyjson_arr_size(yyjson_doc_get_root(turns)) == 2);
    yyjson_doc_free(turns);
    buf_free(&out);
}

static void weigh(yyjson_val *logprobs) {
    double all = structured_confidence(logprobs), label = structured_field_confidence(logprobs, STR("label"));
    must(isnan(all) || (all >= 0 && all <= 1));
    must(isnan(label) || (label >= 0 && label <= 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct error err = {0};
    struct str answer = {(const char *)data, size};
    struct str first = str_split(&answer, '\n'), twice[2] = {answer, answer};
    size_t commonest = 1;
    yyjson_doc *doc = json_parse(first, &err);
    yyjson_val *root = yyjson_doc_get_root(doc);
    struct schema *schema = root ? schema_compile(root, NULL, &err) : NULL;
    if (schema) {
        schema_is_sendable(root, DIALECT_OPENAI);
        schema_is_sendable(root, DIALECT_ANTHROPIC);
        check(schema, answer);
    }
    weigh(root);
    must(structured_agreement(twice, 2, &commonest) == 1 && commonest == 0);
    schema_unref(schema);
    yyjson_doc_free(doc);
    return 0;
}
