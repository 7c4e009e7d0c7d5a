/* Runs of training side by side: the folds of a cross-validation, runs that leave classes out (for
 * novelty), and the final version. Each run trains on some rows and then observes others through the
 * opened artefact, as serving will. The caller's thread and at most `threads` - 1 more. */
#pragma once

#include "learn/fit.h"
#include "learn/random.h"

/* What a run looks at, and what is to be learned from it. */
enum observed {
    OBSERVED_ROW,       /* a row as it is, of a class that the run was trained on */
    OBSERVED_STRANGER,  /* a row as it is, of a class that the run was not trained on */
    OBSERVED_SCRAMBLED, /* a row's text with its letters shuffled: nothing that was trained */
    OBSERVED_FRAGMENT,  /* one word of a row's text: too little to be sure */
};

struct observation {
    uint32_t row;
    enum observed kind;
    /* What the artefact said; scores lead into the run's own memory. */
    const float *linear, *hidden;    /* of the part over text or features; NULL when there is none */
    const float *visual;             /* linear scores of the visual part; NULL when the row has no vector */
    float *looks;                    /* distances from each class's pages; NULL when visual is */
    const struct nearness *nearness; /* of each label; NULL: no neighbours are kept */
    float known_words, known_grams, scarcity;
    uint32_t words;
};

struct training_run {
    unsigned fold; /* 0 for runs that are no fold */
    uint32_t *train;
    size_t train_count;
    struct observation *seen;
    size_t seen_count;
    struct buf artefact; /* kept when `keep` */
    bool keep;
    float *scores;
};

/* Told after each run, from any of the threads, one at a time. */
typedef void training_progress(void *ctx, size_t done, size_t all);

bool training_runs(struct training_run *runs, size_t count, const struct fit_source *source,
                   const struct fit_options *o, unsigned threads, training_progress *progress, void *ctx,
                   struct error *err) MUST_USE;
void training_run_free(struct training_run *r);

/* A fold (0 to folds - 1) for each row: stratified by label, repeatable, and rows with the same content
 * in the same fold. */
bool assign_folds(const struct dataset *d, unsigned folds, uint64_t seed, uint8_t *fold,
                  struct error *err) MUST_USE;

/* The run that trains on all rows but those of `fold` and observes these, and some of them
 * scrambled or as fragments. */
bool fold_run(struct training_run *out, const struct dataset *d, const uint8_t *fold, unsigned number,
              struct error *err) MUST_USE;
/* Trains on the even (or odd) half of the labels but for one fold, and observes that fold: rows of the
 * other labels are unknown. */
bool novelty_run(struct training_run *out, const struct dataset *d, const uint8_t *fold, unsigned half,
                 struct error *err) MUST_USE;
/* Trains on everything. */
bool final_run(struct training_run *out, const struct dataset *d, struct error *err) MUST_USE;
