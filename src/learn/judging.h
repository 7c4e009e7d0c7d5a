/* One part of a model (the main one over texts or features, or the visual one) judged by the rows that
 * cross-validation observed: its calibration, and what every observed row was answered by a calibration
 * that had not seen that row's fold. */
#pragma once

#include "learn/calibration.h"
#include "learn/quality.h"

struct judged_part {
    struct observation *seen; /* of the visual part: its scores in the place of the main part's */
    struct calibration_row *rows;
    struct judged *judged;
    size_t count;
    float *no_scores; /* zeros: the visual part has no hidden units */
    struct confidence confidence;
    struct quality quality;
};

enum model_part { PART_MAIN, PART_VISUAL };

/* `runs` are folds first (`folds` of them), then runs that leave classes out. */
bool judge_part(struct judged_part *out, enum model_part part, const struct training_run *runs, size_t count,
                const struct dataset *d, const uint8_t *fold, unsigned folds, struct error *err) MUST_USE;
void judged_part_free(struct judged_part *p);

/* Is row i one that the figures are about? */
static inline bool judged_row_counts(const struct judged_part *p, size_t i) {
    return p->rows[i].from_fold && p->rows[i].seen->kind == OBSERVED_ROW;
}

/* From which confidence the visual part may answer alone. */
struct gate {
    float confidence; /* 2: never */
    size_t rows;      /* with a visual vector */
    size_t passed, passed_errors;
    size_t main_errors; /* of the main part on the rows that passed */
};

/* The lowest confidence, `accept` at least, from which on the visual part makes no more errors than the
 * main part on the same rows; never when fewer than 20 rows pass. Strange pages (models/looks.h) do not
 * pass. */
bool choose_gate(struct gate *out, const struct judged_part *visual, const struct judged_part *main_part,
                 size_t rows, double accept, struct error *err) MUST_USE;
