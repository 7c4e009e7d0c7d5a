#include "models/trees.h"

#include "../unit.h"
#include "tree_schema.h"

#include <math.h>

/* size < 2 ? (missing goes left) -1 : 3;  kind in {1, 33} ? 10 (right) : 20, missing goes right; age < 0.5 ?
 * 100 : 200 */
static const struct tree_node nodes[] = {
    {.column = 0, .child = 1, .split = 2},
    {.column = TREE_LEAF, .leaf = -1},
    {.column = TREE_LEAF, .leaf = 3},
    {.column = 1 | TREE_SET | TREE_MISSING_RIGHT, .child = 1, .set = 1},
    {.column = TREE_LEAF, .leaf = 20},
    {.column = TREE_LEAF, .leaf = 10},
    {.column = 2, .child = 1, .split = 0.5f},
    {.column = TREE_LEAF, .leaf = 100},
    {.column = TREE_LEAF, .leaf = 200},
};
static const struct tree_start starts[] = {{0, 0}, {3, 0}, {6, 1}};
static const uint32_t words[] = {0xffffffff, 1u << 1, 1u << 1};

struct fixture {
    struct buf schema_bytes, bytes;
    struct tabular schema;
    struct trees trees;
};

static int set_up(void **state) {
    static struct fixture f;
    struct error err;
    struct trees t = {.groups = 2,
                      .count = ARRAY_COUNT(starts),
                      .node_count = ARRAY_COUNT(nodes),
                      .word_count = ARRAY_COUNT(words),
                      .base = 0.5f,
                      .starts = starts,
                      .nodes = nodes,
                      .words = words};
    f.bytes = BUF_INIT(1 << 16);
    if (!tree_schema(&f.schema, &f.schema_bytes, &err))
        return -1;
    trees_write(&f.bytes, &t, &f.schema);
    *state = &f;
    return trees_read(&f.trees, buf_str(&f.bytes), &f.schema, &err) ? 0 : -1;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    tabular_free(&f->schema);
    buf_free(&f->schema_bytes);
    buf_free(&f->bytes);
    return 0;
}

static void expect(const struct fixture *f, const struct feature_value *values, float first, float second) {
    float row[3], sums[2];
    trees_row(&f->schema, values, row);
    trees_sum(&f->trees, row, sums);
    assert_true(sums[0] == first && sums[1] == second);
}

static struct feature_value number(double value) {
    return (struct feature_value){.kind = FEATURE_NUMBER, .number = value};
}

static struct feature_value category(uint32_t value) {
    return (struct feature_value){.kind = FEATURE_CATEGORY, .category = value};
}

static const struct feature_value missing = {.kind = FEATURE_MISSING};

static void leaves_are_summed_by_group(void **state) {
    const struct fixture *f = *state;
    expect(f, (struct feature_value[]){number(1.9), category(0), number(0)}, 0.5f - 1 + 20, 100.5f);
    expect(f, (struct feature_value[]){number(2), category(1), number(0.5)}, 0.5f + 3 + 10, 200.5f);
    expect(f, (struct feature_value[]){number(1e30), category(33), number(-1e30)}, 0.5f + 3 + 10, 100.5f);
    expect(f, (struct feature_value[]){number(0), category(39), number(1)}, 0.5f - 1 + 20, 200.5f);
}

static void what_is_missing_goes_where_the_node_says(void **state) {
    const struct fixture *f = *state;
    expect(f, (struct feature_value[]){missing, missing, number(0)}, 0.5f - 1 + 10, 100.5f);
}

/* Changes the section at a place, and expects to read that it is refused. */
static void damage(const struct fixture *f, size_t at, const void *bytes, size_t n, const char *why) {
    struct error err = {0};
    struct trees t;
    char *copy = malloc(f->bytes.n);
    memcpy(copy, f->bytes.p, f->bytes.n);
    memcpy(copy + at, bytes, n);
    assert_false(trees_read(&t, (struct str){copy, f->bytes.n}, &f->schema, &err));
    assert_int_equal(err.code, ERR_ARTEFACT);
    if (!strstr(err.message, why))
        fail_msg("\"%s\" does not say \"%s\"", err.message, why);
    free(copy);
}

