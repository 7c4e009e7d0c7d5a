/* A schema of three columns for tests of trees: a number that may be missing, a category of 40 names that may
 * be missing, a number. */
#pragma once

#include "models/tabular.h"

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
