#include "store/dataset_manifest.h"

#include <stdlib.h>

/* A row of either side, with its label as text: the two sides number their labels differently. */
struct side_row {
    const struct dataset_row *row;
    struct str label;
    bool met;
};

struct side {
    struct side_row *rows;
    size_t count;
};

typedef void visitor(enum dataset_change change, const struct dataset_row *a, const struct dataset_row *b,
                     void *ctx);

struct comparison {
    struct side a, b;
    size_t same;
    visitor *visit;
    void *ctx;
};

const char *dataset_change_name(enum dataset_change change) {
    static const char *const names[DATASET_CHANGES] = {"added", "removed", "relabelled", "changed"};
    return (size_t)change < DATASET_CHANGES ? names[change] : "unknown";
}

/* Files and table rows may be compared with one another, by what both have of a hash. */
static int by_content(const struct side_row *a, const struct side_row *b) {
    return memcmp(a->row->hash, b->row->hash, DATASET_ROW_HASH_SIZE);
}

static int content_order(const void *a, const void *b) {
    const struct side_row *x = a, *y = b;
    int difference = by_content(x, y);
    if (!difference)
        difference = str_compare(x->label, y->label);
    return difference ? difference : (x->row > y->row) - (x->row < y->row);
}

static int place_order(const void *a, const void *b) {
    const struct side_row *x = a, *y = b;
    int difference = str_compare(x->row->path, y->row->path);
    return difference ? difference : (x->row > y->row) - (x->row < y->row);
}

static bool side_make(struct side *out, const struct dataset_manifest *m, struct error *err) {
    out->rows = calloc(m->count + 1, sizeof *out->rows);
    if (!out->rows)
        return fail(err, ERR_NO_MEMORY, "Out of memory for comparing datasets.");
    out->count = m->count;
    for (size_t i = 0; i < m->count; i++)
        out->rows[i] = (struct side_row){.row = &m->rows[i], .label = m->labels[m->rows[i].label]};
    qsort(out->rows, out->count, sizeof *out->rows, content_order);
    return true;
}

/* Rows of one content, with their labels in order: first what is alike, then what has changed its label. */
static void match_group(struct comparison *c, struct side_row *a, size_t a_count, struct side_row *b,
                        size_t b_count) {
    for (size_t i = 0, j = 0; i < a_count && j < b_count;) {
        int difference = str_compare(a[i].label, b[j].label);
        if (difference == 0) {
            a[i].met = b[j].met = true;
            c->same++;
        }
        i += difference <= 0;
        j += difference >= 0;
    }
    for (size_t i = 0, j = 0;; i++, j++) {
        while (i < a_count && a[i].met)
            i++;
        while (j < b_count && b[j].met)
            j++;
        if (i == a_count || j == b_count)
            return;
        a[i].met = b[j].met = true;
        c->visit(DATASET_RELABELLED, a[i].row, b[j].row, c->ctx);
    }
}

static size_t group_end(const struct side *s, size_t from) {
    size_t end = from;
    while (end < s->count && by_content(&s->rows[from], &s->rows[end]) == 0)
        end++;
    return end;
}

static void match_contents(struct comparison *c) {
    for (size_t i = 0, j = 0; i < c->a.count && j < c->b.count;) {
        int difference = by_content(&c->a.rows[i], &c->b.rows[j]);
        size_t i_end = group_end(&c->a, i), j_end = group_end(&c->b, j);
        if (difference == 0)
            match_group(c, c->a.rows + i, i_end - i, c->b.rows + j, j_end - j);
        i = difference <= 0 ? i_end : i;
        j = difference >= 0 ? j_end : j;
    }
}

/* Keeps only what has not met its like. */
static void drop_met(struct side *s) {
    size_t kept = 0;
    for (size_t i = 0; i < s->count; i++)
        if (!s->rows[i].met)
            s->rows[kept++] = s->rows[i];
    s->count = kept;
    qsort(s->rows, s->count, sizeof *s->rows, place_order);
}

static void match_paths(struct comparison *c) {
    for (size_t i = 0, j = 0; i < c->a.count && j < c->b.count;) {
        int difference = str_compare(c->a.rows[i].row->path, c->b.rows[j].row->path);
        if (difference == 0) {
            c->a.rows[i].met = c->b.rows[j].met = true;
            c->visit(DATASET_CHANGED, c->a.rows[i].row, c->b.rows[j].row, c->ctx);
        }
        i += difference <= 0;
        j += difference >= 0;
    }
}

bool dataset_manifest_diff(const struct dataset_manifest *a, const struct dataset_manifest *b, size_t *same,
                           visitor *visit, void *ctx, struct error *err) {
    struct comparison c = {.visit = visit, .ctx = ctx};
    bool good = side_make(&c.a, a, err) && side_make(&c.b, b, err);
    if (good) {
        match_contents(&c);
        drop_met(&c.a);
        drop_met(&c.b);
        if (a->kind == DATASET_FILES && b->kind == DATASET_FILES)
            match_paths(&c);
        for (size_t i = 0; i < c.a.count; i++)
            if (!c.a.rows[i].met)
                visit(DATASET_REMOVED, c.a.rows[i].row, NULL, ctx);
        for (size_t j = 0; j < c.b.count; j++)
            if (!c.b.rows[j].met)
                visit(DATASET_ADDED, NULL, c.b.rows[j].row, ctx);
        *same = c.same;
    }
    free(c.a.rows);
    free(c.b.rows);
    return good;
}
