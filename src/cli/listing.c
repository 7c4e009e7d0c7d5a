#include "cli/listing.h"

#include "base/clock.h"

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

static bool read_time(const char *text, const char *option, int64_t *out, struct error *err) {
    return clock_parse(str_from(text), out) ||
           fail(err, ERR_USAGE,
                "%s is \"%.40s\"; expected a time in UTC, such as 2026-11-20T13:05:00Z, or a day", option,
                text);
}

bool listing_from(const char *text, int64_t *since, struct error *err) {
    return read_time(text, "--from", since, err);
}

bool listing_to(const char *text, int64_t *until, struct error *err) {
    if (!read_time(text, "--to", until, err))
        return false;
    *until -= 1;
    return true;
}
