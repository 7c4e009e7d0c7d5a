#include "learn/train.h"

#include "base/clock.h"
#include "learn/calibration.h"
#include "learn/manifest.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FOLDS_DEFAULT = 5, FOLDS_MAX = 20, NOVELTY_RUNS = 2, RUNS_MAX = FOLDS_MAX + NOVELTY_RUNS + 1 };
enum { LABELS_FOR_NOVELTY = 4, MANIFEST_MAX = 16 << 20 };

/* A training under way. */
struct training {
    struct train_options o;
    struct fit_options fit;
    struct dataset data;
    struct corpus corpus;
    uint8_t *fold;
    struct training_run runs[RUNS_MAX]; /* the final one first, since it takes longest */
    size_t run_count;
    struct calibration_row *rows;
    struct judged *judged;
    size_t row_count;
    struct confidence confidence;
};

static void fill_defaults(struct train_options *o) {
    if (o->accept <= 0)
        o->accept = 0.85;
    if (o->review <= 0)
        o->review = 0.60;
    if (o->folds == 0)
        o->folds = FOLDS_DEFAULT;
    if (o->rejected_share <= 0)
        o->rejected_share = 0.05;
    if (o->threads == 0)
        o->threads = sysconf(_SC_NPROCESSORS_ONLN) > 1 ? 2 : 1;
}

static bool check_options(const struct train_options *o, struct error *err) {
    if (o->folds < 2 || o->folds > FOLDS_MAX)
        return fail(err, ERR_USAGE, "%u folds: expected 2 to %d.", o->folds, FOLDS_MAX);
    if (o->accept > 1 || o->review > o->accept)
        return fail(err, ERR_USAGE,
                    "The thresholds accept %g and review %g: expected 0 <= review <= accept <= 1.", o->accept,
                    o->review);
    return true;
}

static bool plan_runs(struct training *t, struct error *err) {
    t->fold = malloc(t->data.count + 1);
    if (!t->fold)
        return fail(err, ERR_NO_MEMORY, "out of memory");
    if (!assign_folds(&t->data, t->o.folds, 1, t->fold, err) ||
        !final_run(&t->runs[t->run_count++], &t->data, err))
        return false;
    for (unsigned i = 0; i < t->o.folds; i++)
        if (!fold_run(&t->runs[t->run_count++], &t->data, t->fold, i, err))
            return false;
    for (unsigned i = 0; t->data.label_count >= LABELS_FOR_NOVELTY && i < NOVELTY_RUNS; i++)
        if (!novelty_run(&t->runs[t->run_count++], &t->data, t->fold, i, err))
            return false;
    return true;
}

static bool collect(struct training *t, struct error *err) {
    size_t count = 0;
    for (size_t i = 0; i < t->run_count; i++)
        count += t->runs[i].seen_count;
    t->rows = malloc((count + 1) * sizeof *t->rows);
    t->judged = calloc(count + 1, sizeof *t->judged);
    if (!t->rows || !t->judged)
        return fail(err, ERR_NO_MEMORY, "out of memory");
    for (size_t i = 1; i < t->run_count; i++)
        for (size_t k = 0; k < t->runs[i].seen_count; k++) {
            const struct observation *seen = &t->runs[i].seen[k];
            t->rows[t->row_count++] = (struct calibration_row){.seen = seen,
                                                               .label = t->data.rows[seen->row].label,
                                                               .fold = t->fold[seen->row],
                                                               .from_fold = i <= t->o.folds};
        }
    return true;
}

/* Every row is answered by a calibration fitted without its fold; the version gets the one of all rows. */
static bool calibrate(struct training *t, struct error *err) {
    size_t labels = t->data.label_count;
    float *probabilities = malloc(labels * sizeof *probabilities);
    bool ok = probabilities || fail(err, ERR_NO_MEMORY, "out of memory");
    for (unsigned fold = 0; ok && fold < t->o.folds; fold++) {
        struct confidence c;
        ok = calibration_fit(&c, t->rows, t->row_count, labels, fold, err);
        for (size_t i = 0; ok && i < t->row_count; i++)
            if (t->rows[i].fold == fold)
                t->judged[i] = calibration_judge(&c, t->rows[i].seen, labels, probabilities);
    }
    free(probabilities);
    return ok && calibration_fit(&t->confidence, t->rows, t->row_count, labels, CALIBRATION_ALL, err);
}

