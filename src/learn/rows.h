/* Where training rows come from. A reader hands out one labelled row after the other: texts, tabular
 * cells, a page's visual vector, or several of them; whoever extracts texts from files plugs in here.
 * A row that is no good is handed out as rejected, with the reason, so that it is counted and shown
 * and never lost silently. One thread. */
#pragma once

#include "base/error.h"
#include "base/hash.h"
#include "base/str.h"

/* A file as it was read. */
struct row_file {
    struct str path; /* below the folder that was named; "" for the file that was named itself */
    uint64_t size;
    unsigned char sha256[SHA256_SIZE];
};

/* Borrowed until the next call of next(). */
struct training_row {
    struct str label;
    struct str text;         /* valid UTF-8; .p is NULL when there is none */
    const struct str *cells; /* reader->column_count tabular values, or NULL */
    const float *visual;
    size_t visual_count;
    float ocr_confidence;
    struct str source; /* "file.csv:12" or a file's name, for messages */
    struct str reason; /* of a rejected row */
    const struct row_file
        *file;     /* of a row that is a file, rejected ones too where it could be read; or NULL */
    uint64_t line; /* of a table's record, where it begins; or 0 */
};

enum row_status { ROW_GOOD, ROW_REJECTED, ROW_END, ROW_FAILED };

struct row_reader {
    /* Names of the tabular columns, without the label's; 0 for a reader of texts. Terminated. */
    const char *const *columns;
    size_t column_count;
    const struct row_file *table; /* what all rows are records of, or NULL */
    enum row_status (*next)(struct row_reader *r, struct training_row *row, struct error *err);
    void (*free)(struct row_reader *r);
};

/* Only rows whose `column` holds `value`, or only the others. Rows that are filtered out are never trained
 * on, counted or reported: they are none of this training's business. */
struct row_filter {
    const char *column, *value;
    bool except;
};

enum { ROW_FILTERS_MAX = 16 };

struct csv_rows_options {
    const char *label,
        *text; /* column names; NULL: the usual ones (label, category, intent, class, …; text) */
    const char *const *ignore;
    size_t ignore_count;
    struct row_filter filters[ROW_FILTERS_MAX]; /* all must hold */
    size_t filter_count;
};

/* A CSV file (RFC 4180, UTF-8, a header line): text and label, or tabular columns and label. NULL and *err.
 */
struct row_reader *csv_rows_open(const char *path, const struct csv_rows_options *o,
                                 struct error *err) MUST_USE;

static inline void row_reader_free(struct row_reader *r) {
    if (r)
        r->free(r);
}
