#include "learn/corpus.h"

#include "models/text_tokens.h"

#include <math.h>
#include <stdlib.h>

/* A hash set that numbers what it sees. */
struct numbering {
    struct corpus_kind *kind;
    uint32_t *slots; /* number + 1 */
    size_t mask;
};

/* A growing array; failed stays set once memory was out. */
struct building {
    struct corpus *c;
    struct numbering words, pairs, grams;
    size_t word_room, pair_room, gram_room;
    size_t word_count, pair_count, gram_count; /* items */
    struct text_tokens *tokens;
    bool failed;
};

static bool grow(void **array, size_t *room, size_t needed, size_t item) {
    if (needed <= *room)
        return true;
    size_t next = *room ? 2 * *room : 4096;
    void *p = realloc(*array, next * item);
    if (!p)
        return false;
    *array = p;
    *room = next;
    return true;
}

static bool rehash(struct numbering *n) {
    size_t size = n->slots ? 2 * (n->mask + 1) : 8192;
    uint32_t *slots = calloc(size, sizeof *slots);
    if (!slots)
        return false;
    for (size_t i = 0; i < n->kind->count; i++) {
        size_t at = n->kind->hashes[i] & (size - 1);
        while (slots[at])
            at = (at + 1) & (size - 1);
        slots[at] = (uint32_t)i + 1;
    }
    free(n->slots);
    n->slots = slots;
    n->mask = size - 1;
    return true;
}

/* The token's number; a new one is *fresh. */
static uint32_t number(struct building *b, struct numbering *n, uint64_t hash, bool *fresh) {
    *fresh = false;
    if ((!n->slots || n->kind->count * 2 > n->mask) && !rehash(n)) {
        b->failed = true;
        return 0;
    }
    size_t at = hash & n->mask;
    for (; n->slots[at]; at = (at + 1) & n->mask)
        if (n->kind->hashes[n->slots[at] - 1] == hash)
            return n->slots[at] - 1;
    if (!grow((void **)&n->kind->hashes, &n->kind->room, n->kind->count + 1, sizeof(uint64_t))) {
        b->failed = true;
        return 0;
    }
    n->kind->hashes[n->kind->count] = hash;
    n->slots[at] = (uint32_t)++n->kind->count;
    *fresh = true;
    return (uint32_t)n->kind->count - 1;
}

static void add_grams(struct building *b, uint32_t word) {
    uint64_t hashes[TEXT_GRAMS_MAX];
    size_t count = text_grams(b->tokens, word, hashes);
    struct corpus *c = b->c;
    /* A word has fewer n-grams than the least growth. */
    if (!grow((void **)&c->gram_items, &b->gram_room, b->gram_count + count, sizeof *c->gram_items)) {
        b->failed = true;
        return;
    }
    bool fresh;
    for (size_t i = 0; i < count && !b->failed; i++)
        c->gram_items[b->gram_count++] = number(b, &b->grams, hashes[i], &fresh);
}

/* word_grams[i + 1] is where word i's n-grams end; it grows with the words' own room. */
static void note_word(struct building *b, uint32_t word, size_t *offsets_room) {
    struct corpus *c = b->c;
    if (!grow((void **)&c->word_grams, offsets_room, c->words.count + 1, sizeof *c->word_grams)) {
        b->failed = true;
        return;
    }
    c->word_grams[0] = 0;
    add_grams(b, word);
    c->word_grams[c->words.count] = b->gram_count;
}

static void add_row(struct building *b, struct str text, size_t *offsets_room) {
    struct corpus *c = b->c;
    text_tokenise(b->tokens, text);
    for (size_t i = 0; i < b->tokens->token_count && !b->failed; i++) {
        const struct text_token *t = &b->tokens->tokens[i];
        bool fresh, pair = t->word == TEXT_PAIR;
        struct corpus_item item = {number(b, pair ? &b->pairs : &b->words, t->hash, &fresh),
                                   1 + logf((float)t->count)};
        if (pair ? !grow((void **)&c->pair_items, &b->pair_room, b->pair_count + 1, sizeof item)
                 : !grow((void **)&c->word_items, &b->word_room, b->word_count + 1, sizeof item))
            b->failed = true;
        if (b->failed)
            return;
        if (pair)
            c->pair_items[b->pair_count++] = item;
        else
            c->word_items[b->word_count++] = item;
        if (fresh && !pair)
            note_word(b, t->word, offsets_room);
    }
}

bool corpus_build(struct corpus *out, const struct dataset *d, struct error *err) {
    struct corpus c = {.row_count = d->count};
    struct building b = {.c = &c,
                         .words.kind = &c.words,
                         .pairs.kind = &c.pairs,
                         .grams.kind = &c.grams,
                         .tokens = malloc(sizeof *b.tokens)};
    size_t offsets_room = 0;
    c.row_words = calloc(d->count + 1, sizeof *c.row_words);
    c.row_pairs = calloc(d->count + 1, sizeof *c.row_pairs);
    b.failed = !b.tokens || !c.row_words || !c.row_pairs;
    for (size_t i = 0; i < d->count && !b.failed; i++) {
        add_row(&b, d->rows[i].text, &offsets_room);
        c.row_words[i + 1] = b.word_count;
        c.row_pairs[i + 1] = b.pair_count;
    }
    free(b.tokens);
    free(b.words.slots);
    free(b.pairs.slots);
    free(b.grams.slots);
    bool ok = !b.failed && c.words.count > 0;
    if (ok)
        *out = c;
    else
        corpus_free(&c);
    if (b.failed)
        return fail(err, ERR_NO_MEMORY, "Out of memory while cutting %zu texts into tokens.", d->count);
    return ok || fail(err, ERR_DATA, "None of the %zu texts has a word in it.", d->count);
}

void corpus_free(struct corpus *c) {
    free(c->words.hashes);
    free(c->pairs.hashes);
    free(c->grams.hashes);
    free(c->row_words);
    free(c->row_pairs);
    free(c->word_items);
    free(c->pair_items);
    free(c->word_grams);
    free(c->gram_items);
}
