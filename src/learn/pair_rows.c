#include "learn/pair_rows.h"

#include "base/hash.h"
#include "cache/wording.h"
#include "learn/csv.h"
#include "learn/file_text.h"
#include "learn/random.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX = 256 << 20, NONE = -1, COLUMNS = 4 };

struct columns {
    int a, b, label, score;
    size_t width;
};

void pair_set_free(struct pair_set *p) {
    free(p->pairs);
    free(p->texts);
    free(p->bytes);
    *p = (struct pair_set){0};
}

/* ---- the header ---- */

static int column_of(const struct csv *c, const char *const *names, size_t count) {
    for (size_t k = 0; k < count; k++)
        for (size_t i = 0; i < c->count; i++)
            if (str_eq_nocase(str_trim(c->cells[i]), str_from(names[k])))
                return (int)i;
    return NONE;
}

static bool read_header(struct csv *c, struct columns *out, struct error *err) {
    static const char *const a[] = {"text_a", "question1", "sentence1", "a"};
    static const char *const b[] = {"text_b", "question2", "sentence2", "b"};
    static const char *const label[] = {"label", "same", "is_duplicate"};
    static const char *const score[] = {"score", "score_0_5", "similarity"};
    enum csv_status status = csv_next(c, err);
    if (status == CSV_BAD)
        return false;
    if (status == CSV_END)
        return fail(err, ERR_DATA,
                    "%s is empty; expected a header line with text_a, text_b and label or score.", c->name);
    *out = (struct columns){column_of(c, a, ARRAY_COUNT(a)), column_of(c, b, ARRAY_COUNT(b)),
                            column_of(c, label, ARRAY_COUNT(label)), column_of(c, score, ARRAY_COUNT(score)),
                            c->count};
    const char *missing = out->a == NONE                             ? "text_a"
                          : out->b == NONE                           ? "text_b"
                          : out->label == NONE && out->score == NONE ? "label (same, different) or score"
                                                                     : NULL;
    if (missing)
        return fail(err, ERR_DATA, "%s:1: there is no column %s; expected text_a, text_b and label or score.",
                    c->name, missing);
    return true;
}

/* ---- labels ---- */

enum verdict { SAME, DIFFERENT, LEFT_OUT, NONSENSE };

static enum verdict verdict_of_label(struct str label) {
    static const char *const same[] = {"1", "true", "yes", "duplicate"}, *const other[] = {"0", "false",
                                                                                           "no"};
    if (str_starts(label, STR("same")))
        return SAME;
    if (str_starts(label, STR("different")))
        return DIFFERENT;
    if (str_starts(label, STR("unsure")))
        return LEFT_OUT;
    for (size_t i = 0; i < ARRAY_COUNT(same); i++)
        if (str_eq_nocase(label, str_from(same[i])))
            return SAME;
    for (size_t i = 0; i < ARRAY_COUNT(other); i++)
        if (str_eq_nocase(label, str_from(other[i])))
            return DIFFERENT;
    return NONSENSE;
}

static enum verdict verdict_of(const struct csv *c, const struct columns *at,
                               const struct pair_rows_options *o) {
    double score;
    if (at->label != NONE)
        return verdict_of_label(str_trim(c->cells[at->label]));
    if (!str_to_double(str_trim(c->cells[at->score]), &score))
        return NONSENSE;
    return score >= o->same_from ? SAME : score <= o->different_to ? DIFFERENT : LEFT_OUT;
}

static bool label_number(struct pair_set *p, struct str name, uint16_t *out, struct error *err) {
    for (size_t i = 0; i < p->label_count; i++)
        if (str_eq(str_from(p->labels[i]), name)) {
            *out = (uint16_t)i;
            return true;
        }
    if (p->label_count == PAIR_LABELS_MAX || name.n >= PAIR_LABEL_BYTES)
        return fail(err, ERR_DATA, "More than %d different labels, or one of more than %d bytes.",
                    PAIR_LABELS_MAX, PAIR_LABEL_BYTES - 1);
    memcpy(p->labels[p->label_count], name.p, name.n);
    *out = (uint16_t)p->label_count++;
    return true;
}

