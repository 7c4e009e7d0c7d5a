/* Neighbours: what is exported answers as counting by hand does, whichever form a list has, and damaged
 * sections are refused or harmless. */
#include "../unit.h"

#include "learn/neighbours_export.h"
#include "learn/random.h"
#include "models/neighbours.h"

#include <math.h>
#include <stdlib.h>

enum { LABELS = 3, WORDS = 12, ROWS = 300, PER_ROW = 5 };

struct made {
    struct design d;
    uint32_t label[ROWS];
    size_t offsets[ROWS + 1];
    struct design_item items[ROWS * PER_ROW];
    struct buf bytes;
    struct str section;
};

/* Word 0 stands in every text, so that its lists are rows; others are rarer. Features begin with two n-grams
 * and a pair, which are no words. Label 1 has one text only, label 0 more than are kept. */
static struct made *make(uint64_t seed) {
    struct made *m = calloc(1, sizeof *m);
    struct random random = random_from(seed);
    m->d = (struct design){.rows = ROWS, .labels = LABELS, .grams = 2, .pairs = 1, .words = WORDS};
    m->d.label = m->label;
    m->d.offsets = m->offsets;
    m->d.items = m->items;
    size_t at = 0;
    for (size_t r = 0; r < ROWS; r++) {
        m->label[r] = r == 7 ? 1 : r % 5 ? 0 : 2;
        m->items[at++] = (struct design_item){1, 5};
        m->items[at++] = (struct design_item){3, 1};
        uint32_t second = 1 + random_below(&random, WORDS / 2), third = second + 1 + random_below(&random, 4);
        m->items[at++] = (struct design_item){3 + second, 2};
        m->items[at++] = (struct design_item){3 + third, 1.5f};
        m->offsets[r + 1] = at;
    }
    struct artefact_writer w;
    struct artefact a;
    struct error err;
    m->bytes = BUF_INIT(1 << 20);
    artefact_begin(&w, &m->bytes);
    assert_true(neighbours_export(&w, &m->d));
    artefact_end(&w);
    assert_true(artefact_read(&a, buf_str(&m->bytes), &err));
    m->section = a.sections[ARTEFACT_NEIGHBOURS];
    assert_non_null(m->section.p);
    return m;
}

static void release(struct made *m) {
    buf_free(&m->bytes);
    free(m);
}

static float cosine(const struct made *m, size_t row, const struct neighbour_query *q) {
    float squares = 0, sum = 0;
    for (size_t i = m->offsets[row]; i < m->offsets[row + 1]; i++)
        if (m->items[i].feature >= 3)
            squares += m->items[i].value * m->items[i].value;
    for (size_t i = m->offsets[row]; i < m->offsets[row + 1]; i++)
        for (uint32_t k = 0; k < q->count; k++)
            if (m->items[i].feature == 3 + q->words[k].word)
                sum += q->words[k].weight * m->items[i].value / sqrtf(squares);
    return sum;
}

static void test_as_counted_by_hand(void **state) {
    struct made *m = make(1);
    struct neighbours n;
    struct error err;
    assert_true(neighbours_read(&n, m->section, LABELS, WORDS, &err));
    assert_int_equal(n.texts[0], NEIGHBOURS_TEXTS_MAX);
    assert_int_equal(n.texts[1], 1);
    assert_int_equal(n.texts[2], 60);
    struct neighbour_query q = {.n = &n, .count = 3, .words = {{0, 0.3f}, {4, 0.8f}, {6, 0.5f}}};
    for (uint32_t label = 1; label < LABELS; label++) { /* of label 0 only some texts are kept */
        float nearest = 0, sum = 0, texts = 0;
        for (size_t r = 0; r < ROWS; r++)
            if (m->label[r] == label) {
                float alike = cosine(m, r, &q);
                nearest = fmaxf(nearest, alike);
                sum += alike;
                texts++;
            }
        struct nearness near = neighbours_of(&q, label);
        assert_true(fabsf(near.nearest - nearest) < 0.02f);
        assert_true(fabsf(near.mean - sum / texts) < 1e-4f);
    }
    struct nearness many = neighbours_of(&q, 0);
    assert_true(many.nearest > many.mean && many.mean > 0 && many.nearest < 1.02f);
    q.count = 0;
    assert_true(neighbours_of(&q, 2).nearest == 0);
    release(m);
}

static void test_other_labels_or_words_are_refused(void **state) {
    struct made *m = make(2);
    struct neighbours n;
    struct error err;
    assert_false(neighbours_read(&n, m->section, LABELS + 1, WORDS, &err));
    assert_int_equal(err.code, ERR_ARTEFACT);
    assert_false(neighbours_read(&n, m->section, LABELS, WORDS - 1, &err));
    assert_false(neighbours_read(&n, str_slice(m->section, 0, m->section.n - 1), LABELS, WORDS, &err));
    release(m);
}

/* Every byte in turn, and several values: nothing is read out of bounds (the sanitizers tell). */
static void test_damage_is_refused_or_harmless(void **state) {
    struct made *m = make(3);
    size_t refused = 0;
    char *bytes = m->bytes.p + (m->section.p - m->bytes.p);
    for (size_t i = 0; i < m->section.n; i++) {
        char kept = bytes[i];
        for (int change = 1; change < 256; change *= 4) {
            struct neighbours n;
            struct error err;
            bytes[i] = (char)(kept ^ change);
            if (!neighbours_read(&n, m->section, LABELS, WORDS, &err)) {
                refused++;
                continue;
            }
            struct neighbour_query q = {
                .n = &n, .count = 4, .words = {{0, 0.3f}, {4, 0.8f}, {6, 0.5f}, {11, 0.1f}}};
            for (uint32_t label = 0; label < LABELS; label++)
                neighbours_of(&q, label);
        }
        bytes[i] = kept;
    }
    assert_true(refused > 100);
    release(m);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_counted_by_hand),
        cmocka_unit_test(test_other_labels_or_words_are_refused),
        cmocka_unit_test(test_damage_is_refused_or_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
