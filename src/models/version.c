#include "models/version.h"

#include "base/json.h"
#include "base/log.h"
#include "models/batcher.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A score that is not understood would be held against thresholds that were chosen for another: then the
 * version does not serve. */
static bool read_policy(struct model_version *v, yyjson_val *manifest, struct error *err) {
    bool ok = policy_read(&v->policy, yyjson_obj_get(manifest, "policy"), v->label_count, err);
    v->accept = v->policy.accept;
    v->review = v->policy.review;
    return ok;
}

/* A profile that is damaged costs the comparison, not the version. */
static bool read_profile(struct model_version *v, yyjson_val *manifest, struct error *err) {
    if (reference_profile_read(&v->profile, manifest, err))
        return true;
    log_event(LOG_ERROR, "model.profile_failed", "Model %s cannot be watched for drift. %s", v->reference,
              err->message);
    return reference_profile_read(&v->profile, NULL, err);
}

static bool open_backend(struct model_version *v, const char *folder, const char *backend,
                         struct error *err) {
    if (!blob_map(folder, v->artefact, true, &v->blob, err))
        return false;
    if (!backend_open(&v->backend, backend, v->blob.bytes, err))
        return false;
    if (v->backend->ops->costly)
        v->ns_per_kilobyte = 4000000;
    v->labels = backend_labels(v->backend, &v->label_count);
    return true;
}

static bool open_all(struct model_version *v, struct store *store, const struct version_record *record,
                     struct work_pool *pool, struct error *err) {
    bool ok = open_backend(v, store_folder(store), record->backend, err);
    struct error problem = {0};
    yyjson_doc *doc = json_parse(str_from(record->manifest), NULL);
    yyjson_val *manifest = doc ? yyjson_doc_get_root(doc) : NULL;
    bool understood = read_profile(v, manifest, &problem) && read_policy(v, manifest, &problem);
    yyjson_doc_free(doc);
    if (ok && !understood) {
        *err = problem;
        ok = false;
    }
    v->batcher = ok && pool ? batcher_new(pool, v->backend) : NULL;
    if (ok && (v->batcher || !pool))
        return true;
    backend_free(v->backend);
    v->backend = NULL;
    return ok ? fail(err, ERR_NO_MEMORY, "out of memory") : false;
}

bool model_version_load(struct store *store, const char *endpoint, const char *name, unsigned version,
                        struct work_pool *pool, struct model_version **out, struct error *err) {
    struct version_record record;
    if (!registry_find_at(store, endpoint, name, version, &record, err))
        return false;
    struct model_version *v = calloc(1, sizeof *v);
    if (!v) {
        version_record_clear(&record);
        return fail(err, ERR_NO_MEMORY, "Out of memory while loading model %s.", name);
    }
    v->refs = 1;
    v->version = record.version;
    v->ns_per_kilobyte = 100000;
    memcpy(v->name, record.name, sizeof v->name);
    memcpy(v->artefact, record.artefact, sizeof v->artefact);
    snprintf(v->reference, sizeof v->reference, "%s@%u", record.name, record.version);
    if (!open_all(v, store, &record, pool, &v->load_error))
        log_event(LOG_ERROR, "model.load_failed", "Model %s did not load: %s", v->reference,
                  v->load_error.message);
    version_record_clear(&record);
    *out = v;
    return true;
}

struct model_version *model_version_ref(struct model_version *v) {
    atomic_fetch_add_explicit(&v->refs, 1, memory_order_relaxed);
    return v;
}

void model_version_unref(struct model_version *v) {
    if (!v || atomic_fetch_sub_explicit(&v->refs, 1, memory_order_acq_rel) > 1)
        return;
    batcher_free(v->batcher);
    if (v->backend)
        backend_free(v->backend);
    blob_unmap(&v->blob);
    policy_free(&v->policy);
    reference_profile_unref(v->profile);
    free(v);
}

int64_t model_version_cost_ns(const struct model_version *v, size_t bytes) {
    uint64_t rate = atomic_load_explicit(&v->ns_per_kilobyte, memory_order_relaxed);
    return (int64_t)(rate * (bytes + 64) / 1024);
}

void model_version_measured(struct model_version *v, size_t bytes, int64_t ns) {
    /* A moving average over about 16 predictions. The clock is the wall's, so one sample may hold a page
     * fault or another thread's turn: none may count more than twice the average. Two threads may
     * overwrite each other's sample: harmless. */
    int64_t old = atomic_load_explicit(&v->ns_per_kilobyte, memory_order_relaxed);
    int64_t sample = ns * 1024 / (int64_t)(bytes + 64);
    if (sample > 2 * old)
        sample = 2 * old;
    int64_t next = old + (sample - old) / 16;
    if (next > 1000 && next < UINT32_MAX)
        atomic_store_explicit(&v->ns_per_kilobyte, (uint32_t)next, memory_order_relaxed);
}
