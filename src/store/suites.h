/* Suites of cases as the registry keeps them: named, numbered, never changed; each file a blob. The hash is
 * the one that evaluations name (evals/suite.h): of the bytes of all files, in their order. Same threads as
 * the store that is passed. */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/json.h"
#include "store/reference.h"
#include "store/store.h"

enum { SUITE_FILES_MAX = 512, SUITE_FILE_NAME_MAX = 255 };

struct suite_file {
    char name[SUITE_FILE_NAME_MAX + 1]; /* beside the suite's own file, which is the first */
    char hash[SHA256_HEX_SIZE];
    uint64_t size;
};

struct suite_record {
    char name[REFERENCE_NAME_MAX + 1];
    unsigned version; /* from 1 */
    char hash[SHA256_HEX_SIZE];
    int64_t created; /* wall ns */
    struct suite_file files[SUITE_FILES_MAX];
    size_t file_count;
};

/* ERR_DATA where a name leads out of the suite's folder, or is none. */
bool suite_file_check(struct str name, struct error *err) MUST_USE;

/* The next version, unless one of this name has the same hash: then that one, and *added is false. The files'
 * bytes are among the blobs already, synced. r->version and r->created are set here. */
bool suites_add(struct store *s, struct suite_record *r, bool *added, struct error *err) MUST_USE;
/* The same for import, within the caller's transaction: r->version is the number that is wanted, and what it
 * got. */
bool suites_restore(struct store *s, struct suite_record *r, bool *added, struct error *err) MUST_USE;

/* version 0: the newest. ERR_NOT_FOUND names the nearest that there is. */
bool suites_find(struct store *s, const char *name, unsigned version, struct suite_record *out,
                 struct error *err) MUST_USE;
/* All versions, newest first per name. */
bool suites_list(struct store *s, void (*visit)(const struct suite_record *r, void *ctx), void *ctx,
                 struct error *err) MUST_USE;
/* Those that a model version was evaluated by, as far as they are kept. */
bool suites_of_version(struct store *s, const char *model, unsigned version,
                       void (*visit)(const struct suite_record *r, void *ctx), void *ctx,
                       struct error *err) MUST_USE;

/* [{"name","sha256","size"}] */
void suite_files_write(const struct suite_record *r, struct json_writer *w);
bool suite_files_read(struct suite_record *r, yyjson_val *list, struct error *err) MUST_USE;
