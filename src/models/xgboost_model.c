#include "models/xgboost_model.h"

#include "base/json.h"
#include "models/trees.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CHILD_MAX = UINT16_MAX };

/* A node as XGBoost has it: an element of each of the tree's arrays. */
struct their_node {
    double left, right, column, split, missing_left, by_category;
    uint32_t set; /* word where its set of categories begins; UINT32_MAX: it has none */
};

/* What is read so far. */
struct reading {
    const struct tabular *schema;
    struct error *err;
    uint32_t tree; /* the one being read */
    struct buf starts, nodes, words;
    struct their_node *theirs; /* of one tree */
    uint32_t *order;           /* of one tree: whose node each of ours is */
    size_t room;               /* in both */
};

static bool bad_tree(const struct reading *r, const char *what) {
    return fail(r->err, ERR_DATA, "Tree %u of the XGBoost model %s.", r->tree, what);
}

/* ---- the model around the trees ---- */

/* XGBoost writes most numbers as texts; since 3.1 some of them in brackets. */
static bool number_of(yyjson_val *value, double *out) {
    struct str text = json_str_of(value);
    if (yyjson_is_num(value)) {
        *out = yyjson_get_num(value);
        return isfinite(*out);
    }
    if (!yyjson_is_str(value))
        return false;
    if (text.n >= 2 && text.p[0] == '[' && text.p[text.n - 1] == ']')
        text = str_slice(text, 1, text.n - 1);
    return str_to_double(text, out) && isfinite(*out);
}

static bool whole_of(yyjson_val *object, const char *key, double most, double otherwise, uint32_t *out) {
    yyjson_val *value = yyjson_obj_get(object, key);
    double number = otherwise;
    if ((value && !number_of(value, &number)) || number < 0 || number > most || number != floor(number))
        return false;
    *out = (uint32_t)number;
    return true;
}

struct outline {
    yyjson_val *trees, *infos, *names;
    uint32_t columns, classes, parallel, best; /* best: iterations that are used; 0: all */
    double base;
    bool logistic; /* one log odds for two labels */
};

struct xgboost_model {
    yyjson_doc *doc;
    struct outline outline; /* leads into it */
};

static bool wrong_name(const char *what, struct str is, const char *expected, struct error *err) {
    return fail(err, ERR_DATA, "The XGBoost model's %s is \"%.*s\"; expected %s.", what,
                (int)(is.n > 40 ? 40 : is.n), is.p ? is.p : "", expected);
}

static bool check_kind(yyjson_val *learner, bool *logistic, struct error *err) {
    struct str name = json_str_of(yyjson_obj_get(yyjson_obj_get(learner, "gradient_booster"), "name"));
    struct str objective = json_str_of(yyjson_obj_get(yyjson_obj_get(learner, "objective"), "name"));
    if (!yyjson_obj_get(learner, "learner_model_param"))
        return fail(err, ERR_DATA,
                    "This is no model of XGBoost in JSON: expected what save_model(\"….json\") writes.");
    if (!str_eq(name, STR("gbtree")))
        return wrong_name("booster", name, "gbtree", err);
    *logistic = str_eq(objective, STR("binary:logistic"));
    return *logistic || str_eq(objective, STR("multi:softprob")) || str_eq(objective, STR("multi:softmax")) ||
           wrong_name("objective", objective, "binary:logistic, multi:softprob or multi:softmax", err);
}

static bool read_numbers(yyjson_val *learner, yyjson_val *model, struct outline *o) {
    yyjson_val *parameters = yyjson_obj_get(learner, "learner_model_param");
    yyjson_val *attributes = yyjson_obj_get(learner, "attributes");
    bool read = whole_of(parameters, "num_feature", 1e9, 0, &o->columns) &&
                whole_of(parameters, "num_class", MODEL_LABELS_MAX, 0, &o->classes) &&
                whole_of(yyjson_obj_get(model, "gbtree_model_param"), "num_parallel_tree", TREES_MAX, 1,
                         &o->parallel) &&
                whole_of(attributes, "best_iteration", TREES_MAX, 0, &o->best) &&
                number_of(yyjson_obj_get(parameters, "base_score"), &o->base);
    o->best += yyjson_obj_get(attributes, "best_iteration") != NULL;
    return read && o->parallel > 0 &&
           (o->logistic ? o->classes <= 1 && o->base > 0 && o->base < 1 : o->classes >= 2);
}

