/* Notes what a reader hands out, so that a dataset is known by exactly what was read of it: which rows passed
 * the filters, and which bytes the files had then. One thread. */
#pragma once

#include "learn/rows.h"
#include "store/dataset_manifest.h"

struct noted_rows {
    struct dataset_manifest manifest;
    struct buf text; /* the manifest as JSON; empty: the rows came from neither files nor a table */
    char hash[SHA256_HEX_SIZE]; /* its SHA-256 */
};
void noted_rows_free(struct noted_rows *n);

/* Reads `inner`, which is borrowed. A row whose label or file name cannot stand in a manifest is handed out
 * as rejected. Free it with row_reader_free, after noted_rows_take. */
struct row_reader *noting_reader_open(struct row_reader *inner, struct error *err) MUST_USE;
/* What the reader, one of noting_reader_open, has handed out so far. Rejected files are among it, rejected
 * records of a table are not. */
bool noted_rows_take(struct row_reader *noting, struct noted_rows *out, struct error *err) MUST_USE;