static bool grade(const struct training *t, struct quality *out, struct error *err) {
    struct graded *graded = malloc((t->row_count + 1) * sizeof *graded);
    size_t count = 0;
    if (!graded)
        return fail(err, ERR_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < t->row_count; i++)
        if (t->rows[i].from_fold && t->rows[i].seen->known)
            graded[count++] = (struct graded){t->rows[i].label, t->judged[i].label, t->judged[i].confidence};
    bool ok = quality_of(out, graded, count, t->data.label_count, err);
    free(graded);
    return ok;
}

static bool copy_labels(const struct dataset *d, struct trained *out) {
    out->labels = calloc(d->label_count + 1, sizeof *out->labels);
    if (!out->labels)
        return false;
    for (size_t i = 0; i < d->label_count; i++)
        if (!(out->labels[i] = str_dup(str_from(d->labels[i]))))
            return false;
    return true;
}

static bool deliver(struct training *t, struct trained *out, struct error *err) {
    struct trained r = {
        .rows = t->data.count, .rejected = t->data.rejected, .manifest = BUF_INIT(MANIFEST_MAX)};
    bool ok = dataset_hash(&t->data, r.dataset, err) && grade(t, &r.metrics, err);
    if (ok && !copy_labels(&t->data, &r))
        ok = fail(err, ERR_NO_MEMORY, "out of memory");
    if (ok) {
        struct manifest_facts facts = {.options = &t->o,
                                       .fit = &t->fit,
                                       .data = &t->data,
                                       .dataset_hash = r.dataset,
                                       .confidence = &t->confidence,
                                       .metrics = &r.metrics,
                                       .rows = t->rows,
                                       .judged = t->judged,
                                       .count = t->row_count,
                                       .folds = t->o.folds};
        manifest_write(&r.manifest, &facts);
        ok = !r.manifest.failed ||
             fail(err, ERR_NO_MEMORY, "The manifest is over its limit of %d bytes.", MANIFEST_MAX);
    }
    if (!ok) {
        trained_free(&r);
        return false;
    }
    fit_set_confidence(&t->runs[0].artefact, ARTEFACT_CONFIDENCE, &t->confidence);
    r.artefact = t->runs[0].artefact;
    t->runs[0].artefact = (struct buf){0};
    *out = r;
    return true;
}

static bool run(struct training *t, struct row_reader *reader, struct error *err) {
    struct dataset_limits limits = {.rejected_share = t->o.rejected_share, .least_per_label = 2};
    if (!dataset_load(&t->data, reader, &limits, err))
        return false;
    if (!t->data.has_text)
        return fail(err, ERR_DATA, "There is no text in the rows.");
    t->fit = fit_defaults(t->data.count);
    if (!corpus_build(&t->corpus, &t->data, err) || !plan_runs(t, err))
        return false;
    struct fit_source source = {&t->data, &t->corpus};
    return training_runs(t->runs, t->run_count, &source, &t->fit, t->o.threads, t->o.progress, t->o.ctx,
                         err) &&
           collect(t, err) && calibrate(t, err);
}

bool learn_train(const struct train_options *o, struct row_reader *reader, struct trained *out,
                 struct error *err) {
    struct training t = {.o = *o};
    int64_t start = clock_monotonic();
    fill_defaults(&t.o);
    if (!check_options(&t.o, err))
        return false;
    bool ok = run(&t, reader, err) && deliver(&t, out, err);
    if (ok)
        out->seconds = (double)(clock_monotonic() - start) / NS_PER_SECOND;
    for (size_t i = 0; i < t.run_count; i++)
        training_run_free(&t.runs[i]);
    free(t.rows);
    free(t.judged);
    free(t.fold);
    corpus_free(&t.corpus);
    dataset_free(&t.data);
    return ok;
}

void trained_free(struct trained *t) {
    for (size_t i = 0; t->labels && i < t->metrics.label_count; i++)
        free((char *)t->labels[i]);
    free(t->labels);
    buf_free(&t->artefact);
    buf_free(&t->manifest);
    quality_free(&t->metrics);
}