static bool read_outline(yyjson_doc *doc, struct outline *out, struct error *err) {
    yyjson_val *learner = yyjson_obj_get(yyjson_doc_get_root(doc), "learner");
    yyjson_val *model = yyjson_obj_get(yyjson_obj_get(learner, "gradient_booster"), "model");
    struct outline o = {.trees = yyjson_obj_get(model, "trees"),
                        .infos = yyjson_obj_get(model, "tree_info"),
                        .names = yyjson_obj_get(learner, "feature_names")};
    if (!check_kind(learner, &o.logistic, err))
        return false;
    if (!read_numbers(learner, model, &o) || !yyjson_is_arr(o.trees) ||
        yyjson_arr_size(o.infos) != yyjson_arr_size(o.trees))
        return fail(err, ERR_DATA, "The XGBoost model's parameters are damaged or not known here.");
    *out = o;
    return true;
}

static yyjson_doc *parse(struct str json, struct error *err) {
    yyjson_read_err problem;
    /* Thresholds of sets are written as NaN. */
    yyjson_doc *doc = json.n ? yyjson_read_opts((char *)(uintptr_t)json.p, json.n,
                                                YYJSON_READ_ALLOW_INF_AND_NAN, NULL, &problem)
                             : NULL;
    if (doc)
        return doc;
    if (json.n && problem.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION)
        fail(err, ERR_NO_MEMORY, "Out of memory for a model.");
    else
        fail(err, ERR_DATA,
             "The XGBoost model is no JSON (%s at byte %zu); expected what save_model(\"….json\") writes.",
             json.n ? problem.msg : "it is empty", json.n ? problem.pos : 0);
    return NULL;
}

/* ---- one tree ---- */

static bool make_room(struct reading *r, size_t count) {
    if (count <= r->room)
        return true;
    struct their_node *theirs = realloc(r->theirs, count * sizeof *theirs);
    r->theirs = theirs ? theirs : r->theirs;
    uint32_t *order = theirs ? realloc(r->order, count * sizeof *order) : NULL;
    if (!order)
        return fail(r->err, ERR_NO_MEMORY, "Out of memory for a model.");
    r->order = order;
    r->room = count;
    return true;
}

static const struct {
    const char *name;
    size_t offset; /* in struct their_node */
    bool needed;
} arrays[] = {{"left_children", offsetof(struct their_node, left), true},
              {"right_children", offsetof(struct their_node, right), true},
              {"split_indices", offsetof(struct their_node, column), true},
              {"split_conditions", offsetof(struct their_node, split), true},
              {"default_left", offsetof(struct their_node, missing_left), true},
              {"split_type", offsetof(struct their_node, by_category), false}};

static bool read_arrays(struct reading *r, yyjson_val *tree, size_t count) {
    memset(r->theirs, 0, count * sizeof *r->theirs);
    for (size_t k = 0; k < ARRAY_COUNT(arrays); k++) {
        yyjson_val *array = yyjson_obj_get(tree, arrays[k].name), *value;
        size_t i, max;
        if (!array && !arrays[k].needed)
            continue;
        if (!yyjson_is_arr(array) || yyjson_arr_size(array) != count)
            return bad_tree(r, "has arrays of different lengths");
        yyjson_arr_foreach(array, i, max, value) {
            if (!yyjson_is_num(value) && !yyjson_is_bool(value))
                return bad_tree(r, "has a value that is no number");
            *(double *)(void *)((char *)&r->theirs[i] + arrays[k].offset) =
                yyjson_is_bool(value) ? yyjson_get_bool(value) : yyjson_get_num(value);
        }
    }
    return true;
}

/* A number of the model as an index below `count`. */
static bool index_in(double number, size_t count, uint32_t *out) {
    if (!(number >= 0 && number < (double)count) || number != floor(number))
        return false;
    *out = (uint32_t)number;
    return true;
}

/* The next element as an index below `count`; *at goes on. */
static bool next_index(yyjson_arr_iter *iter, size_t count, uint32_t *out) {
    yyjson_val *value = yyjson_arr_iter_next(iter);
    return yyjson_is_num(value) && index_in(yyjson_get_num(value), count, out);
}

