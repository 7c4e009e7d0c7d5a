#include "models/vocabulary.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK = 64, SCARCITY_MAX = 4 };

bool vocabulary_read(struct vocabulary *out, struct str section, const struct network *n, struct error *err) {
    struct artefact_cursor c = {section, "vocabulary", err};
    struct vocabulary v;
    uint32_t bits;
    const float *numbers;
    const void *slots;
    if (!artefact_take_u32(&c, "slot bits", 1, VOCABULARY_BITS_MAX, &bits) ||
        !artefact_take_u32(&c, "words", 0, n->rows / 2, &v.words) ||
        !artefact_take_u32(&c, "pairs", 0, n->rows, &v.pairs) ||
        !artefact_take_u32(&c, "n-grams", 0, n->rows, &v.grams) ||
        !artefact_take_floats(&c, "masses", 4, &numbers))
        return false;
    size_t count = (size_t)1 << bits, used = 0;
    if (!artefact_take(&c, "slots", count, sizeof(struct vocabulary_slot), &slots) || !artefact_done(&c))
        return false;
    v.slots = slots;
    v.mask = count - 1;
    v.unseen_mass = numbers[0];
    v.word_floor = numbers[1];
    v.gram_floor = numbers[2];
    v.typical_mass = numbers[3];
    if (v.unseen_mass < 0 || v.word_floor < 0 || v.gram_floor < 0 || v.typical_mass < 0)
        return fail(err, ERR_ARTEFACT, "The artefact's vocabulary has a negative mass.");
    for (size_t i = 0; i < count; i++) {
        if (v.slots[i].row == VOCABULARY_NONE)
            continue;
        used++;
        /* A word's second row must exist too, and any row may be taken for a word's. */
        if (v.slots[i].row >= n->rows - 1)
            return fail(err, ERR_ARTEFACT, "The artefact's vocabulary points to row %u of %u.",
                        v.slots[i].row, n->rows);
    }
    if (used > count / 4 * 3)
        return fail(err, ERR_ARTEFACT,
                    "The artefact's vocabulary has %zu of %zu slots taken: no room to search.", used, count);
    *out = v;
    return true;
}

void vocabulary_write(struct buf *out, const struct vocabulary_entry *entries, size_t count,
                      const struct vocabulary *facts) {
    uint32_t bits = 2;
    while (((size_t)1 << bits) < 2 * count)
        bits++;
    artefact_u32(out, bits);
    artefact_u32(out, facts->words);
    artefact_u32(out, facts->pairs);
    artefact_u32(out, facts->grams);
    artefact_floats(out, &facts->unseen_mass, 1);
    artefact_floats(out, &facts->word_floor, 1);
    artefact_floats(out, &facts->gram_floor, 1);
    artefact_floats(out, &facts->typical_mass, 1);
    size_t slot_count = (size_t)1 << bits, size = slot_count * sizeof(struct vocabulary_slot);
    if (!buf_reserve(out, size))
        return;
    struct vocabulary_slot *slots = (void *)(out->p + out->n);
    memset(slots, 0xff, size);
    for (size_t i = 0; i < count; i++) {
        size_t at = entries[i].hash & (slot_count - 1);
        while (slots[at].row != VOCABULARY_NONE)
            at = (at + 1) & (slot_count - 1);
        slots[at] = (struct vocabulary_slot){(uint32_t)(entries[i].hash >> 32), entries[i].row};
    }
    out->n += size;
}

/* One text on its way: the two blocks' sums, squared lengths, and what was known of them. */
struct summing {
    const struct vocabulary *v;
    const struct network *n;
    const struct text_tokens *t;
    float *words, *grams;
    float word_mass, gram_mass;
    float known_words, all_words, unknown_grams;
    uint32_t distinct_words;
    struct network_rows *word_rows, *gram_rows; /* on their way into the sums */
};

