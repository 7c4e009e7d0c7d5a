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

bool tuning_version_open(struct store *store, const char *endpoint, const char *wanted, struct tuning **out,
                         struct error *err) {
    struct version_record record;
    char name[MODEL_NAME_MAX + 1];
    unsigned version;
    if (!registry_parse_reference(str_from(wanted), name, &version, err) ||
        !registry_find_at(store, endpoint, name, version, &record, err))
        return false;
    bool good = open_record(store, &record, out, err);
    version_record_clear(&record);
    return good;
}

bool tuning_version_vectors(struct store *store, const char *endpoint, const struct config_vectors *v,
                            char reference[TUNING_VECTORS_SIZE], struct error *err) {
    const struct config_target *t = &v->target;
    struct version_record record;
    reference[0] = '\0';
    if (t->upstream.text)
        snprintf(reference, TUNING_VECTORS_SIZE, "%s/%s", t->upstream.text, t->model.text);
    else if (t->model.text) {
        if (!registry_find_at(store, endpoint, t->model.name, t->model.version, &record, err))
            return false;
        snprintf(reference, TUNING_VECTORS_SIZE, "%s@%u", record.name, record.version);
        version_record_clear(&record);
    }
    return true;
}

bool tuning_version_fits(const struct tuning *t, const char *name, const char *reference, struct error *err) {
    const char *wanted = tuning_vectors(t);
    return strcmp(wanted, reference) == 0 ||
           fail(err, ERR_CONFIG,
                "%s was made for %s%s, and semantic_vectors are %s; run `penstock cache tune` for these, or "
                "name the others",
                name, wanted[0] ? "the vectors of " : "the wording", wanted,
                reference[0] ? reference : "not set");
}
