#include "traffic/analysis.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { LEAST_LABELS = 30, LOOKS_MAX = 40, LATENCY_LEAST_US = 1000 };

static const char *const names[CRITERION_COUNT] = {[CRITERION_ERRORS] = "errors",
                                                   [CRITERION_FALLBACKS] = "fallbacks",
                                                   [CRITERION_REVIEWS] = "reviews",
                                                   [CRITERION_LATENCY] = "latency",
                                                   [CRITERION_COST] = "cost",
                                                   [CRITERION_CONFIDENCE] = "confidence",
                                                   [CRITERION_SCORE] = "score",
                                                   [CRITERION_ACCURACY] = "accuracy",
                                                   [CRITERION_CATEGORY] = "accuracy of one label",
                                                   [CRITERION_SCHEMA] = "answers against the schema",
                                                   [CRITERION_DISAGREEMENT] = "disagreement"};

const char *criterion_name(enum criterion c) {
    return names[c];
}

struct analysis_options analysis_defaults(void) {
    return (struct analysis_options){.least = 200,
                                     .alpha = 0.05,
                                     .allowed = {[CRITERION_ERRORS] = 0.01,
                                                 [CRITERION_FALLBACKS] = 0.02,
                                                 [CRITERION_REVIEWS] = 0.05,
                                                 [CRITERION_LATENCY] = 0.15,
                                                 [CRITERION_COST] = 0.15,
                                                 [CRITERION_CONFIDENCE] = 0.05,
                                                 [CRITERION_SCORE] = 0.05,
                                                 [CRITERION_ACCURACY] = 0.02,
                                                 [CRITERION_CATEGORY] = 0.15}};
}

struct analysis_options analysis_mirrored(void) {
    struct analysis_options o = analysis_defaults();
    o.allowed[CRITERION_SCHEMA] = 0.02;
    o.allowed[CRITERION_DISAGREEMENT] = 0.1;
    return o;
}

/* ---- differences ---- */

struct difference {
    bool known;
    double candidate, stable; /* as people read them */
    double estimate, error;   /* of candidate - stable, or of the ratio less 1; positive is worse */
    char category[ARM_LABEL_SIZE];
};

/* Two more of each kind move the estimate a little towards none, and make the interval hold for few. */
static struct difference shares(uint64_t hits, uint64_t n, uint64_t stable_hits, uint64_t stable_n) {
    double p = ((double)hits + 1) / ((double)n + 2), q = ((double)stable_hits + 1) / ((double)stable_n + 2);
    return (struct difference){
        .known = n > 0 && stable_n > 0,
        .candidate = n ? (double)hits / (double)n : 0,
        .stable = stable_n ? (double)stable_hits / (double)stable_n : 0,
        .estimate = p - q,
        .error = sqrt(p * (1 - p) / ((double)n + 2) + q * (1 - q) / ((double)stable_n + 2))};
}

static double mean(const struct arm_sum *s) {
    return s->n > 0 ? s->sum / s->n : 0;
}

/* Of the mean. */
static double variance(const struct arm_sum *s) {
    double v = s->n > 1 ? (s->squares - s->sum * s->sum / s->n) / (s->n - 1) : 0;
    return v > 0 ? v / s->n : 0;
}

static bool enough(const struct arm_sum *a, const struct arm_sum *b) {
    return a->n >= LEAST_LABELS && b->n >= LEAST_LABELS;
}

static struct difference of_latency(const struct arm *c, const struct arm *s) {
    const struct arm_sum *a = &c->log_latency, *b = &s->log_latency;
    double log_ratio = mean(a) - mean(b);
    return (struct difference){.known = enough(a, b),
                               .candidate = exp(mean(a)),
                               .stable = exp(mean(b)),
                               .estimate = expm1(log_ratio),
                               .error = exp(log_ratio) * sqrt(variance(a) + variance(b))};
}

static struct difference of_cost(const struct arm *c, const struct arm *s) {
    double a = mean(&c->cost), b = mean(&s->cost);
    struct difference d = {.known = enough(&c->cost, &s->cost) && b > 0, .candidate = a, .stable = b};
    if (!d.known)
        return d;
    double ratio = a / b;
    d.estimate = ratio - 1;
    d.error = sqrt(variance(&c->cost) + ratio * ratio * variance(&s->cost)) / b;
    return d;
}

