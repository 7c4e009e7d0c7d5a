/* In the place of xgboost.c where the program was built without the C API's header. */
#include "learn/xgboost.h"

bool xgboost_ready(struct error *err) {
    return fail(err, ERR_MODEL,
                "This program was built without XGBoost: install libxgboost-dev (scripts/packages does) and "
                "build again.");
}

const char *xgboost_version(void) {
    return "none";
}

bool xgboost_train(struct buf *model, unsigned *rounds, const struct xgboost_rows *rows,
                   const struct xgboost_rows *validation, size_t labels, const struct xgboost_options *o,
                   struct error *err) {
    return xgboost_ready(err);
}
