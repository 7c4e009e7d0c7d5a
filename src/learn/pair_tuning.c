#include "learn/pair_tuning.h"

#include "cache/tuning.h"
#include "learn/binomial.h"
#include "learn/boosting.h"
#include "learn/pair_code.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PARTS = TUNING_PARTS, NO_PART = 255, TREES = 100, RUNS = PARTS * (PARTS - 1) / 2 + PARTS + 1 };
#define LEAST_COSINE 0.15F

/* What is known of a pair from a code that was fitted without the pair's part. */
struct looked {
    float features[PAIR_FEATURES];
    bool ruled_out, known;
};

struct work {
    const struct pair_set *p;
    const struct pair_tuning_options *o;
    struct pair_tuning *out;
    struct pair_tokens tokens;
    uint8_t *part;
    /* [k]: for the measurement on part k, all other parts by codes without them and without k.
     * [PARTS]: every pair by the code without its own part only. */
    struct looked *looked[PARTS + 1];
    unsigned features;                                  /* that trees may see */
    float *scores, *cosines, *nearness, *rows, *sorted; /* by pair; sorted is scratch */
    bool *yes, *measured;
    struct tuning_tree trees[TREES];
    unsigned runs;
};

static bool within(const struct work *w, size_t i, unsigned part) {
    return w->part[w->p->pairs[i].a] == part && w->part[w->p->pairs[i].b] == part;
}

/* Of the vectors that the cache will compare. */
static float nearness_of(const struct work *w, size_t i, const struct portrait portraits[2]) {
    const struct labelled_pair *pair = &w->p->pairs[i];
    if (w->o->vectors)
        return text_vectors_cosine(w->o->vectors, pair->a, pair->b);
    return (float)vector_product(portraits[0].vector, portraits[1].vector, WORDING_DIMENSIONS) *
           portraits[0].factor * portraits[1].factor;
}

/* Looks at the pairs of `part`. */
static void look(const struct work *w, const struct pair_code *code, unsigned part, struct looked *to,
                 struct portrait portraits[2]) {
    struct code_table table = pair_code_table(code);
    for (size_t i = 0; i < w->p->count; i++) {
        if (!within(w, i, part))
            continue;
        portrait_read(&portraits[0], &table, w->p->texts[w->p->pairs[i].a].text);
        portrait_read(&portraits[1], &table, w->p->texts[w->p->pairs[i].b].text);
        float cosine = nearness_of(w, i, portraits);
        pair_features(&portraits[0], &portraits[1], &table, cosine, to[i].features);
        to[i].ruled_out = cosine < LEAST_COSINE ||
                          contrast_between(&portraits[0].wording, &portraits[1].wording, table.known) != NULL;
        to[i].known = true;
    }
}

static bool fit_code(struct work *w, unsigned without, unsigned nor, struct pair_code *code,
                     struct error *err) {
    struct pair_code_options o = pair_code_defaults;
    o.seed = w->o->seed;
    if (!pair_code_fit(code, w->p, &w->tokens, w->part, without, nor, &o, err))
        return false;
    if (w->o->progress)
        w->o->progress(w->o->ctx, ++w->runs, RUNS);
    return true;
}

/* A code without one part, or two, serves the measurement on each of them. */
static bool look_everywhere(struct work *w, struct error *err) {
    struct portrait *portraits = malloc(2 * sizeof *portraits);
    bool ok = portraits || fail(err, ERR_NO_MEMORY, "out of memory");
    for (unsigned j = 0; ok && j < PARTS; j++)
        for (unsigned k = j; ok && k < PARTS; k++) {
            struct pair_code code = {0};
            ok = fit_code(w, j, k, &code, err);
            if (ok && j == k)
                look(w, &code, j, w->looked[PARTS], portraits);
            else if (ok) {
                look(w, &code, j, w->looked[k], portraits);
                look(w, &code, k, w->looked[j], portraits);
            }
            pair_code_free(&code);
        }
    free(portraits);
    return ok;
}

static bool fit_trees(struct work *w, const struct looked *looked, float *start, struct error *err) {
    const struct boosting_options o = {
        .trees = TREES, .step = 0.07F, .share = 0.7F, .ridge = 1, .least = 2, .seed = w->o->seed};
    size_t count = 0;
    for (size_t i = 0; i < w->p->count; i++) {
        if (!looked[i].known || looked[i].ruled_out)
            continue;
        memcpy(w->rows + count * w->features, looked[i].features, w->features * sizeof(float));
        w->yes[count++] = w->p->pairs[i].same;
    }
    return boosting_fit(w->trees, start, w->rows, w->yes, count, w->features, &o, err);
}

