/* The first entry of an archive: JSON that says which versions, datasets, prompts and suites are in it and
 * which blobs they need. Its own SHA-256 is its name, so that not a letter of it changes unseen. One thread.
 *
 *   {"format":1,
 *    "versions":[{"name","version","backend","artefact","created","manifest":"JSON text","tags":[…]}],
 *    "datasets":[{"name","version","manifest","source","created","tags":[…]}],
 *    "prompts":[{"name","version","created","text","tags":[…]}],
 *    "suites":[{"name","version","created","hash","files":[{"name","sha256","size"}]}],
 *    "blobs":[{"sha256","size"}]}
 *
 * A tag: {"key","value","created"}. Times are wall ns. Blobs ascend. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"
#include "store/datasets.h"
#include "store/prompts.h"
#include "store/registry.h"
#include "store/suites.h"
#include "store/tags.h"

enum {
    ARCHIVE_INDEX_MAX = 64 << 20,
    ARCHIVE_OBJECTS_MAX = 10000,
    ARCHIVE_SUITES_MAX = 1000,
    ARCHIVE_TAGS_MAX = 1 << 16,
    ARCHIVE_BLOBS_MAX = 1 << 20
};

struct archive_blob {
    unsigned char hash[SHA256_SIZE];
    uint64_t size;
    bool manifest, needed, seen; /* while an archive is read: of a dataset; somebody's; it came */
};

struct archive_index {
    struct version_record *versions; /* manifests are the arena's */
    struct dataset_record *datasets; /* kind, rows, bytes and labels are filled from the manifest */
    struct prompt_record *prompts;   /* texts are the arena's */
    struct suite_record *suites;
    struct tag *tags; /* of all of them; the subject is the one in the archive */
    struct archive_blob *blobs;
    size_t version_count, dataset_count, prompt_count, suite_count, tag_count, blob_count;
    struct arena *arena;
};

void archive_index_write(const struct archive_index *x, struct buf *out);
/* Nothing is believed: names, numbers, times, hashes and that manifests are JSON are checked. */
bool archive_index_parse(struct archive_index *out, struct str text, struct error *err) MUST_USE;
void archive_index_free(struct archive_index *x); /* {0} is fine */

/* NULL: the archive has none of that hash. */
struct archive_blob *archive_index_blob(const struct archive_index *x, const unsigned char hash[SHA256_SIZE]);
