#include "watch/alerts/alert_engine.h"

#include "base/clock.h"
#include "base/log.h"
#include "store/sql.h"
#include "watch/alerts/alert_notices.h"
#include "watch/alerts/alert_rules.h"
#include "watch/alerts/notice.h"
#include "watch/alerts/silences.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INCIDENTS_OPEN_MAX = 1000, SILENCES_MAX = 1000, SAID_MAX = 20 };

/* An alert in its look. */
struct looked {
    struct alert_record record;
    struct alert_judging judging;
    enum alert_move move;
    bool stored; /* its row exists */
    bool joined; /* its incident by this look */
};

/* An incident in its look. */
struct watched_incident {
    struct incident_record record;
    unsigned firing, loud; /* alerts of it; loud: those that nothing keeps quiet */
};

struct engine_look {
    struct store *store;
    const struct config *config;
    const struct alert_look *look;
    struct alert_outcome *out;
    struct looked *alerts;
    struct watched_incident *incidents;
    struct silence *silences;
    size_t alert_count, incident_count, silence_count;
};

/* ---- what there is ---- */

static void take_alert(const struct alert_record *a, void *ctx) {
    struct engine_look *k = ctx;
    if (k->alert_count < ALERTS_ACTIVE_MAX)
        k->alerts[k->alert_count++] = (struct looked){.record = *a, .stored = true};
}

static void take_incident(const struct incident_record *i, void *ctx) {
    struct engine_look *k = ctx;
    if (k->incident_count < INCIDENTS_OPEN_MAX)
        k->incidents[k->incident_count++].record = *i;
}

static void take_silence(const struct silence *silence, void *ctx) {
    struct engine_look *k = ctx;
    if (k->silence_count < SILENCES_MAX)
        k->silences[k->silence_count++] = *silence;
}

static bool load(struct engine_look *k, struct error *err) {
    k->alerts = calloc(ALERTS_ACTIVE_MAX, sizeof *k->alerts);
    k->incidents = calloc(INCIDENTS_OPEN_MAX, sizeof *k->incidents);
    k->silences = calloc(SILENCES_MAX, sizeof *k->silences);
    if (!k->alerts || !k->incidents || !k->silences)
        return fail(err, ERR_NO_MEMORY, "Out of memory while judging alerts.");
    return alerts_list(k->store, &(struct alert_filter){.active = true, .limit = ALERTS_ACTIVE_MAX},
                       take_alert, k, err) &&
           incidents_list(k->store, &(struct incident_filter){.open = true, .limit = INCIDENTS_OPEN_MAX},
                          take_incident, k, err) &&
           silences_list(k->store, k->look->wall_ns, false, take_silence, k, err);
}

static void unload(struct engine_look *k) {
    free(k->alerts);
    free(k->incidents);
    free(k->silences);
}

/* ---- alerts ---- */

static bool is_about(const struct alert_record *a, const struct reading *r) {
    return strcmp(a->monitor, r->monitor) == 0 && strcmp(a->endpoint, r->endpoint) == 0 &&
           strcmp(a->part, r->part) == 0;
}

static const struct reading *reading_of(const struct engine_look *k, const struct alert_record *a) {
    for (size_t i = 0; i < k->look->count; i++)
        if (is_about(a, &k->look->readings[i]))
            return &k->look->readings[i];
    return NULL;
}

static bool has_alert(const struct engine_look *k, const struct reading *r) {
    for (size_t i = 0; i < k->alert_count; i++)
        if (is_about(&k->alerts[i].record, r))
            return true;
    return false;
}

static void step_alert(struct engine_look *k, struct looked *l, const struct reading *r) {
    struct alert_record *a = &l->record;
    l->move = alert_step(&a->progress, &l->judging.timing, r, k->look->elapsed_ns);
    if (r && (r->state == READING_GOOD || r->state == READING_BREACHED))
        alert_record_read(a, r);
    a->class = l->judging.class;
    if (l->move == ALERT_FIRES)
        a->fired = k->look->wall_ns;
    if (l->move == ALERT_RESOLVES)
        a->ended = k->look->wall_ns;
}

static void step_known(struct engine_look *k) {
    for (size_t i = 0; i < k->alert_count; i++) {
        struct looked *l = &k->alerts[i];
        l->judging = alert_judging_of(&k->config->alerts, l->record.monitor);
        step_alert(k, l, l->judging.enabled ? reading_of(k, &l->record) : NULL);
    }
}