/* Higher is better. */
static struct difference of_mean(const struct arm_sum *a, const struct arm_sum *b) {
    return (struct difference){.known = enough(a, b),
                               .candidate = mean(a),
                               .stable = mean(b),
                               .estimate = mean(b) - mean(a),
                               .error = sqrt(variance(a) + variance(b))};
}

static const struct arm_category *same_label(const struct arm *a, const char *label) {
    for (unsigned i = 0; i < ARM_CATEGORIES; i++)
        if (a->categories[i].right + a->categories[i].wrong && strcmp(a->categories[i].label, label) == 0)
            return &a->categories[i];
    return NULL;
}

/* The label that did worst for its number; *tried: how many had enough. */
static struct difference of_category(const struct arm *c, const struct arm *s, unsigned *tried) {
    struct difference worst = {0};
    *tried = 0;
    for (unsigned i = 0; i < ARM_CATEGORIES; i++) {
        const struct arm_category *mine = &c->categories[i], *theirs = same_label(s, mine->label);
        uint64_t n = mine->right + mine->wrong, stable_n = theirs ? theirs->right + theirs->wrong : 0;
        if (n < LEAST_LABELS || stable_n < LEAST_LABELS)
            continue;
        struct difference d = shares(mine->wrong, n, theirs->wrong, stable_n);
        ++*tried;
        if (worst.known && d.estimate / d.error <= worst.estimate / worst.error)
            continue;
        snprintf(d.category, sizeof d.category, "%s", mine->label);
        worst = d;
    }
    return worst;
}

static struct difference difference_of(enum criterion criterion, const struct arm *s, const struct arm *c,
                                       unsigned *tried) {
    struct difference none = {0};
    *tried = 1;
    switch (criterion) {
    case CRITERION_ERRORS: return shares(c->errors, c->requests, s->errors, s->requests);
    case CRITERION_FALLBACKS: return shares(c->fallbacks, c->requests, s->fallbacks, s->requests);
    case CRITERION_REVIEWS: return shares(c->reviews, c->requests, s->reviews, s->requests);
    case CRITERION_LATENCY: return of_latency(c, s);
    case CRITERION_COST: return of_cost(c, s);
    case CRITERION_CONFIDENCE: return of_mean(&c->confidence, &s->confidence);
    case CRITERION_SCORE: return of_mean(&c->score, &s->score);
    case CRITERION_ACCURACY:
        return c->right + c->wrong < LEAST_LABELS || s->right + s->wrong < LEAST_LABELS
                   ? none
                   : shares(c->wrong, c->right + c->wrong, s->wrong, s->right + s->wrong);
    case CRITERION_CATEGORY: return of_category(c, s, tried);
    case CRITERION_SCHEMA:
        return shares(c->invalid, c->valid + c->invalid, s->invalid, s->valid + s->invalid);
    case CRITERION_DISAGREEMENT: /* what serves agrees with itself */
        return shares(c->differed, c->agreed + c->differed, 0, c->agreed + c->differed);
    case CRITERION_COUNT: break;
    }
    return none;
}

/* ---- the test ---- */

/* The standard normal distribution's upper quantile, by bisection of erfc. */
static double quantile(double alpha) {
    double low = 0, high = 12;
    for (int i = 0; i < 60; i++) {
        double z = (low + high) / 2;
        *(erfc(z / M_SQRT2) / 2 > alpha ? &low : &high) = z;
    }
    return high;
}

/* The k-th look is due at least * 2^(k - 1) requests. */
static uint64_t due_at(const struct analysis_options *o, unsigned look) {
    return o->least << (look > LOOKS_MAX ? LOOKS_MAX : look - 1);
}

/* A candidate's first answers are slower by cold memory: of what takes microseconds no share would do. */
static double allowed_of(const struct analysis_options *o, enum criterion c, const struct difference *d) {
    return c == CRITERION_LATENCY ? fmax(o->allowed[c], LATENCY_LEAST_US / d->stable) : o->allowed[c];
}

static void note(struct analysis *a, enum criterion criterion, const struct difference *d, double z,
                 double allowed) {
    a->criterion = criterion;
    a->allowed = allowed;
    a->candidate = d->candidate;
    a->stable = d->stable;
    a->low = d->estimate - z * d->error;
    a->high = d->estimate + z * d->error;
    memcpy(a->category, d->category, sizeof a->category);
}

static unsigned looked_at(const struct analysis_options *o) {
    unsigned n = 0;
    for (enum criterion c = 0; c < CRITERION_COUNT; c++)
        n += o->allowed[c] > 0;
    return n;
}

