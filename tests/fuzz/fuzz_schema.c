/* A JSON Schema, a newline, an instance: compiling refuses with a place, checking ends, and what it says is
 * UTF-8. Noting faults must not change the outcome. */
#include "guard/schema.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition) {
    if (!condition)
        abort();
}

static void check(const struct schema *schema, yyjson_val *instance) {
    struct schema_verdict verdict;
    struct buf out = BUF_INIT(1 << 20);
    enum schema_outcome noted = schema_check(schema, instance, 20000, &verdict);
    enum schema_outcome quick = schema_check(schema, instance, 20000, NULL);
    must(noted == quick || noted == SCHEMA_UNDECIDED || quick == SCHEMA_INVALID);
    must((noted == SCHEMA_VALID) == (verdict.count == 0) && verdict.kept <= SCHEMA_FAULTS_MAX);
    schema_explain(&verdict, &out);
    schema_explain_briefly(&verdict, &out);
    must(!out.failed && str_is_utf8(buf_str(&out), NULL));
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct error err = {0};
    struct schema_options options = {.assert_formats = true};
    struct str rest = {(const char *)data, size};
    struct str first = str_split(&rest, '\n');
    yyjson_doc *json = json_parse(first, &err), *instance = json_parse(rest, &err);
    if (json) {
        struct schema *schema = schema_compile(yyjson_doc_get_root(json), &options, &err);
        must(schema || (err.code != ERR_NONE && err.message[0]));
        if (schema && instance)
            check(schema, yyjson_doc_get_root(instance));
        schema_unref(schema);
    }
    yyjson_doc_free(json);
    yyjson_doc_free(instance);
    return 0;
}
