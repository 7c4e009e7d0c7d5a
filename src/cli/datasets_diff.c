#include "cli/datasets_diff.h"

#include "base/json.h"
#include "cli/table.h"

enum { OUTPUT_MAX = 1 << 30 };

struct diffing {
    const struct datasets_diff *wish;
    struct table table;
    struct json_writer *w;
    size_t counts[DATASET_CHANGES];
};

static void place_of(const struct dataset_manifest *m, const struct dataset_row *row, char *out,
                     size_t size) {
    if (m->kind == DATASET_FILES)
        str_put(row->path, out, size);
    else
        snprintf(out, size, "line %llu", (unsigned long long)row->line);
}

static void write_side(const char *key, const struct dataset_manifest *m, const struct dataset_row *row,
                       struct json_writer *w) {
    char hex[SHA256_HEX_SIZE];
    json_key(w, key);
    if (!row) {
        json_null(w);
        return;
    }
    sha256_hex(row->hash, hex);
    json_object(w);
    if (m->kind == DATASET_FILES)
        json_field_str(w, "path", row->path);
    else
        json_field_int(w, "line", (int64_t)row->line);
    json_field_str(w, "label", m->labels[row->label]);
    json_field_int(w, "size", (int64_t)row->size);
    json_field_str(
        w, "hash",
        str_slice(str_from(hex), 0, m->kind == DATASET_FILES ? SIZE_MAX : 2 * DATASET_ROW_HASH_SIZE));
    json_object_end(w);
}

static void add_change(enum dataset_change change, const struct dataset_row *a, const struct dataset_row *b,
                       void *ctx) {
    struct diffing *d = ctx;
    char place[DATASET_PATH_MAX + 1];
    if (d->counts[change]++ >= d->wish->limit)
        return;
    if (d->w) {
        json_object(d->w);
        json_field_text(d->w, "change", dataset_change_name(change));
        write_side("a", d->wish->a, a, d->w);
        write_side("b", d->wish->b, b, d->w);
        json_object_end(d->w);
        return;
    }
    table_cell(&d->table, str_from(dataset_change_name(change)));
    if (b)
        place_of(d->wish->b, b, place, sizeof place);
    else
        place_of(d->wish->a, a, place, sizeof place);
    table_cell(&d->table, str_from(place));
    table_cell(&d->table, a ? d->wish->a->labels[a->label] : STR(""));
    table_cell(&d->table, b ? d->wish->b->labels[b->label] : STR(""));
}

static bool print_diff(struct diffing *d, struct error *err) {
    static const char *const heads[] = {"CHANGE", "ROW", "LABEL BEFORE", "LABEL AFTER"};
    size_t same;
    d->table = table_new(heads, ARRAY_COUNT(heads));
    if (!dataset_manifest_diff(d->wish->a, d->wish->b, &same, add_change, d, err)) {
        buf_free(&d->table.text);
        return false;
    }
    printf("%zu the same", same);
    for (int i = 0; i < DATASET_CHANGES; i++)
        printf(", %zu %s", d->counts[i], dataset_change_name((enum dataset_change)i));
    putchar('\n');
    if (d->table.filled)
        table_print(&d->table, stdout);
    else
        buf_free(&d->table.text);
    return true;
}

static bool write_diff(struct diffing *d, struct error *err) {
    AUTO_BUF out = BUF_INIT(OUTPUT_MAX);
    struct json_writer w = JSON_WRITER(&out);
    size_t same;
    d->w = &w;
    json_object(&w);
    json_key(&w, "changes");
    json_array(&w);
    if (!dataset_manifest_diff(d->wish->a, d->wish->b, &same, add_change, d, err))
        return false;
    json_array_end(&w);
    json_field_int(&w, "same", (int64_t)same);
    for (int i = 0; i < DATASET_CHANGES; i++)
        json_field_int(&w, dataset_change_name((enum dataset_change)i), (int64_t)d->counts[i]);
    json_object_end(&w);
    puts(buf_terminated(&out) ? out.p : "{}");
    return true;
}

bool datasets_diff_print(const struct datasets_diff *wish, struct error *err) {
    struct diffing d = {.wish = wish};
    return wish->json ? write_diff(&d, err) : print_diff(&d, err);
}