static bool cross_validate(struct work *w, struct error *err) {
    const struct looked *own = w->looked[PARTS];
    for (unsigned k = 0; k < PARTS; k++) {
        float start;
        if (!fit_trees(w, w->looked[k], &start, err))
            return false;
        for (size_t i = 0; i < w->p->count; i++) {
            if (!within(w, i, k))
                continue;
            w->measured[i] = true;
            w->cosines[i] = own[i].features[1] + own[i].features[2];
            w->nearness[i] = own[i].features[WORDING_FEATURES];
            w->scores[i] = own[i].ruled_out
                               ? 0
                               : 1 / (1 + expf(-boosting_score(w->trees, TREES, start, own[i].features)));
        }
    }
    return true;
}

/* ---- the threshold ---- */

static bool is_claimed(const struct work *w, size_t i) {
    const struct labelled_pair *pair = &w->p->pairs[i];
    return w->measured[i] && !pair->same &&
           (!w->o->against || strcmp(w->p->labels[pair->label], w->o->against) == 0);
}

static int falling(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x < y) - (x > y);
}

static void count_hits(const struct work *w, const float *scores, struct tuning_point *at) {
    at->hits = at->false_hits = 0;
    for (size_t i = 0; i < w->p->count; i++) {
        at->hits += w->measured[i] && w->p->pairs[i].same && scores[i] >= at->threshold;
        at->false_hits += is_claimed(w, i) && scores[i] >= at->threshold;
    }
}

/* The point just above all but `allowed` of the different pairs. */
static struct tuning_point point_at(const struct work *w, const float *scores, size_t allowed) {
    size_t n = 0;
    for (size_t i = 0; i < w->p->count; i++)
        if (is_claimed(w, i))
            w->sorted[n++] = scores[i];
    qsort(w->sorted, n, sizeof *w->sorted, falling);
    struct tuning_point at = {.threshold = nextafterf(n > allowed ? w->sorted[allowed] : 0, 2)};
    if (at.threshold < 1e-6F)
        at.threshold = 1e-6F;
    count_hits(w, scores, &at);
    return at;
}

static void count_pairs(struct work *w) {
    struct pair_tuning *out = w->out;
    for (size_t i = 0; i < w->p->count; i++) {
        const struct labelled_pair *pair = &w->p->pairs[i];
        out->unmeasured += !w->measured[i];
        out->pairs += w->measured[i];
        out->same += w->measured[i] && pair->same;
        out->different += is_claimed(w, i);
        bool ruled_out = w->looked[PARTS][i].ruled_out;
        out->ruled_out_same += w->measured[i] && pair->same && ruled_out;
        out->ruled_out_different += is_claimed(w, i) && ruled_out;
    }
}

static double rate(size_t part, size_t all) {
    return all ? (double)part / (double)all : 0;
}

static void measure_curve(struct work *w) {
    static const double shares[TUNING_POINTS] = {0, 0.002, 0.005, 0.01, 0.02, 0.05};
    struct pair_tuning *out = w->out;
    count_pairs(w);
    for (int i = 0; i < TUNING_POINTS; i++)
        out->points[i] = point_at(w, w->scores, (size_t)(shares[i] * (double)out->different));
    size_t wanted = (size_t)(w->o->false_hits * (double)out->different);
    out->hit_rate_at_wanted = rate(point_at(w, w->scores, wanted).hits, out->same);
    out->cosine_rate_at_wanted = rate(point_at(w, w->cosines, wanted).hits, out->same);
    if (w->o->vectors)
        out->vectors_rate_at_wanted = rate(point_at(w, w->nearness, wanted).hits, out->same);
}

static bool choose(struct work *w, struct error *err) {
    struct pair_tuning *out = w->out;
    size_t allowed = 0, needed = binomial_needed(w->o->false_hits, w->o->confidence);
    if (!binomial_allowed(out->different, w->o->false_hits, w->o->confidence, &allowed))
        return fail(err, ERR_DATA,
                    "%zu different pairs%s%s cannot carry a claim of at most %g %% false hits at %g %% "
                    "confidence: it "
                    "takes %zu. Give more labelled pairs, or allow a higher rate with --false-hits.",
                    out->different, w->o->against ? " with the label " : "",
                    w->o->against ? w->o->against : "", w->o->false_hits * 100, w->o->confidence * 100,
                    needed);
    out->chosen = point_at(w, w->scores, allowed);
    out->hit_rate = rate(out->chosen.hits, out->same);
    out->false_hit_rate = rate(out->chosen.false_hits, out->different);
    out->lower = binomial_lower(out->chosen.false_hits, out->different, w->o->confidence);
    out->upper = binomial_upper(out->chosen.false_hits, out->different, w->o->confidence);
    for (size_t i = 0; i < w->p->count; i++) {
        out->label_pairs[w->p->pairs[i].label] += w->measured[i];
        out->label_hits[w->p->pairs[i].label] += w->measured[i] && w->scores[i] >= out->chosen.threshold;
    }
    if (binomial_lower(out->chosen.hits, out->same, w->o->confidence) < w->o->false_hits)
        return fail(
            err, ERR_DATA,
            "At most %g %% false hits leave %zu of %zu same pairs found, which is no better than chance: the "
            "cache stays off for such questions. Give more labelled pairs, or allow a higher rate.",
            w->o->false_hits * 100, out->chosen.hits, out->same);
    return true;
}

