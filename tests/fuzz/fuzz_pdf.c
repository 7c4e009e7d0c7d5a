/* A PDF's whole way through the sandboxed programs, as a request takes it. A crash of poppler is
 * not ours and must come back as an error, a crash of ours is a finding. The programs are those of the build
 * that tests/fuzz/run makes, unless PENSTOCK_PARSER says otherwise. */
#include "documents/documents.h"

#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct parser_pool *pool;
    struct document_result *result = NULL;
    struct error err = {0};
    if (!pool) {
        const char *own = getenv("PENSTOCK_PARSER");
        const struct parser_pool_options options = {
            .workers = 1, .parser_program = own ? own : "build-fuzz/penstock-parser"};
        pool = parser_pool_new(&options, &err);
        if (!pool) {
            fprintf(stderr, "%s\n", err.message);
            abort();
        }
    }
    const struct document_limits limits = {
        .wall_ms = 3000, .cpu_seconds = 2, .quick_ms = 100, .max_pages = 3};
    if (documents_extract(pool, (struct str){(const char *)data, size}, DOCUMENT_VISUAL | DOCUMENT_OCR_QUICK,
                          &limits, 0, &result, &err)) {
        if (result->pages == 0 || !str_is_utf8(result->text, NULL))
            abort();
    } else if (err.code == ERR_NONE || err.message[0] == '\0') {
        abort();
    }
    document_result_free(result);
    return 0;
}
