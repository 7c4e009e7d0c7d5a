/* Cases as rows: CSV (RFC 4180, with a header line) and JSON lines. */
#include "evals/suite_parts.h"

#include "learn/csv.h"

#include <stdio.h>
#include <stdlib.h>

enum { NO_COLUMN = CSV_COLUMNS_MAX };

/* ---- CSV ---- */

struct columns {
    struct str names[CSV_COLUMNS_MAX];
    size_t count, id, text, file, label, slice;
    bool features;                 /* what is left of a row is the input itself */
    bool is_text[CSV_COLUMNS_MAX]; /* features: of a column in which one cell is no number, all are texts */
};

static size_t column_named(const struct columns *c, struct str name) {
    size_t i = 0;
    while (i < c->count && !str_eq_nocase(c->names[i], name))
        i++;
    return i < c->count ? i : NO_COLUMN;
}

static size_t first_named(const struct columns *c, const char *const *names, size_t count) {
    size_t at = NO_COLUMN;
    for (size_t i = 0; i < count && at == NO_COLUMN; i++)
        at = column_named(c, str_from(names[i]));
    return at;
}

static bool choose(struct suite_reader *r, const struct columns *c, const char *what, struct str named,
                   const char *const *usual, size_t count, size_t *out) {
    *out = named.n ? column_named(c, named) : first_named(c, usual, count);
    return *out != NO_COLUMN || named.n == 0 ||
           reader_wrong(r, 1, "there is no column \"%.*s\" for the %s", (int)(named.n > 60 ? 60 : named.n),
                        named.p, what);
}

static bool read_header(struct suite_reader *r, struct csv *csv, struct columns *c) {
    static const char *const texts[] = {"text", "message", "body", "content", "question", "input"},
                             *const labels[] = {"label", "category", "intent", "class", "target", "expected"},
                             *const slices[] = {"slice", "tag"}, *const ids[] = {"id"},
                             *const files[] = {"file"};
    if (csv_next(csv, r->err) != CSV_RECORD)
        return reader_wrong(r, 1, "expected a header line with the columns' names");
    c->count = csv->count;
    for (size_t i = 0; i < c->count; i++) {
        if (!str_is_utf8(csv->cells[i], NULL))
            return reader_wrong(r, 1, "a column's name is not UTF-8");
        if (!reader_keep(r, str_trim(csv->cells[i]), &c->names[i]))
            return false;
        for (size_t k = 0; k < i; k++)
            if (str_eq(c->names[k], c->names[i]))
                return reader_wrong(r, 1, "a second column \"%.*s\"",
                                    (int)(c->names[i].n > 60 ? 60 : c->names[i].n), c->names[i].p);
    }
    if (!choose(r, c, "text", r->text_column, texts, ARRAY_COUNT(texts), &c->text) ||
        !choose(r, c, "label", r->label_column, labels, ARRAY_COUNT(labels), &c->label) ||
        !choose(r, c, "slice", r->slice_column, slices, ARRAY_COUNT(slices), &c->slice) ||
        !choose(r, c, "file", r->file_column, files, ARRAY_COUNT(files), &c->file) ||
        !choose(r, c, "ID", STR(""), ids, ARRAY_COUNT(ids), &c->id))
        return false;
    /* Beside a text or in a conversation a column of this name is a variable like others. */
    if (r->file_column.n)
        c->text = NO_COLUMN;
    else if (c->text != NO_COLUMN || r->prompt_count)
        c->file = NO_COLUMN;
    c->features = c->text == NO_COLUMN && c->file == NO_COLUMN && r->prompt_count == 0;
    return true;
}

static bool cell_missing(struct str cell) {
    return cell.n == 0 || str_eq(cell, STR("?")) || str_eq(cell, STR("NA")) || str_eq(cell, STR("null"));
}

static void write_cell(struct str cell, bool is_text, struct json_writer *w) {
    double number;
    if (cell_missing(cell))
        json_null(w);
    else if (!is_text && str_to_double(cell, &number))
        json_double(w, number);
    else
        json_str(w, cell);
}

static bool take_features(struct suite_reader *r, const struct columns *c, const struct csv *csv,
                          struct case_draft *d) {
    AUTO_BUF json = BUF_INIT(READER_JSON_MAX);
    struct json_writer w = JSON_WRITER(&json);
    json_object(&w);
    for (size_t i = 0; i < c->count; i++) {
        if (i == c->label || i == c->id || (i == c->slice && r->slice_column.n == 0))
            continue;
        json_str(&w, c->names[i]);
        buf_add_char(&json, ':');
        w.comma = false;
        write_cell(str_trim(csv->cells[i]), c->is_text[i], &w);
    }
    json_object_end(&w);
    return json.failed ? reader_no_memory(r) : reader_keep(r, buf_str(&json), &d->c.features);
}

static bool take_variables(struct suite_reader *r, const struct columns *c, const struct csv *csv,
                           struct case_draft *d) {
    for (size_t i = 0; i < c->count; i++)
        if (i != c->id && !reader_add_variable(r, d, c->names[i], csv->cells[i]))
            return false;
    return true;
}

static struct str cell_at(const struct csv *csv, size_t column) {
    return column == NO_COLUMN ? (struct str){NULL, 0} : csv->cells[column];
}

