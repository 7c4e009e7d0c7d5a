/* What a dataset is made of: every row with its label, size and hash, without the rows themselves. Made row
 * by row and then written as JSON, or read from it; the SHA-256 of that text is the dataset's identity, so
 * that the same rows are the same dataset whoever adds them. Two kinds: a folder of files (a row is a file)
 * and a table (a row is a record of one CSV file). One thread.
 *
 *   {"format":1,"kind":"files","labels":["invoice",…],"rows":[["invoice/a.jpg",0,81230,"64 hex digits"],…]}
 *   {"format":1,"kind":"table","file":{"size":N,"sha256":"…"},"labels":[…],"rows":[[2,0,57,"32 hex
 * digits"],…]}
 *
 * A row: path or line, index of its label, bytes, hash. Labels, paths and lines ascend. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/hash.h"

enum {
    DATASET_LABELS_MAX = 65536,
    DATASET_LABEL_BYTES_MAX = 1024,
    DATASET_PATH_MAX = 1024,
    /* Bytes of a table row's hash that are kept: enough that no two rows meet by chance. */
    DATASET_ROW_HASH_SIZE = 16
};

enum dataset_kind { DATASET_FILES, DATASET_TABLE };

struct dataset_row {
    struct str path;                 /* of a file, below the folder */
    uint64_t line;                   /* of a table's record, where it begins */
    uint32_t label;                  /* index into labels */
    uint64_t size;                   /* bytes; of a record, of what is learned from */
    unsigned char hash[SHA256_SIZE]; /* of a table's row the first DATASET_ROW_HASH_SIZE, then zeros */
};

struct dataset_manifest {
    enum dataset_kind kind;
    uint64_t file_size; /* of the table's file */
    unsigned char file_hash[SHA256_SIZE];
    struct str *labels;
    size_t label_count;
    struct dataset_row *rows;
    size_t count, room;
    struct arena *arena;
    struct dataset_labels *seen; /* while it is made */
};

/* ---- making ---- */

bool dataset_manifest_begin(struct dataset_manifest *m, enum dataset_kind kind, struct error *err) MUST_USE;
/* `row->label` is set here. Views are copied. ERR_DATA where label or path are no valid UTF-8, too long, or
 * the path leads out of its folder. */
bool dataset_manifest_add(struct dataset_manifest *m, struct str label, const struct dataset_row *row,
                          struct error *err) MUST_USE;
/* Sorts what was added and writes it. */
bool dataset_manifest_finish(struct dataset_manifest *m, struct buf *text, struct error *err) MUST_USE;

/* ---- reading ---- */

/* ERR_DATA says what is wrong with it: nothing is believed of its text. */
bool dataset_manifest_parse(struct dataset_manifest *out, struct str text, struct error *err) MUST_USE;

/* After making or reading, good or not; {0} is fine. */
void dataset_manifest_free(struct dataset_manifest *m);

/* Bytes of all files. */
uint64_t dataset_manifest_bytes(const struct dataset_manifest *m);
/* The row whose content has this hash, whatever its label; NULL: none has. */
const struct dataset_row *dataset_manifest_find(const struct dataset_manifest *m,
                                                const unsigned char hash[SHA256_SIZE]);

/* ---- comparing ---- */

enum dataset_change {
    DATASET_ADDED,      /* only b has its content */
    DATASET_REMOVED,    /* only a */
    DATASET_RELABELLED, /* both have its content, with different labels */
    DATASET_CHANGED,    /* files: the same path, another content */
    DATASET_CHANGES
};
const char *dataset_change_name(enum dataset_change change); /* "added" */

/* Calls visit for each change, kind by kind; a or b is NULL where the row is not there. Rows are told apart
 * by their content: a file that only moved, a record that stands in another line is no change. *same: rows
 * that both have alike. */
bool dataset_manifest_diff(const struct dataset_manifest *a, const struct dataset_manifest *b, size_t *same,
                           void (*visit)(enum dataset_change change, const struct dataset_row *a,
                                         const struct dataset_row *b, void *ctx),
                           void *ctx, struct error *err) MUST_USE;
