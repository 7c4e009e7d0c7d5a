/* A model of XGBoost in JSON: it must be refused, or become trees that are good and sum to numbers. */
#include "models/trees.h"
#include "models/xgboost_model.h"

#include "../unit/models/tree_schema.h"
#include "base/check.h"

#include <math.h>

static void use(struct str section, const struct tabular *schema, size_t labels) {
    static const float rows[][3] = {{2, 33, 0}, {NAN, NAN, -1e30f}, {1e30f, 0, 1}};
    struct trees t;
    struct error err;
    float sums[MODEL_LABELS_MAX];
    CHECK(trees_read(&t, section, schema, &err));
    CHECK(t.groups == labels || (t.groups == 1 && labels == 2));
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        trees_sum(&t, rows[i], sums);
        for (size_t k = 0; k < t.groups; k++)
            CHECK(isfinite(sums[k]));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct buf bytes;
    static struct tabular schema;
    struct str json = {(const char *)data, size};
    struct xgboost_model *m;
    struct error err;
    if (!bytes.p)
        CHECK(tree_schema(&schema, &bytes, &err));
    if (!xgboost_model_open(&m, json, &err))
        return 0;
    size_t labels = xgboost_model_labels(m);
    AUTO_BUF section = BUF_INIT(64 << 20);
    if (xgboost_model_trees(m, &schema, labels, &section, &err))
        use(buf_str(&section), &schema, labels);
    xgboost_model_free(m);
    return 0;
}
