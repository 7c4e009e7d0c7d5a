/* XGBoost through its C API, opened at run time and only to train: a program without it is whole, and serves
 * what was trained elsewhere. The library is the file that PENSTOCK_XGBOOST names, else the system's
 * libxgboost.so.0. A training computes on its caller's thread only; several may run side by side. */
#pragma once

#include "base/buf.h"
#include "base/error.h"

/* False and ERR_MODEL: it is not there, or too old; the message says what to do. Looked for once. */
bool xgboost_ready(struct error *err) MUST_USE;
/* "1.7.4"; after xgboost_ready. */
const char *xgboost_version(void);

struct xgboost_rows {
    const float *values; /* row after row; NaN: missing; of a category: its index */
    const float *labels; /* 0 to labels - 1 */
    size_t rows, columns;
    const bool *category; /* of each column: a category and no number */
};

struct xgboost_options {
    unsigned rounds;   /* at most; exactly where there is no validation part */
    unsigned patience; /* rounds without a better loss on the validation part, after which it stops */
    unsigned depth;
    float step, row_share, column_share, least_weight, ridge;
    uint32_t seed;
};

/* Trains a classifier and appends it as XGBoost's JSON (models/xgboost_model.h), its best iteration noted, to
 * `model`. `validation` may be NULL. *rounds: how many were kept. Deterministic for a seed and a version of
 * the library. */
bool xgboost_train(struct buf *model, unsigned *rounds, const struct xgboost_rows *rows,
                   const struct xgboost_rows *validation, size_t labels, const struct xgboost_options *o,
                   struct error *err) MUST_USE;
