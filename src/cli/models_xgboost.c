#include "cli/models_xgboost.h"

#include "cli/file_argument.h"
#include "cli/models_made.h"
#include "models/xgboost_model.h"

bool models_add_xgboost(struct store *store, const char *name, const char *file,
                        const struct boosted_declaration *d, struct error *err) {
    AUTO_BUF model = BUF_INIT((size_t)XGBOOST_FILE_MAX + 1);
    AUTO_BUF artefact = BUF_INIT((size_t)1 << 30);
    if (d->label_count == 0)
        return fail(err, ERR_USAGE, "expected a --label for each class of the XGBoost model, in its order");
    if (!file_argument_read(file, "a model of XGBoost", XGBOOST_FILE_MAX, &model, err))
        return false;
    if (!boosted_pack(buf_str(&model), d, &artefact, err))
        return fail_within(err, "%s", file);
    return models_add_made(
        store,
        &(struct made_version){
            .name = name, .backend = "boosted", .labels = d->labels, .label_count = d->label_count},
        &artefact, err);
}
