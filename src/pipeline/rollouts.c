#include "pipeline/rollouts.h"

#include "base/clock.h"
#include "base/log.h"
#include "pipeline/serving.h"
#include "store/sql.h"
#include "watch/feedback.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOOK_MS = 1000, RUNNING_MAX = 64 };

struct rollout_driver {
    struct store *store;
    struct arms *arms;
    int64_t next_ns;   /* monotonic */
    int64_t labels_ns; /* wall: labels until then are counted */
};

struct rollout_driver *rollout_driver_new(struct store *store, struct arms *arms) {
    struct rollout_driver *d = calloc(1, sizeof *d);
    if (d)
        *d = (struct rollout_driver){.store = store, .arms = arms, .labels_ns = clock_wall()};
    return d;
}

/* ---- the plan ---- */

bool rollout_plan_of(const struct rollout_record *r, struct rollout_plan *out, struct error *err) {
    struct str rest = str_from(r->steps);
    *out = rollout_plan_default((enum rollout_kind)r->kind);
    out->step_count = 0;
    while (rest.n) {
        double share;
        if (!str_to_double(str_trim(str_split(&rest, ',')), &share) || share < 0 || share > 1)
            return fail(err, ERR_USAGE, "the steps \"%s\" are no shares of the requests", r->steps);
        if (out->step_count == ROLLOUT_STEPS_MAX)
            return fail(err, ERR_USAGE, "a rollout has at most %d steps", ROLLOUT_STEPS_MAX);
        out->steps[out->step_count++] = share;
    }
    out->step_least_ns = r->step_least;
    out->step_most_ns = r->step_most;
    out->analysis.least = (uint64_t)r->least;
    return out->step_count > 0 || fail(err, ERR_USAGE, "a rollout has at least one step");
}

/* ---- labels ---- */

struct told {
    struct rollout_driver *d;
    const struct rollout_record *r;
};

static void take_feedback(const struct feedback_row *row, void *ctx) {
    struct told *t = ctx;
    bool candidate = str_eq(row->model, str_from(t->r->candidate));
    if (!candidate && !str_eq(row->model, str_from(t->r->stable)))
        return;
    if (row->correct >= 0)
        arms_add_label(t->d->arms, t->r->id, candidate, row->label, row->correct != 0);
    if (row->score >= 0)
        arms_add_score(t->d->arms, t->r->id, candidate, row->score);
}

/* What people decided in the review queue. */
static bool visit_reviews(struct told *t, int64_t from, int64_t to, struct error *err) {
    struct store *s = t->d->store;
    sqlite3_stmt *q = sql_statement(s,
                                    "SELECT model, label, prediction FROM review_items WHERE endpoint = ?"
                                    " AND resolved > ? AND resolved <= ?",
                                    err);
    bool row;
    if (!q)
        return false;
    sql_bind_str(q, 1, str_from(t->r->endpoint));
    sql_bind_int(q, 2, from);
    sql_bind_int(q, 3, to);
    while (sql_step(s, q, &row, err)) {
        if (!row)
            return true;
        struct feedback_row one = {.model = sql_str_at(q, 0), .label = sql_str_at(q, 1), .score = -1};
        one.correct = str_eq(one.label, sql_str_at(q, 2));
        take_feedback(&one, t);
    }
    return false;
}

/* What was said of either side's answers since the last look. */
static void add_labels(struct rollout_driver *d, const struct rollout_record *r, int64_t to) {
    struct told t = {d, r};
    struct error err;
    int64_t from = d->labels_ns > r->created ? d->labels_ns : r->created;
    if (!visit_reviews(&t, from, to, &err) ||
        !feedback_visit(d->store, r->endpoint, from, to, take_feedback, &t, &err))
        log_event(LOG_ERROR, "rollout.failed", "Labels for rollout %s cannot be read. %s", r->id,
                  err.message);
}

/* ---- one rollout ---- */

static bool counted(struct rollout_driver *d, const struct rollout_record *r, struct arm now[2]) {
    struct arm before[2] = {0};
    struct error err;
    size_t n;
    if (arms_read(d->arms, r->id, now))
        return true;
    if (!rollouts_evidence(d->store, r->id, before, sizeof before, &n, &err) ||
        !arms_watch(d->arms, r->endpoint, r->id, before)) {
        log_event(LOG_ERROR, "rollout.failed", "Rollout %s cannot be counted. %s", r->id, err.message);
        return false;
    }
    return arms_read(d->arms, r->id, now);
}