static bool read_row(struct suite_reader *r, const struct columns *c, const struct csv *csv,
                     struct case_draft *d) {
    *d = (struct case_draft){.c.line = (unsigned)csv->line};
    if (csv->count != c->count)
        return reader_wrong(r, d->c.line, "%zu columns, expected the header's %zu", csv->count, c->count);
    for (size_t i = 0; i < c->count; i++)
        if (!str_is_utf8(csv->cells[i], NULL))
            return reader_wrong(r, d->c.line, "a cell that is not UTF-8");
    d->c.id = cell_at(csv, c->id);
    d->c.text = cell_at(csv, c->text);
    d->c.slice = cell_at(csv, c->slice);
    if (c->label != NO_COLUMN && !(d->c.label = str_trim(csv->cells[c->label])).n)
        return reader_wrong(r, d->c.line, "the label is empty");
    if (c->file != NO_COLUMN && !reader_keep_document(r, str_trim(csv->cells[c->file]), d))
        return false;
    return (c->features ? take_features : take_variables)(r, c, csv, d) && reader_add_case(r, d);
}

struct csv_reading {
    struct csv csv;
    struct columns columns;
    struct case_draft draft;
};

/* Looks through a copy, since reading takes quotes away in place. What is wrong with a row is said later. */
static bool find_texts(struct suite_reader *r, struct csv_reading *reading, struct str text) {
    AUTO_BUF copy = BUF_INIT(SUITE_FILE_MAX + 1);
    struct columns *c = &reading->columns;
    struct error ignored;
    double number;
    buf_add_str(&copy, text);
    if (!buf_terminated(&copy))
        return reader_no_memory(r);
    csv_begin(&reading->csv, r->file, copy.p, copy.n);
    if (!read_header(r, &reading->csv, c))
        return false;
    while (c->features && csv_next(&reading->csv, &ignored) == CSV_RECORD)
        for (size_t i = 0; i < c->count && i < reading->csv.count; i++) {
            struct str cell = str_trim(reading->csv.cells[i]);
            c->is_text[i] = c->is_text[i] || !(cell_missing(cell) || str_to_double(cell, &number));
        }
    return true;
}

static bool read_rows(struct suite_reader *r, struct csv_reading *reading, struct buf *text) {
    struct csv *csv = &reading->csv;
    if (!find_texts(r, reading, buf_str(text)))
        return false;
    csv_begin(csv, r->file, text->p, text->n);
    enum csv_status status = csv_next(csv, r->err); /* the header again */
    while (status == CSV_RECORD && (status = csv_next(csv, r->err)) == CSV_RECORD)
        if (!read_row(r, &reading->columns, csv, &reading->draft))
            return false;
    return status == CSV_END;
}

bool suite_read_csv(struct suite_reader *r, struct buf *text, const char *file) {
    struct csv_reading *reading = calloc(1, sizeof *reading);
    const char *outer = r->file;
    if (!reading)
        return reader_no_memory(r);
    r->file = file;
    bool good = read_rows(r, reading, text);
    r->file = outer;
    free(reading);
    return good;
}

/* ---- JSON lines ---- */

/* A text as it is, all else as JSON. */
static bool keep_value(struct suite_reader *r, yyjson_val *value, struct str *out) {
    AUTO_BUF json = BUF_INIT(READER_JSON_MAX);
    struct json_writer w = JSON_WRITER(&json);
    if (yyjson_is_str(value))
        return reader_keep(r, json_str_of(value), out);
    json_value(&w, value);
    return json.failed ? reader_no_memory(r) : reader_keep(r, buf_str(&json), out);
}

static bool take_members(struct suite_reader *r, yyjson_val *object, struct case_draft *d, bool inner) {
    const struct {
        const char *name;
        struct str *to;
    } known[] = {{"id", &d->c.id},
                 {"text", &d->c.text},
                 {"label", &d->c.label},
                 {"slice", &d->c.slice},
                 {"features", &d->c.features}};
    size_t i, max;
    yyjson_val *key, *value;
    yyjson_obj_foreach(object, i, max, key, value) {
        struct str name = json_str_of(key), text = {NULL, 0};
        if (!inner && str_eq(name, STR("vars")) && yyjson_is_obj(value)) {
            if (!take_members(r, value, d, true))
                return false;
            continue;
        }
        if (str_eq(name, STR("features")) && !inner && !yyjson_is_obj(value))
            return reader_wrong(r, d->c.line, "features: expected an object");
        if (!keep_value(r, value, &text))
            return false;
        bool own = false;
        for (size_t k = 0; !inner && k < ARRAY_COUNT(known); k++)
            if (str_eq(name, str_from(known[k].name))) {
                *known[k].to = text;
                own = true;
            }
        if ((!own || str_eq(name, STR("text"))) && !reader_add_variable(r, d, name, text))
            return false;
    }
    return true;
}

static bool read_line(struct suite_reader *r, struct str line, struct case_draft *d) {
    struct error reason;
    yyjson_doc *doc = json_parse(line, &reason);
    if (!doc)
        return reader_wrong(r, d->c.line, "%.300s", reason.message);
    yyjson_val *root = yyjson_doc_get_root(doc), *file = yyjson_obj_get(root, "file");
    bool good = yyjson_is_obj(root) ? take_members(r, root, d, false)
                                    : reader_wrong(r, d->c.line, "expected an object");
    if (good && yyjson_is_str(file) && !d->c.text.p && !d->c.features.p && !r->prompt_count)
        good = reader_keep_document(r, json_str_of(file), d);
    yyjson_doc_free(doc);
    return good && reader_add_case(r, d);
}

bool suite_read_jsonl(struct suite_reader *r, struct str text, const char *file) {
    struct case_draft *d = malloc(sizeof *d);
    const char *outer = r->file;
    unsigned number = 0;
    bool good = d != NULL || reader_no_memory(r);
    r->file = file;
    while (good && text.n) {
        struct str line = str_trim(str_split(&text, '\n'));
        number++;
        if (line.n && line.p[line.n - 1] == '\r')
            line.n--;
        *d = (struct case_draft){.c.line = number};
        good = line.n == 0 || read_line(r, line, d);
    }
    r->file = outer;
    free(d);
    return good;
}
