#include "pipeline/tuning_version.h"

#include "store/blobs.h"
#include "store/registry.h"

#include <stdio.h>
#include <string.h>

static bool open_record(struct store *store, const struct version_record *record, struct tuning **out,
                        struct error *err) {
    struct blob blob;
    if (strcmp(record->backend, TUNING_BACKEND) != 0)
        return fail(err, ERR_CONFIG, "%s@%u is a model, not a tuning made by `penstock cache tune`",
                    record->name, record->version);
    if (!blob_map(store_folder(store), record->artefact, true, &blob, err))
        return false;
    bool good = tuning_open(out, blob.bytes, err);
    blob_unmap(&blob);
    return good;
}

bool tuning_version_open(struct store *store, const char *wanted, struct tuning **out, struct error *err) {
    struct version_record record;
    char name[MODEL_NAME_MAX + 1];
    unsigned version;
    if (!registry_parse_reference(str_from(wanted), name, &version, err) ||
        !registry_find(store, name, version, &record, err))
        return false;
    bool good = open_record(store, &record, out, err);
    version_record_clear(&record);
    return good;
}

bool tuning_version_fits(const struct tuning *t, const struct config_endpoint *e, struct error *err) {
    const struct config_target *target = &e->semantic_vectors.target;
    char given[TUNING_VECTORS_SIZE] = "";
    const char *wanted = tuning_vectors(t);
    if (target->upstream.text)
        snprintf(given, sizeof given, "%s/%s", target->upstream.text, target->model.text);
    return strcmp(wanted, given) == 0 ||
           fail(err, ERR_CONFIG,
                "%s was made for %s%s, and semantic_vectors are %s; run `penstock cache tune` for these, or "
                "name the others",
                e->semantic_cache.text, wanted[0] ? "the vectors of " : "the wording", wanted,
                given[0] ? given : "not set");
}