static void step_new(struct engine_look *k) {
    for (size_t i = 0; i < k->look->count; i++) {
        const struct reading *r = &k->look->readings[i];
        struct alert_judging judging = alert_judging_of(&k->config->alerts, r->monitor);
        if (r->state != READING_BREACHED || !judging.enabled || has_alert(k, r))
            continue;
        if (k->alert_count == ALERTS_ACTIVE_MAX) {
            k->out->refused++;
            continue;
        }
        struct looked *l = &k->alerts[k->alert_count++];
        *l = (struct looked){.judging = judging};
        alert_record_begin(&l->record, r, k->look->wall_ns);
        step_alert(k, l, r);
    }
}

/* What keeps it quiet now. */
static void mute(const struct engine_look *k, struct looked *l) {
    struct alert_record *a = &l->record;
    a->muted[0] = '\0';
    if (!l->judging.enabled)
        snprintf(a->muted, sizeof a->muted, "alerts.monitors.%s.enabled is false", a->monitor);
    for (size_t i = 0; i < k->silence_count && !a->muted[0]; i++)
        if (silence_matches(&k->silences[i], a, k->look->wall_ns))
            snprintf(a->muted, sizeof a->muted, "silence %s", k->silences[i].id);
    for (size_t i = 0; i < k->config->alerts.maintenance_count && !a->muted[0]; i++) {
        const struct config_maintenance *m = &k->config->alerts.maintenance[i];
        if (maintenance_covers(m, a->endpoint, k->look->wall_ns))
            snprintf(a->muted, sizeof a->muted, "maintenance from %s%s%.90s", m->from, m->why ? ": " : "",
                     m->why ? m->why : "");
    }
}

/* ---- incidents ---- */

static struct watched_incident *incident_of(struct engine_look *k, const struct alert_record *a) {
    for (size_t i = 0; i < k->incident_count; i++) {
        const struct incident_record *r = &k->incidents[i].record;
        if (a->incident[0] ? strcmp(r->id, a->incident) == 0
                           : strcmp(r->endpoint, a->endpoint) == 0 && r->progress.state != INCIDENT_RESOLVED)
            return &k->incidents[i];
    }
    return NULL;
}

static void summarise(const struct alert_record *a, char *out, size_t size) {
    AUTO_BUF text = BUF_INIT(4096);
    notice_alert_text(a, &text);
    str_put(buf_str(&text), out, size);
}

static struct watched_incident *open_incident(struct engine_look *k, const struct alert_record *a) {
    if (k->incident_count == INCIDENTS_OPEN_MAX)
        return NULL;
    struct watched_incident *w = &k->incidents[k->incident_count++];
    const struct config_endpoint *e = config_endpoint_named(k->config, str_from(a->endpoint));
    *w = (struct watched_incident){.record = {.class = a->class, .opened = k->look->wall_ns}};
    id_make(k->look->wall_ns, w->record.id);
    str_put(str_from(a->endpoint), w->record.endpoint, sizeof w->record.endpoint);
    str_put(str_from(e && e->owner ? e->owner : ""), w->record.owner, sizeof w->record.owner);
    summarise(a, w->record.summary, sizeof w->record.summary);
    return w;
}

/* A firing alert that nothing keeps quiet belongs to its endpoint's incident. */
static void join(struct engine_look *k, struct looked *l) {
    struct alert_record *a = &l->record;
    struct watched_incident *w = incident_of(k, a);
    bool joins = a->progress.state == ALERT_FIRING && !a->incident[0] && !a->muted[0];
    if (joins && !w)
        w = open_incident(k, a);
    if (!w || (!joins && !a->incident[0]))
        return;
    if (joins)
        memcpy(a->incident, w->record.id, sizeof a->incident);
    l->joined = joins;
    if (joins || l->move == ALERT_RESOLVES || l->move == ALERT_BLINDED || l->move == ALERT_SEES)
        incident_change(&w->record.progress);
    if (a->progress.state != ALERT_FIRING)
        return;
    w->firing++;
    w->loud += !a->muted[0];
    if (a->class < w->record.class) {
        w->record.class = a->class;
        summarise(a, w->record.summary, sizeof w->record.summary);
        incident_change(&w->record.progress);
    }
}

static bool write_event(struct engine_look *k, const struct looked *l, struct error *err) {
    static const char *const whats[] = {[ALERT_RESOLVES] = "alert.resolved",
                                        [ALERT_BLINDED] = "alert.unseen",
                                        [ALERT_SEES] = "alert.seen_again"};
    const struct alert_record *a = &l->record;
    const char *what = l->joined                              ? "alert.firing"
                       : (size_t)l->move < ARRAY_COUNT(whats) ? whats[l->move]
                                                              : NULL;
    char text[ALERT_TEXT_SIZE];
    if (!what || !a->incident[0])
        return true;
    summarise(a, text, sizeof text);
    return incident_event_add(k->store, a->incident,
                              &(struct incident_event){k->look->wall_ns, what, "penstock", text}, err);
}

