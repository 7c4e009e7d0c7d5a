#include "learn/neighbours_export.h"

#include "models/neighbours.h"

#include <math.h>
#include <stdlib.h>

struct entry {
    uint32_t word, label;
    uint32_t text;
    float weight;
};

struct collecting {
    const struct design *d;
    struct entry *entries;
    size_t count, room;
    uint32_t *seen, *kept; /* rows of each label so far, and of these the ones that are kept */
};

static int heaviest_first(const void *a, const void *b) {
    const struct entry *x = a, *y = b;
    if (x->weight != y->weight)
        return x->weight > y->weight ? -1 : 1;
    return x->word < y->word ? -1 : x->word > y->word;
}

static int by_word(const void *a, const void *b) {
    const struct entry *x = a, *y = b;
    if (x->word != y->word)
        return x->word < y->word ? -1 : 1;
    if (x->label != y->label)
        return x->label < y->label ? -1 : 1;
    return x->text < y->text ? -1 : x->text > y->text;
}

static bool make_room(struct collecting *c, size_t more) {
    if (c->count + more <= c->room)
        return true;
    size_t room = 2 * c->room + more;
    struct entry *entries = realloc(c->entries, room * sizeof *entries);
    if (!entries)
        return false;
    c->entries = entries;
    c->room = room;
    return true;
}

/* The single words of a row, at length 1; pairs and n-grams come before them in the features. */
static bool add_row(struct collecting *c, size_t row, uint32_t label) {
    const struct design *d = c->d;
    size_t first = c->count, words = d->grams + d->pairs;
    double squares = 0;
    if (!make_room(c, d->offsets[row + 1] - d->offsets[row]))
        return false;
    for (size_t i = d->offsets[row]; i < d->offsets[row + 1]; i++) {
        const struct design_item *item = &d->items[i];
        if (item->feature < words)
            continue;
        squares += (double)item->value * (double)item->value;
        c->entries[c->count++] =
            (struct entry){(uint32_t)(item->feature - words), label, c->kept[label], item->value};
    }
    qsort(c->entries + first, c->count - first, sizeof *c->entries, heaviest_first);
    if (c->count > first + NEIGHBOURS_WORDS_MAX)
        c->count = first + NEIGHBOURS_WORDS_MAX;
    for (size_t i = first; i < c->count; i++)
        c->entries[i].weight /= (float)sqrt(squares);
    c->kept[label]++;
    return true;
}

static bool collect(struct collecting *c) {
    const struct design *d = c->d;
    uint32_t *all = calloc(d->labels + 1, sizeof *all);
    bool ok = all != NULL;
    for (size_t i = 0; ok && i < d->rows; i++)
        all[d->label[i]]++;
    for (size_t i = 0; ok && i < d->rows; i++) {
        uint32_t label = d->label[i],
                 most = all[label] < NEIGHBOURS_TEXTS_MAX ? all[label] : NEIGHBOURS_TEXTS_MAX;
        uint64_t due = (uint64_t)++c->seen[label] * most / all[label];
        if (due > c->kept[label])
            ok = add_row(c, i, label);
    }
    free(all);
    return ok;
}

/* A list of more than so many texts is written as a row of weights, which is added in one go. */
enum { POSTINGS_MAX = 6 };

struct list {
    size_t first, count; /* entries */
};

static struct list list_at(const struct collecting *c, size_t first) {
    struct list l = {first, 1};
    while (first + l.count < c->count && c->entries[first + l.count].word == c->entries[first].word &&
           c->entries[first + l.count].label == c->entries[first].label)
        l.count++;
    return l;
}

static uint8_t weight_byte(const struct entry *e) {
    long weight = lrintf(e->weight * 127);
    return (uint8_t)(weight < 1 ? 1 : weight > 127 ? 127 : weight);
}

static void write_list(struct buf *out, const struct collecting *c, const struct list *l, uint32_t *rows,
                       uint32_t *postings) {
    const struct entry *e = &c->entries[l->first];
    struct neighbour_list list = {.label = (uint16_t)e->label};
    for (size_t i = 0; i < l->count; i++)
        list.mean += e[i].weight / (float)c->kept[e->label];
    if (l->count > POSTINGS_MAX) {
        list.at = (*rows)++;
    } else {
        list.count = (uint16_t)l->count;
        list.at = *postings;
        *postings += (uint32_t)l->count;
    }
    buf_add(out, &list, sizeof list);
}

static void write_row(struct buf *out, const struct collecting *c, const struct list *l) {
    int8_t row[NEIGHBOURS_TEXTS_MAX] = {0};
    for (size_t i = l->first; i < l->first + l->count; i++)
        row[c->entries[i].text] = (int8_t)weight_byte(&c->entries[i]);
    buf_add(out, row, sizeof row);
}

static void write_postings(struct buf *out, const struct collecting *c, const struct list *l) {
    for (size_t i = l->first; i < l->first + l->count; i++) {
        struct neighbour_posting p = {(uint8_t)c->entries[i].text, weight_byte(&c->entries[i])};
        buf_add(out, &p, sizeof p);
    }
}

static void write_section(struct artefact_writer *w, const struct collecting *c) {
    struct list l;
    uint32_t lists = 0, postings = 0, rows = 0, row = 0, posting = 0;
    for (size_t i = 0; i < c->count; i += l.count, lists++) {
        l = list_at(c, i);
        rows += l.count > POSTINGS_MAX;
        postings += l.count > POSTINGS_MAX ? 0 : (uint32_t)l.count;
    }
    artefact_section(w, ARTEFACT_NEIGHBOURS);
    artefact_u32(w->out, (uint32_t)c->d->labels);
    artefact_u32(w->out, (uint32_t)c->d->words);
    artefact_u32(w->out, lists);
    artefact_u32(w->out, postings);
    artefact_u32(w->out, rows);
    artefact_u32(w->out, 0);
    for (size_t label = 0; label < c->d->labels; label++)
        artefact_u32(w->out, c->kept[label]);
    lists = 0;
    for (size_t word = 0, i = 0; word <= c->d->words; word++) {
        for (; i < c->count && c->entries[i].word < word; i += list_at(c, i).count)
            lists++;
        artefact_u32(w->out, lists);
    }
    for (size_t i = 0; i < c->count; i += l.count) {
        l = list_at(c, i);
        write_list(w->out, c, &l, &row, &posting);
    }
    for (size_t i = 0; i < c->count; i += l.count)
        if ((l = list_at(c, i)).count > POSTINGS_MAX)
            write_row(w->out, c, &l);
    for (size_t i = 0; i < c->count; i += l.count)
        if ((l = list_at(c, i)).count <= POSTINGS_MAX)
            write_postings(w->out, c, &l);
}

bool neighbours_export(struct artefact_writer *w, const struct design *d) {
    struct collecting c = {
        .d = d, .seen = calloc(d->labels + 1, sizeof *c.seen), .kept = calloc(d->labels + 1, sizeof *c.kept)};
    bool ok = c.seen && c.kept && collect(&c);
    if (ok && c.count) {
        qsort(c.entries, c.count, sizeof *c.entries, by_word);
        write_section(w, &c);
    }
    free(c.entries);
    free(c.seen);
    free(c.kept);
    return ok;
}
