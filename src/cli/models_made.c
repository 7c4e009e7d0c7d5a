#include "cli/models_made.h"

#include "store/registry.h"

#include <stdio.h>

enum { MANIFEST_MAX = 4 << 20 };

static void write_manifest(const struct made_version *v, struct buf *out) {
    struct json_writer w = JSON_WRITER(out);
    json_object(&w);
    json_field_text(&w, "backend", v->backend);
    json_key(&w, "labels");
    json_array(&w);
    for (size_t i = 0; i < v->label_count; i++)
        json_text(&w, v->labels[i]);
    json_array_end(&w);
    if (v->more)
        v->more(&w, v->ctx);
    json_key(&w, "policy");
    json_object(&w);
    json_field_fixed(&w, "accept", 0.85, 2);
    json_field_fixed(&w, "review", 0.60, 2);
    json_object_end(&w);
    json_object_end(&w);
}

bool models_add_made(struct store *store, const struct made_version *v, const struct buf *artefact,
                     struct error *err) {
    AUTO_BUF manifest = BUF_INIT(MANIFEST_MAX);
    unsigned version;
    write_manifest(v, &manifest);
    if (manifest.failed)
        return fail(err, ERR_NO_MEMORY, "Out of memory for a manifest.");
    if (!registry_add_version(store, v->name, v->backend, buf_str(artefact), buf_str(&manifest), &version,
                              err))
        return false;
    printf("%s@%u\n", v->name, version);
    return true;
}
