/* Models and their immutable versions. A version names its backend, its artefact (a blob by hash) and
 * a manifest: JSON with labels, dataset hash, parameters, metrics, reference profile, policy. Same
 * threads as the store that is passed. */
#pragma once

#include "base/error.h"
#include "base/hash.h"
#include "store/reference.h"
#include "store/store.h"

enum { MODEL_NAME_MAX = REFERENCE_NAME_MAX };

struct version_record {
    char name[MODEL_NAME_MAX + 1]; /* letters, digits, - _ . */
    unsigned version;              /* from 1 */
    char backend[32];
    char artefact[SHA256_HEX_SIZE];
    int64_t created; /* wall ns */
    char *manifest;  /* JSON text, terminated; owned */
};
void version_record_clear(struct version_record *r);

/* Writes artefact and row as one: the next number of `name`. */
bool registry_add_version(struct store *s, const char *name, const char *backend, struct str artefact,
                          struct str manifest, unsigned *version, struct error *err) MUST_USE;
/* version 0: the newest, or of a name with an alias ("documents@stable") the one that this means.
 * ERR_NOT_FOUND names the nearest existing one. */
bool registry_find(struct store *s, const char *name, unsigned version, struct version_record *out,
                   struct error *err) MUST_USE;
/* The same at an endpoint, whose own aliases go first; NULL: at none. */
bool registry_find_at(struct store *s, const char *endpoint, const char *name, unsigned version,
                      struct version_record *out, struct error *err) MUST_USE;
/* The version that a name without one means to a server at an endpoint: its `stable` once there is such an
 * alias, so that nothing newer serves without a rollout; else the newest. As registry_find_at otherwise. */
bool registry_find_serving(struct store *s, const char *endpoint, const char *name, unsigned version,
                           struct version_record *out, struct error *err) MUST_USE;
/* "documents@3", "documents" (newest), or "documents@stable", which is *name as it is, version 0. */
bool registry_parse_reference(struct str reference, char name[MODEL_NAME_MAX + 1], unsigned *version,
                              struct error *err) MUST_USE;
/* The dataset that its manifest names (store/datasets.h); *found false: it names none. */
bool registry_dataset_of(const struct version_record *r, char manifest[SHA256_HEX_SIZE], bool *found,
                         struct error *err) MUST_USE;

/* For import: the row as it was elsewhere, its artefact already among the blobs, within the caller's
 * transaction. r->version is the number that is wanted, and what it got: another one when that is taken by
 * another version, and with *added false the one of a version that is the same. */
bool registry_restore(struct store *s, struct version_record *r, bool *added, struct error *err) MUST_USE;

/* Which versions, and where to go on; {0}: all. */
struct version_page {
    const char *name;  /* only this model's; NULL: any */
    const char *after; /* go on behind this one: name and number of the last one that was seen */
    unsigned after_version;
    unsigned limit; /* 0: no limit */
};
/* Calls visit for every version of the page, newest first per name, without the manifest. */
bool registry_page(struct store *s, const struct version_page *page,
                   void (*visit)(const struct version_record *r, void *ctx), void *ctx,
                   struct error *err) MUST_USE;
/* The same for all. */
bool registry_list(struct store *s, void (*visit)(const struct version_record *r, void *ctx), void *ctx,
                   struct error *err) MUST_USE;