static bool write_artefact(struct work *w, struct error *err) {
    struct pair_code code = {0};
    float start;
    if (!fit_trees(w, w->looked[PARTS], &start, err) || !fit_code(w, NO_PART, NO_PART, &code, err))
        return false;
    struct tuning_parts parts = {.vectors = w->o->vectors ? w->o->vectors_name : NULL,
                                 .dimensions = w->o->vectors ? (uint32_t)w->o->vectors->dimensions : 0,
                                 .threshold = w->out->chosen.threshold,
                                 .least_cosine = LEAST_COSINE,
                                 .start = start,
                                 .tree_count = TREES,
                                 .trees = w->trees,
                                 .known = code.known,
                                 .rarity = code.rarity,
                                 .factors = code.factors,
                                 .rows = code.rows};
    tuning_write(&w->out->artefact, &parts);
    pair_code_free(&code);
    return !w->out->artefact.failed || fail(err, ERR_NO_MEMORY, "out of memory");
}

/* ---- all of it ---- */

static void work_free(struct work *w) {
    if (!w)
        return;
    for (int i = 0; i <= PARTS; i++)
        free(w->looked[i]);
    pair_tokens_free(&w->tokens);
    free(w->part);
    free(w->scores);
    free(w->cosines);
    free(w->nearness);
    free(w->rows);
    free(w->sorted);
    free(w->yes);
    free(w->measured);
    free(w);
}

static struct work *work_new(const struct pair_set *p) {
    struct work *w = calloc(1, sizeof *w);
    if (!w)
        return NULL;
    bool ok = true;
    for (int i = 0; i <= PARTS; i++)
        ok &= (w->looked[i] = calloc(p->count, sizeof *w->looked[i])) != NULL;
    w->part = calloc(p->text_count, 1);
    w->scores = calloc(p->count, sizeof(float));
    w->cosines = calloc(p->count, sizeof(float));
    w->nearness = calloc(p->count, sizeof(float));
    w->sorted = calloc(p->count, sizeof(float));
    w->rows = calloc(p->count * PAIR_FEATURES, sizeof(float));
    w->yes = calloc(p->count, sizeof(bool));
    w->measured = calloc(p->count, sizeof(bool));
    if (ok && w->part && w->scores && w->cosines && w->nearness && w->sorted && w->rows && w->yes &&
        w->measured)
        return w;
    work_free(w);
    return NULL;
}

static bool label_exists(const struct pair_set *p, const char *label, struct error *err) {
    for (size_t i = 0; i < p->count; i++)
        if (!p->pairs[i].same && strcmp(p->labels[p->pairs[i].label], label) == 0)
            return true;
    return fail(err, ERR_DATA, "No different pair has the label \"%s\".", label);
}

bool pair_tuning_make(struct pair_tuning *out, const struct pair_set *p, const struct pair_tuning_options *o,
                      struct error *err) {
    *out = (struct pair_tuning){.artefact = BUF_INIT(16 << 20)};
    if (p->same < 20 || p->count - p->same < 20)
        return fail(err, ERR_DATA,
                    "%zu same and %zu different pairs are too few to learn from: it takes 20 of each at "
                    "least, and %zu "
                    "different ones for the wanted rate.",
                    p->same, p->count - p->same, binomial_needed(o->false_hits, o->confidence));
    if (o->against && !label_exists(p, o->against, err))
        return false;
    struct work *w = work_new(p);
    if (!w)
        return fail(err, ERR_NO_MEMORY, "out of memory");
    w->p = p;
    w->o = o;
    w->features = o->vectors ? PAIR_FEATURES : WORDING_FEATURES;
    w->out = out;
    bool ok = pair_parts(p, PARTS, o->seed, w->part, err) && pair_tokens_read(&w->tokens, p, err) &&
              look_everywhere(w, err) && cross_validate(w, err);
    if (ok) {
        measure_curve(w);
        ok = choose(w, err) && write_artefact(w, err);
    }
    work_free(w);
    return ok;
}

void pair_tuning_free(struct pair_tuning *t) {
    buf_free(&t->artefact);
}
