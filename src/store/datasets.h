/* Datasets of the registry: named versions of manifests (store/dataset_manifest.h). A manifest is a blob,
 * stored once whatever names it has; the files themselves are in the blob store only when somebody asked for
 * it. Nothing is changed once it is there. Same threads as the store that is passed. */
#pragma once

#include "base/error.h"
#include "base/hash.h"
#include "store/dataset_manifest.h"
#include "store/reference.h"
#include "store/store.h"

enum { DATASET_SOURCE_MAX = 1024 };

struct dataset_record {
    char name[REFERENCE_NAME_MAX + 1];
    unsigned version;               /* from 1 */
    char manifest[SHA256_HEX_SIZE]; /* the dataset's identity */
    enum dataset_kind kind;
    uint64_t rows, bytes, labels;
    char source[DATASET_SOURCE_MAX + 1]; /* where it was read from, as it was named then */
    int64_t created;                     /* wall ns */
};

/* The next version of `name`, unless one of its versions is this very dataset: then that one, and *added is
 * false. `text` is what dataset_manifest_finish wrote of `m`. */
bool datasets_add(struct store *s, const char *name, const char *source, const struct dataset_manifest *m,
                  struct str text, struct dataset_record *out, bool *added, struct error *err) MUST_USE;
/* version 0: the newest. ERR_NOT_FOUND names the nearest that there is. */
bool datasets_find(struct store *s, const char *name, unsigned version, struct dataset_record *out,
                   struct error *err) MUST_USE;
/* By its identity; of several names the one that is preferred, else the oldest. *found false: it has none. */
bool datasets_named(struct store *s, const char *manifest, const char *preferred, bool *found,
                    struct dataset_record *out, struct error *err) MUST_USE;
/* All versions, newest first per name. */
bool datasets_list(struct store *s, void (*visit)(const struct dataset_record *r, void *ctx), void *ctx,
                   struct error *err) MUST_USE;
/* The model versions that were trained on it, newest first per name, as "name@version". */
bool datasets_users(struct store *s, const char *manifest, void (*visit)(const char *reference, void *ctx),
                    void *ctx, struct error *err) MUST_USE;

/* Its manifest, checked by its hash. Free with dataset_manifest_free. */
bool datasets_load(struct store *s, const char *manifest, struct dataset_manifest *out,
                   struct error *err) MUST_USE;

/* How many of its files (a table has one) are in the blob store, of how many. */
struct datasets_kept {
    size_t files, kept;
};
struct datasets_kept datasets_kept(struct store *s, const struct dataset_manifest *m);
/* The hash of each file, once for each row. */
void dataset_files_visit(const struct dataset_manifest *m,
                         void (*visit)(const char hex[SHA256_HEX_SIZE], uint64_t size, void *ctx), void *ctx);

/* For import: the row as it was elsewhere, within the caller's transaction; r->version is the number that is
 * wanted, and what it got when that one is taken by another dataset. */
bool datasets_restore(struct store *s, struct dataset_record *r, bool *added, struct error *err) MUST_USE;
