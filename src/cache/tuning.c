#include "cache/tuning.h"

#include "base/buf.h"
#include "base/check.h"
#include "cache/pair_features.h"
#include "cache/semantic.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static const char magic[8] = "PSTKTUN";

struct tuning_head {
    char magic[8];
    uint32_t format, dimensions, bits, known_bits, features, trees;
    float threshold, least_cosine, start;
    uint32_t vector_dimensions; /* format 2 */
};
_Static_assert(sizeof(struct tuning_head) == 48, "no padding");
_Static_assert(sizeof(struct tuning_tree) == 88, "no padding");

struct tuning {
    atomic_uint references;
    struct tuning_head head;
    const char *vectors;     /* leads into `bytes`, or "" */
    struct code_table table; /* leads into `bytes` */
    const struct tuning_tree *trees;
    size_t size;
    char *bytes;
};

enum { BODY = KNOWN_BYTES + CODE_BUCKETS * (1 + (int)sizeof(float) + CODE_DIMENSIONS) };

static bool is_for_vectors(const struct tuning_head *h) {
    return h->format == TUNING_FORMAT_VECTORS;
}

static uint32_t features_of(const struct tuning_head *h) {
    return is_for_vectors(h) ? PAIR_FEATURES : WORDING_FEATURES;
}

/* Before the tables. */
static size_t vectors_size(const struct tuning_head *h) {
    return is_for_vectors(h) ? TUNING_VECTORS_SIZE : 0;
}

static bool check_head(const struct tuning_head *h, size_t n, struct error *err) {
    if (memcmp(h->magic, magic, sizeof magic) != 0)
        return fail(err, ERR_ARTEFACT, "This is no tuning: it does not begin with \"%s\".", magic);
    if ((h->format != TUNING_FORMAT_WORDING && !is_for_vectors(h)) || h->dimensions != CODE_DIMENSIONS ||
        h->bits != CODE_BITS || h->known_bits != KNOWN_BITS || h->features != features_of(h))
        return fail(
            err, ERR_ARTEFACT,
            "The tuning was made by another version of this program (format %u, %u features; expected %d, "
            "%d or %d, %d): run `penstock cache tune` again.",
            h->format, h->features, TUNING_FORMAT_WORDING, WORDING_FEATURES, TUNING_FORMAT_VECTORS,
            PAIR_FEATURES);
    if (h->trees > TREES_MAX ||
        n != sizeof *h + vectors_size(h) + BODY + h->trees * sizeof(struct tuning_tree))
        return fail(err, ERR_ARTEFACT, "The tuning says that it has %u trees, and %zu bytes do not fit that.",
                    h->trees, n);
    if (!(h->threshold > 0 && h->threshold <= 1) || !(h->least_cosine >= 0 && h->least_cosine <= 1) ||
        !isfinite(h->start))
        return fail(err, ERR_ARTEFACT, "The tuning's threshold or least cosine lies outside of 0 to 1.");
    if (is_for_vectors(h) && (h->vector_dimensions == 0 || h->vector_dimensions > SEMANTIC_DIMENSIONS_MAX))
        return fail(err, ERR_ARTEFACT, "The tuning is for vectors of %u dimensions; expected 1 to %d.",
                    h->vector_dimensions, SEMANTIC_DIMENSIONS_MAX);
    return true;
}

/* It will be compared with a configuration's, and shown. */
static bool check_vectors(const struct tuning *t, struct error *err) {
    size_t n = strnlen(t->vectors, TUNING_VECTORS_SIZE);
    struct str name = {t->vectors, n};
    if (!is_for_vectors(&t->head) ||
        (n > 0 && n < TUNING_VECTORS_SIZE && !str_has_control(name) && str_is_utf8(name, NULL)))
        return true;
    return fail(err, ERR_ARTEFACT, "The tuning's name of its vectors is none.");
}

static bool check_numbers(const struct tuning *t, struct error *err) {
    for (size_t i = 0; i < CODE_BUCKETS; i++)
        if (!(fabsf(t->table.factors[i]) < 1e6F))
            return fail(err, ERR_ARTEFACT, "The tuning's factor %zu is no sensible number.", i);
    for (uint32_t k = 0; k < t->head.trees; k++) {
        for (int i = 0; i < TREE_SPLITS; i++)
            if (t->trees[k].feature[i] >= t->head.features || isnan(t->trees[k].split[i]))
                return fail(err, ERR_ARTEFACT, "The tuning's tree %u asks for what there is not.", k);
        for (int i = 0; i < TREE_LEAVES; i++)
            if (!(fabsf(t->trees[k].leaf[i]) < 1e6F))
                return fail(err, ERR_ARTEFACT, "The tuning's tree %u has a leaf that is no sensible number.",
                            k);
    }
    return true;
}

