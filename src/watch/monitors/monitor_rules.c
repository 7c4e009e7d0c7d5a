/* From windows to readings: what each monitor says of an endpoint. */
#include "watch/monitors/monitored.h"

#include "base/clock.h"
#include "watch/monitors/accuracy_estimate.h"
#include "watch/monitors/divergence.h"
#include "watch/monitors/monitor_series.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum {
    LATENCY_LEAST = 20, /* requests, for shares and quantiles of 5 minutes */
    PAST_LEAST = 200,   /* requests of the week before, for a baseline */
    ERRORS_LEAST = 5    /* of one category, before it is anybody's business */
};
#define RECENT_NS (5 * MINUTE_NS)
/* A share that an error may have without anybody having seen it before. */
#define ERROR_FLOOR 0.005
/* The chance of one false alarm that a comparison may have, shared by those that are made at once
 * (Bonferroni). Beside it the distance must be over its limit: what is certain and small is no alarm. */
#define FALSE_ALARM 0.001

struct reader {
    struct monitored *e;
    int64_t now;
    const struct monitor_facts *facts;
    struct window *w; /* the window at hand */
    bool drifted;     /* the inputs */
    char gathering[READING_DETAIL_SIZE];
};

static struct reading *say(struct reader *r, const char *monitor, const struct reading *what) {
    struct reading full = *what;
    full.endpoint = r->e->name;
    full.monitor = monitor;
    full.unit = monitor_kind_named(str_from(monitor))->unit;
    if (!full.to) {
        full.from = r->w->from;
        full.to = r->w->to;
    }
    return readings_add(&r->e->readings, &full);
}

static enum reading_state judge(bool breached) {
    return breached ? READING_BREACHED : READING_GOOD;
}

static void look(struct reader *r, int64_t span) {
    window_clear(r->w);
    monitored_sum(r->e, r->now - span - MINUTE_NS, r->now + MINUTE_NS, r->w);
    if (!r->w->from) {
        r->w->from = r->now - span;
        r->w->to = r->now;
    }
}

/* ---- five minutes: latency, errors, fallbacks ---- */

static void say_latency(struct reader *r, const char *monitor, double share, const char *part,
                        const struct latency_sketch *s, double limit_ms) {
    uint64_t n = latency_sketch_count(s);
    double ms = latency_sketch_quantile(s, share) / 1000;
    bool known = n >= LATENCY_LEAST;
    say(r, monitor,
        &(struct reading){.part = part,
                          .state = known ? judge(ms > limit_ms) : READING_NO_DATA,
                          .value = ms,
                          .expected = NAN,
                          .limit = limit_ms,
                          .samples = n});
}

static void read_latency(struct reader *r) {
    double limit = (double)r->e->limits.latency_p95 / 1e6;
    say_latency(r, "latency_p95", 0.95, "", &r->w->total, limit);
    say_latency(r, "latency_p50", 0.50, "", &r->w->total, NAN);
    say_latency(r, "latency_p99", 0.99, "", &r->w->total, NAN);
    for (unsigned i = 0; i < r->w->stage_count; i++) {
        const struct window_stage *s = &r->w->stages[i];
        if (latency_sketch_count(&s->latency) == 0)
            continue;
        say_latency(r, "latency_p95", 0.95, s->name, &s->latency, NAN);
        say_latency(r, "latency_p50", 0.50, s->name, &s->latency, NAN);
        say_latency(r, "latency_p99", 0.99, s->name, &s->latency, NAN);
    }
}

/* `before`: how many of the week's requests; what nobody has seen may have ERROR_FLOOR, and what the client
 * does wrong is only compared. */
static void say_errors(struct reader *r, const char *part, uint64_t now, uint64_t before, bool clients) {
    const struct monitored_past *past = &r->e->past;
    uint64_t n = r->w->requests;
    bool compared = past->requests >= PAST_LEAST;
    double usual = compared ? (double)before / (double)past->requests : NAN;
    double limit = (double)r->e->limits.error_factor * fmax(compared ? usual : 0, ERROR_FLOOR);
    double share = n ? (double)now / (double)n : NAN;
    bool known = n >= LATENCY_LEAST && (compared || !clients);
    char detail[READING_DETAIL_SIZE];
    snprintf(detail, sizeof detail, "%llu of %llu requests%s", (unsigned long long)now, (unsigned long long)n,
             compared ? "" : "; there is no week before to compare with");
    say(r, "error_rate",
        &(struct reading){.part = part,
                          .state = known ? judge(now >= ERRORS_LEAST && share > limit) : READING_NO_DATA,
                          .value = share,
                          .expected = usual,
                          .limit = limit,
                          .samples = n,
                          .detail = detail});
}

