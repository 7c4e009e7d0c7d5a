#include "learn/dataset.h"

#include "base/hash.h"
#include "models/backend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_MAX = 20 << 20 };
static const size_t memory_max = (size_t)8 << 30;

/* Label names by open addressing; numbers in order of appearance until they are sorted. */
struct label_table {
    uint32_t slots[4 * MODEL_LABELS_MAX]; /* number + 1 */
    const char *names[MODEL_LABELS_MAX];
    size_t count;
};

static bool label_number(struct dataset *d, struct label_table *t, struct str name, uint32_t *out,
                         struct error *err) {
    size_t slot = hash64(name, 0) % ARRAY_COUNT(t->slots);
    for (; t->slots[slot]; slot = (slot + 1) % ARRAY_COUNT(t->slots))
        if (str_eq(str_from(t->names[t->slots[slot] - 1]), name)) {
            *out = t->slots[slot] - 1;
            return true;
        }
    if (t->count == MODEL_LABELS_MAX)
        return fail(
            err, ERR_DATA,
            "There are more than %d different labels: is this the label column? The newest is \"%.80s\".",
            MODEL_LABELS_MAX, name.p);
    struct str copy = arena_copy(d->arena, name);
    if (!copy.p)
        return fail(err, ERR_NO_MEMORY, "out of memory");
    *out = (uint32_t)t->count;
    t->names[t->count++] = copy.p;
    t->slots[slot] = (uint32_t)t->count;
    return true;
}

static bool room_for_row(struct dataset *d, struct error *err) {
    if (d->count < d->room)
        return true;
    if (d->room >= ROWS_MAX)
        return fail(err, ERR_DATA, "More than %d rows.", ROWS_MAX);
    size_t room = d->room ? 2 * d->room : 1024;
    struct data_row *rows = realloc(d->rows, room * sizeof *rows);
    if (!rows)
        return fail(err, ERR_NO_MEMORY, "Out of memory after %zu rows.", d->count);
    d->rows = rows;
    d->room = room;
    return true;
}

static bool copy_cells(struct dataset *d, const struct training_row *from, struct data_row *to) {
    struct str *cells = arena_alloc(d->arena, d->column_count * sizeof *cells);
    if (!cells)
        return false;
    for (size_t i = 0; i < d->column_count; i++) {
        cells[i] = arena_copy(d->arena, from->cells[i]);
        if (!cells[i].p)
            return false;
        to->identity = hash64(cells[i], to->identity);
    }
    to->cells = cells;
    return true;
}

static bool copy_content(struct dataset *d, const struct training_row *from, struct data_row *to) {
    to->ocr_confidence = from->ocr_confidence;
    to->text = (struct str){"", 0};
    if (from->text.p) {
        to->text = arena_copy(d->arena, from->text);
        to->identity = hash64(to->text, to->identity);
        d->has_text = true;
    }
    if (from->visual) {
        size_t size = from->visual_count * sizeof(float);
        float *visual = arena_alloc(d->arena, size);
        if (visual)
            memcpy(visual, from->visual, size);
        to->visual = visual;
        to->identity = hash64((struct str){(const char *)from->visual, size}, to->identity);
    }
    bool cells = !from->cells || copy_cells(d, from, to);
    return cells && (!from->text.p || to->text.p) && (!from->visual || to->visual);
}

static bool add_row(struct dataset *d, struct label_table *t, const struct training_row *from,
                    struct error *err) {
    struct data_row row = {0};
    if (from->visual && d->visual_count && from->visual_count != d->visual_count)
        return fail(err, ERR_DATA, "%.*s: its visual vector has %zu values, those before had %zu.",
                    STR_ARG(from->source), from->visual_count, d->visual_count);
    if (!room_for_row(d, err) || !label_number(d, t, from->label, &row.label, err))
        return false;
    if (!copy_content(d, from, &row))
        return fail(err, ERR_NO_MEMORY, "Out of memory after %zu rows.", d->count);
    if (from->visual)
        d->visual_count = from->visual_count;
    d->rows[d->count++] = row;
    return true;
}

static bool note_rejected(struct dataset *d, const struct training_row *row, struct error *err) {
    d->rejected++;
    if (d->reason_count == DATASET_REASONS)
        return true;
    char text[1024];
    snprintf(text, sizeof text, "%.*s: %.*s", STR_ARG(row->source), STR_ARG(row->reason));
    struct str copy = arena_copy(d->arena, str_from(text));
    if (!copy.p)
        return fail(err, ERR_NO_MEMORY, "out of memory");
    d->reasons[d->reason_count++] = copy.p;
    return true;
}

static bool read_rows(struct dataset *d, struct row_reader *reader, struct label_table *t,
                      struct error *err) {
    for (;;) {
        struct training_row row = {0};
        enum row_status status = reader->next(reader, &row, err);
        if (status == ROW_END)
            return true;
        if (status == ROW_FAILED)
            return false;
        if (status == ROW_REJECTED ? !note_rejected(d, &row, err) : !add_row(d, t, &row, err))
            return false;
    }
}

