/* What the pages of each class look like, from training rows; models/looks.h tells what for. One thread. */
#pragma once

#include "learn/crossval.h"

/* A class with fewer pages than this is never decided by looks alone: what its pages have in common cannot be
 * told from what these few happen to share. */
enum { LOOKS_PAGES_LEAST = 10 };

/* The section ARTEFACT_LOOKS of a visual design, before limits are known: these are 1. */
bool looks_export(struct artefact_writer *w, const struct design *d, struct error *err) MUST_USE;

/* Learns the limits (malloc'ed, one per label; 0: too few pages) from the distances of rows that the
 * observing folds (the first `folds` runs) had not been trained on. Afterwards the distances of all
 * observations are relative, as they will be in serving. */
bool looks_learn(float **limits, struct training_run *runs, size_t count, unsigned folds,
                 const struct dataset *d, struct error *err) MUST_USE;
/* Puts them into the artefact. */
void looks_store(struct buf *artefact, const float *limits, size_t labels);
