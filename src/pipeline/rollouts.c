#include "pipeline/rollouts.h"

#include "base/clock.h"
#include "base/log.h"
#include "pipeline/serving.h"
#include "store/sql.h"
#include "watch/feedback.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LOOK_MS = 1000, RUNNING_MAX = 64, FORGET_S = 60 };

/* Labels of mirrored requests are read so much later, when what the candidate said is in the store. */
#define SHADOW_LABELS_LATE (5 * NS_PER_SECOND)

struct rollout_driver {
    struct store *store;
    struct arms *arms;
    int64_t next_ns;   /* monotonic */
    int64_t forget_ns; /* monotonic: when old answers of shadows are looked for */
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
    if (r->disagreement > 0)
        out->analysis.allowed[CRITERION_DISAGREEMENT] = r->disagreement;
    return out->step_count > 0 || fail(err, ERR_USAGE, "a rollout has at least one step");
}

/* ---- labels ---- */

struct told {
    struct rollout_driver *d;
    const struct rollout_record *r;
};

/* Of an input that both were asked: a label tells of both; whether the reply was right, of the candidate only
 * where that follows. */
static void take_of_mirrored(struct told *t, const struct feedback_row *row) {
    struct arms *arms = t->d->arms;
    const char *id = t->r->id;
    struct shadow_answer a;
    struct error err;
    bool found;
    if (row->correct < 0 || !str_eq(row->model, str_from(t->r->stable)))
        return;
    if (!shadows_find(t->d->store, id, row->request_id, &found, &a, &err) || !found || a.candidate.failed)
        return;
    bool same = a.candidate.agrees == ARM_YES, right = same ? row->correct : false;
    if (row->label.n)
        right = str_eq(row->label, str_from(a.label));
    else if (!same && !row->correct)
        return; /* both wrong, or the candidate right */
    arms_add_label(arms, id, false, row->label, row->correct != 0);
    arms_add_label(arms, id, true, row->label, right);
}

static void take_feedback(const struct feedback_row *row, void *ctx) {
    struct told *t = ctx;
    if (t->r->mirror > 0) {
        take_of_mirrored(t, row);
        return;
    }
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
    sqlite3_stmt *q =
        sql_statement(s,
                      "SELECT model, label, prediction, request_id FROM review_items WHERE endpoint = ?"
                      " AND resolved > ? AND resolved <= ? AND gold IS NULL AND kind <> 2",
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
        struct feedback_row one = {.model = sql_str_at(q, 0),
                                   .label = sql_str_at(q, 1),
                                   .score = -1,
                                   .request_id = sql_str_at(q, 3)};
        one.correct = str_eq(one.label, sql_str_at(q, 2));
        take_feedback(&one, t);
    }
    return false;
}

/* What was said of either side's answers since the last look. */
static void add_labels(struct rollout_driver *d, const struct rollout_record *r, int64_t to) {
    struct told t = {d, r};
    struct error err;
    int64_t late = r->mirror > 0 ? SHADOW_LABELS_LATE : 0;
    int64_t from = d->labels_ns - late > r->created ? d->labels_ns - late : r->created;
    to -= late;
    if (!visit_reviews(&t, from, to, &err) ||
        !feedback_visit(d->store, r->endpoint, from, to, take_feedback, &t, &err))
        log_event(LOG_ERROR, "rollout.failed", "Labels for rollout %s cannot be read. %s", r->id,
                  err.message);
}

/* ---- one rollout ---- */

/* What both did, and what of it is to be written row by row. */
struct counts {
    struct arm arms[2];
    struct shadow_answer *pairs;
    size_t pair_count;
};

static bool counted(struct rollout_driver *d, const struct rollout_record *r, struct counts *now) {
    struct arm before[2] = {0};
    struct error err;
    size_t n;
    if (arms_take(d->arms, r->id, now->arms, &now->pairs, &now->pair_count))
        return true;
    if (!rollouts_evidence(d->store, r->id, before, sizeof before, &n, &err) ||
        !arms_watch(d->arms, r->endpoint, r->id, before)) {
        log_event(LOG_ERROR, "rollout.failed", "Rollout %s cannot be counted. %s", r->id, err.message);
        return false;
    }
    return arms_take(d->arms, r->id, now->arms, &now->pairs, &now->pair_count);
}

static const char *end_shadow(struct rollout_record *r, enum rollout_decision decision) {
    switch (decision) {
    case ROLLOUT_PRAISE: r->state = ROLLOUT_BETTER; return "rollout.better";
    case ROLLOUT_PROMOTE: r->state = ROLLOUT_AS_GOOD; return "rollout.as_good";
    case ROLLOUT_BACK: r->state = ROLLOUT_WORSE; return "rollout.worse";
    default: r->state = ROLLOUT_NOT_ENOUGH_DATA; return "rollout.not_enough_data";
    }
}

static const char *end_rollout(struct rollout_record *r, enum rollout_decision decision) {
    switch (decision) {
    case ROLLOUT_PROMOTE:
        r->state = ROLLOUT_PROMOTED;
        r->weight = 1;
        return "rollout.promoted";
    case ROLLOUT_BACK: r->state = ROLLOUT_ROLLED_BACK; return "rollout.rolled_back";
    default: r->state = ROLLOUT_NOT_ENOUGH_DATA; return "rollout.not_enough_data";
    }
}