static void add_unknown_word(struct summing *s, uint32_t word, float value) {
    uint64_t hashes[TEXT_GRAMS_MAX];
    uint32_t rows[TEXT_GRAMS_MAX];
    size_t count = text_grams(s->t, word, hashes), known = 0;
    for (size_t i = 0; i < count; i++)
        __builtin_prefetch(&s->v->slots[hashes[i] & s->v->mask]);
    for (size_t i = 0; i < count; i++) {
        uint32_t row = vocabulary_find(s->v, hashes[i]);
        if (row == VOCABULARY_NONE)
            continue;
        network_prefetch(s->n, row);
        rows[known++] = row;
    }
    for (size_t i = 0; i < known; i++) {
        network_add_soon(s->n, s->grams, s->gram_rows, rows[i], value);
        s->gram_mass += value * value * s->n->heads[rows[i]].mass;
    }
    s->unknown_grams += value * value * s->v->unseen_mass * (float)(count - known);
}

static void add_token(struct summing *s, const struct text_token *token, uint32_t row) {
    float value = token->count == 1 ? 1 : 1 + logf((float)token->count);
    bool pair = token->word == TEXT_PAIR;
    s->distinct_words += !pair;
    if (row == VOCABULARY_NONE) {
        if (pair)
            return;
        s->all_words += value * value * s->v->unseen_mass;
        add_unknown_word(s, token->word, value);
        return;
    }
    float mass = value * value * s->n->heads[row].mass;
    network_add_soon(s->n, s->words, s->word_rows, row, value);
    s->word_mass += mass;
    if (pair)
        return;
    s->all_words += mass;
    s->known_words += mass;
    network_add_soon(s->n, s->grams, s->gram_rows, row + 1, value);
    s->gram_mass += value * value * s->n->heads[row + 1].mass;
}

static void add_chunk(struct summing *s, const struct text_token *tokens, size_t count) {
    uint32_t rows[CHUNK];
    for (size_t i = 0; i < count; i++)
        __builtin_prefetch(&s->v->slots[tokens[i].hash & s->v->mask]);
    for (size_t i = 0; i < count; i++) {
        rows[i] = vocabulary_find(s->v, tokens[i].hash);
        if (rows[i] == VOCABULARY_NONE)
            continue;
        network_prefetch(s->n, rows[i]);
        if (tokens[i].word != TEXT_PAIR)
            network_prefetch(s->n, rows[i] + 1);
    }
    for (size_t i = 0; i < count; i++)
        add_token(s, &tokens[i], rows[i]);
}

static float scarcity(float typical, float mass) {
    if (mass <= 0)
        return SCARCITY_MAX;
    float times = typical / mass;
    return times <= 1 ? 0 : fminf(logf(times), SCARCITY_MAX);
}

void vocabulary_sum(const struct vocabulary *v, const struct network *n, struct text_tokens *tokens,
                    struct str text, float *sums, struct text_signals *signals) {
    struct network_rows word_rows, gram_rows;
    word_rows.count = gram_rows.count = 0; /* the rest is not worth clearing */
    struct summing s = {.v = v,
                        .n = n,
                        .t = tokens,
                        .words = sums,
                        .grams = sums + n->stride,
                        .word_rows = &word_rows,
                        .gram_rows = &gram_rows};
    memset(sums, 0, 2 * n->stride * sizeof *sums);
    text_tokenise(tokens, text);
    for (size_t at = 0; at < tokens->token_count; at += CHUNK) {
        size_t left = tokens->token_count - at;
        add_chunk(&s, tokens->tokens + at, left < CHUNK ? left : CHUNK);
    }
    network_add_waiting(n, s.words, &word_rows);
    network_add_waiting(n, s.grams, &gram_rows);
    float all_grams = s.gram_mass + s.unknown_grams;
    float word_mass = s.word_mass + s.all_words - s.known_words;
    float word_factor = s.word_mass > 0 ? 1 / sqrtf(word_mass + v->word_floor) : 0;
    float gram_factor = s.gram_mass > 0 ? 1 / sqrtf(all_grams + v->gram_floor) : 0;
    for (uint32_t i = 0; i < n->stride; i++)
        sums[i] = s.words[i] * word_factor + s.grams[i] * gram_factor;
    signals->words = s.distinct_words;
    signals->known_words = s.all_words > 0 ? s.known_words / s.all_words : 0;
    signals->known_grams = all_grams > 0 ? s.gram_mass / all_grams : 0;
    signals->scarcity = scarcity(v->typical_mass, s.gram_mass);
}
