#include "cli/models_add.h"

#include "cli/file_argument.h"
#include "cli/models_made.h"
#include "models/rules_backend.h"
#include "models/script.h"

enum { ARTEFACT_MAX = 4 * SCRIPT_SOURCE_MAX };

bool models_add(struct store *store, const struct rules_version *v, struct error *err) {
    AUTO_BUF source = BUF_INIT(SCRIPT_SOURCE_MAX + 1);
    AUTO_BUF artefact = BUF_INIT(ARTEFACT_MAX);
    if (!v->rules || v->label_count == 0)
        return fail(err, ERR_USAGE,
                    "expected --rules FILE and a --label for each answer that the rules may give");
    if (!file_argument_read(v->rules, "rules", SCRIPT_SOURCE_MAX, &source, err) ||
        !rules_backend_pack(buf_str(&source), v->rules, v->labels, v->label_count, &artefact, err))
        return false;
    return models_add_made(
        store,
        &(struct made_version){
            .name = v->name, .backend = "rules", .labels = v->labels, .label_count = v->label_count},
        &artefact, err);
}
