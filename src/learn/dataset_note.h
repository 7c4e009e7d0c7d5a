/* Rows noted down as a dataset of the registry (store/datasets.h): their manifest and, where that is wanted,
 * their bytes in the blob store. One thread; writes blobs, not the database. */
#pragma once

#include "learn/noted_rows.h"
#include "store/store.h"

struct dataset_reading {
    const char *path; /* of the rows, for the bytes and for messages */
    bool keep;
    void (*rejected)(const struct training_row *row); /* each; NULL: only counted */
};

/* Reads `rows` (borrowed; understood or not) to the end. ERR_DATA: there are none. Free *out. */
bool dataset_note(struct store *s, const struct dataset_reading *reading, struct row_reader *rows,
                  struct noted_rows *out, size_t *rejected, struct error *err) MUST_USE;