static void read_errors(struct reader *r) {
    const struct monitored_past *past = &r->e->past;
    uint64_t all = 0, servers = 0;
    for (enum error_code code = 1; code < ERR_COUNT; code++) {
        uint64_t now = r->w->errors[code];
        all += now;
        servers += error_status(code) >= 500 ? now : 0;
        if (now || past->errors[code])
            say_errors(r, error_name(code), now, past->errors[code], error_status(code) < 500);
    }
    say_errors(r, "", all, past->all_errors, servers < ERRORS_LEAST);
}

static void read_fallbacks(struct reader *r) {
    uint64_t n = r->w->requests;
    double share = n ? (double)r->w->fallbacks / (double)n : NAN, limit = r->e->limits.fallback_share;
    say(r, "fallback_rate",
        &(struct reading){.state = n >= LATENCY_LEAST ? judge(share > limit) : READING_NO_DATA,
                          .value = share,
                          .expected = NAN,
                          .limit = limit,
                          .samples = n});
}

static void read_cache(struct reader *r) {
    uint64_t asked = 0, hits = 0;
    for (enum cache_state state = CACHE_MISS; state < CACHE_STATES; state++) {
        asked += r->w->cache[state];
        hits += cache_state_answers(state) ? r->w->cache[state] : 0;
    }
    say(r, "cache_hits",
        &(struct reading){.state = asked >= LATENCY_LEAST ? READING_GOOD : READING_NO_DATA,
                          .value = asked ? (double)hits / (double)asked : NAN,
                          .expected = NAN,
                          .limit = NAN,
                          .samples = asked});
}

/* ---- against the profile ---- */

static const struct window_version *main_version(const struct window *w) {
    const struct window_version *most = NULL;
    for (unsigned i = 0; i < w->version_count; i++)
        if (w->versions[i].answers > 0 && (!most || w->versions[i].answers > most->answers))
            most = &w->versions[i];
    return most;
}

/* The shortest window of an hour, a day, a week with enough answers of one version; NULL: there is none, and
 * the week is at hand. */
static const struct window_version *look_for_enough(struct reader *r) {
    static const int64_t spans[] = {HOUR_NS, DAY_NS, 7 * DAY_NS};
    for (size_t i = 0; i < ARRAY_COUNT(spans); i++) {
        look(r, spans[i]);
        const struct window_version *v = main_version(r->w);
        if (v && v->answers >= (uint64_t)r->e->limits.samples)
            return v;
    }
    return NULL;
}

static const char *nothing_known(struct reader *r, const struct window_version *v) {
    const struct first_reference *f = r->e->first;
    if (!v)
        return "too few answers in a week";
    if (!f || strcmp(first_reference_version(f), v->name) != 0)
        return "the version has no reference profile of this";
    snprintf(r->gathering, sizeof r->gathering,
             "the version brought no profile: its first %llu requests become one, so far %llu",
             (unsigned long long)r->e->limits.reference, (unsigned long long)first_reference_count(f));
    return r->gathering;
}

/* "tickets@2" and, where it is not that of training, what it is compared with. */
static void write_reference(const struct window_version *v, char *out, size_t size) {
    char time[CLOCK_TEXT_SIZE];
    if (!v->profile->since) {
        snprintf(out, size, "%s", v->name);
        return;
    }
    clock_format(v->profile->since, time);
    snprintf(out, size, "%s (reference: first %llu requests since %.16sZ)", v->name,
             (unsigned long long)v->profile->rows, time);
}