static int by_name(const void *a, const void *b, void *names) {
    const char *const *n = names;
    return strcmp(n[*(const uint32_t *)a], n[*(const uint32_t *)b]);
}

static bool sort_labels(struct dataset *d, struct label_table *t, struct error *err) {
    uint32_t order[MODEL_LABELS_MAX], place[MODEL_LABELS_MAX];
    for (uint32_t i = 0; i < t->count; i++)
        order[i] = i;
    qsort_r(order, t->count, sizeof order[0], by_name, t->names);
    d->labels = arena_alloc(d->arena, t->count * sizeof *d->labels);
    d->label_rows = arena_zalloc(d->arena, t->count * sizeof *d->label_rows);
    if (!d->labels || !d->label_rows)
        return fail(err, ERR_NO_MEMORY, "out of memory");
    d->label_count = t->count;
    for (uint32_t i = 0; i < t->count; i++) {
        d->labels[i] = t->names[order[i]];
        place[order[i]] = i;
    }
    for (size_t i = 0; i < d->count; i++) {
        d->rows[i].label = place[d->rows[i].label];
        d->label_rows[d->rows[i].label]++;
    }
    return true;
}

static bool judge(const struct dataset *d, const struct dataset_limits *limits, struct error *err) {
    size_t all = d->count + d->rejected;
    if (d->rejected && (double)d->rejected > limits->rejected_share * (double)all)
        return fail(err, ERR_DATA,
                    "%zu of %zu rows are no good, more than the limit of %g %%. The first: %s.", d->rejected,
                    all, limits->rejected_share * 100, d->reasons[0]);
    if (d->count == 0)
        return fail(err, ERR_DATA, "There are no rows; expected at least %zu for each of two labels.",
                    limits->least_per_label);
    if (d->label_count == 1)
        return fail(err, ERR_DATA, "All %zu rows have the label \"%s\"; expected two labels at least.",
                    d->count, d->labels[0]);
    for (size_t i = 0; i < d->label_count; i++)
        if (d->label_rows[i] < limits->least_per_label)
            return fail(
                err, ERR_DATA,
                "The label \"%s\" has only %zu row%s; expected %zu at least, so that some can be held out.",
                d->labels[i], d->label_rows[i], d->label_rows[i] == 1 ? "" : "s", limits->least_per_label);
    return true;
}

static bool copy_columns(struct dataset *d, const struct row_reader *reader) {
    if (!reader->column_count)
        return true;
    d->columns = arena_alloc(d->arena, reader->column_count * sizeof *d->columns);
    if (!d->columns)
        return false;
    for (size_t i = 0; i < reader->column_count; i++) {
        d->columns[i] = arena_copy(d->arena, str_from(reader->columns[i])).p;
        if (!d->columns[i])
            return false;
    }
    d->column_count = reader->column_count;
    return true;
}

bool dataset_load(struct dataset *out, struct row_reader *reader, const struct dataset_limits *limits,
                  struct error *err) {
    struct dataset d = {.arena = arena_new(memory_max)};
    struct label_table *labels = calloc(1, sizeof *labels);
    bool ok = labels && d.arena && copy_columns(&d, reader);
    if (!ok)
        fail(err, ERR_NO_MEMORY, "out of memory");
    ok = ok && read_rows(&d, reader, labels, err) && sort_labels(&d, labels, err) && judge(&d, limits, err);
    free(labels);
    if (ok)
        *out = d;
    else
        dataset_free(&d);
    return ok;
}

void dataset_free(struct dataset *d) {
    free(d->rows);
    arena_free(d->arena);
}

static int by_bytes(const void *a, const void *b) {
    return memcmp(a, b, SHA256_SIZE);
}

/* Length before content, so that no two different rows look the same. */
static void add_field(struct sha256 *s, struct str field) {
    uint64_t n = field.n;
    sha256_add(s, (struct str){(const char *)&n, sizeof n});
    sha256_add(s, field);
}

static bool hash_row(const struct dataset *d, const struct data_row *row, unsigned char out[SHA256_SIZE]) {
    struct sha256 *s = sha256_begin();
    if (!s)
        return false;
    add_field(s, str_from(d->labels[row->label]));
    add_field(s, row->text);
    for (size_t i = 0; i < d->column_count; i++) {
        add_field(s, str_from(d->columns[i]));
        add_field(s, row->cells[i]);
    }
    if (row->visual)
        add_field(s, (struct str){(const char *)row->visual, d->visual_count * sizeof(float)});
    sha256_end(s, out);
    return true;
}

bool dataset_hash(const struct dataset *d, char hex[65], struct error *err) {
    unsigned char(*all)[SHA256_SIZE] = malloc(d->count * sizeof *all + 1);
    bool ok = all != NULL;
    for (size_t i = 0; ok && i < d->count; i++)
        ok = hash_row(d, &d->rows[i], all[i]);
    if (ok) {
        unsigned char digest[SHA256_SIZE];
        qsort(all, d->count, sizeof *all, by_bytes);
        sha256((struct str){(const char *)all, d->count * sizeof *all}, digest);
        sha256_hex(digest, hex);
    }
    free(all);
    return ok || fail(err, ERR_NO_MEMORY, "out of memory");
}
