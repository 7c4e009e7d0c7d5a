#include "cli/listing.h"

enum { OUTPUT_MAX = 1 << 30 };

void listing_begin(struct listing *l, const char *const *heads, unsigned columns, bool json) {
    *l = (struct listing){.json = json, .table = table_new(heads, columns), .text = BUF_INIT(OUTPUT_MAX)};
    l->w = JSON_WRITER(&l->text);
    if (json)
        json_array(&l->w);
}

bool listing_end(struct listing *l, bool good) {
    if (good && l->json) {
        json_array_end(&l->w);
        puts(buf_terminated(&l->text) ? l->text.p : "[]");
    }
    if (good && !l->json)
        table_print(&l->table, stdout);
    else
        buf_free(&l->table.text);
    buf_free(&l->text);
    return good;
}
