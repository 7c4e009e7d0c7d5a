/* Judges an opened version on labelled rows that it was not trained on: for the command line, benchmarks
 * and tests. Blocking; one thread. */
#pragma once

#include "learn/quality.h"
#include "learn/rows.h"
#include "models/backend.h"

struct evaluation {
    struct quality quality;  /* over the rows whose label the version knows */
    size_t unknown_labels;   /* rows whose label it does not know: any answer is wrong, and not in quality */
    size_t rejected;         /* rows that the reader or the backend refused */
    double unknown_accepted; /* share of the rows with unknown labels at or above `accept` */
    double unknown_reviewed; /* share of them below `review` */
    double auroc;            /* of confidence, known labels against unknown ones; 0.5 where there are none */
};

bool learn_evaluate(struct evaluation *out, const struct backend *b, struct row_reader *reader, double accept,
                    double review, struct error *err) MUST_USE;
void evaluation_free(struct evaluation *e);
