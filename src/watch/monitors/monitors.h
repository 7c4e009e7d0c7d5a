/* The monitors: what each endpoint does, in windows of a minute that add up to hours, days and a week, held
 * against its version's reference profile, the week before and the limits of its options. The recorder feeds
 * them as it drains events; once a minute the main thread closes the windows and makes the readings, which
 * anyone may read. Time comes from the caller, so that tests play weeks in milliseconds.
 *
 * Per endpoint with traffic: some 60 KB and its profiles' counters (16 bytes a bin in all), and its packed
 * windows: 2 hours of minutes and 8 days of hours, some 200 KB where it never rests.
 *
 * The monitors, each with its runbook docs/runbooks/NAME.md; the first seven are the signals that every
 * endpoint has from the start:
 *
 * - latency_p95: of 5 minutes, total and per stage; latency_p50 and latency_p99 beside it, without limit
 * - confidence: its mean, the last day against the same day a week before
 * - input_drift: inputs against the reference profile, per feature, and of a text what the model saw
 * - error_rate: of 5 minutes, all and per category, against the week before
 * - fallback_rate: of 5 minutes
 * - cost: since midnight UTC, against cost_per_day
 * - review_depth: items that wait; review_age: how long the oldest does
 * - confidence_mean: against its own week before, and the reference profile's
 * - confidence_drift, prediction_drift: against the reference profile
 * - estimated_accuracy: without labels, the mean confidence; void while inputs drift
 * - accuracy: from labels, weighted for how they were chosen
 * - business_score: what was said of answers, the last week against the one before
 * - upstream_health: per upstream, is it left alone?
 * - cost_per_prediction, cache_hits: without limit */
#pragma once

#include "config/config.h"
#include "watch/event.h"
#include "watch/monitors/reading.h"
#include "watch/monitors/window.h"

enum { MONITORED_MAX = 1024, MONITORED_NONE = 0 };

struct monitors;
struct monitors *monitors_new(void) MUST_USE; /* NULL when memory is out */
void monitors_free(struct monitors *m);       /* NULL is fine */

/* ---- main thread: what is watched ---- */

/* The handle of an endpoint: the same for the same name. MONITORED_NONE where there are too many, or no
 * memory. */
unsigned monitors_endpoint(struct monitors *m, const char *name);
/* The handle that it has already. */
unsigned monitors_find(const struct monitors *m, const char *name);
/* What the endpoint is held to from now on. Those that are not configured since monitors_begin_configuring
 * are watched no more. */
void monitors_begin_configuring(struct monitors *m);
void monitors_configure(struct monitors *m, unsigned handle, const struct config_monitors *limits);
void monitors_watch(struct monitors *m, unsigned handle, const char *version,
                    struct reference_profile *profile);

/* This version alone serves the endpoint ("": none does). One that brought no profile gets one of its next
 * requests, as many as `limits` say, and is compared with it from then on. */
void monitors_alone(struct monitors *m, unsigned handle, const char *version, int64_t now);
/* A reference that was made so earlier, of this run or another: manifest text. Before monitors_watch. */
void monitors_know(struct monitors *m, unsigned handle, const char *version, struct str manifest);

/* ---- the recorder's thread ---- */

/* Around any number of notes. NULL is fine. */
void monitors_begin_notes(struct monitors *m);
void monitors_note(struct monitors *m, const struct event *e);
void monitors_end_notes(struct monitors *m);

/* ---- main thread: closing ---- */

/* What the store and the upstreams know, at the closing of a window. */
struct monitor_facts {
    struct monitor_queue {
        struct str endpoint;
        uint64_t open;
        int64_t oldest; /* wall ns; 0: none */
    } const *queues;
    size_t queue_count;
    struct monitor_upstream {
        const char *name;
        bool left_alone;        /* its breaker is not closed */
        uint64_t calls, failed; /* since the process began */
    } const *upstreams;
    size_t upstream_count;
    /* What people said in the last week, by endpoint. */
    struct monitor_labels {
        struct str endpoint;
        uint64_t reviewed, reviewed_right; /* of what was sent to people */
        uint64_t spoken_of;       /* of what went out unseen, what feedback said was right or not … */
        double spoken_of_right;   /* … half where two speakers differ; an audit's word goes first */
        uint64_t checked, agreed; /* of these, what was audited too, and with the same result */
        uint64_t audited;         /* of all others, drawn by chance … */
        double audit_weight, audit_weight_right; /* … each counting for 1 / its chance of being drawn */
    } const *labels;
    size_t label_count;
    /* What was said of answers (watch/feedback.h), from 0 to 1: in the last week, and in the one before. */
    struct monitor_scores {
        struct str endpoint;
        struct monitor_score_sums {
            uint64_t count;
            double sum, squares;
        } last, before;
    } const *scores;
    size_t score_count;
};

/* Requests of the open window that were refused with that error and never became an event. */
void monitors_refused(struct monitors *m, unsigned handle, enum error_code code, uint64_t count);

/* Is a window's time over, or has the clock jumped? */
bool monitors_due(const struct monitors *m, int64_t now);
/* Closes the windows and makes the readings. Some 100 us an endpoint. */
void monitors_close(struct monitors *m, int64_t now, const struct monitor_facts *facts);

/* What was closed and is to be kept: taken by the caller, freed by monitor_rows_free. NULL: nothing. */
struct monitor_row {
    struct monitor_row *next;
    char endpoint[WINDOW_NAME_SIZE];
    int64_t span;        /* seconds: 60, 3600, 86400 */
    int64_t at;          /* its beginning, wall ns */
    struct buf window;   /* packed; empty: nothing happened */
    struct buf readings; /* packed (watch/monitors/monitor_series.h), of a minute */
    char
        version[WINDOW_NAME_SIZE]; /* not "": `window` is the reference made of its first requests, as text */
};
struct monitor_row *monitors_take_rows(struct monitors *m);
/* They could not be kept and are to be taken again. NULL is fine. */
void monitors_give_rows_back(struct monitors *m, struct monitor_row *rows);
void monitor_rows_free(struct monitor_row *rows);
/* A window of an earlier run; an endpoint's hours first, then its days (which tell that their hours are done
 * with), then its minutes, each in their order. Before the first closing. */
void monitors_restore(struct monitors *m, unsigned handle, int64_t span, int64_t at, struct str window);

/* ---- any thread ---- */

/* All readings of the last closing, endpoint by endpoint; the reading and its strings are good during the
 * call. No lock is held while `visit` runs. False: out of memory. */
bool monitors_read(struct monitors *m, void (*visit)(const struct reading *r, void *ctx), void *ctx) MUST_USE;

/* How a version's answers and inputs lay at the last closing, beside its profile. */
struct monitor_comparison {
    const struct profile_dimension *dimension;
    const struct reference_profile *profile; /* that it is of */
    const char *role;                        /* "confidence", "label", "input" */
    uint64_t samples;
    const double *now; /* shares: dimension->bins + 2 */
};
/* Calls visit for each dimension of the version that answered most; `version` (WINDOW_NAME_SIZE) receives its
 * name, "" where there is nothing to show. No lock is held while `visit` runs. */
bool monitors_compare(struct monitors *m, struct str endpoint,
                      void (*visit)(const struct monitor_comparison *c, void *ctx), void *ctx, char *version,
                      struct error *err) MUST_USE;
