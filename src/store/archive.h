/* Models to take along: versions with the datasets they were trained on, the suites they were judged by, and
 * prompts, as one ustar file.
 *
 *   penstock-HASH.json   the index (store/archive_index.h); HASH is its SHA-256
 *   blobs/HASH           each artefact, each dataset's manifest and, when asked for, its files; in order of
 * HASH
 *
 * Whatever comes in may be hostile: an archive is read to its end and found good (names, sizes, hashes,
 * numbers, nothing that nobody refers to) before anything is written; then blobs are stored, which nothing
 * names yet, and one transaction brings all rows. A process killed at any time leaves the registry as before
 * or as after. The same objects make the same bytes. Same threads as the store that is passed. */
#pragma once

#include "store/archive_index.h"

#include <stdio.h>

struct archive_reference {
    const char *name;
    unsigned version; /* 0: the newest */
};

struct archive_wish {
    const struct archive_reference *versions, *prompts;
    size_t version_count, prompt_count;
    bool files; /* the files of the datasets, too: they must have been kept */
};

/* Writes a file that was not there before (ERR_CONFLICT), whole or not at all. *bytes: its size. */
bool archive_export(struct store *s, const struct archive_wish *wish, const char *path, uint64_t *bytes,
                    struct error *err) MUST_USE;

/* Reads an archive to its end and checks all of it. `blobs`: a store's folder to put its blobs into; NULL:
 * only check. *out: free with archive_index_free. `path` is for messages. */
bool archive_read(FILE *in, const char *path, const char *blobs, struct archive_index *out,
                  struct error *err) MUST_USE;

struct archive_import {
    /* What this floor cannot judge; NULL: nothing is asked. False and *err refuse the archive. */
    bool (*check_prompt)(const struct prompt_record *r, struct error *err);
    /* What became of each object, once all are in. `number`: the one it has here. */
    void (*visit)(const char *kind, const char *name, unsigned version, unsigned number, bool added,
                  void *ctx); /* kind: "model", "dataset", "prompt", "suite" */
    void *ctx;
};
/* A version whose number is taken by another one here gets the next number; what is here already stays as it
 * is, with its tags. Errors (ERR_DATA) say what is wrong with the archive. */
bool archive_import(struct store *s, const char *path, const struct archive_import *how,
                    struct error *err) MUST_USE;
