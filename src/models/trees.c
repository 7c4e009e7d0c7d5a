#include "models/trees.h"

#include <math.h>
#include <stdlib.h>

_Static_assert(sizeof(struct tree_node) == 8 && sizeof(struct tree_start) == 8, "used in place");
_Static_assert((int)MODEL_FEATURES_MAX <= (int)TREE_COLUMN, "a column fits beside the flags");

/* So that no sum of TREES_MAX leaves leaves the floats. */
static const float value_max = 1e9f;

static uint32_t set_words(const struct tabular_column *c) {
    return (c->category_count + 31) / 32;
}

/* ---- the file ---- */

static bool bad_node(uint32_t at, const char *what, struct error *err) {
    return fail(err, ERR_ARTEFACT, "The artefact's trees are damaged: node %u %s.", at, what);
}

static bool check_split(const struct trees *t, const struct tabular *schema, uint32_t at, struct error *err) {
    const struct tree_node *n = &t->nodes[at];
    uint32_t number = n->column & TREE_COLUMN;
    if (number >= schema->count)
        return bad_node(at, "asks for a column that is not there", err);
    const struct tabular_column *c = &schema->columns[number];
    if (!(n->column & TREE_SET))
        return (c->numeric && !isnan(n->split)) || bad_node(at, "compares what is no number", err);
    uint32_t words = set_words(c);
    return (!c->numeric && words <= t->word_count && n->set <= t->word_count - words) ||
           bad_node(at, "has a set that does not fit its column", err);
}

/* A node's children lie behind it, so that one pass finds how deep each can be. */
static bool check_nodes(const struct trees *t, const struct tabular *schema, uint8_t *depth,
                        struct error *err) {
    for (uint32_t i = 0; i < t->node_count; i++) {
        const struct tree_node *n = &t->nodes[i];
        if (n->column & TREE_LEAF) {
            if (!(fabsf(n->leaf) <= value_max))
                return bad_node(i, "has a leaf that is no number of sense", err);
            if (n->column != TREE_LEAF || n->child != 0)
                return bad_node(i, "is a leaf that leads on", err);
            continue;
        }
        if (n->child == 0 || n->child >= t->node_count - i - 1)
            return bad_node(i, "has children that are not there", err);
        if (depth[i] >= TREE_DEPTH_MAX)
            return bad_node(i, "lies too deep", err);
        if (!check_split(t, schema, i, err))
            return false;
        for (uint32_t child = i + n->child; child < i + n->child + 2; child++)
            if (depth[child] <= depth[i])
                depth[child] = (uint8_t)(depth[i] + 1);
    }
    return true;
}

static bool check_starts(const struct trees *t, struct error *err) {
    for (uint32_t i = 0; i < t->count; i++)
        if (t->starts[i].node >= t->node_count || t->starts[i].group >= t->groups)
            return fail(err, ERR_ARTEFACT,
                        "The artefact's tree %u begins at node %u for group %u; there are "
                        "%u nodes and %u groups.",
                        i, t->starts[i].node, t->starts[i].group, t->node_count, t->groups);
    return true;
}

static bool take_arrays(struct artefact_cursor *c, struct trees *t) {
    const void *starts, *nodes, *words;
    if (!artefact_take(c, "trees", t->count, sizeof *t->starts, &starts) ||
        !artefact_take(c, "nodes", t->node_count, sizeof *t->nodes, &nodes) ||
        !artefact_take(c, "words", t->word_count, sizeof *t->words, &words) || !artefact_done(c))
        return false;
    t->starts = starts;
    t->nodes = nodes;
    t->words = words;
    return true;
}

