#include "learn/schema.h"

#include "base/buf.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { QUANTILES = 16 };

/* What one column needs while the schema is put together. */
struct column_room {
    double *numbers;
    size_t count, missing;
    float edges[QUANTILES];
    const char *names[TABULAR_CATEGORIES_MAX];
};

static int by_number(const void *a, const void *b) {
    const double *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Fills room->numbers; false when a cell is no number. */
static bool read_numbers(struct column_room *room, const struct dataset *d, size_t column) {
    room->count = room->missing = 0;
    for (size_t i = 0; i < d->count; i++) {
        struct str cell = d->rows[i].cells[column];
        double number;
        if (tabular_cell_missing(cell))
            room->missing++;
        else if (str_to_double(cell, &number) && fabs(number) <= 1e30)
            room->numbers[room->count++] = number;
        else
            return false;
    }
    return room->count > 0;
}

static void describe_number(struct tabular_column *c, struct column_room *room) {
    double sum = 0, square = 0;
    size_t n = room->count;
    for (size_t i = 0; i < n; i++)
        sum += room->numbers[i];
    double mean = sum / (double)n;
    for (size_t i = 0; i < n; i++)
        square += (room->numbers[i] - mean) * (room->numbers[i] - mean);
    double deviation = sqrt(square / (double)n);
    qsort(room->numbers, n, sizeof *room->numbers, by_number);
    c->numeric = true;
    c->mean = (float)mean;
    c->scale = deviation > 1e-12 ? (float)(1 / deviation) : 0;
    c->edges = room->edges;
    for (size_t q = 1; q < QUANTILES; q++) {
        float edge = (float)room->numbers[q * n / QUANTILES];
        bool rises = c->edge_count ? edge > room->edges[c->edge_count - 1] : (double)edge > room->numbers[0];
        if (rises)
            room->edges[c->edge_count++] = edge;
    }
}

/* Names in byte order, found by going over the cells with a growing sorted list. */
static bool describe_category(struct tabular_column *c, struct column_room *room, const struct dataset *d,
                              size_t column, struct error *err) {
    room->missing = 0;
    for (size_t i = 0; i < d->count; i++) {
        const char *cell = d->rows[i].cells[column].p; /* terminated by arena_copy */
        if (tabular_cell_missing(d->rows[i].cells[column])) {
            room->missing++;
            continue;
        }
        if (c->category_count &&
            bsearch(&cell, room->names, c->category_count, sizeof room->names[0], by_text))
            continue;
        if (c->category_count == TABULAR_CATEGORIES_MAX)
            return fail(
                err, ERR_DATA,
                "The column \"%s\" has more than %d different texts: it looks like a name or free text. "
                "Leave it out with --ignore, or name it as the text with --text.",
                c->name, TABULAR_CATEGORIES_MAX);
        size_t at = c->category_count++;
        for (; at > 0 && strcmp(room->names[at - 1], cell) > 0; at--)
            room->names[at] = room->names[at - 1];
        room->names[at] = cell;
    }
    c->categories = room->names;
    return c->category_count > 0 ||
           fail(err, ERR_DATA, "The column \"%s\" has no value in any row.", c->name);
}

static bool describe(struct tabular *t, struct column_room *rooms, const struct dataset *d,
                     struct error *err) {
    double *numbers = malloc((d->count + 1) * sizeof *numbers);
    bool ok = numbers || fail(err, ERR_NO_MEMORY, "out of memory");
    for (size_t i = 0; ok && i < t->count; i++) {
        struct tabular_column *c = &t->columns[i];
        struct column_room *room = &rooms[i];
        c->name = d->columns[i];
        room->numbers = numbers;
        if (strlen(c->name) == 0)
            ok = fail(err, ERR_DATA, "Column %zu has no name.", i + 1);
        else if (read_numbers(room, d, i))
            describe_number(c, room);
        else
            ok = describe_category(c, room, d, i, err);
        c->may_miss = room->missing > 0;
    }
    free(numbers);
    return ok;
}

/* Written once and read back, so that training looks at it as serving does. */
static bool write_and_read(struct learned_schema *s, const struct tabular *t, struct error *err) {
    struct buf bytes = BUF_INIT(64 << 20);
    tabular_write(&bytes, t);
    if (bytes.failed) {
        buf_free(&bytes);
        return fail(err, ERR_DATA, "The schema of %zu columns is too large.", t->count);
    }
    s->bytes = bytes.p;
    s->size = bytes.n;
    return tabular_read(&s->tabular, (struct str){s->bytes, s->size}, err);
}

static bool read_values(struct learned_schema *s, const struct dataset *d, struct error *err) {
    s->values = malloc((d->count * s->tabular.count + 1) * sizeof *s->values);
    if (!s->values)
        return fail(err, ERR_NO_MEMORY, "Out of memory for the features of %zu rows.", d->count);
    for (size_t i = 0; i < d->count; i++)
        if (!tabular_from_cells(&s->tabular, d->rows[i].cells, s->values + i * s->tabular.count, err))
            return false;
    return true;
}

bool schema_learn(struct learned_schema *out, const struct dataset *d, struct error *err) {
    struct learned_schema s = {0};
    struct tabular t = {.count = d->column_count};
    if (t.count > MODEL_FEATURES_MAX)
        return fail(err, ERR_DATA, "%zu columns; expected %d at most.", t.count, MODEL_FEATURES_MAX);
    t.columns = calloc(t.count, sizeof *t.columns);
    struct column_room *rooms = calloc(t.count, sizeof *rooms);
    t.factor = (float)(1 / sqrt((double)t.count));
    bool ok = (t.columns && rooms) || fail(err, ERR_NO_MEMORY, "out of memory");
    ok = ok && describe(&t, rooms, d, err) && write_and_read(&s, &t, err) && read_values(&s, d, err);
    free(rooms);
    free(t.columns);
    if (ok)
        *out = s;
    else
        schema_free(&s);
    return ok;
}

void schema_free(struct learned_schema *s) {
    tabular_free(&s->tabular);
    free(s->bytes);
    free(s->values);
}
