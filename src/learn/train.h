/* Training a version: rows in, artefact and manifest out. Reads the rows, cross-validates, leaves classes
 * out to learn what novelty looks like, calibrates, trains the final model on everything, and reports
 * figures that come only from rows which neither the model nor its calibration had seen.
 *
 * Deterministic: the same rows, options and machine give the same bytes. Uses `threads` threads while it
 * runs. */
#pragma once

#include "learn/judging.h"
#include "learn/noted_rows.h"
#include "learn/quality.h"

struct train_options {
    const char *name;              /* of the model, for the manifest */
    double accept, review;         /* thresholds of the version's policy; 0: 0.85 and 0.60 */
    unsigned folds;                /* 0: 5 */
    unsigned threads;              /* 0: 2, or 1 where there is one core */
    double rejected_share;         /* more bad rows than this share is an error; 0: 0.05 */
    enum trained_backend backend;  /* boosted: rows with tabular columns only */
    const struct fit_options *fit; /* NULL: fit_defaults() */
    training_progress *progress;
    void *ctx;
};

struct trained {
    struct buf artefact;
    struct buf manifest;    /* JSON text */
    struct quality quality; /* cross-validated, of the part over text or features when there is one */
    const char **labels;    /* terminated */
    size_t label_count;
    size_t rows, rejected;
    bool has_visual;
    double visual_accuracy; /* of the visual part alone */
    struct gate gate;       /* of the visual part */
    char dataset[65]; /* hash of what was learned from: texts as they were read, without rejected rows */
    struct noted_rows
        noted; /* of the files or the table that it was read from; the manifest names its hash */
    double seconds;
};

bool learn_train(const struct train_options *o, struct row_reader *reader, struct trained *out,
                 struct error *err) MUST_USE;
void trained_free(struct trained *t);