/* True: it drifts. `together`: how many are compared at once. */
static bool compare(struct reader *r, const char *monitor, const char *part, const struct window_version *v,
                    const struct profile_dimension *d, size_t together, struct divergence *out) {
    const uint32_t *counts = v->counts + d->first;
    char detail[READING_DETAIL_SIZE], reference[160];
    write_reference(v, reference, sizeof reference);
    *out = divergence_of(counts, d->shares, d->bins + 2, d->known ? d->rows : 0, !d->category);
    bool known = out->samples >= (uint64_t)r->e->limits.samples && !isnan(out->js);
    bool breached = known && out->js > r->e->limits.drift && out->p < FALSE_ALARM / (double)together;
    double n = (double)(out->samples ? out->samples : 1);
    snprintf(detail, sizeof detail,
             "%s: PSI %.3f, KL %.3f, KS %.3f, p %.2g; missing %.1f %% (%.1f %%), unseen %.1f %%", reference,
             out->psi, out->kl, isnan(out->ks) ? 0 : out->ks, out->p, 100 * counts[d->bins] / n,
             100 * d->shares[d->bins], 100 * counts[d->bins + 1] / n);
    say(r, monitor,
        &(struct reading){.part = part,
                          .state = known ? judge(breached) : READING_NO_DATA,
                          .value = out->js,
                          .expected = NAN,
                          .limit = r->e->limits.drift,
                          .samples = out->samples,
                          .detail = d->known ? detail : nothing_known(r, v)});
    return breached;
}

static void say_nothing(struct reader *r, const char *monitor, double limit, const char *why) {
    say(r, monitor,
        &(struct reading){.state = READING_NO_DATA,
                          .value = NAN,
                          .expected = NAN,
                          .limit = limit,
                          .samples = r->w->requests,
                          .detail = why});
}

/* The worst of the inputs stands for all. */
static void read_inputs(struct reader *r, const struct window_version *v) {
    size_t inputs = reference_profile_inputs(v->profile), drifted = 0;
    struct divergence worst = {.js = NAN}, one;
    const char *name = "";
    for (size_t i = 0; i < inputs; i++) {
        const struct profile_dimension *d = &v->profile->dimensions[DIMENSION_INPUTS + i];
        drifted += compare(r, "input_drift", d->name, v, d, inputs, &one);
        if (!isnan(one.js) && one.samples >= (uint64_t)r->e->limits.samples &&
            (isnan(worst.js) || one.js > worst.js)) {
            worst = one;
            name = d->name;
        }
    }
    r->drifted = drifted > 0;
    if (isnan(worst.js)) {
        say_nothing(r, "input_drift", r->e->limits.drift,
                    inputs ? "too few inputs in a week" : nothing_known(r, v));
        return;
    }
    char detail[READING_DETAIL_SIZE * 2], reference[160];
    write_reference(v, reference, sizeof reference);
    snprintf(detail, sizeof detail, "%zu of %zu inputs drift; furthest off is %.80s (%s)", drifted, inputs,
             name, reference);
    say(r, "input_drift",
        &(struct reading){.state = judge(drifted > 0),
                          .value = worst.js,
                          .expected = NAN,
                          .limit = r->e->limits.drift,
                          .samples = worst.samples,
                          .detail = detail});
}

/* Of n answers the confidences say how many are right, if they mean what they meant in training: the mean,
 * plus or minus 1.96 times the root of the sum of c (1 - c). */
static void read_estimate(struct reader *r, const struct window_version *v) {
    double n = (double)v->answers, mean = v->confidence / n, half = 1.96 * sqrt(v->variance) / n;
    double expected = v->profile->accuracy, limit = expected - r->e->limits.accuracy_drop;
    char detail[READING_DETAIL_SIZE];
    snprintf(detail, sizeof detail, "%s: %.1f %% to %.1f %%, 95 %% sure%s", v->name, 100 * (mean - half),
             100 * fmin(1, mean + half),
             r->drifted ? "; void, since inputs drift and confidences may not mean what they meant" : "");
    say(r, "estimated_accuracy",
        &(struct reading){.state = isnan(expected) ? READING_NO_DATA
                                   : r->drifted    ? READING_VOID
                                                   : judge(mean + half < limit),
                          .value = mean,
                          .expected = expected,
                          .limit = limit,
                          .samples = v->answers,
                          .detail = detail});
}

/* The variance of a mean of n values with that sum and sum of c (1 - c). */
static double error_of(double n, double sum, double variance) {
    double mean = sum / n, squares = sum - variance;
    return fmax(0, squares / n - mean * mean) / n;
}

/* The version's own mean over the week before, or where it is too new, or was lower, the profile's: that
 * comes from folds, which know a little less than the version that learned from all rows. */
static double usual_mean(const struct reader *r, const struct window_version *v) {
    const struct monitored_past *past = &r->e->past;
    double usual = v->profile->mean_confidence;
    for (unsigned i = 0; i < past->versions; i++) {
        double n = (double)past->confidences[i].week_answers;
        if (strcmp(past->confidences[i].name, v->name) == 0 && n >= (double)r->e->limits.samples)
            usual = fmax(usual, past->confidences[i].week_confidence / n); /* of NAN the other */
    }
    return usual;
}

