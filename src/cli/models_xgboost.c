#include "cli/models_xgboost.h"

#include "base/json.h"
#include "cli/file_argument.h"
#include "models/xgboost_model.h"
#include "store/registry.h"

#include <stdio.h>

enum { MANIFEST_MAX = 4 << 20 };

static void write_manifest(const struct boosted_declaration *d, struct buf *out) {
    struct json_writer w = JSON_WRITER(out);
    json_object(&w);
    json_field_text(&w, "backend", "boosted");
    json_key(&w, "labels");
    json_array(&w);
    for (size_t i = 0; i < d->label_count; i++)
        json_text(&w, d->labels[i]);
    json_array_end(&w);
    json_key(&w, "policy");
    json_object(&w);
    json_field_fixed(&w, "accept", 0.85, 2);
    json_field_fixed(&w, "review", 0.60, 2);
    json_object_end(&w);
    json_object_end(&w);
}

bool models_add_xgboost(struct store *store, const char *name, const char *file,
                        const struct boosted_declaration *d, struct error *err) {
    AUTO_BUF model = BUF_INIT((size_t)XGBOOST_FILE_MAX + 1);
    AUTO_BUF artefact = BUF_INIT((size_t)1 << 30);
    AUTO_BUF manifest = BUF_INIT(MANIFEST_MAX);
    unsigned version;
    if (d->label_count == 0)
        return fail(err, ERR_USAGE, "expected a --label for each class of the XGBoost model, in its order");
    if (!file_argument_read(file, "a model of XGBoost", XGBOOST_FILE_MAX, &model, err))
        return false;
    if (!boosted_pack(buf_str(&model), d, &artefact, err))
        return fail_within(err, "%s", file);
    write_manifest(d, &manifest);
    if (manifest.failed)
        return fail(err, ERR_NO_MEMORY, "Out of memory for a manifest.");
    if (!registry_add_version(store, name, "boosted", buf_str(&artefact), buf_str(&manifest), &version, err))
        return false;
    printf("%s@%u\n", name, version);
    return true;
}