/* A node's set: `size` of the tree's categories, which come one after the other. */
static bool read_set(struct reading *r, struct their_node *node, yyjson_arr_iter *categories, uint32_t size) {
    uint32_t column, category;
    if (!index_in(node->column, r->schema->count, &column) || r->schema->columns[column].numeric)
        return bad_tree(r, "splits a number by categories");
    uint32_t known = r->schema->columns[column].category_count;
    uint32_t words[(TABULAR_CATEGORIES_MAX + 31) / 32] = {0};
    for (uint32_t i = 0; i < size; i++) {
        if (!next_index(categories, known, &category))
            return bad_tree(r, "splits by a category that its column does not have");
        words[category / 32] |= 1u << category % 32;
    }
    node->set = (uint32_t)(r->words.n / sizeof *words);
    buf_add(&r->words, words, (known + 31) / 32 * sizeof *words);
    return true;
}

static bool read_sets(struct reading *r, yyjson_val *tree, size_t count) {
    yyjson_val *nodes = yyjson_obj_get(tree, "categories_nodes");
    yyjson_arr_iter node, begin, size, category;
    uint32_t at, from, many, used = 0;
    for (size_t i = 0; i < count; i++)
        r->theirs[i].set = UINT32_MAX;
    if (yyjson_arr_size(nodes) == 0)
        return true;
    yyjson_val *categories = yyjson_obj_get(tree, "categories");
    size_t all = yyjson_arr_size(categories);
    if (!yyjson_arr_iter_init(nodes, &node) ||
        !yyjson_arr_iter_init(yyjson_obj_get(tree, "categories_segments"), &begin) ||
        !yyjson_arr_iter_init(yyjson_obj_get(tree, "categories_sizes"), &size) ||
        !yyjson_arr_iter_init(categories, &category))
        return bad_tree(r, "has sets of categories that are damaged");
    while (yyjson_arr_iter_has_next(&node)) {
        if (!next_index(&node, count, &at) || !next_index(&begin, all + 1, &from) ||
            !next_index(&size, all + 1, &many) || from != used || many > all - used)
            return bad_tree(r, "has sets of categories that are damaged");
        used += many;
        if (!read_set(r, &r->theirs[at], &category, many))
            return false;
    }
    return true;
}

/* Breadth first, so that a node's children are neighbours behind it. A node that two lead to would be taken
 * twice: more nodes than there are. */
static bool place(struct reading *r, size_t count, size_t *placed) {
    uint32_t left, right;
    size_t n = 1;
    r->order[0] = 0;
    for (size_t i = 0; i < n; i++) {
        const struct their_node *node = &r->theirs[r->order[i]];
        if (node->left < 0)
            continue;
        if (!index_in(node->left, count, &left) || !index_in(node->right, count, &right) || n + 2 > count)
            return bad_tree(r, "has nodes that do not make a tree");
        if (n - i > CHILD_MAX)
            return bad_tree(r, "is too wide");
        r->order[n++] = left;
        r->order[n++] = right;
    }
    *placed = n;
    return true;
}

static bool our_node(struct reading *r, const struct their_node *from, size_t child, struct tree_node *out) {
    uint32_t column = 0;
    if (from->left < 0) {
        *out = (struct tree_node){.column = TREE_LEAF, .leaf = (float)from->split};
        return true;
    }
    if (!index_in(from->column, r->schema->count, &column))
        return bad_tree(r, "splits by a column that the schema does not have");
    *out =
        (struct tree_node){.column = (uint16_t)(column | (from->missing_left == 0 ? TREE_MISSING_RIGHT : 0)),
                           .child = (uint16_t)child,
                           .split = (float)from->split};
    if (from->by_category == 0)
        return true;
    if (from->set == UINT32_MAX)
        return bad_tree(r, "splits by categories that are not there");
    out->column |= TREE_SET;
    out->set = from->set;
    return true;
}

static bool read_tree(struct reading *r, yyjson_val *tree, uint32_t group) {
    size_t count = yyjson_arr_size(yyjson_obj_get(tree, "left_children")), placed, next = 1;
    struct tree_start start = {(uint32_t)(r->nodes.n / sizeof(struct tree_node)), group};
    if (count == 0 || count > TREE_NODES_MAX)
        return bad_tree(r, "has no nodes, or too many");
    if (!make_room(r, count) || !read_arrays(r, tree, count) || !read_sets(r, tree, count) ||
        !place(r, count, &placed))
        return false;
    for (size_t i = 0; i < placed; i++) {
        const struct their_node *from = &r->theirs[r->order[i]];
        struct tree_node node;
        if (!our_node(r, from, next - i, &node))
            return false;
        next += from->left < 0 ? 0 : 2;
        buf_add(&r->nodes, &node, sizeof node);
    }
    buf_add(&r->starts, &start, sizeof start);
    return true;
}