/* How far the evidence about one criterion goes, in the units of its error and of what is allowed. */
struct weight {
    double against, over; /* over > 1: it may be more than what is allowed */
    bool worse, better;
};

static struct weight weigh(enum criterion c, const struct difference *d, double z, double allowed) {
    struct weight w = {.against = d->estimate / d->error, .over = (d->estimate + z * d->error) / allowed};
    bool disagreement = c == CRITERION_DISAGREEMENT; /* none is no merit, and some no harm */
    w.worse = w.against > z && d->estimate >= (disagreement ? allowed : allowed / 2);
    w.better = !disagreement && -w.against > z && -d->estimate >= allowed / 2;
    return w;
}

/* The verdict goes by the worst that was found, and says it; without any by the best. */
static void look(const struct analysis_options *o, const struct arm *stable, const struct arm *candidate,
                 struct analysis *out) {
    double spent = o->alpha / ((double)out->look * (out->look + 1)) / looked_at(o);
    double furthest = -INFINITY, worst = 0, best = 0;
    struct analysis better = {0};
    out->verdict = ANALYSIS_GOOD;
    for (enum criterion c = 0; c < CRITERION_COUNT; c++) {
        unsigned tried;
        struct difference d = difference_of(c, stable, candidate, &tried);
        if (!d.known || o->allowed[c] <= 0)
            continue;
        double z = quantile(spent / tried), allowed = allowed_of(o, c, &d);
        struct weight w = weigh(c, &d, z, allowed);
        if (w.worse && w.against > worst) {
            out->verdict = ANALYSIS_WORSE;
            worst = w.against;
            note(out, c, &d, z, allowed);
        }
        if (w.better && -w.against > best) {
            best = -w.against;
            note(&better, c, &d, z, allowed);
        }
        if (worst > 0)
            continue;
        if (w.over > 1)
            out->verdict = ANALYSIS_HARMLESS;
        if (w.over <= furthest)
            continue;
        furthest = w.over;
        note(out, c, &d, z, allowed);
    }
    if (out->verdict != ANALYSIS_GOOD || best == 0)
        return;
    better.verdict = ANALYSIS_BETTER;
    better.look = out->look;
    better.missing = out->missing;
    *out = better;
}

void analyse(const struct analysis_options *o, const struct arm *stable, const struct arm *candidate,
             unsigned looked, struct analysis *out) {
    *out = (struct analysis){.look = looked};
    /* What is compared with must have been seen as well; after the last step it answers nothing more. */
    uint64_t seen = candidate->requests;
    bool comparable = stable->requests >= o->least;
    while (seen >= due_at(o, out->look + 1) && out->look < LOOKS_MAX)
        out->look++;
    uint64_t next = due_at(o, out->look + 1);
    out->missing = next > seen ? next - seen : 0;
    if (out->look == looked || !comparable) {
        out->look = comparable ? out->look : looked;
        return;
    }
    look(o, stable, candidate, out);
}

static bool is_ratio(enum criterion c) {
    return c == CRITERION_LATENCY || c == CRITERION_COST;
}

void analysis_say(const struct analysis *a, char *text, size_t size) {
    char label[ARM_LABEL_SIZE + 4] = "";
    if (a->category[0])
        snprintf(label, sizeof label, " \"%s\"", a->category);
    if (is_ratio(a->criterion))
        snprintf(text, size,
                 "%s: %.0f %s against %.0f, a change of %.1f %% to %.1f %%; %.1f %% more is allowed",
                 names[a->criterion], a->candidate, a->criterion == CRITERION_COST ? "nano-dollars" : "µs",
                 a->stable, 100 * a->low, 100 * a->high, 100 * a->allowed);
    else if (a->criterion == CRITERION_CONFIDENCE || a->criterion == CRITERION_SCORE)
        snprintf(text, size, "%s: %.3f on average against %.3f, %.3f to %.3f lower; %.3f is allowed",
                 names[a->criterion], a->candidate, a->stable, a->low, a->high, a->allowed);
    else
        snprintf(text, size,
                 "%s%s: %s in %.2f %% of its cases against %.2f %%, a difference of %.2f to %.2f points; "
                 "%.2f are allowed",
                 names[a->criterion], label,
                 a->criterion == CRITERION_ACCURACY || a->criterion == CRITERION_CATEGORY ? "wrong" : "so",
                 100 * a->candidate, 100 * a->stable, 100 * a->low, 100 * a->high, 100 * a->allowed);
}