enum { HEAD = 24, NODES = HEAD + sizeof starts };

static void damage_u32(const struct fixture *f, size_t at, uint32_t value, const char *why) {
    damage(f, at, &value, sizeof value, why);
}

static void damage_node(const struct fixture *f, size_t node, struct tree_node changed, const char *why) {
    damage(f, NODES + node * sizeof changed, &changed, sizeof changed, why);
}

static void damaged_sections_are_refused(void **state) {
    const struct fixture *f = *state;
    damage_u32(f, 0, 4, "columns = 4");
    damage_u32(f, 4, 0, "groups = 0");
    damage_u32(f, 8, 0, "trees = 0");
    damage_u32(f, 8, TREES_MAX + 1, "trees = ");
    damage_u32(f, 12, TREE_NODES_MAX, "cut off");
    damage_u32(f, 16, 1, "too many");
    damage_u32(f, 20, 0x7fc00000, "not finite");
    damage_u32(f, HEAD, ARRAY_COUNT(nodes), "tree 0 begins");
    damage_u32(f, HEAD + 4, 2, "for group 2");
    damage_node(f, 0, (struct tree_node){.column = 0, .child = 0}, "children that are not there");
    damage_node(f, 6, (struct tree_node){.column = 0, .child = 2}, "children that are not there");
    damage_node(f, 8, (struct tree_node){.column = 0, .child = 1}, "children that are not there");
    damage_node(f, 0, (struct tree_node){.column = 3, .child = 1}, "column that is not there");
    damage_node(f, 0, (struct tree_node){.column = 1, .child = 1}, "what is no number");
    damage_node(f, 0, (struct tree_node){.column = 0, .child = 1, .split = NAN}, "what is no number");
    damage_node(f, 3, (struct tree_node){.column = 1 | TREE_SET, .child = 1, .set = 2}, "does not fit");
    damage_node(f, 0, (struct tree_node){.column = 0 | TREE_SET, .child = 1}, "does not fit");
    damage_node(f, 1, (struct tree_node){.column = TREE_LEAF, .leaf = INFINITY}, "no number of sense");
    damage_node(f, 1, (struct tree_node){.column = TREE_LEAF, .leaf = NAN}, "no number of sense");
    damage_node(f, 1, (struct tree_node){.column = TREE_LEAF, .child = 1, .leaf = 1}, "leads on");
    damage_node(f, 1, (struct tree_node){.column = TREE_LEAF | 2000, .leaf = 1}, "leads on");
    for (size_t n = 0; n < f->bytes.n; n++) {
        struct error err = {0};
        struct trees t;
        assert_false(trees_read(&t, str_slice(buf_str(&f->bytes), 0, n), &f->schema, &err));
    }
}

/* A chain as deep as there are nodes would make every prediction slow. */
static void deep_trees_are_refused(void **state) {
    const struct fixture *f = *state;
    enum { DEPTH = TREE_DEPTH_MAX + 1, NODE_COUNT = 2 * DEPTH + 1 };
    static const struct tree_node split = {.column = 2, .child = 1, .split = 1};
    static const struct tree_node leaf = {.column = TREE_LEAF, .leaf = 1};
    struct tree_node chain[NODE_COUNT];
    struct tree_start start = {0, 0};
    for (size_t i = 0; i < NODE_COUNT; i++)
        chain[i] = i % 2 == 0 && i < NODE_COUNT - 1 ? split : leaf;
    for (int deep = 0; deep < 2; deep++) {
        struct trees t = {
            .groups = 1, .count = 1, .node_count = NODE_COUNT - (deep ? 0 : 2), .starts = &start};
        struct error err = {0};
        AUTO_BUF bytes = BUF_INIT(1 << 16);
        chain[NODE_COUNT - 3] = deep ? split : leaf;
        t.nodes = chain;
        trees_write(&bytes, &t, &f->schema);
        assert_int_equal(trees_read(&t, buf_str(&bytes), &f->schema, &err), !deep);
        if (deep)
            assert_non_null(strstr(err.message, "too deep"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leaves_are_summed_by_group),
        cmocka_unit_test(what_is_missing_goes_where_the_node_says),
        cmocka_unit_test(damaged_sections_are_refused),
        cmocka_unit_test(deep_trees_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
