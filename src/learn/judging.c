#include "learn/judging.h"

#include "models/looks.h"

#include <stdlib.h>
#include <string.h>

enum { LEAST_PASSED = 20 };

static bool part_room(struct judged_part *p, const struct training_run *runs, size_t count, size_t labels) {
    size_t rows = 0;
    for (size_t i = 0; i < count; i++)
        rows += runs[i].seen_count;
    p->seen = malloc((rows + 1) * sizeof *p->seen);
    p->rows = malloc((rows + 1) * sizeof *p->rows);
    p->judged = calloc(rows + 1, sizeof *p->judged);
    p->no_scores = calloc(labels, sizeof *p->no_scores);
    return p->seen && p->rows && p->judged && p->no_scores;
}

/* The observation as this part sees it; false when it has nothing to do with it. */
static bool view(const struct judged_part *p, enum model_part part, const struct observation *seen,
                 struct observation *out) {
    *out = *seen;
    if (part == PART_MAIN)
        return seen->linear != NULL;
    out->linear = seen->visual;
    out->hidden = p->no_scores;
    out->nearness = NULL;
    out->known_words = out->known_grams = 1;
    return seen->visual != NULL;
}

static void collect(struct judged_part *p, enum model_part part, const struct training_run *runs,
                    size_t count, const struct dataset *d, const uint8_t *fold, unsigned folds) {
    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < runs[i].seen_count; k++) {
            struct observation *seen = &p->seen[p->count];
            if (!view(p, part, &runs[i].seen[k], seen))
                continue;
            p->rows[p->count++] = (struct calibration_row){.seen = seen,
                                                           .label = d->rows[seen->row].label,
                                                           .fold = fold[seen->row],
                                                           .from_fold = i < folds};
        }
}

/* Every row is answered by a calibration fitted without its fold; the version gets the one of all rows. */
static bool calibrate(struct judged_part *p, size_t labels, unsigned folds, struct error *err) {
    float *probabilities = malloc(labels * sizeof *probabilities);
    bool ok = probabilities || fail(err, ERR_NO_MEMORY, "out of memory");
    for (unsigned fold = 0; ok && fold < folds; fold++) {
        struct confidence c;
        ok = calibration_fit(&c, p->rows, p->count, labels, fold, err);
        for (size_t i = 0; ok && i < p->count; i++)
            if (p->rows[i].fold == fold)
                p->judged[i] = calibration_judge(&c, p->rows[i].seen, labels, probabilities);
    }
    free(probabilities);
    return ok && calibration_fit(&p->confidence, p->rows, p->count, labels, CALIBRATION_ALL, err);
}

static bool grade(struct judged_part *p, size_t labels, struct error *err) {
    struct graded *graded = malloc((p->count + 1) * sizeof *graded);
    size_t count = 0;
    if (!graded)
        return fail(err, ERR_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < p->count; i++)
        if (judged_row_counts(p, i))
            graded[count++] = (struct graded){p->rows[i].label, p->judged[i].label, p->judged[i].confidence};
    bool ok = quality_of(&p->quality, graded, count, labels, err);
    free(graded);
    return ok;
}

bool judge_part(struct judged_part *out, enum model_part part, const struct training_run *runs, size_t count,
                const struct dataset *d, const uint8_t *fold, unsigned folds, struct error *err) {
    struct judged_part p = {0};
    bool ok = part_room(&p, runs, count, d->label_count) || fail(err, ERR_NO_MEMORY, "out of memory");
    if (ok) {
        collect(&p, part, runs, count, d, fold, folds);
        ok = calibrate(&p, d->label_count, folds, err) && grade(&p, d->label_count, err);
    }
    if (ok)
        *out = p;
    else
        judged_part_free(&p);
    return ok;
}

void judged_part_free(struct judged_part *p) {
    free(p->seen);
    free(p->rows);
    free(p->judged);
    free(p->no_scores);
    quality_free(&p->quality);
}

/* The gate */

struct passing {
    float confidence; /* -1: of a strange page, which never passes */
    bool wrong, main_wrong;
};

static int surest_first(const void *a, const void *b) {
    const struct passing *x = a, *y = b;
    return x->confidence > y->confidence ? -1 : x->confidence < y->confidence;
}

static void find_gate(struct gate *g, const struct passing *rows, double accept) {
    size_t errors = 0, main_errors = 0;
    for (size_t i = 0; i < g->rows && (double)rows[i].confidence >= accept; i++) {
        errors += rows[i].wrong;
        main_errors += rows[i].main_wrong;
        bool last_of_equals = i + 1 == g->rows || rows[i + 1].confidence < rows[i].confidence;
        if (!last_of_equals || errors > main_errors || i + 1 < LEAST_PASSED)
            continue;
        g->confidence = rows[i].confidence;
        g->passed = i + 1;
        g->passed_errors = errors;
        g->main_errors = main_errors;
    }
}

static struct passing passing_row(const struct judged_part *visual, size_t i, const bool *main_wrong) {
    const struct judged *judged = &visual->judged[i];
    const struct observation *seen = visual->rows[i].seen;
    return (struct passing){.confidence = looks_near(seen->looks[judged->label]) ? judged->confidence : -1,
                            .wrong = judged->label != visual->rows[i].label,
                            .main_wrong = main_wrong[seen->row]};
}

bool choose_gate(struct gate *out, const struct judged_part *visual, const struct judged_part *main_part,
                 size_t rows, double accept, struct error *err) {
    bool *wrong = calloc(rows + 1, sizeof *wrong);
    struct passing *passing = malloc((visual->count + 1) * sizeof *passing);
    struct gate g = {.confidence = 2};
    bool ok = (wrong && passing) || fail(err, ERR_NO_MEMORY, "out of memory");
    for (size_t i = 0; ok && i < main_part->count; i++)
        if (judged_row_counts(main_part, i))
            wrong[main_part->rows[i].seen->row] = main_part->judged[i].label != main_part->rows[i].label;
    for (size_t i = 0; ok && i < visual->count; i++)
        if (judged_row_counts(visual, i))
            passing[g.rows++] = passing_row(visual, i, wrong);
    if (ok) {
        qsort(passing, g.rows, sizeof *passing, surest_first);
        find_gate(&g, passing, accept);
        *out = g;
    }
    free(wrong);
    free(passing);
    return ok;
}
