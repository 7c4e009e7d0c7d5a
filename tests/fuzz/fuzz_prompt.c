/* A prompt template, a line "====", values: what is accepted renders to as many messages as the template has,
 * in JSON, or is refused with a reason and nothing written. */
#include "chat/prompt.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition) {
    if (!condition)
        abort();
}

static size_t render(const struct prompt *p, yyjson_val *values) {
    struct buf out = BUF_INIT(64 << 20);
    struct error err = {0};
    size_t count = 0;
    buf_add_char(&out, '[');
    if (prompt_render(p, values, &out, &err)) {
        buf_add_char(&out, ']');
        yyjson_doc *doc = yyjson_read(out.p, out.n, 0);
        must(doc != NULL);
        count = yyjson_arr_size(yyjson_doc_get_root(doc));
        must(count > 0);
        yyjson_doc_free(doc);
    } else {
        must(err.code != ERR_NONE && out.n == 1 && str_is_utf8(str_from(err.message), NULL));
    }
    buf_free(&out);
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct str text = {(const char *)data, size}, values = STR("{}");
    struct error err = {0};
    size_t at = str_find(text, STR("\n====\n"));
    if (at != SIZE_MAX) {
        values = str_slice(text, at + 6, text.n);
        text = str_slice(text, 0, at);
    }
    struct prompt *p = prompt_parse(text, &err);
    if (!p) {
        must(err.code != ERR_NONE && err.message[0]);
        return 0;
    }
    yyjson_doc *doc = json_parse(values, &err);
    size_t with = render(p, yyjson_doc_get_root(doc)), without = render(p, NULL);
    must(with == 0 || without == 0 || with == without);
    yyjson_doc_free(doc);
    prompt_unref(p);
    return 0;
}