/* The mean alone sees what the distance does not: a few requests in a hundred that the version knows nothing
 * of move its confidences little, and cost as many points of accuracy. */
static void read_mean(struct reader *r, const struct window_version *v) {
    double n = (double)v->answers, mean = v->confidence / n, expected = usual_mean(r, v);
    double limit = expected - r->e->limits.confidence_points;
    double certain = 3 * sqrt(error_of(n, v->confidence, v->variance));
    say(r, "confidence_mean",
        &(struct reading){.state = isnan(expected) ? READING_NO_DATA
                                                   : judge(mean < limit && expected - mean > certain),
                          .value = mean,
                          .expected = expected,
                          .limit = limit,
                          .samples = v->answers,
                          .detail = v->name});
}

static void read_profile(struct reader *r) {
    const struct window_version *v = look_for_enough(r);
    double limit = r->e->limits.drift;
    struct divergence unused;
    if (!v) {
        const char *why = nothing_known(r, NULL);
        say_nothing(r, "input_drift", limit, why);
        say_nothing(r, "confidence_drift", limit, why);
        say_nothing(r, "confidence_mean", NAN, why);
        say_nothing(r, "prediction_drift", limit, why);
        say_nothing(r, "estimated_accuracy", NAN, why);
        return;
    }
    monitored_compare(r->e, v);
    read_inputs(r, v);
    const struct profile_dimension *d = v->profile->dimensions;
    compare(r, "confidence_drift", "", v, &d[DIMENSION_CONFIDENCE], 1, &unused);
    compare(r, "prediction_drift", "", v, &d[DIMENSION_LABEL], 1, &unused);
    read_mean(r, v);
    read_estimate(r, v);
}

/* ---- against the week before ---- */

static void read_past(struct reader *r) {
    struct monitored_past *past = &r->e->past;
    struct window *w = r->w;
    *past = (struct monitored_past){.made = r->now, .cost_per_prediction = NAN};
    window_clear(w);
    monitored_sum(r->e, r->now - 7 * DAY_NS, r->now - RECENT_NS - MINUTE_NS, w);
    past->requests = w->requests;
    for (enum error_code code = 1; code < ERR_COUNT; code++) {
        past->errors[code] = w->errors[code];
        past->all_errors += w->errors[code];
    }
    if (w->priced >= PAST_LEAST)
        past->cost_per_prediction = (double)w->nanodollars / 1e9 / (double)w->priced;
    window_clear(w);
    monitored_sum(r->e, r->now - 8 * DAY_NS, r->now - 7 * DAY_NS + HOUR_NS, w);
    for (unsigned i = 0; i < w->version_count; i++) {
        const struct window_version *v = &w->versions[i];
        unsigned at = past->versions++;
        memcpy(past->confidences[at].name, v->name, sizeof v->name);
        past->confidences[at].answers = v->answers;
        past->confidences[at].confidence = v->confidence;
        past->confidences[at].variance = v->variance;
    }
    window_clear(w);
    monitored_sum(r->e, r->now - 7 * DAY_NS, r->now - HOUR_NS, w);
    for (unsigned i = 0; i < w->version_count; i++) {
        past->confidences[i].week_answers = w->versions[i].answers;
        past->confidences[i].week_confidence = w->versions[i].confidence;
    }
}

/* Another version has confidences of its own, so a version is compared with itself; over its limit, and by
 * more than three standard errors. */
static void read_confidence(struct reader *r) {
    const struct window_version *v = main_version(r->w);
    double drop = r->e->limits.confidence_drop;
    unsigned at = 0;
    while (v && at < r->e->past.versions && strcmp(r->e->past.confidences[at].name, v->name) != 0)
        at++;
    double least = (double)r->e->limits.samples, n = v ? (double)v->answers : 0;
    double before = v && at < r->e->past.versions ? (double)r->e->past.confidences[at].answers : 0;
    if (n < least || before < least) {
        char detail[READING_DETAIL_SIZE];
        snprintf(detail, sizeof detail,
                 "%.0f answers in a day and %.0f in the same day a week before; %.0f are needed", n, before,
                 least);
        say_nothing(r, "confidence", NAN, detail);
        return;
    }
    double sum = r->e->past.confidences[at].confidence;
    double mean = v->confidence / n, expected = sum / before, limit = expected * (1 - drop);
    double error = sqrt(error_of(n, v->confidence, v->variance) +
                        error_of(before, sum, r->e->past.confidences[at].variance));
    say(r, "confidence",
        &(struct reading){.state = judge(mean < limit && expected - mean > 3 * error),
                          .value = mean,
                          .expected = expected,
                          .limit = limit,
                          .samples = v->answers,
                          .detail = v->name});
}