static bool write_alert(struct engine_look *k, struct looked *l, struct error *err) {
    struct alert_record *a = &l->record;
    if (l->move == ALERT_DROPS)
        return !l->stored || alerts_delete(k->store, a->id, err);
    k->out->pending += a->progress.state == ALERT_PENDING;
    k->out->firing += a->progress.state == ALERT_FIRING;
    k->out->muted += a->progress.state == ALERT_FIRING && a->muted[0];
    return alerts_put(k->store, a, err) && write_event(k, l, err);
}

/* Time stands still for what is kept quiet. */
static bool step_incident(struct engine_look *k, struct watched_incident *w, struct error *err) {
    const struct config_alerts *c = &k->config->alerts;
    const struct incident_timing timing = {c->group_wait, c->group_interval, c->repeat};
    struct incident_record *i = &w->record;
    int64_t before = i->progress.escalated_ns;
    enum notice what = NOTICE_NONE;
    if (w->loud || !w->firing)
        what = incident_step(&i->progress, &timing, w->firing, alert_notices_next_delay(c, i),
                             k->look->elapsed_ns);
    if (i->progress.state == INCIDENT_RESOLVED) {
        i->resolved = k->look->wall_ns;
        if (!i->resolved_by[0])
            str_put(STR("penstock"), i->resolved_by, sizeof i->resolved_by);
    } else {
        k->out->open[i->class]++;
    }
    return incidents_put(k->store, i, err) &&
           (what == NOTICE_NONE || alert_notices_add(k->store, c, i, what, before, &k->out->messages, err));
}

static bool work(struct engine_look *k, struct error *err) {
    if (!load(k, err))
        return false;
    step_known(k);
    step_new(k);
    for (size_t i = 0; i < k->alert_count; i++) {
        mute(k, &k->alerts[i]);
        join(k, &k->alerts[i]);
    }
    for (size_t i = 0; i < k->alert_count; i++)
        if (!write_alert(k, &k->alerts[i], err))
            return false;
    for (size_t i = 0; i < k->incident_count; i++)
        if (!step_incident(k, &k->incidents[i], err))
            return false;
    return true;
}

/* ---- the look ---- */

/* Most looks find nothing and write nothing. */
static bool is_needed(struct store *s, const struct alert_look *look, bool *needed, struct error *err) {
    int64_t alerts, incidents;
    *needed = false;
    for (size_t i = 0; i < look->count && !*needed; i++)
        *needed = look->readings[i].state == READING_BREACHED;
    if (*needed)
        return true;
    if (!sql_number(s, "SELECT count(*) FROM alerts WHERE state < 3", &alerts, err) ||
        !sql_number(s, "SELECT count(*) FROM incidents WHERE state < 2", &incidents, err))
        return false;
    *needed = alerts || incidents;
    return true;
}

static void say(const struct engine_look *k) {
    unsigned said = 0;
    for (size_t i = 0; i < k->alert_count; i++) {
        const struct looked *l = &k->alerts[i];
        char text[ALERT_TEXT_SIZE];
        if ((l->move != ALERT_FIRES && l->move != ALERT_RESOLVES && l->move != ALERT_BLINDED) ||
            said++ >= SAID_MAX)
            continue;
        summarise(&l->record, text, sizeof text);
        log_event(l->move == ALERT_RESOLVES ? LOG_INFO : LOG_WARN,
                  l->move == ALERT_FIRES      ? "alert.firing"
                  : l->move == ALERT_RESOLVES ? "alert.resolved"
                                              : "alert.unseen",
                  "%s%s%s%s: %s", l->record.endpoint[0] ? "Endpoint \"" : "The server", l->record.endpoint,
                  l->record.endpoint[0] ? "\"" : "", l->record.muted[0] ? " (kept quiet)" : "", text);
    }
    if (said > SAID_MAX)
        log_event(LOG_WARN, "alert.more",
                  "%u other alerts fired or ended; \"penstock alerts list\" shows them.", said - SAID_MAX);
}

bool alert_engine_look(struct store *s, const struct config *config, const struct alert_look *look,
                       struct alert_outcome *out, struct error *err) {
    struct alert_outcome outcome = {0};
    struct engine_look k = {.store = s, .config = config, .look = look, .out = &outcome};
    bool needed;
    if (!is_needed(s, look, &needed, err))
        return false;
    if (!needed) {
        *out = outcome;
        return true;
    }
    if (!store_begin(s, true, err))
        return false;
    bool good = work(&k, err);
    if (!good)
        store_rollback(s);
    else
        good = store_commit(s, err);
    if (good) {
        say(&k);
        *out = outcome;
    }
    unload(&k);
    return good;
}