/* ---- the whole ---- */

static bool read_trees(struct reading *r, const struct outline *o, uint32_t groups) {
    size_t used = yyjson_arr_size(o->trees), i, max;
    size_t best = (size_t)o->best * groups * o->parallel;
    yyjson_val *tree;
    yyjson_arr_iter infos;
    if (best && best < used)
        used = best;
    if (used == 0 || used > TREES_MAX || !yyjson_arr_iter_init(o->infos, &infos))
        return fail(r->err, ERR_DATA, "The XGBoost model has %zu trees; expected 1 to %d.", used, TREES_MAX);
    yyjson_arr_foreach(o->trees, i, max, tree) {
        uint32_t group;
        if (i == used)
            break;
        r->tree = (uint32_t)i;
        if (!next_index(&infos, groups, &group))
            return bad_tree(r, "belongs to a class that is not there");
        if (!read_tree(r, tree, group))
            return false;
    }
    return true;
}

/* Written, and read back as serving will. */
static bool write_section(struct reading *r, float base, uint32_t groups, struct buf *section) {
    struct trees t = {.groups = groups,
                      .count = (uint32_t)(r->starts.n / sizeof(struct tree_start)),
                      .node_count = (uint32_t)(r->nodes.n / sizeof(struct tree_node)),
                      .word_count = (uint32_t)(r->words.n / sizeof(uint32_t)),
                      .base = base,
                      .starts = (const void *)r->starts.p,
                      .nodes = (const void *)r->nodes.p,
                      .words = (const void *)r->words.p};
    size_t at = section->n;
    trees_write(section, &t, r->schema);
    if (r->starts.failed || r->nodes.failed || r->words.failed || section->failed)
        return fail(r->err, ERR_NO_MEMORY, "Out of memory for a model, or it is over its limit.");
    struct trees again;
    return trees_read(&again, str_slice(buf_str(section), at, section->n), r->schema, r->err);
}

bool xgboost_model_trees(const struct xgboost_model *m, const struct tabular *schema, size_t labels,
                         struct buf *section, struct error *err) {
    const struct outline *o = &m->outline;
    uint32_t groups = o->logistic ? 1 : o->classes;
    if (o->columns != schema->count || xgboost_model_labels(m) != labels)
        return fail(err, ERR_DATA, "The XGBoost model has %u columns and %zu labels; %zu and %zu are named.",
                    o->columns, xgboost_model_labels(m), schema->count, labels);
    struct reading r = {.schema = schema,
                        .err = err,
                        .starts = BUF_INIT(TREES_MAX * sizeof(struct tree_start)),
                        .nodes = BUF_INIT(TREE_NODES_MAX * sizeof(struct tree_node)),
                        .words = BUF_INIT(TREE_NODES_MAX * sizeof(uint32_t))};
    float base = (float)(o->logistic ? log(o->base / (1 - o->base)) : o->base);
    bool ok = read_trees(&r, o, groups) && write_section(&r, base, groups, section);
    buf_free(&r.starts);
    buf_free(&r.nodes);
    buf_free(&r.words);
    free(r.theirs);
    free(r.order);
    return ok;
}

bool xgboost_model_open(struct xgboost_model **out, struct str json, struct error *err) {
    struct xgboost_model *m = calloc(1, sizeof *m);
    if (!m)
        return fail(err, ERR_NO_MEMORY, "Out of memory for a model.");
    m->doc = parse(json, err);
    if (!m->doc || !read_outline(m->doc, &m->outline, err)) {
        xgboost_model_free(m);
        return false;
    }
    *out = m;
    return true;
}

void xgboost_model_free(struct xgboost_model *m) {
    if (!m)
        return;
    yyjson_doc_free(m->doc);
    free(m);
}

size_t xgboost_model_columns(const struct xgboost_model *m) {
    return m->outline.columns;
}

size_t xgboost_model_labels(const struct xgboost_model *m) {
    return m->outline.logistic ? 2 : m->outline.classes;
}

const char *xgboost_model_feature(const struct xgboost_model *m, size_t column) {
    return yyjson_get_str(yyjson_arr_get(m->outline.names, column));
}