static void read_costs(struct reader *r) {
    const struct monitored_past *past = &r->e->past;
    double each = r->w->priced ? (double)r->w->nanodollars / 1e9 / (double)r->w->priced : NAN;
    say(r, "cost_per_prediction",
        &(struct reading){.state = r->w->priced ? READING_GOOD : READING_NO_DATA,
                          .value = each,
                          .expected = past->cost_per_prediction,
                          .limit = NAN,
                          .samples = r->w->priced});
    window_clear(r->w);
    int64_t midnight = r->now - r->now % DAY_NS;
    monitored_sum(r->e, midnight, r->now + MINUTE_NS, r->w);
    double budget = (double)r->e->limits.cost_per_day / 1e9;
    double limit = budget > 0 ? budget * (double)r->e->limits.cost_percent / 100 : NAN;
    double spent = (double)r->w->nanodollars / 1e9;
    char detail[READING_DETAIL_SIZE] = "";
    if (r->w->priced < r->w->answered)
        snprintf(detail, sizeof detail, "of %llu of %llu answers no price is known",
                 (unsigned long long)(r->w->answered - r->w->priced), (unsigned long long)r->w->answered);
    say(r, "cost",
        &(struct reading){.state = r->w->requests && !r->w->priced ? READING_NO_DATA : judge(spent > limit),
                          .value = spent,
                          .expected = budget > 0 ? budget : NAN,
                          .limit = limit,
                          .samples = r->w->priced,
                          .from = midnight,
                          .to = r->now,
                          .detail = detail});
}

/* ---- what the store knows ---- */

static void read_queue(struct reader *r) {
    struct monitor_queue queue = {0};
    for (size_t i = 0; i < r->facts->queue_count; i++)
        if (str_eq(r->facts->queues[i].endpoint, str_from(r->e->name)))
            queue = r->facts->queues[i];
    const struct config_monitors *limits = &r->e->limits;
    double age = queue.oldest && queue.oldest < r->now ? (double)(r->now - queue.oldest) / 1e9 : 0;
    say(r, "review_depth",
        &(struct reading){.state = judge(queue.open > (uint64_t)limits->review_depth),
                          .value = (double)queue.open,
                          .expected = NAN,
                          .limit = (double)limits->review_depth,
                          .samples = queue.open,
                          .from = r->now,
                          .to = r->now});
    say(r, "review_age",
        &(struct reading){.state = judge(age > (double)limits->review_age / 1e9),
                          .value = age,
                          .expected = NAN,
                          .limit = (double)limits->review_age / 1e9,
                          .samples = queue.open,
                          .from = r->now,
                          .to = r->now});
}

static void write_labels(const struct monitor_labels *l, const struct accuracy_estimate *a, char *out,
                         size_t size) {
    if (!a->known)
        snprintf(out, size,
                 "%llu audits in a week of what nobody spoke of; %d are needed (option review.audit)",
                 (unsigned long long)l->audited, AUDITED_LEAST);
    else
        snprintf(
            out, size,
            "+-%.1f points; right: of what people decided %.1f %%, of what feedback spoke of %.1f %% (%llu), "
            "of the rest, by %llu audits, %.1f %%",
            100 * a->half, 100 * (l->reviewed ? a->reviewed : 0), 100 * (l->spoken_of ? a->spoken_of : 0),
            (unsigned long long)l->spoken_of, (unsigned long long)l->audited,
            100 * (l->audited ? a->audited : 0));
}

/* Shown, and never compared: who speaks up is no random choice. */
static void read_feedback(struct reader *r, const struct monitor_labels *l,
                          const struct accuracy_estimate *a) {
    char detail[READING_DETAIL_SIZE], checked[80] = "";
    if (!l->spoken_of)
        return;
    if (l->checked)
        snprintf(checked, sizeof checked, "; of %llu that were audited too, %llu agree",
                 (unsigned long long)l->checked, (unsigned long long)l->agreed);
    snprintf(detail, sizeof detail,
             "biased: the plain share of what feedback spoke of, and who speaks up is no random choice%s",
             checked);
    say(r, "accuracy",
        &(struct reading){.part = "feedback",
                          .state = READING_GOOD,
                          .value = a->spoken_of,
                          .expected = NAN,
                          .limit = NAN,
                          .samples = l->spoken_of,
                          .detail = detail});
}

