#include "cli/models_add.h"

#include "base/json.h"
#include "cli/file_argument.h"
#include "models/rules_backend.h"
#include "models/script.h"
#include "store/registry.h"

#include <stdio.h>
#include <stdlib.h>

enum { ARTEFACT_MAX = 4 * SCRIPT_SOURCE_MAX };

static void write_manifest(const struct rules_version *v, struct buf *out) {
    struct json_writer w = JSON_WRITER(out);
    json_object(&w);
    json_field_text(&w, "backend", "rules");
    json_key(&w, "labels");
    json_array(&w);
    for (size_t i = 0; i < v->label_count; i++)
        json_text(&w, v->labels[i]);
    json_array_end(&w);
    json_key(&w, "policy");
    json_object(&w);
    json_field_fixed(&w, "accept", 0.85, 2);
    json_field_fixed(&w, "review", 0.60, 2);
    json_object_end(&w);
    json_object_end(&w);
}

bool models_add(struct store *store, const struct rules_version *v, struct error *err) {
    AUTO_BUF source = BUF_INIT(SCRIPT_SOURCE_MAX + 1);
    AUTO_BUF artefact = BUF_INIT(ARTEFACT_MAX);
    AUTO_BUF manifest = BUF_INIT(ARTEFACT_MAX);
    unsigned version;
    if (!v->rules || v->label_count == 0)
        return fail(err, ERR_USAGE,
                    "expected --rules FILE and a --label for each answer that the rules may give");
    if (!file_argument_read(v->rules, "rules", SCRIPT_SOURCE_MAX, &source, err) ||
        !rules_backend_pack(buf_str(&source), v->rules, v->labels, v->label_count, &artefact, err))
        return false;
    write_manifest(v, &manifest);
    if (!registry_add_version(store, v->name, "rules", buf_str(&artefact), buf_str(&manifest), &version, err))
        return false;
    printf("%s@%u\n", v->name, version);
    return true;
}
