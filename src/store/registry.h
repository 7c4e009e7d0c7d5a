/* Models and their immutable versions. A version names its backend, its artefact (a blob by hash) and
 * a manifest: JSON with labels, dataset hash, parameters, metrics, reference profile, policy. Same
 * threads as the store that is passed. */
#pragma once

#include "base/error.h"
#include "base/hash.h"
#include "store/store.h"

enum { MODEL_NAME_MAX = 64 };

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
/* version 0: the newest. ERR_NOT_FOUND names the nearest existing one. */
bool registry_find(struct store *s, const char *name, unsigned version, struct version_record *out,
                   struct error *err) MUST_USE;
/* "documents@3" or "documents" (newest). */
bool registry_parse_reference(struct str reference, char name[MODEL_NAME_MAX + 1], unsigned *version,
                              struct error *err) MUST_USE;
/* Calls visit for every version, newest first per name, without the manifest. */
bool registry_list(struct store *s, void (*visit)(const struct version_record *r, void *ctx), void *ctx,
                   struct error *err) MUST_USE;
