#include "learn/rows.h"

#include "base/check.h"
#include "learn/csv.h"
#include "learn/file_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CSV_BYTES_MAX = 1 << 30, NAMES_SHOWN = 400 };

struct csv_rows {
    struct row_reader reader;
    char *bytes, *name;
    struct csv csv;
    size_t width;       /* of the header */
    size_t label, text; /* columns; text is SIZE_MAX for tabular data */
    struct row_filter filters[ROW_FILTERS_MAX];
    size_t filter_columns[ROW_FILTERS_MAX], filter_count;
    char *header[CSV_COLUMNS_MAX];
    const char *names[CSV_COLUMNS_MAX]; /* of the tabular columns, */
    size_t columns[CSV_COLUMNS_MAX];    /* and where they are */
    struct str cells[CSV_COLUMNS_MAX];
    char source[512], reason[256];
    struct row_file file;
};

static void csv_rows_free(struct row_reader *r) {
    struct csv_rows *c = CONTAINER_OF(r, struct csv_rows, reader);
    for (size_t i = 0; i < c->width; i++)
        free(c->header[i]);
    free(c->bytes);
    free(c->name);
    free(c);
}

static enum row_status reject(struct csv_rows *c, struct training_row *row, const char *reason) {
    *row = (struct training_row){.source = str_from(c->source), .reason = str_from(reason)};
    return ROW_REJECTED;
}

/* Why the record is no good, or NULL. */
static const char *fault_of(struct csv_rows *c) {
    const struct csv *csv = &c->csv;
    if (csv->count != c->width) {
        snprintf(c->reason, sizeof c->reason, "%zu columns, expected the header's %zu", csv->count, c->width);
        return c->reason;
    }
    for (size_t i = 0; i < csv->count; i++) {
        size_t at;
        if (!str_is_utf8(csv->cells[i], &at)) {
            snprintf(c->reason, sizeof c->reason, "column \"%.100s\" is not valid UTF-8 at its byte %zu",
                     c->header[i], at);
            return c->reason;
        }
    }
    if (str_trim(csv->cells[c->label]).n == 0)
        return "the label is empty";
    if (c->text != SIZE_MAX && str_trim(csv->cells[c->text]).n == 0)
        return "the text is empty";
    return NULL;
}

static bool passes(const struct csv_rows *c) {
    for (size_t i = 0; i < c->filter_count; i++)
        if (str_eq(c->csv.cells[c->filter_columns[i]], str_from(c->filters[i].value)) == c->filters[i].except)
            return false;
    return true;
}

static enum row_status csv_rows_next(struct row_reader *r, struct training_row *row, struct error *err) {
    struct csv_rows *c = CONTAINER_OF(r, struct csv_rows, reader);
    const struct csv *csv = &c->csv;
    for (;;) {
        enum csv_status status = csv_next(&c->csv, err);
        if (status != CSV_RECORD)
            return status == CSV_END ? ROW_END : ROW_FAILED;
        if (csv->count != c->width || passes(c))
            break;
    }
    snprintf(c->source, sizeof c->source, "%s:%lu", csv->name, csv->line);
    const char *fault = fault_of(c);
    if (fault)
        return reject(c, row, fault);
    for (size_t i = 0; i < r->column_count; i++)
        c->cells[i] = str_trim(csv->cells[c->columns[i]]);
    *row = (struct training_row){
        .label = str_trim(csv->cells[c->label]), .source = str_from(c->source), .line = csv->line};
    if (c->text != SIZE_MAX)
        row->text = csv->cells[c->text];
    else
        row->cells = c->cells;
    return ROW_GOOD;
}

/* Header */

static size_t column_named(const struct csv_rows *c, const char *name) {
    for (size_t i = 0; i < c->width; i++)
        if (str_eq_nocase(str_from(c->header[i]), str_from(name)))
            return i;
    return SIZE_MAX;
}

static void list_columns(const struct csv_rows *c, char text[NAMES_SHOWN]) {
    size_t n = 0;
    text[0] = '\0';
    for (size_t i = 0; i < c->width && n < NAMES_SHOWN - 80; i++)
        n += (size_t)snprintf(text + n, NAMES_SHOWN - n, "%s%.60s", i ? ", " : "", c->header[i]);
}

static bool no_column(const struct csv_rows *c, const char *role, const char *option, const char *name,
                      struct error *err) {
    char found[NAMES_SHOWN];
    list_columns(c, found);
    const char *near = name ? str_nearest(str_from(name), (const char *const *)c->header, c->width) : NULL;
    if (near)
        return fail(err, ERR_DATA, "%s:1: there is no %s column \"%s\"; did you mean \"%s\"? Found: %s.",
                    c->csv.name, role, name, near, found);
    if (name)
        return fail(err, ERR_DATA, "%s:1: there is no %s column \"%s\". Found: %s.", c->csv.name, role, name,
                    found);
    return fail(err, ERR_DATA, "%s:1: none of the columns looks like the %s; name it with %s. Found: %s.",
                c->csv.name, role, option, found);
}

