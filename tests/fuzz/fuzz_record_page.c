/* A page of records from a store that was damaged or made by somebody: opened and read whole. */
#include "watch/record_page.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was read must be writable again, and read the same. */
static void write_again(struct page_reader *r) {
    static struct page_reader again;
    struct page_writer w;
    uint32_t stages[EVENT_STAGES_MAX] = {0};
    page_writer_init(&w);
    page_read(r, 0);
    if (r->rows[0] > 0 && page_add(&w, &r->event, r->rows[0], stages, NULL)) {
        if (!page_open(&again, buf_str(&w.bytes), w.first, NULL, 0, NULL) || again.count != 1)
            abort();
        page_read(&again, 0);
        if (!str_eq(again.event.request_id, r->event.request_id) ||
            !str_eq(again.event.prediction, r->event.prediction) || again.event.status != r->event.status ||
            again.event.total_us != r->event.total_us || again.event.stage_count != r->event.stage_count)
            abort();
    }
    page_writer_free(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct page_reader r;
    static const char *const names[] = {NULL, "infer", "record"};
    char *copy = malloc(size ? size : 1); /* of just this size, so that overruns are seen */
    if (!copy)
        return 0;
    memcpy(copy, data, size);
    if (page_open(&r, (struct str){copy, size}, 1794000000000000, names, ARRAY_COUNT(names), NULL)) {
        for (unsigned i = 0; i < r.count; i++)
            page_read(&r, i);
        if (r.count > 0)
            write_again(&r);
    }
    free(copy);
    return 0;
}
