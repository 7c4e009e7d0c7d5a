/* A model as XGBoost writes it in JSON (doc/model.schema of XGBoost, 1.6 to 3), read into models/trees.h:
 * what training gets from the library, and files of users. XGBoost itself is not needed. Classifiers of trees
 * only: binary:logistic, multi:softprob and multi:softmax. Trees after the best iteration of early stopping
 * are left out, as XGBoost's own predictors do. Pure; any thread. */
#pragma once

#include "base/buf.h"
#include "models/tabular.h"

enum { XGBOOST_FILE_MAX = 512 << 20 };

/* Appends a section ARTEFACT_TREES for the columns of `schema` and so many labels. Nothing in `json` is
 * trusted: ERR_DATA says what does not fit, or is not known here. */
bool xgboost_model_read(struct str json, const struct tabular *schema, size_t labels, struct buf *section,
                        struct error *err) MUST_USE;

/* How many columns and labels (2 for one log odds) a model has, before there is a schema for it. */
bool xgboost_model_size(struct str json, size_t *columns, size_t *labels, struct error *err) MUST_USE;
