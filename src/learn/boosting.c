#include "learn/boosting.h"

#include "learn/random.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BINS = 32, LEVELS = 3, FEATURES_MAX = 64 };

struct sums {
    float slope, curve; /* first and second derivatives of the loss, summed */
};

struct boosting {
    const struct boosting_options *o;
    size_t count;
    unsigned features;
    float edges[FEATURES_MAX][BINS - 1]; /* greater than edge i: bin above i */
    uint8_t *bins;                       /* count times features */
    uint8_t *node; /* of each row in the tree being grown; TREE_LEAVES + TREE_SPLITS: not in it */
    float *odds, *slope, *curve, *sorted;
};

enum { LEFT_ASIDE = TREE_SPLITS + TREE_LEAVES };

static int by_value(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void make_bins(struct boosting *b, const float *rows) {
    for (unsigned f = 0; f < b->features; f++) {
        for (size_t i = 0; i < b->count; i++)
            b->sorted[i] = rows[i * b->features + f];
        qsort(b->sorted, b->count, sizeof *b->sorted, by_value);
        for (size_t k = 0; k < BINS - 1; k++)
            b->edges[f][k] = b->sorted[(k + 1) * (b->count - 1) / BINS];
        for (size_t i = 0; i < b->count; i++) {
            unsigned bin = 0;
            while (bin < BINS - 1 && rows[i * b->features + f] > b->edges[f][bin])
                bin++;
            b->bins[i * b->features + f] = (uint8_t)bin;
        }
    }
}

static float gain(struct sums s, float ridge) {
    return s.slope * s.slope / (s.curve + ridge);
}

/* The best split of the rows in `node`; a feature's split of infinity sends all to the left. */
static void split_node(struct boosting *b, struct tuning_tree *tree, unsigned node) {
    struct sums sums[FEATURES_MAX][BINS], all = {0, 0};
    memset(sums, 0, sizeof sums);
    for (size_t i = 0; i < b->count; i++) {
        if (b->node[i] != node)
            continue;
        const uint8_t *bins = b->bins + i * b->features;
        for (unsigned f = 0; f < b->features; f++) {
            sums[f][bins[f]].slope += b->slope[i];
            sums[f][bins[f]].curve += b->curve[i];
        }
        all.slope += b->slope[i];
        all.curve += b->curve[i];
    }
    float best = gain(all, b->o->ridge) + 1e-4F;
    tree->feature[node] = 0;
    tree->split[node] = INFINITY;
    unsigned chosen = BINS;
    for (unsigned f = 0; f < b->features; f++) {
        struct sums left = {0, 0};
        for (unsigned k = 0; k < BINS - 1; k++) {
            left.slope += sums[f][k].slope;
            left.curve += sums[f][k].curve;
            struct sums right = {all.slope - left.slope, all.curve - left.curve};
            if (left.curve < b->o->least || right.curve < b->o->least)
                continue;
            float here = gain(left, b->o->ridge) + gain(right, b->o->ridge);
            if (here > best) {
                best = here;
                tree->feature[node] = f;
                tree->split[node] = b->edges[f][k];
                chosen = k;
            }
        }
    }
    for (size_t i = 0; i < b->count; i++)
        if (b->node[i] == node)
            b->node[i] = (uint8_t)(2 * node + 1 + (b->bins[i * b->features + tree->feature[node]] > chosen));
}

static void grow(struct boosting *b, struct tuning_tree *tree, struct random *random) {
    struct sums leaves[TREE_LEAVES] = {0};
    for (size_t i = 0; i < b->count; i++)
        b->node[i] = (float)(random_u32(random) >> 8) * 0x1p-24f < b->o->share ? 0 : LEFT_ASIDE;
    for (unsigned node = 0; node < TREE_SPLITS; node++)
        split_node(b, tree, node);
    for (size_t i = 0; i < b->count; i++)
        if (b->node[i] != LEFT_ASIDE) {
            leaves[b->node[i] - TREE_SPLITS].slope += b->slope[i];
            leaves[b->node[i] - TREE_SPLITS].curve += b->curve[i];
        }
    for (unsigned k = 0; k < TREE_LEAVES; k++)
        tree->leaf[k] = -b->o->step * leaves[k].slope / (leaves[k].curve + b->o->ridge);
}

float boosting_score(const struct tuning_tree *trees, unsigned count, float start, const float *row) {
    float sum = start;
    for (unsigned i = 0; i < count; i++) {
        unsigned at = 0;
        while (at < TREE_SPLITS)
            at = 2 * at + 1 + (row[trees[i].feature[at]] > trees[i].split[at]);
        sum += trees[i].leaf[at - TREE_SPLITS];
    }
    return sum;
}

static void fit(struct boosting *b, struct tuning_tree *trees, float *start, const float *rows,
                const bool *yes) {
    struct random random = random_from(b->o->seed);
    size_t positive = 0;
    for (size_t i = 0; i < b->count; i++)
        positive += yes[i];
    *start = logf(((float)positive + 1) / ((float)(b->count - positive) + 1));
    for (size_t i = 0; i < b->count; i++)
        b->odds[i] = *start;
    make_bins(b, rows);
    for (unsigned k = 0; k < b->o->trees; k++) {
        for (size_t i = 0; i < b->count; i++) {
            float p = 1 / (1 + expf(-b->odds[i]));
            b->slope[i] = p - (float)yes[i];
            b->curve[i] = p * (1 - p);
        }
        grow(b, &trees[k], &random);
        for (size_t i = 0; i < b->count; i++)
            b->odds[i] += boosting_score(&trees[k], 1, 0, rows + i * b->features);
    }
}

bool boosting_fit(struct tuning_tree *trees, float *start, const float *rows, const bool *yes, size_t count,
                  unsigned features, const struct boosting_options *o, struct error *err) {
    if (count < 2 || features > FEATURES_MAX)
        return fail(err, ERR_DATA, "Too few pairs to learn from: %zu.", count);
    struct boosting *b = calloc(1, sizeof *b);
    bool ok = b != NULL;
    if (ok) {
        *b = (struct boosting){.o = o,
                               .count = count,
                               .features = features,
                               .bins = malloc(count * features),
                               .node = malloc(count),
                               .odds = malloc(count * sizeof(float)),
                               .slope = malloc(count * sizeof(float)),
                               .curve = malloc(count * sizeof(float)),
                               .sorted = malloc(count * sizeof(float))};
        ok = b->bins && b->node && b->odds && b->slope && b->curve && b->sorted;
        if (ok)
            fit(b, trees, start, rows, yes);
        free(b->bins);
        free(b->node);
        free(b->odds);
        free(b->slope);
        free(b->curve);
        free(b->sorted);
        free(b);
    }
    return ok || fail(err, ERR_NO_MEMORY, "out of memory");
}
