/* For tests of trees: a schema of three columns (a number that may be missing, a category of 40 names that
 * may be missing, a number), and a model of XGBoost read in one step. */
#pragma once

#include "models/tabular.h"
#include "models/xgboost_model.h"

enum { TREE_CATEGORIES = 40 };

/* Leads into `bytes`, both the caller's to free. */
static inline bool tree_schema(struct tabular *out, struct buf *bytes, struct error *err) {
    static char names[TREE_CATEGORIES][4];
    const char *categories[TREE_CATEGORIES];
    for (int i = 0; i < TREE_CATEGORIES; i++) {
        names[i][0] = 'c';
        names[i][1] = (char)('0' + i / 10);
        names[i][2] = (char)('0' + i % 10);
        categories[i] = names[i];
    }
    struct tabular_column columns[] = {
        {.name = "size", .numeric = true, .may_miss = true, .scale = 1},
        {.name = "kind", .may_miss = true, .category_count = TREE_CATEGORIES, .categories = categories},
        {.name = "age", .numeric = true, .scale = 1},
    };
    struct tabular t = {.count = ARRAY_COUNT(columns), .columns = columns, .factor = 1};
    *bytes = BUF_INIT(1 << 16);
    tabular_write(bytes, &t);
    return tabular_read(out, buf_str(bytes), err);
}

static inline bool tree_model_read(struct str json, const struct tabular *schema, size_t labels,
                                   struct buf *section, struct error *err) {
    struct xgboost_model *m = NULL;
    bool ok = xgboost_model_open(&m, json, err) && xgboost_model_trees(m, schema, labels, section, err);
    xgboost_model_free(m);
    return ok;
}
