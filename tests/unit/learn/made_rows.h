/* Labelled rows made from a pattern, for tests of training: texts of a few classes, each with words of
 * its own between words that all share; and a reader over rows in an array. */
#pragma once

#include "learn/rows.h"

enum { MADE_CLASSES = 6 };

struct made_rows {
    struct row_reader reader;
    struct training_row *rows;
    size_t count, at;
    char **texts;
};

/* `per_class` rows of each class; of every hundred, `noise` carry a wrong label. */
struct made_rows *made_rows_new(size_t per_class, unsigned noise);
/* Rows of the caller's own, borrowed. */
struct made_rows *made_rows_over(struct training_row *rows, size_t count);