static void read_labels(struct reader *r) {
    struct monitor_labels l = {0};
    for (size_t i = 0; i < r->facts->label_count; i++)
        if (str_eq(r->facts->labels[i].endpoint, str_from(r->e->name)))
            l = r->facts->labels[i];
    look(r, 7 * DAY_NS);
    const struct window_version *v = main_version(r->w);
    struct accuracy_estimate a = accuracy_estimate_of(&l, r->w->answered, r->w->reviews);
    double expected = v ? v->profile->accuracy : NAN, limit = expected - r->e->limits.accuracy_drop;
    char detail[READING_DETAIL_SIZE];
    write_labels(&l, &a, detail, sizeof detail);
    say(r, "accuracy",
        &(struct reading){.state = isnan(a.value) || isnan(limit) ? READING_NO_DATA
                                                                  : judge(a.value + a.half < limit),
                          .value = a.value,
                          .expected = expected,
                          .limit = limit,
                          .samples = l.reviewed + l.spoken_of + l.audited,
                          .detail = detail});
    read_feedback(r, &l, &a);
}

enum { SCORED_LEAST = 30 };

static double mean_of(const struct monitor_score_sums *s) {
    return s->sum / (double)s->count;
}

static double mean_error_of(const struct monitor_score_sums *s) {
    double n = (double)s->count, mean = mean_of(s);
    return fmax(0, s->squares / n - mean * mean) / n;
}

/* Over its limit, and by more than three standard errors. */
static void read_scores(struct reader *r) {
    struct monitor_scores s = {0};
    for (size_t i = 0; i < r->facts->score_count; i++)
        if (str_eq(r->facts->scores[i].endpoint, str_from(r->e->name)))
            s = r->facts->scores[i];
    if (s.last.count < SCORED_LEAST || s.before.count < SCORED_LEAST) {
        char detail[READING_DETAIL_SIZE];
        snprintf(detail, sizeof detail,
                 "%llu scores in a week and %llu in the week before; %d are needed (POST /v1/feedback)",
                 (unsigned long long)s.last.count, (unsigned long long)s.before.count, SCORED_LEAST);
        say_nothing(r, "business_score", NAN, detail);
        return;
    }
    double mean = mean_of(&s.last), expected = mean_of(&s.before),
           limit = expected * (1 - r->e->limits.score_drop);
    double error = sqrt(mean_error_of(&s.last) + mean_error_of(&s.before));
    say(r, "business_score",
        &(struct reading){.state = judge(mean < limit && expected - mean > 3 * error),
                          .value = mean,
                          .expected = expected,
                          .limit = limit,
                          .samples = s.last.count,
                          .from = r->now - 7 * DAY_NS,
                          .to = r->now});
}

void monitored_read(struct monitored *e, int64_t now, const struct monitor_facts *facts,
                    struct window *scratch) {
    struct reader r = {.e = e, .now = now, .facts = facts, .w = scratch};
    if (e->past.made == 0 || now < e->past.made || now - e->past.made >= HOUR_NS)
        read_past(&r);
    look(&r, RECENT_NS);
    read_latency(&r);
    read_errors(&r);
    read_fallbacks(&r);
    read_cache(&r);
    look(&r, DAY_NS);
    read_confidence(&r);
    read_costs(&r);
    read_profile(&r);
    read_queue(&r);
    read_labels(&r);
    read_scores(&r);
}

void monitored_read_server(struct readings *out, int64_t now, const struct monitor_facts *facts) {
    for (size_t i = 0; i < facts->upstream_count; i++) {
        const struct monitor_upstream *u = &facts->upstreams[i];
        char detail[READING_DETAIL_SIZE];
        snprintf(detail, sizeof detail, "%llu of %llu calls failed since the start",
                 (unsigned long long)u->failed, (unsigned long long)u->calls);
        readings_add(out, &(struct reading){.endpoint = "",
                                            .monitor = "upstream_health",
                                            .part = u->name,
                                            .state = judge(u->left_alone),
                                            .value = u->left_alone,
                                            .expected = 0,
                                            .limit = 0,
                                            .unit = "count",
                                            .samples = u->calls,
                                            .from = now,
                                            .to = now,
                                            .detail = detail});
    }
}