static const char *apply(struct rollout_record *r, const struct rollout_plan *plan,
                         const struct rollout_progress *p, enum rollout_decision decision, int64_t now) {
    r->step = p->step;
    r->looked = p->looked;
    r->seen = p->seen;
    if (decision == ROLLOUT_STAY)
        return NULL;
    if (decision == ROLLOUT_NEXT_STEP) {
        r->step_since = now;
        r->weight = plan->steps[p->step];
        return "rollout.step";
    }
    r->weight = 0;
    r->ended = now;
    return r->mirror > 0 ? end_shadow(r, decision) : end_rollout(r, decision);
}

static void say(const struct rollout_record *r, const char *what) {
    bool good = r->state == ROLLOUT_RUNNING || r->state == ROLLOUT_PROMOTED || r->state == ROLLOUT_AS_GOOD ||
                r->state == ROLLOUT_BETTER;
    enum log_level level = good ? LOG_INFO : LOG_WARN;
    if (r->mirror > 0)
        log_event(level, what, "Endpoint \"%s\": %s, as a shadow of %s: %s.", r->endpoint, r->candidate,
                  r->stable, r->outcome);
    else
        log_event(level, what, "Endpoint \"%s\": %s has %.3g %% of the requests%s%s: %s.", r->endpoint,
                  r->candidate, 100 * r->weight, *r->segment ? " of " : "", r->segment, r->outcome);
}

/* True: another share of the requests from now on. */
static bool save(struct rollout_driver *d, struct rollout_record *r, const struct arm evidence[2],
                 const char *what) {
    struct error err;
    bool lost;
    if (!rollouts_save(d->store, r, evidence, 2 * sizeof *evidence, what, "penstock", r->outcome, &lost,
                       &err)) {
        log_event(LOG_ERROR, "rollout.failed", "Rollout %s cannot be written and stays as it is. %s", r->id,
                  err.message);
        return false;
    }
    if (!what || lost)
        return false;
    say(r, what);
    return true;
}

/* Rows that cannot be written are counted all the same. */
static void write_pairs(struct rollout_driver *d, const struct rollout_record *r, const struct counts *c) {
    struct error err;
    bool good = c->pair_count == 0 || store_begin(d->store, false, &err);
    if (c->pair_count == 0)
        return;
    for (size_t i = 0; good && i < c->pair_count; i++)
        good = shadows_add(d->store, &c->pairs[i], &err);
    if (good)
        good = store_commit(d->store, &err);
    else if (store_in_transaction(d->store))
        store_rollback(d->store);
    if (!good)
        log_event(LOG_ERROR, "rollout.failed", "%zu answers of rollout %s are not kept. %s", c->pair_count,
                  r->id, err.message);
}

/* The configuration has the last word; and a shadow is compared with who serves. */
static bool is_superseded(struct rollout_driver *d, const struct rollout_record *r,
                          const struct config *config) {
    const struct config_endpoint *e = config_endpoint_named(config, str_from(r->endpoint));
    char base[SHA256_HEX_SIZE], serves[ROLLOUT_NAME_MAX + 1];
    struct error err;
    if (!e)
        return true;
    serving_base(e, base);
    if (strcmp(base, r->base) != 0)
        return true;
    return r->mirror > 0 && serving_alone(d->store, e, serves, &err) && strcmp(serves, r->stable) != 0;
}

static bool supersede(struct rollout_driver *d, struct rollout_record *r) {
    r->state = r->mirror > 0 ? ROLLOUT_STOPPED : ROLLOUT_ROLLED_BACK;
    r->weight = 0;
    r->ended = clock_wall();
    snprintf(r->outcome, sizeof r->outcome, "%s",
             r->mirror > 0 ? "what it is compared with serves no more"
                           : "the configuration of the endpoint was changed, and has the last word");
    return save(d, r, NULL, "rollout.superseded");
}

static bool drive(struct rollout_driver *d, struct rollout_record *r, const struct config *config) {
    struct counts now = {0};
    struct rollout_plan plan;
    struct error err;
    int64_t wall = clock_wall();
    if (is_superseded(d, r, config))
        return supersede(d, r);
    if (!rollout_plan_of(r, &plan, &err) || !counted(d, r, &now))
        return false;
    write_pairs(d, r, &now);
    free(now.pairs);
    add_labels(d, r, wall);
    struct rollout_progress progress = {r->step, r->step_since, r->looked, r->seen};
    enum rollout_decision decision =
        rollout_decide(&plan, &progress, &now.arms[0], &now.arms[1], wall, r->outcome, sizeof r->outcome);
    return save(d, r, now.arms, apply(r, &plan, &progress, decision, wall));
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

static void forget(struct rollout_driver *d, int64_t before, int64_t now) {
    struct error err;
    bool more = false;
    if (!shadows_forget(d->store, before, &more, &err))
        log_event(LOG_ERROR, "rollout.failed", "Old answers of shadows cannot be deleted. %s", err.message);
    d->forget_ns = more ? now : now + FORGET_S * NS_PER_SECOND;
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
    if (config->store.retention > 0 && now >= d->forget_ns)
        forget(d, wall - config->store.retention, now);
    return changed;
}

void rollout_driver_free(struct rollout_driver *d) {
    free(d);
}