static size_t first_named(const struct csv_rows *c, const char *const *names, size_t count) {
    for (size_t i = 0; i < count; i++) {
        size_t at = column_named(c, names[i]);
        if (at != SIZE_MAX)
            return at;
    }
    return SIZE_MAX;
}

static bool choose_columns(struct csv_rows *c, const struct csv_rows_options *o, struct error *err) {
    static const char *const labels[] = {"label", "category", "intent", "class", "target"};
    static const char *const texts[] = {"text", "message", "body", "content"};
    c->label = o->label ? column_named(c, o->label) : first_named(c, labels, ARRAY_COUNT(labels));
    if (c->label == SIZE_MAX)
        return no_column(c, "label", "--label", o->label, err);
    c->text = o->text ? column_named(c, o->text) : first_named(c, texts, ARRAY_COUNT(texts));
    if (o->text && c->text == SIZE_MAX)
        return no_column(c, "text", "--text", o->text, err);
    for (size_t i = 0; i < o->filter_count; i++) {
        c->filters[i] = o->filters[i];
        c->filter_columns[i] = column_named(c, o->filters[i].column);
        if (c->filter_columns[i] == SIZE_MAX)
            return no_column(c, "filter", "--only", o->filters[i].column, err);
    }
    c->filter_count = o->filter_count;
    return true;
}

static bool ignored(const struct csv_rows *c, const struct csv_rows_options *o, size_t column) {
    if (column == c->label)
        return true;
    for (size_t i = 0; i < c->filter_count; i++)
        if (column == c->filter_columns[i])
            return true;
    for (size_t i = 0; i < o->ignore_count; i++)
        if (column_named(c, o->ignore[i]) == column)
            return true;
    return false;
}

static bool read_header(struct csv_rows *c, const struct csv_rows_options *o, struct error *err) {
    enum csv_status status = csv_next(&c->csv, err);
    if (status == CSV_BAD)
        return false;
    if (status == CSV_END)
        return fail(err, ERR_DATA, "%s is empty; expected a header line and rows.", c->csv.name);
    for (size_t i = 0; i < c->csv.count; i++) {
        struct str name = str_trim(c->csv.cells[i]);
        if (!str_is_utf8(name, NULL))
            return fail(err, ERR_DATA, "%s:1: the name of column %zu is not valid UTF-8.", c->csv.name,
                        i + 1);
        c->header[i] = str_dup(name);
        if (!c->header[i])
            return fail(err, ERR_NO_MEMORY, "out of memory");
        c->width = i + 1;
    }
    if (!choose_columns(c, o, err))
        return false;
    for (size_t i = 0; i < o->ignore_count; i++)
        if (column_named(c, o->ignore[i]) == SIZE_MAX)
            return no_column(c, "ignored", "--ignore", o->ignore[i], err);
    if (c->text != SIZE_MAX)
        return true;
    for (size_t i = 0; i < c->width; i++)
        if (!ignored(c, o, i)) {
            c->names[c->reader.column_count] = c->header[i];
            c->columns[c->reader.column_count++] = i;
        }
    c->reader.columns = c->names;
    if (c->reader.column_count == 0)
        return fail(err, ERR_DATA, "%s:1: besides the label there is no column to learn from.", c->csv.name);
    return true;
}

struct row_reader *csv_rows_open(const char *path, const struct csv_rows_options *o, struct error *err) {
    struct csv_rows *c = calloc(1, sizeof *c);
    size_t n = 0;
    if (!c) {
        fail(err, ERR_NO_MEMORY, "out of memory");
        return NULL;
    }
    c->reader.next = csv_rows_next;
    c->reader.free = csv_rows_free;
    const char *slash = strrchr(path, '/');
    c->name = str_dup(str_from(slash ? slash + 1 : path));
    c->bytes = file_text(path, CSV_BYTES_MAX, &n, err);
    if (!c->name)
        fail(err, ERR_NO_MEMORY, "out of memory");
    if (c->bytes && c->name) {
        c->file = (struct row_file){.path = STR(""), .size = n};
        sha256((struct str){c->bytes, n}, c->file.sha256); /* before it is unquoted in place */
        c->reader.table = &c->file;
        csv_begin(&c->csv, c->name, c->bytes, n);
        if (read_header(c, o, err))
            return &c->reader;
    }
    csv_rows_free(&c->reader);
    return NULL;
}
