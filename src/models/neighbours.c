#include "models/neighbours.h"

#include "models/scratch.h"

#include <math.h>
#include <string.h>

static const float weight_unit = 1.0f / 127;

struct sizes {
    uint32_t lists, postings, rows;
};

static bool check_list(const struct neighbours *n, const struct neighbour_list *l,
                       const struct sizes *sizes) {
    if (l->label >= n->labels || !isfinite(l->mean))
        return false;
    if (l->count == 0)
        return l->at < sizes->rows;
    if (l->at > sizes->postings || l->count > sizes->postings - l->at)
        return false;
    for (uint32_t i = l->at; i < l->at + l->count; i++)
        if (n->postings[i].text >= n->texts[l->label])
            return false;
    return true;
}

static bool check(const struct neighbours *n, const struct sizes *sizes, struct error *err) {
    bool good = n->starts[0] == 0 && n->starts[n->words] == sizes->lists;
    for (uint32_t label = 0; good && label < n->labels; label++)
        good = n->texts[label] <= NEIGHBOURS_TEXTS_MAX;
    for (uint32_t word = 0; good && word < n->words; word++) {
        good = n->starts[word] <= n->starts[word + 1] && n->starts[word + 1] <= sizes->lists;
        for (uint32_t i = n->starts[word]; good && i < n->starts[word + 1]; i++)
            good = check_list(n, &n->lists[i], sizes) &&
                   (i == n->starts[word] || n->lists[i - 1].label < n->lists[i].label);
    }
    return good ||
           fail(err, ERR_ARTEFACT, "The artefact's neighbours section is damaged: a list leads out of it.");
}

bool neighbours_read(struct neighbours *out, struct str section, uint32_t labels, uint32_t words,
                     struct error *err) {
    struct artefact_cursor c = {section, "neighbours", err};
    struct neighbours n;
    struct sizes sizes;
    uint32_t reserved;
    const void *texts, *starts, *lists, *rows, *postings;
    if (!artefact_take_u32(&c, "labels", labels, labels, &n.labels) ||
        !artefact_take_u32(&c, "words", words, words, &n.words) ||
        !artefact_take_u32(&c, "lists", 0, UINT32_MAX, &sizes.lists) ||
        !artefact_take_u32(&c, "postings", 0, UINT32_MAX, &sizes.postings) ||
        !artefact_take_u32(&c, "rows", 0, UINT32_MAX, &sizes.rows) ||
        !artefact_take_u32(&c, "reserved", 0, 0, &reserved) ||
        !artefact_take(&c, "texts", labels, sizeof *n.texts, &texts) ||
        !artefact_take(&c, "words", (size_t)words + 1, sizeof *n.starts, &starts) ||
        !artefact_take(&c, "lists", sizes.lists, sizeof *n.lists, &lists) ||
        !artefact_take(&c, "rows", sizes.rows, NEIGHBOURS_TEXTS_MAX, &rows) ||
        !artefact_take(&c, "postings", sizes.postings, sizeof *n.postings, &postings) || !artefact_done(&c))
        return false;
    n.texts = texts;
    n.starts = starts;
    n.lists = lists;
    n.rows = rows;
    n.postings = postings;
    if (!check(&n, &sizes, err))
        return false;
    *out = n;
    return true;
}

void neighbours_ask(struct neighbour_query *out, const struct neighbours *n, const struct vocabulary *v,
                    const struct network *network, const struct text_tokens *tokens) {
    uint32_t before = v->grams + v->pairs;
    float mass = 0;
    out->n = n;
    out->count = 0;
    for (size_t i = 0; i < tokens->token_count && out->count < NEIGHBOURS_WORDS_MAX; i++) {
        const struct text_token *token = &tokens->tokens[i];
        if (token->word == TEXT_PAIR)
            continue;
        float times = token->count == 1 ? 1 : 1 + logf((float)token->count);
        uint32_t row = vocabulary_find(v, token->hash);
        bool known = row != VOCABULARY_NONE && row >= before && (row - before) / 2 < n->words;
        float square = times * times * (known ? network->heads[row].mass : v->unseen_mass);
        mass += square;
        if (!known)
            continue;
        out->words[out->count].word = (row - before) / 2;
        out->words[out->count++].weight = sqrtf(square);
        __builtin_prefetch(&n->starts[(row - before) / 2]);
    }
    float factor = mass > 0 ? 1 / sqrtf(mass) : 0;
    for (uint32_t i = 0; i < out->count; i++) {
        const uint32_t *start = &n->starts[out->words[i].word];
        out->words[i].weight *= factor;
        __builtin_prefetch(&n->lists[start[0] + (start[1] - start[0]) / 2]);
        __builtin_prefetch(&n->lists[start[0]]);
    }
}

/* The word's list of this label, or NULL. Halves without a branch that a processor could guess wrong. */
static const struct neighbour_list *find(const struct neighbours *n, uint32_t word, uint32_t label) {
    const struct neighbour_list *at = &n->lists[n->starts[word]];
    uint32_t left = n->starts[word + 1] - n->starts[word];
    if (!left)
        return NULL;
    while (left > 1) {
        uint32_t half = left / 2;
        at += at[half].label <= label ? half : 0;
        left -= half;
    }
    return at->label == label ? at : NULL;
}

struct nearness neighbours_of(const struct neighbour_query *q, uint32_t label) {
    const struct neighbours *n = q->n;
    float alike[NEIGHBOURS_TEXTS_MAX] = {0};
    struct vector_row rows[NEIGHBOURS_WORDS_MAX];
    size_t count = 0, texts = n->texts[label];
    struct nearness result = {0};
    if (!texts)
        return result;
    for (uint32_t i = 0; i < q->count; i++) {
        const struct neighbour_list *list = find(n, q->words[i].word, label);
        float weight = q->words[i].weight * weight_unit;
        if (!list)
            continue;
        result.mean += q->words[i].weight * list->mean;
        if (list->count == 0) {
            const int8_t *row = n->rows + (size_t)list->at * NEIGHBOURS_TEXTS_MAX;
            __builtin_prefetch(row);
            __builtin_prefetch(row + 64);
            rows[count++] = (struct vector_row){row, weight};
        }
        for (uint32_t at = list->at; at < list->at + list->count; at++)
            alike[n->postings[at].text] += weight * (float)n->postings[at].weight;
    }
    vector_add_rows(alike, rows, count, vector_room(texts));
    result.nearest = vector_max(alike, texts);
    return result;
}
