#include "cache/semantic_rows.h"

#include "base/check.h"
#include "cache/wording.h"

#include <stdlib.h>
#include <string.h>

struct semantic_block *semantic_block_new(uint32_t room, uint32_t dimensions) {
    size_t rows = sizeof(struct semantic_block) + room * sizeof(struct semantic_row);
    size_t size = rows + room * (sizeof(uint64_t) + (size_t)dimensions);
    struct semantic_block *b = calloc(1, size);
    if (!b)
        return NULL;
    b->room = room;
    b->dimensions = dimensions;
    b->bytes = size;
    b->hashes = (void *)((char *)b + rows);
    b->vectors = (int8_t *)(b->hashes + room);
    atomic_init(&b->references, 1);
    return b;
}

void semantic_block_unref(struct semantic_block *b) {
    if (atomic_fetch_sub_explicit(&b->references, 1, memory_order_acq_rel) != 1)
        return;
    for (uint32_t i = 0; i < b->count; i++)
        free((char *)(uintptr_t)b->rows[i].text.p);
    free(b);
}

void semantic_block_add(struct semantic_block *b, struct semantic_row row, uint64_t hash,
                        const int8_t *vector) {
    CHECK(b->count < b->room);
    struct semantic_row *to = &b->rows[b->count];
    to->factor = row.factor;
    to->expires = row.expires;
    b->hashes[b->count] = hash;
    to->text = row.text;
    to->value = row.value;
    memcpy(b->vectors + (size_t)b->count * b->dimensions, vector, b->dimensions);
    b->bytes += row.text.n + row.value.n;
    b->count++;
}

static void keep(struct semantic_candidates *found, const struct semantic_row *row, float cosine) {
    size_t at = found->count < SEMANTIC_CANDIDATES ? found->count++ : SEMANTIC_CANDIDATES - 1;
    while (at > 0 && found->list[at - 1].cosine < cosine) {
        found->list[at] = found->list[at - 1];
        at--;
    }
    found->list[at] = (struct semantic_candidate){row, cosine};
}

void semantic_block_scan(const struct semantic_block *b, uint32_t count, const int8_t *vector, float factor,
                         float least, int64_t now, struct semantic_candidates *found) {
    for (uint32_t i = 0; i < count; i++) {
        const struct semantic_row *row = &b->rows[i];
        float bar = found->count == SEMANTIC_CANDIDATES ? found->list[SEMANTIC_CANDIDATES - 1].cosine : least;
        float cosine = (float)vector_product(b->vectors + (size_t)i * b->dimensions, vector, b->dimensions) *
                       factor * row->factor;
        if (cosine < least || (found->count == SEMANTIC_CANDIDATES && cosine <= bar) || row->expires <= now ||
            atomic_load_explicit(&row->dead, memory_order_relaxed))
            continue;
        keep(found, row, cosine);
    }
}
