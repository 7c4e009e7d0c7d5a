/* Figures about answers to rows whose truth is known: accuracy, macro F1, expected calibration error,
 * and risk against coverage (El-Yaniv and Wiener, JMLR 2010). Pure; any thread. */
#pragma once

#include "base/error.h"
#include "base/json.h"

#include <stddef.h>
#include <stdint.h>

struct graded {
    uint32_t truth, answer;
    float confidence;
};

enum { RISK_POINTS = 4 };
extern const double risk_reviewed[RISK_POINTS]; /* shares sent to review: 0.05, 0.10, 0.12, 0.20 */

struct label_metrics {
    size_t rows, answered, right;
    double precision, recall, f1; /* 0 where there is nothing to divide by */
};

struct quality {
    size_t rows, errors;
    double accuracy, macro_f1;
    double ece; /* 15 bins of equal width (Guo et al. 2017) */
    double mean_confidence;
    struct {
        double error_rate;    /* among the rows that are kept, when the least sure share is reviewed */
        double errors_caught; /* share of all errors that is among the reviewed */
    } risk[RISK_POINTS];
    size_t label_count;
    struct label_metrics *labels; /* malloc'ed */
};

bool quality_of(struct quality *out, const struct graded *rows, size_t count, size_t labels,
                struct error *err) MUST_USE;
void quality_free(struct quality *m);
/* An object. */
void quality_write(const struct quality *m, const char *const *labels, struct json_writer *w);