bool trees_read(struct trees *out, struct str section, const struct tabular *schema, struct error *err) {
    struct artefact_cursor c = {section, "trees", err};
    struct trees t;
    uint32_t columns;
    const float *base;
    if (!artefact_take_u32(&c, "columns", (uint32_t)schema->count, (uint32_t)schema->count, &columns) ||
        !artefact_take_u32(&c, "groups", 1, MODEL_LABELS_MAX, &t.groups) ||
        !artefact_take_u32(&c, "trees", 1, TREES_MAX, &t.count) ||
        !artefact_take_u32(&c, "nodes", 1, TREE_NODES_MAX, &t.node_count) ||
        !artefact_take_u32(&c, "words", 0, TREE_NODES_MAX, &t.word_count) ||
        !artefact_take_floats(&c, "base", 1, &base) || !take_arrays(&c, &t) || !check_starts(&t, err))
        return false;
    t.base = *base;
    if (fabsf(t.base) > value_max)
        return fail(err, ERR_ARTEFACT, "The artefact's trees begin at %g.", (double)t.base);
    uint8_t *depth = calloc(t.node_count, sizeof *depth);
    if (!depth)
        return fail(err, ERR_NO_MEMORY, "Out of memory for a model.");
    bool ok = check_nodes(&t, schema, depth, err);
    free(depth);
    if (ok)
        *out = t;
    return ok;
}

void trees_write(struct buf *out, const struct trees *t, const struct tabular *schema) {
    artefact_u32(out, (uint32_t)schema->count);
    artefact_u32(out, t->groups);
    artefact_u32(out, t->count);
    artefact_u32(out, t->node_count);
    artefact_u32(out, t->word_count);
    artefact_floats(out, &t->base, 1);
    buf_add(out, t->starts, t->count * sizeof *t->starts);
    buf_add(out, t->nodes, t->node_count * sizeof *t->nodes);
    buf_add(out, t->words, t->word_count * sizeof *t->words);
}

/* ---- predicting ---- */

void trees_row(const struct tabular *schema, const struct feature_value *values, float *row) {
    for (size_t i = 0; i < schema->count; i++)
        row[i] = values[i].kind == FEATURE_NUMBER     ? (float)values[i].number
                 : values[i].kind == FEATURE_CATEGORY ? (float)values[i].category
                                                      : NAN;
}

/* From a node to its child; a leaf leads to itself. */
static inline const struct tree_node *step(const struct trees *t, const struct tree_node *n,
                                           const float *row) {
    float value = row[n->column & TREE_COLUMN];
    uint32_t right = !(value < n->split);
    if (UNLIKELY(isnan(value))) {
        right = (n->column & TREE_MISSING_RIGHT) != 0;
    } else if (n->column & TREE_SET) {
        uint32_t category = (uint32_t)value;
        right = t->words[n->set + category / 32] >> category % 32 & 1;
    }
    return n + n->child + (right & !(n->column & TREE_LEAF));
}

/* Which way a split goes is hard to foresee: while one tree waits for it, the others go on. */
enum { SIDE_BY_SIDE = 8 };

static inline void add_trees(const struct trees *t, uint32_t first, uint32_t count, const float *row,
                             float *sums) {
    const struct tree_start *starts = &t->starts[first];
    const struct tree_node *n[SIDE_BY_SIDE];
    unsigned leaves;
    for (uint32_t i = 0; i < count; i++)
        n[i] = &t->nodes[starts[i].node];
    do {
        leaves = TREE_LEAF;
        for (uint32_t i = 0; i < count; i++) {
            n[i] = step(t, n[i], row);
            leaves &= n[i]->column;
        }
    } while (!leaves);
    for (uint32_t i = 0; i < count; i++)
        sums[starts[i].group] += n[i]->leaf;
}

void trees_sum(const struct trees *t, const float *row, float *sums) {
    uint32_t at = 0;
    for (uint32_t i = 0; i < t->groups; i++)
        sums[i] = t->base;
    for (; at + SIDE_BY_SIDE <= t->count; at += SIDE_BY_SIDE)
        add_trees(t, at, SIDE_BY_SIDE, row, sums);
    for (; at < t->count; at++)
        add_trees(t, at, 1, row, sums);
}
