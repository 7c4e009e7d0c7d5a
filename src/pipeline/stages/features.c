#include "pipeline/stages/stages.h"

static bool applies(const struct request *r) {
    return r->input.kind == INPUT_FEATURES && r->version->backend;
}

static enum stage_answer run(struct request *r) {
    struct feature_value *values = arena_alloc(r->arena, MODEL_FEATURES_MAX * sizeof(*values));
    if (!values)
        return stage_fail(r, ERR_NO_MEMORY, "Out of memory for this request's features.");
    if (!(backend_inputs(r->version->backend) & MODEL_TAKES_FEATURES))
        return stage_fail(r, ERR_INVALID_FEATURES, "Model %s was trained on texts and takes no features.",
                          r->version->reference);
    if (!backend_read_features(r->version->backend, r->input.features, values, MODEL_FEATURES_MAX,
                               &r->input.value_count, &r->error))
        return STAGE_FAIL;
    r->input.values = values;
    return STAGE_NEXT;
}

const struct stage stage_features = {.name = "features", .applies = applies, .run = run};
