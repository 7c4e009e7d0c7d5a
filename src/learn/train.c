#include "learn/train.h"

#include "base/clock.h"
#include "learn/judging.h"
#include "learn/looks_fit.h"
#include "learn/manifest.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FOLDS_DEFAULT = 5, FOLDS_MAX = 20, NOVELTY_RUNS = 2, RUNS_MAX = FOLDS_MAX + NOVELTY_RUNS + 1 };
enum { LABELS_FOR_NOVELTY = 4, VISUAL_ROWS_LEAST = 20, VISUAL_ROWS_PER_LABEL = 2, MANIFEST_MAX = 64 << 20 };

/* A training under way. */
struct training {
    struct train_options o;
    struct fit_options fit;
    struct dataset data;
    struct noted_rows noted;
    struct corpus corpus;
    struct learned_schema schema;
    struct fit_source source;
    uint8_t *fold;
    struct training_run runs[RUNS_MAX]; /* the final one first, since it takes longest */
    size_t run_count;
    struct judged_part main_part, visual;
    float *looks; /* limits of the visual part */
    struct gate gate;
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

/* Worth a part of its own when every label has some pages to look at. */
static bool visual_usable(const struct dataset *d) {
    size_t all = 0;
    uint32_t rows[MODEL_LABELS_MAX] = {0};
    if (d->visual_count > MODEL_VISUAL_MAX)
        return false;
    for (size_t i = 0; i < d->count; i++)
        if (d->rows[i].visual) {
            rows[d->rows[i].label]++;
            all++;
        }
    for (size_t k = 0; k < d->label_count; k++)
        if (rows[k] < VISUAL_ROWS_PER_LABEL)
            return false;
    return all >= VISUAL_ROWS_LEAST;
}

static bool prepare_source(struct training *t, struct error *err) {
    struct error problem = {0};
    bool boosted = t->o.backend == TRAINED_BOOSTED;
    if (boosted && !t->data.column_count)
        return fail(err, ERR_DATA,
                    "The rows have no tabular columns, which is what a boosted model learns from; "
                    "expected a CSV file with a column for each feature and one for the label.");
    t->source = (struct fit_source){
        .backend = t->o.backend, .data = &t->data, .visual = !boosted && visual_usable(&t->data)};
    if (t->data.column_count) {
        t->source.schema = &t->schema;
        return schema_learn(&t->schema, &t->data, err);
    }
    if (t->data.has_text && corpus_build(&t->corpus, &t->data, &problem)) {
        t->source.corpus = &t->corpus;
        return true;
    }
    /* Pages without any text are fine as long as their looks tell them apart. */
    if (t->source.visual && (problem.code == ERR_NONE || problem.code == ERR_DATA))
        return true;
    if (problem.code == ERR_NONE)
        return fail(err, ERR_DATA, "The rows have neither text, nor features, nor enough page images.");
    if (err)
        *err = problem;
    return false;
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

static bool judge(struct training *t, struct error *err) {
    struct training_run *observed = t->runs + 1;
    size_t count = t->run_count - 1;
    bool has_main = t->source.corpus || t->source.schema;
    if (t->source.visual && !looks_learn(&t->looks, observed, count, t->o.folds, &t->data, err))
        return false;
    if (has_main &&
        !judge_part(&t->main_part, PART_MAIN, observed, count, &t->data, t->fold, t->o.folds, err))
        return false;
    if (t->source.visual &&
        !judge_part(&t->visual, PART_VISUAL, observed, count, &t->data, t->fold, t->o.folds, err))
        return false;
    if (!t->source.visual)
        return true;
    if (!choose_gate(&t->gate, &t->visual, has_main ? &t->main_part : &t->visual, t->data.count, t->o.accept,
                     err))
        return false;
    t->visual.confidence.gate = t->gate.confidence;
    return true;
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

static bool write_manifest(struct training *t, struct trained *r, struct error *err) {
    struct manifest_facts facts = {.options = &t->o,
                                   .fit = &t->fit,
                                   .source = &t->source,
                                   .dataset_hash = r->dataset,
                                   .dataset_manifest = t->noted.hash,
                                   .part = t->main_part.rows ? &t->main_part : &t->visual,
                                   .visual = t->visual.rows ? &t->visual : NULL,
                                   .gate = &t->gate,
                                   .artefact = buf_str(&t->runs[0].artefact)};
    r->manifest = BUF_INIT(MANIFEST_MAX);
    manifest_write(&r->manifest, &facts);
    return !r->manifest.failed ||
           fail(err, ERR_NO_MEMORY, "The manifest is over its limit of %d bytes.", MANIFEST_MAX);
}

/* Hands artefact and figures over to the caller. */
static void take_results(struct training *t, struct trained *r) {
    if (t->main_part.rows)
        fit_set_confidence(&t->runs[0].artefact, ARTEFACT_CONFIDENCE, &t->main_part.confidence);
    if (t->visual.rows) {
        fit_set_confidence(&t->runs[0].artefact, ARTEFACT_VISUAL_CONFIDENCE, &t->visual.confidence);
        looks_store(&t->runs[0].artefact, t->looks, t->data.label_count);
    }
    r->artefact = t->runs[0].artefact;
    t->runs[0].artefact = (struct buf){0};
    struct quality *q = t->main_part.rows ? &t->main_part.quality : &t->visual.quality;
    r->quality = *q;
    q->labels = NULL;
    r->has_visual = t->visual.rows != NULL;
    r->visual_accuracy = t->visual.quality.accuracy;
    r->gate = t->gate;
    r->noted = t->noted;
    t->noted = (struct noted_rows){0};
}

static bool deliver(struct training *t, struct trained *out, struct error *err) {
    struct trained r = {.rows = t->data.count, .rejected = t->data.rejected};
    bool ok = dataset_hash(&t->data, r.dataset, err);
    if (ok && !copy_labels(&t->data, &r))
        ok = fail(err, ERR_NO_MEMORY, "out of memory");
    r.label_count = t->data.label_count;
    ok = ok && write_manifest(t, &r, err);
    if (!ok) {
        trained_free(&r);
        return false;
    }
    take_results(t, &r);
    *out = r;
    return true;
}

static bool load(struct training *t, struct row_reader *reader, struct error *err) {
    struct dataset_limits limits = {.rejected_share = t->o.rejected_share, .least_per_label = 2};
    struct row_reader *noting = noting_reader_open(reader, err);
    bool good =
        noting && dataset_load(&t->data, noting, &limits, err) && noted_rows_take(noting, &t->noted, err);
    row_reader_free(noting);
    return good;
}

static bool run(struct training *t, struct row_reader *reader, struct error *err) {
    /* Said before minutes of reading. */
    if (t->o.backend == TRAINED_BOOSTED && !xgboost_ready(err))
        return false;
    if (!load(t, reader, err) || !prepare_source(t, err))
        return false;
    t->fit = t->o.fit ? *t->o.fit : fit_defaults(t->data.count);
    return plan_runs(t, err) &&
           training_runs(t->runs, t->run_count, &t->source, &t->fit, t->o.threads, t->o.progress, t->o.ctx,
                         err) &&
           judge(t, err);
}

bool learn_train(const struct train_options *o, struct row_reader *reader, struct trained *out,
                 struct error *err) {
    struct training *t = calloc(1, sizeof *t);
    int64_t start = clock_monotonic();
    if (!t)
        return fail(err, ERR_NO_MEMORY, "out of memory");
    t->o = *o;
    fill_defaults(&t->o);
    bool ok = check_options(&t->o, err) && run(t, reader, err) && deliver(t, out, err);
    if (ok)
        out->seconds = (double)(clock_monotonic() - start) / NS_PER_SECOND;
    for (size_t i = 0; i < t->run_count; i++)
        training_run_free(&t->runs[i]);
    judged_part_free(&t->main_part);
    judged_part_free(&t->visual);
    free(t->looks);
    free(t->fold);
    corpus_free(&t->corpus);
    schema_free(&t->schema);
    noted_rows_free(&t->noted);
    dataset_free(&t->data);
    free(t);
    return ok;
}

void trained_free(struct trained *t) {
    for (size_t i = 0; t->labels && i < t->label_count; i++)
        free((char *)t->labels[i]);
    free(t->labels);
    buf_free(&t->artefact);
    buf_free(&t->manifest);
    quality_free(&t->quality);
    noted_rows_free(&t->noted);
}