/* ---- texts ---- */

/* Numbers for hashes, in the order of their coming. */
struct numbering {
    uint64_t *hashes;
    uint32_t *numbers;
    size_t mask;
    uint32_t count;
};

static bool numbering_new(struct numbering *n, size_t most) {
    size_t room = 64;
    while (room < 2 * most)
        room *= 2;
    *n = (struct numbering){calloc(room, sizeof *n->hashes), calloc(room, sizeof *n->numbers), room - 1, 0};
    return n->hashes && n->numbers;
}

static void numbering_free(struct numbering *n) {
    free(n->hashes);
    free(n->numbers);
}

static uint32_t number_of(struct numbering *n, uint64_t hash) {
    size_t i = (hash |= 1) >> 8 & n->mask;
    while (n->hashes[i] && n->hashes[i] != hash)
        i = (i + 1) & n->mask;
    if (!n->hashes[i]) {
        n->hashes[i] = hash;
        n->numbers[i] = n->count++;
    }
    return n->numbers[i];
}

struct reading {
    struct pair_set *p;
    struct numbering texts, likenesses;
    size_t room;
};

static uint32_t take_text(struct reading *r, struct str text) {
    struct wording w;
    uint32_t number = number_of(&r->texts, hash64(text, 7));
    if (number < r->p->text_count)
        return number;
    wording_read(&w, text);
    uint64_t likeness = 11;
    for (size_t i = 0; i < w.count; i++)
        likeness = hash64_u64(likeness ^ w.words[i].hash);
    r->p->texts[number] = (struct pair_text){text, number_of(&r->likenesses, likeness)};
    r->p->text_count = r->texts.count;
    r->p->likenesses = r->likenesses.count;
    return number;
}

static bool usable(struct str text) {
    struct wording w;
    if (text.n > WORDING_BYTES_MAX)
        return false;
    wording_read(&w, text);
    return w.whole && w.count > 0;
}

static bool take_row(struct reading *r, const struct csv *c, const struct columns *at,
                     const struct pair_rows_options *o, struct error *err) {
    struct pair_set *p = r->p;
    if (c->count != at->width)
        return fail(err, ERR_DATA, "%s:%lu: %zu columns, expected the header's %zu.", c->name, c->line,
                    c->count, at->width);
    enum verdict verdict = verdict_of(c, at, o);
    struct str a = str_trim(c->cells[at->a]), b = str_trim(c->cells[at->b]);
    if (verdict == NONSENSE)
        return fail(err, ERR_DATA, "%s:%lu: \"%.*s\" is no %s.", c->name, c->line,
                    (int)(c->cells[at->label == NONE ? at->score : at->label].n > 60
                              ? 60
                              : c->cells[at->label == NONE ? at->score : at->label].n),
                    c->cells[at->label == NONE ? at->score : at->label].p,
                    at->label == NONE ? "score; expected a number"
                                      : "label; expected same, different or unsure (or 1 and 0)");
    if (!str_is_utf8(a, NULL) || !str_is_utf8(b, NULL))
        return fail(err, ERR_DATA, "%s:%lu: a text is not valid UTF-8.", c->name, c->line);
    if (verdict == LEFT_OUT) {
        p->left_out++;
        return true;
    }
    if (!usable(a) || !usable(b)) {
        p->too_long++;
        return true;
    }
    if (p->count == r->room)
        return fail(err, ERR_DATA, "%s has more than %zu pairs; give a part of them.", c->name, r->room);
    struct labelled_pair *pair = &p->pairs[p->count];
    struct str label =
        at->label == NONE ? verdict == SAME ? STR("same") : STR("different") : str_trim(c->cells[at->label]);
    if (!label_number(p, label, &pair->label, err))
        return false;
    pair->a = take_text(r, a);
    pair->b = take_text(r, b);
    pair->same = verdict == SAME;
    p->same += pair->same;
    p->count++;
    return true;
}

static size_t count_lines(const char *bytes, size_t n) {
    size_t lines = 1;
    for (const char *p = bytes; (p = memchr(p, '\n', n - (size_t)(p - bytes))); p++)
        lines++;
    return lines;
}

