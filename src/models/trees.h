/* Decision trees whose leaves are summed: what boosting leaves behind (Chen and Guestrin, KDD 2016). Read
 * once, checked, and walked in place; any thread.
 *
 * In the file: u32 columns, u32 groups, u32 trees, u32 nodes, u32 words, float base; per tree: u32 its first
 * node, u32 the group that its leaves add to; nodes, as struct tree_node; words of the sets of categories. */
#pragma once

#include "models/artefact.h"
#include "models/tabular.h"

enum { TREES_MAX = 1 << 17, TREE_NODES_MAX = 1 << 24, TREE_DEPTH_MAX = 64 };

/* In tree_node.column, above the column's number. */
enum { TREE_LEAF = 0x8000, TREE_SET = 0x4000, TREE_MISSING_RIGHT = 0x2000, TREE_COLUMN = 0x1fff };

struct tree_node {
    uint16_t column;
    uint16_t child; /* how far behind this node its left child is, the right one is the next; of a leaf: 0 */
    union {
        float split;  /* left: below it */
        uint32_t set; /* word where a bit for each of the column's categories begins; right: in the set */
        float leaf;
    };
};

struct tree_start {
    uint32_t node, group;
};

struct trees {
    uint32_t groups, count, node_count, word_count;
    float base; /* where each group's sum begins */
    const struct tree_start *starts;
    const struct tree_node *nodes;
    const uint32_t *words;
};

/* Everything leads into the section. ERR_ARTEFACT: an index out of bounds, a node that leads back or too
 * deep, a split that does not fit its column. What is accepted is walked in at most TREE_DEPTH_MAX steps a
 * tree, and sums to a number. */
bool trees_read(struct trees *out, struct str section, const struct tabular *schema,
                struct error *err) MUST_USE;
void trees_write(struct buf *out, const struct trees *t, const struct tabular *schema);

/* A row of floats: a number, a category's index, NaN where it is missing. It must fit the schema. */
void trees_row(const struct tabular *schema, const struct feature_value *values, float *row);
/* `sums` has room for t->groups. */
void trees_sum(const struct trees *t, const float *row, float *sums);
