/* A model as XGBoost writes it in JSON (doc/model.schema of XGBoost, 1.6 to 3), read into models/trees.h:
 * what training gets from the library, and files of users. XGBoost itself is not needed. Classifiers of trees
 * only: binary:logistic, multi:softprob and multi:softmax. Trees after the best iteration of early stopping
 * are left out, as XGBoost's own predictors do. Pure; any thread. */
#pragma once

#include "base/buf.h"
#include "models/tabular.h"

enum { XGBOOST_FILE_MAX = 512 << 20 };

struct xgboost_model;

/* ERR_DATA says what is not known here. `json` is borrowed only during the call. */
bool xgboost_model_open(struct xgboost_model **out, struct str json, struct error *err) MUST_USE;
void xgboost_model_free(struct xgboost_model *m); /* NULL is fine */
size_t xgboost_model_columns(const struct xgboost_model *m);
size_t xgboost_model_labels(const struct xgboost_model *m); /* 2 where it gives one log odds */
/* Of a column, or NULL where the model has no names; terminated, it leads into the model. */
const char *xgboost_model_feature(const struct xgboost_model *m, size_t column);

/* Appends a section ARTEFACT_TREES for the columns of `schema` and so many labels. Nothing in the model is
 * trusted: ERR_DATA says what does not fit. */
bool xgboost_model_trees(const struct xgboost_model *m, const struct tabular *schema, size_t labels,
                         struct buf *section, struct error *err) MUST_USE;
