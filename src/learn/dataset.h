/* Training rows in memory: every row of a reader, copied, with labels as numbers. Labels are sorted by
 * their bytes and rows keep their order, so that the same data always make the same dataset. Rejected
 * rows are counted, the first few kept with their reasons. Immutable after loading; any thread. */
#pragma once

#include "base/arena.h"
#include "learn/rows.h"

enum { DATASET_REASONS = 10 };

struct data_row {
    uint32_t label;
    struct str text;
    const struct str *cells;
    const float *visual;
    float ocr_confidence;
    uint64_t identity; /* hash of the content without the label: duplicates share it */
};

struct dataset {
    struct arena *arena;
    struct data_row *rows;
    size_t count, room;
    const char **labels; /* terminated, sorted */
    size_t label_count;
    size_t *label_rows;   /* rows per label */
    const char **columns; /* tabular, or NULL */
    size_t column_count;
    size_t visual_count; /* of each row that has a visual vector; 0: none has */
    bool has_text;
    size_t rejected;
    const char *reasons[DATASET_REASONS]; /* "source: reason" */
    size_t reason_count;
};

struct dataset_limits {
    double rejected_share; /* more than this of all rows rejected is an error: 0.05 */
    size_t least_per_label;
};

/* Reads everything. Errors (ERR_DATA): no rows, one label only, a label with too few rows, too many
 * rejected rows; each says where. */
bool dataset_load(struct dataset *out, struct row_reader *reader, const struct dataset_limits *limits,
                  struct error *err) MUST_USE;
void dataset_free(struct dataset *d);

/* SHA-256 over the sorted hashes of the rows (label and content): the order of rows does not matter. */
bool dataset_hash(const struct dataset *d, char hex[65], struct error *err) MUST_USE;