static const char *apply(struct rollout_record *r, const struct rollout_plan *plan,
                         const struct rollout_progress *p, enum rollout_decision decision, int64_t now) {
    r->step = p->step;
    r->looked = p->looked;
    r->seen = p->seen;
    switch (decision) {
    case ROLLOUT_STAY: return NULL;
    case ROLLOUT_NEXT_STEP:
        r->step_since = now;
        r->weight = plan->steps[p->step];
        return "rollout.step";
    case ROLLOUT_PROMOTE:
        r->state = ROLLOUT_PROMOTED;
        r->weight = 1;
        break;
    case ROLLOUT_BACK: r->state = ROLLOUT_ROLLED_BACK; break;
    case ROLLOUT_STOP: r->state = ROLLOUT_NOT_ENOUGH_DATA; break;
    }
    if (r->state != ROLLOUT_PROMOTED)
        r->weight = 0;
    r->ended = now;
    return r->state == ROLLOUT_PROMOTED      ? "rollout.promoted"
           : r->state == ROLLOUT_ROLLED_BACK ? "rollout.rolled_back"
                                             : "rollout.not_enough_data";
}

/* True: another share of the requests from now on. */
static bool save(struct rollout_driver *d, struct rollout_record *r, const struct arm evidence[2],
                 const char *what) {
    struct error err;
    bool lost;
    if (!rollouts_save(d->store, r, evidence, 2 * sizeof *evidence, what, "penstock", r->outcome, &lost,
                       &err))
        log_event(LOG_ERROR, "rollout.failed", "Rollout %s cannot be written and stays as it is. %s", r->id,
                  err.message);
    else if (what && !lost)
        log_event(r->state == ROLLOUT_RUNNING || r->state == ROLLOUT_PROMOTED ? LOG_INFO : LOG_WARN, what,
                  "Endpoint \"%s\": %s has %.3g %% of the requests: %s.", r->endpoint, r->candidate,
                  100 * r->weight, r->outcome);
    return true;
}

/* The configuration has the last word. */
static bool is_superseded(const struct rollout_record *r, const struct config *config) {
    const struct config_endpoint *e = config_endpoint_named(config, str_from(r->endpoint));
    char base[SHA256_HEX_SIZE];
    if (!e)
        return true;
    serving_base(e, base);
    return strcmp(base, r->base) != 0;
}

static bool supersede(struct rollout_driver *d, struct rollout_record *r) {
    r->state = ROLLOUT_ROLLED_BACK;
    r->weight = 0;
    r->ended = clock_wall();
    snprintf(r->outcome, sizeof r->outcome,
             "the configuration of the endpoint was changed, and has the last word");
    return save(d, r, NULL, "rollout.superseded");
}

static bool drive(struct rollout_driver *d, struct rollout_record *r, const struct config *config) {
    struct arm now[2];
    struct rollout_plan plan;
    struct error err;
    int64_t wall = clock_wall();
    if (is_superseded(r, config))
        return supersede(d, r);
    if (!rollout_plan_of(r, &plan, &err) || !counted(d, r, now))
        return false;
    add_labels(d, r, wall);
    struct rollout_progress progress = {r->step, r->step_since, r->looked, r->seen};
    enum rollout_decision decision =
        rollout_decide(&plan, &progress, &now[0], &now[1], wall, r->outcome, sizeof r->outcome);
    return save(d, r, now, apply(r, &plan, &progress, decision, wall));
}

/* ---- all of them ---- */

struct running {
    struct rollout_record *list;
    unsigned count;
};

static void collect(const struct rollout_record *r, void *ctx) {
    struct running *running = ctx;
    struct rollout_record *more = realloc(running->list, (running->count + 1) * sizeof *more);
    if (!more)
        return; /* its turn comes */
    running->list = more;
    running->list[running->count++] = *r;
}

bool rollout_driver_tick(struct rollout_driver *d, const struct config *config) {
    int64_t now = clock_monotonic();
    struct running running = {0};
    struct error err;
    bool changed = false;
    if (now < d->next_ns)
        return false;
    d->next_ns = now + LOOK_MS * NS_PER_MS;
    int64_t wall = clock_wall();
    if (!rollouts_list(d->store, &(struct rollout_filter){.running = true, .limit = RUNNING_MAX}, collect,
                       &running, &err))
        log_event(LOG_ERROR, "rollout.failed", "Rollouts cannot be read. %s", err.message);
    const char *ids[RUNNING_MAX];
    for (unsigned i = 0; i < running.count; i++)
        ids[i] = running.list[i].id;
    arms_retain(d->arms, ids, running.count);
    for (unsigned i = 0; i < running.count; i++)
        changed |= drive(d, &running.list[i], config);
    d->labels_ns = wall;
    free(running.list);
    return changed;
}

void rollout_driver_free(struct rollout_driver *d) {
    free(d);
}
