/* JSON from outside: whatever json_parse accepts has unique keys and bounded depth, and survives being
 * written and read again; whatever bytes json_str is given, what it writes is JSON. */
#include "base/json.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition) {
    if (!condition)
        abort();
}

static void reads_what_it_accepted(struct str text) {
    struct error err;
    yyjson_doc *doc = json_parse(text, &err);
    if (!doc) {
        must(err.code == ERR_INVALID_JSON && err.message[0] != '\0' &&
             str_is_utf8(str_from(err.message), NULL));
        return;
    }
    must(str_is_utf8(text, NULL));
    size_t n;
    char *again = yyjson_write(doc, YYJSON_WRITE_NOFLAG, &n);
    must(again != NULL);
    yyjson_doc *second = json_parse((struct str){again, n}, &err);
    must(second != NULL && yyjson_equals(yyjson_doc_get_root(doc), yyjson_doc_get_root(second)));
    yyjson_doc_free(second);
    free(again);
    yyjson_doc_free(doc);
}

static void writes_any_bytes_as_json(struct str bytes) {
    struct buf out = BUF_INIT(16 << 20);
    struct json_writer w = JSON_WRITER(&out);
    json_str(&w, bytes);
    struct error err;
    yyjson_doc *doc = json_parse(buf_str(&out), &err);
    must(doc != NULL);
    if (str_is_utf8(bytes, NULL))
        must(str_eq(json_str_of(yyjson_doc_get_root(doc)), bytes));
    yyjson_doc_free(doc);
    buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct str text = {(const char *)data, size};
    reads_what_it_accepted(text);
    writes_any_bytes_as_json(text);
    return 0;
}