bool tuning_open(struct tuning **out, struct str bytes, struct error *err) {
    struct tuning_head head;
    if (bytes.n < sizeof head)
        return fail(err, ERR_ARTEFACT, "This is no tuning: it has only %zu bytes.", bytes.n);
    memcpy(&head, bytes.p, sizeof head);
    if (!check_head(&head, bytes.n, err))
        return false;
    struct tuning *t = calloc(1, sizeof *t);
    char *body = malloc(bytes.n - sizeof head);
    if (!t || !body) {
        free(t);
        free(body);
        return fail(err, ERR_NO_MEMORY, "Out of memory while opening a tuning.");
    }
    memcpy(body, bytes.p + sizeof head, bytes.n - sizeof head);
    *t = (struct tuning){.head = head, .bytes = body, .size = bytes.n};
    atomic_init(&t->references, 1);
    /* Each part's size is a multiple of 4, so the next one is aligned. */
    const char *at = body + vectors_size(&head);
    t->vectors = is_for_vectors(&head) ? body : "";
    t->table.known = (const uint8_t *)at;
    t->table.rarity = (const uint8_t *)(at += KNOWN_BYTES);
    t->table.factors = (const void *)(at += CODE_BUCKETS);
    t->table.rows = (const int8_t *)(at += CODE_BUCKETS * sizeof(float));
    t->trees = (const void *)(at + CODE_BUCKETS * CODE_DIMENSIONS);
    if (!check_vectors(t, err) || !check_numbers(t, err)) {
        tuning_unref(t);
        return false;
    }
    *out = t;
    return true;
}

struct tuning *tuning_ref(struct tuning *t) {
    atomic_fetch_add_explicit(&t->references, 1, memory_order_relaxed);
    return t;
}

void tuning_unref(struct tuning *t) {
    if (!t || atomic_fetch_sub_explicit(&t->references, 1, memory_order_acq_rel) != 1)
        return;
    free(t->bytes);
    free(t);
}

void tuning_portrait(const struct tuning *t, struct portrait *p, struct str text) {
    portrait_read(p, &t->table, text);
}

const char *tuning_vectors(const struct tuning *t) {
    return t->vectors;
}

size_t tuning_dimensions(const struct tuning *t) {
    return is_for_vectors(&t->head) ? t->head.vector_dimensions : 0;
}

float tuning_least_cosine(const struct tuning *t) {
    return t->head.least_cosine;
}

static float leaf_of(const struct tuning_tree *tree, const float *features) {
    unsigned at = 0;
    while (at < TREE_SPLITS)
        at = 2 * at + 1 + (features[tree->feature[at]] > tree->split[at]);
    return tree->leaf[at - TREE_SPLITS];
}

float tuning_judge(const struct tuning *t, const struct portrait *a, const struct portrait *b, float cosine,
                   const char **reason) {
    float features[PAIR_FEATURES], sum = t->head.start;
    *reason = contrast_between(&a->wording, &b->wording, t->table.known);
    if (*reason)
        return 0;
    pair_features(a, b, &t->table, cosine, features);
    for (uint32_t i = 0; i < t->head.trees; i++)
        sum += leaf_of(&t->trees[i], features);
    float score = 1 / (1 + expf(-sum));
    if (!(score >= t->head.threshold))
        *reason = "not sure enough";
    return score;
}

void tuning_write(struct buf *out, const struct tuning_parts *parts) {
    bool given = parts->vectors != NULL;
    char name[TUNING_VECTORS_SIZE] = "";
    struct tuning_head head = {.format = given ? TUNING_FORMAT_VECTORS : TUNING_FORMAT_WORDING,
                               .dimensions = CODE_DIMENSIONS,
                               .bits = CODE_BITS,
                               .known_bits = KNOWN_BITS,
                               .features = given ? PAIR_FEATURES : WORDING_FEATURES,
                               .trees = parts->tree_count,
                               .threshold = parts->threshold,
                               .least_cosine = parts->least_cosine,
                               .start = parts->start,
                               .vector_dimensions = given ? parts->dimensions : 0};
    memcpy(head.magic, magic, sizeof magic);
    buf_add(out, &head, sizeof head);
    if (given) {
        CHECK(strlen(parts->vectors) < sizeof name);
        memcpy(name, parts->vectors, strlen(parts->vectors));
        buf_add(out, name, sizeof name);
    }
    buf_add(out, parts->known, KNOWN_BYTES);
    buf_add(out, parts->rarity, CODE_BUCKETS);
    buf_add(out, parts->factors, CODE_BUCKETS * sizeof(float));
    buf_add(out, parts->rows, (size_t)CODE_BUCKETS * CODE_DIMENSIONS);
    buf_add(out, parts->trees, parts->tree_count * sizeof *parts->trees);
}