bool pair_rows_read(struct pair_set *out, const char *path, const struct pair_rows_options *o,
                    struct error *err) {
    struct pair_set p = {0};
    struct reading r = {.p = &p};
    size_t n = 0;
    struct csv *csv = calloc(1, sizeof *csv);
    bool ok = false;
    if (!csv || !(p.bytes = file_text(path, FILE_MAX, &n, err))) {
        if (!csv)
            fail(err, ERR_NO_MEMORY, "out of memory");
        goto out;
    }
    r.room = count_lines(p.bytes, n);
    if (r.room > PAIRS_MAX)
        r.room = PAIRS_MAX;
    p.pairs = calloc(r.room, sizeof *p.pairs);
    p.texts = calloc(2 * r.room, sizeof *p.texts);
    bool numbered = numbering_new(&r.texts, 2 * r.room);
    numbered &= numbering_new(&r.likenesses, 2 * r.room);
    if (!p.pairs || !p.texts || !numbered) {
        fail(err, ERR_NO_MEMORY, "out of memory");
        goto out;
    }
    const char *slash = strrchr(path, '/');
    csv_begin(csv, slash ? slash + 1 : path, p.bytes, n);
    struct columns at;
    if (!read_header(csv, &at, err))
        goto out;
    enum csv_status status;
    while ((status = csv_next(csv, err)) == CSV_RECORD)
        if (!take_row(&r, csv, &at, o, err))
            goto out;
    ok = status == CSV_END;
out:
    numbering_free(&r.texts);
    numbering_free(&r.likenesses);
    free(csv);
    if (ok)
        *out = p;
    else
        pair_set_free(&p);
    return ok;
}

/* ---- parts ---- */

static uint32_t root_of(uint32_t *parent, uint32_t i) {
    while (parent[i] != i)
        i = parent[i] = parent[parent[i]];
    return i;
}

static void tie(const struct pair_set *p, const uint32_t *order, uint32_t *parent, uint32_t *size,
                size_t most) {
    for (size_t i = 0; i < p->count; i++) {
        const struct labelled_pair *pair = &p->pairs[order[i]];
        uint32_t a = root_of(parent, p->texts[pair->a].likeness),
                 b = root_of(parent, p->texts[pair->b].likeness);
        if (a == b || size[a] + size[b] > most)
            continue;
        parent[a] = b;
        size[b] += size[a];
    }
}

static unsigned lightest(const size_t *load, unsigned parts) {
    unsigned best = 0;
    for (unsigned i = 1; i < parts; i++)
        if (load[i] < load[best])
            best = i;
    return best;
}

bool pair_parts(const struct pair_set *p, unsigned parts, uint64_t seed, uint8_t *part, struct error *err) {
    size_t most = p->count > p->likenesses ? p->count : p->likenesses, load[256] = {0};
    uint32_t *order = malloc((most + 1) * sizeof *order), *parent = malloc((most + 1) * sizeof *parent),
             *size = malloc((most + 1) * sizeof *size);
    uint8_t *given = malloc(p->likenesses + 1);
    struct random random = random_from(seed);
    bool ok = order && parent && size && given;
    if (ok) {
        for (uint32_t i = 0; i < most; i++) {
            order[i] = parent[i] = i;
            size[i] = 1;
        }
        random_shuffle(&random, order, p->count);
        /* A third of a part at most, so that parts come out alike. */
        size_t piece = p->likenesses / (3 * parts);
        tie(p, order, parent, size, piece < 2 ? 2 : piece);
        for (uint32_t i = 0; i < p->likenesses; i++)
            order[i] = i;
        random_shuffle(&random, order, p->likenesses);
        for (size_t i = 0; i < p->likenesses; i++)
            if (root_of(parent, order[i]) == order[i]) {
                unsigned to = lightest(load, parts);
                given[order[i]] = (uint8_t)to;
                load[to] += size[order[i]];
            }
        for (size_t i = 0; i < p->text_count; i++)
            part[i] = given[root_of(parent, p->texts[i].likeness)];
    }
    free(order);
    free(parent);
    free(size);
    free(given);
    return ok || fail(err, ERR_NO_MEMORY, "out of memory");
}
