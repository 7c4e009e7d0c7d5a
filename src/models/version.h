/* A model version in memory: loaded once, immutable but for what it learns about its own cost,
 * reference counted, shared by snapshots. Any thread. */
#pragma once

#include "models/backend.h"
#include "models/policy.h"
#include "models/reference_profile.h"
#include "store/blobs.h"
#include "store/registry.h"

#include <stdatomic.h>

enum { VERSION_REFERENCE_SIZE = MODEL_NAME_MAX + 16 };

struct model_version {
    atomic_uint refs;
    char name[MODEL_NAME_MAX + 1];
    unsigned version;
    char reference[VERSION_REFERENCE_SIZE]; /* "documents@3" */
    char artefact[SHA256_HEX_SIZE];
    double accept, review; /* the policy's thresholds */
    struct policy policy;
    struct reference_profile *profile; /* what traffic is compared with; never NULL */
    struct backend *backend;           /* NULL: it did not load, load_error says why */
    struct error load_error;
    const char *const *labels;
    size_t label_count;
    struct batcher *batcher;          /* for predictions that would hold up a loop */
    _Atomic uint32_t ns_per_kilobyte; /* measured cost, moving average */
    struct blob blob;                 /* the artefact's bytes */
};

struct work_pool;

/* Loads a version. What is wrong with the artefact (missing, altered, not understood) is no failure
 * here: the version is there, without a backend, and its endpoint takes the fallback chain. Failure:
 * the registry has no such version (ERR_NOT_FOUND) or cannot be read. Endpoint, name and version as
 * registry_find_at takes them. pool NULL: for those who predict on their own thread only; there is no batcher
 * then. */
bool model_version_load(struct store *store, const char *endpoint, const char *name, unsigned version,
                        struct work_pool *pool, struct model_version **out, struct error *err) MUST_USE;
struct model_version *model_version_ref(struct model_version *v);
void model_version_unref(struct model_version *v); /* NULL is fine */

/* Expected cost of a prediction over `bytes` of input, and what it turned out to be. */
int64_t model_version_cost_ns(const struct model_version *v, size_t bytes);
void model_version_measured(struct model_version *v, size_t bytes, int64_t ns);
