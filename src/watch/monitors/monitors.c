#include "watch/monitors/monitors.h"

#include "base/check.h"
#include "base/log.h"
#include "watch/monitors/monitor_series.h"
#include "watch/monitors/monitored.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WINDOW_BYTES_MAX = 4 << 20, ROWS_MAX = 20000 };

struct monitors {
    /* `endpoints` and `count` change under both; the main thread alone changes them, and reads them without.
     */
    pthread_mutex_t live_lock;     /* of every endpoint's live window; taken first */
    pthread_mutex_t readings_lock; /* of the readings */
    struct monitored *endpoints[MONITORED_MAX];
    unsigned count;
    struct readings server;
    struct window *scratch;
    int64_t opened; /* when the live windows were; 0: not yet */
    struct monitor_row *rows, **rows_end;
    unsigned row_count;
};

struct monitors *monitors_new(void) {
    struct monitors *m = calloc(1, sizeof *m);
    if (!m)
        return NULL;
    m->scratch = calloc(1, sizeof *m->scratch);
    m->rows_end = &m->rows;
    pthread_mutex_init(&m->live_lock, NULL);
    pthread_mutex_init(&m->readings_lock, NULL);
    if (m->scratch)
        return m;
    monitors_free(m);
    return NULL;
}

static void monitored_free(struct monitored *e) {
    window_free(&e->live);
    window_ring_free(&e->minutes);
    window_ring_free(&e->hours);
    monitored_forget_references(e);
    readings_free(&e->readings);
    reference_profile_unref(e->compared.profile);
    free(e->compared.counts);
    free(e);
}

void monitors_free(struct monitors *m) {
    if (!m)
        return;
    for (unsigned i = 0; i < m->count; i++)
        monitored_free(m->endpoints[i]);
    monitor_rows_free(m->rows);
    readings_free(&m->server);
    if (m->scratch)
        window_free(m->scratch);
    free(m->scratch);
    pthread_mutex_destroy(&m->live_lock);
    pthread_mutex_destroy(&m->readings_lock);
    free(m);
}

/* ---- what is watched ---- */

unsigned monitors_find(const struct monitors *m, const char *name) {
    for (unsigned i = 0; i < m->count; i++)
        if (strcmp(m->endpoints[i]->name, name) == 0)
            return i + 1;
    return MONITORED_NONE;
}

unsigned monitors_endpoint(struct monitors *m, const char *name) {
    unsigned known = monitors_find(m, name);
    if (known != MONITORED_NONE)
        return known;
    if (m->count == MONITORED_MAX || strlen(name) >= WINDOW_NAME_SIZE)
        return MONITORED_NONE;
    struct monitored *e = calloc(1, sizeof *e);
    if (!e)
        return MONITORED_NONE;
    snprintf(e->name, sizeof e->name, "%s", name);
    pthread_mutex_lock(&m->live_lock);
    pthread_mutex_lock(&m->readings_lock);
    m->endpoints[m->count++] = e;
    pthread_mutex_unlock(&m->readings_lock);
    pthread_mutex_unlock(&m->live_lock);
    return m->count;
}

void monitors_begin_configuring(struct monitors *m) {
    for (unsigned i = 0; i < m->count; i++)
        m->endpoints[i]->configured = false;
}

void monitors_configure(struct monitors *m, unsigned handle, const struct config_monitors *limits) {
    if (handle == MONITORED_NONE)
        return;
    CHECK(handle <= m->count);
    struct monitored *e = m->endpoints[handle - 1];
    e->limits = *limits;
    e->configured = limits->enabled;
}

void monitors_watch(struct monitors *m, unsigned handle, const char *version,
                    struct reference_profile *profile) {
    if (handle == MONITORED_NONE)
        return;
    CHECK(handle <= m->count);
    struct monitored *e = m->endpoints[handle - 1];
    struct reference_profile *known = monitored_known(e, version);
    pthread_mutex_lock(&m->live_lock);
    bool good = window_watch(&e->live, version, reference_profile_ref(known ? known : profile));
    pthread_mutex_unlock(&m->live_lock);
    if (!good)
        log_event(LOG_ERROR, "monitors.no_memory", "Version %s of endpoint \"%s\" is not watched.", version,
                  e->name);
}

void monitors_alone(struct monitors *m, unsigned handle, const char *version, int64_t now) {
    if (handle == MONITORED_NONE)
        return;
    CHECK(handle <= m->count);
    pthread_mutex_lock(&m->live_lock);
    monitored_alone(m->endpoints[handle - 1], version, now);
    pthread_mutex_unlock(&m->live_lock);
}

void monitors_know(struct monitors *m, unsigned handle, const char *version, struct str manifest) {
    struct error err;
    if (handle == MONITORED_NONE)
        return;
    CHECK(handle <= m->count);
    struct monitored *e = m->endpoints[handle - 1];
    if (!monitored_known(e, version) && !monitored_know(e, version, manifest, &err))
        log_event(LOG_ERROR, "monitors.damaged", "Version %s of endpoint \"%s\" is compared with nothing. %s",
                  version, e->name, err.message);
}

/* ---- the recorder's ---- */

void monitors_begin_notes(struct monitors *m) {
    if (m)
        pthread_mutex_lock(&m->live_lock);
}

void monitors_end_notes(struct monitors *m) {
    if (m)
        pthread_mutex_unlock(&m->live_lock);
}

void monitors_note(struct monitors *m, const struct event *e) {
    if (!m || e->monitored == MONITORED_NONE || e->monitored > m->count)
        return;
    struct monitored *of = m->endpoints[e->monitored - 1];
    window_add(&of->live, e);
    if (UNLIKELY(of->first != NULL))
        first_reference_add(of->first, e);
}

void monitors_refused(struct monitors *m, unsigned handle, enum error_code code, uint64_t count) {
    if (handle == MONITORED_NONE)
        return;
    CHECK(handle <= m->count);
    struct window *w = &m->endpoints[handle - 1]->live;
    pthread_mutex_lock(&m->live_lock);
    w->requests += count;
    w->failed += error_status(code) >= 500 ? count : 0;
    w->errors[code] += count;
    pthread_mutex_unlock(&m->live_lock);
}

/* ---- rings ---- */

bool window_ring_add(struct window_ring *r, unsigned room, const struct kept_window *w) {
    if (!r->list) {
        r->list = calloc(room, sizeof *r->list);
        r->room = room;
    }
    if (!r->list) {
        free(w->bytes);
        return false;
    }
    if (r->count == r->room) {
        free(r->list[r->first].bytes);
        r->first = (r->first + 1) % r->room;
        r->count--;
    }
    r->list[(r->first + r->count++) % r->room] = *w;
    return true;
}

void window_ring_free(struct window_ring *r) {
    for (unsigned i = 0; i < r->count; i++)
        free(window_ring_at(r, i)->bytes);
    free(r->list);
    *r = (struct window_ring){0};
}

static bool is_within(const struct kept_window *w, int64_t from, int64_t to) {
    return w->from >= from && w->to <= to;
}

static bool in_an_hour(const struct monitored *e, const struct kept_window *minute, int64_t from,
                       int64_t to) {
    for (unsigned i = 0; minute->rolled && i < e->hours.count; i++) {
        const struct kept_window *hour = window_ring_at(&e->hours, i);
        if (is_within(hour, from, to) && minute->from >= hour->from && minute->from < hour->to)
            return true;
    }
    return false;
}

static void add_kept(struct window *into, const struct kept_window *w) {
    if (!window_add_packed(into, (struct str){w->bytes, w->n}))
        log_event(LOG_ERROR, "monitors.damaged",
                  "A window that was kept cannot be read; some of it is missing.");
}

void monitored_sum(const struct monitored *e, int64_t from, int64_t to, struct window *into) {
    for (unsigned i = 0; i < e->hours.count; i++)
        if (is_within(window_ring_at(&e->hours, i), from, to))
            add_kept(into, window_ring_at(&e->hours, i));
    for (unsigned i = 0; i < e->minutes.count; i++) {
        const struct kept_window *minute = window_ring_at(&e->minutes, i);
        if (is_within(minute, from, to) && !in_an_hour(e, minute, from, to))
            add_kept(into, minute);
    }
}

/* ---- rows for the store ---- */

void monitor_rows_free(struct monitor_row *rows) {
    while (rows) {
        struct monitor_row *next = rows->next;
        buf_free(&rows->window);
        buf_free(&rows->readings);
        free(rows);
        rows = next;
    }
}

struct monitor_row *monitors_take_rows(struct monitors *m) {
    struct monitor_row *rows = m->rows;
    m->rows = NULL;
    m->rows_end = &m->rows;
    m->row_count = 0;
    return rows;
}

/* A store that is full for days must not fill the memory too. */
static void drop_oldest(struct monitors *m) {
    struct monitor_row *row = m->rows;
    m->rows = row->next;
    if (!m->rows)
        m->rows_end = &m->rows;
    m->row_count--;
    row->next = NULL;
    monitor_rows_free(row);
}

static void queue_row(struct monitors *m, struct monitor_row *row) {
    if (m->row_count == ROWS_MAX) {
        log_event(LOG_WARN, "monitors.dropped",
                  "%d windows wait for the store; the oldest was given up, charts will have a gap.",
                  ROWS_MAX);
        drop_oldest(m);
    }
    row->next = NULL;
    *m->rows_end = row;
    m->rows_end = &row->next;
    m->row_count++;
}

void monitors_give_rows_back(struct monitors *m, struct monitor_row *rows) {
    while (rows) {
        struct monitor_row *next = rows->next;
        queue_row(m, rows);
        rows = next;
    }
}

static struct monitor_row *new_row(const struct monitored *e, int64_t span, int64_t at) {
    struct monitor_row *row = calloc(1, sizeof *row);
    if (!row)
        return NULL;
    memcpy(row->endpoint, e->name, sizeof row->endpoint);
    row->span = span;
    row->at = at;
    row->window = row->readings = BUF_INIT(WINDOW_BYTES_MAX);
    return row;
}

/* ---- closing ---- */

static int64_t floor_to(int64_t time, int64_t unit) {
    return time - (time % unit + unit) % unit;
}

/* w->from and w->to are set. True: it is kept. */
static bool keep(struct monitored *e, struct window *w, struct window_ring *ring, unsigned room,
                 struct monitor_row *row) {
    AUTO_BUF bytes = BUF_INIT(WINDOW_BYTES_MAX);
    window_pack(w, &bytes);
    char *copy = bytes.failed ? NULL : malloc(bytes.n);
    if (!copy) {
        log_event(LOG_ERROR, "monitors.no_memory", "A window of endpoint \"%s\" is lost.", e->name);
        return false;
    }
    memcpy(copy, bytes.p, bytes.n);
    if (row)
        buf_add(&row->window, bytes.p, bytes.n);
    if (ring)
        return window_ring_add(ring, room,
                               &(struct kept_window){w->from, w->to, copy, (uint32_t)bytes.n, false});
    free(copy);
    return true;
}

/* The recorder waits for this: packing is some 20 us. */
static void close_minute(struct monitors *m, struct monitored *e, struct monitor_row *row) {
    pthread_mutex_lock(&m->live_lock);
    struct window *w = &e->live;
    if (w->requests > 0) {
        w->from = m->opened;
        w->to = floor_to(m->opened, MINUTE_NS) + MINUTE_NS;
        keep(e, w, &e->minutes, MINUTES_KEPT, row);
        window_clear(w);
    }
    pthread_mutex_unlock(&m->live_lock);
}

static void queue_sum(struct monitors *m, struct monitored *e, int64_t span, struct window_ring *ring) {
    struct monitor_row *row = new_row(e, span, m->scratch->from);
    if (row)
        monitor_readings_pack(&e->readings, &row->readings);
    if (keep(e, m->scratch, ring, HOURS_KEPT, row) && row)
        queue_row(m, row);
    else
        monitor_rows_free(row);
}

/* The minutes since the last hour become one, and at the end of a day its hours a day, which only the store
 * keeps. */
static void roll(struct monitors *m, struct monitored *e, int64_t hour) {
    window_clear(m->scratch);
    for (unsigned i = 0; i < e->minutes.count; i++) {
        struct kept_window *minute = window_ring_at(&e->minutes, i);
        if (minute->rolled || floor_to(minute->from, HOUR_NS) == hour)
            continue;
        add_kept(m->scratch, minute);
        minute->rolled = true;
    }
    if (m->scratch->requests > 0)
        queue_sum(m, e, 3600, &e->hours);
}

static void roll_day(struct monitors *m, struct monitored *e, int64_t day) {
    window_clear(m->scratch);
    for (unsigned i = 0; i < e->hours.count; i++) {
        struct kept_window *hour = window_ring_at(&e->hours, i);
        if (hour->rolled || floor_to(hour->from, DAY_NS) == day)
            continue;
        add_kept(m->scratch, hour);
        hour->rolled = true;
    }
    if (m->scratch->requests > 0)
        queue_sum(m, e, 86400, NULL);
}

/* Between two minutes, so that nothing is counted by the old bins. True: it has another profile now. */
static bool fix_reference(struct monitors *m, struct monitored *e) {
    struct monitor_row *row = new_row(e, 0, m->opened);
    bool fixed = false;
    if (!row)
        return false;
    pthread_mutex_lock(&m->live_lock);
    if (e->first && first_reference_full(e->first))
        fixed = monitored_fix(e, row);
    pthread_mutex_unlock(&m->live_lock);
    if (fixed)
        queue_row(m, row);
    else
        monitor_rows_free(row);
    return fixed;
}

static void close_one(struct monitors *m, struct monitored *e, int64_t now,
                      const struct monitor_facts *facts) {
    struct monitor_row *row = new_row(e, 60, m->opened);
    if (!row || !window_like(m->scratch, &e->live)) {
        monitor_rows_free(row);
        log_event(LOG_ERROR, "monitors.no_memory", "Endpoint \"%s\" has no readings for a minute.", e->name);
        return;
    }
    close_minute(m, e, row);
    if (fix_reference(m, e) && !window_like(m->scratch, &e->live))
        log_event(LOG_ERROR, "monitors.no_memory", "Endpoint \"%s\" has few readings for a minute.", e->name);
    roll(m, e, floor_to(now, HOUR_NS));
    roll_day(m, e, floor_to(now, DAY_NS));
    pthread_mutex_lock(&m->readings_lock);
    readings_clear(&e->readings);
    if (e->configured)
        monitored_read(e, now, facts, m->scratch);
    monitor_readings_pack(&e->readings, &row->readings);
    pthread_mutex_unlock(&m->readings_lock);
    if (row->window.n || row->readings.n)
        queue_row(m, row);
    else
        monitor_rows_free(row);
}

bool monitors_due(const struct monitors *m, int64_t now) {
    return m->opened == 0 || now < m->opened || now >= floor_to(m->opened, MINUTE_NS) + MINUTE_NS;
}

void monitors_close(struct monitors *m, int64_t now, const struct monitor_facts *facts) {
    if (m->opened == 0)
        m->opened = now;
    for (unsigned i = 0; i < m->count; i++)
        close_one(m, m->endpoints[i], now, facts);
    pthread_mutex_lock(&m->readings_lock);
    readings_clear(&m->server);
    monitored_read_server(&m->server, now, facts);
    pthread_mutex_unlock(&m->readings_lock);
    m->opened = now;
}

void monitors_restore(struct monitors *m, unsigned handle, int64_t span, int64_t at, struct str window) {
    if (handle == MONITORED_NONE || window.n == 0)
        return;
    CHECK(handle <= m->count);
    struct monitored *e = m->endpoints[handle - 1];
    int64_t length = span * SECONDS_NS(1), to = floor_to(at, length) + length;
    for (unsigned i = 0; span == 86400 && i < e->hours.count; i++) {
        struct kept_window *hour = window_ring_at(&e->hours, i);
        hour->rolled |= hour->from >= at && hour->from < to;
    }
    char *copy = span == 86400 ? NULL : str_dup(window);
    if (!copy)
        return;
    struct kept_window kept = {.from = at, .to = to, .bytes = copy, .n = (uint32_t)window.n};
    for (unsigned i = 0; span == 60 && i < e->hours.count && !kept.rolled; i++) {
        const struct kept_window *hour = window_ring_at(&e->hours, i);
        kept.rolled = at >= hour->from && at < hour->to;
    }
    window_ring_add(span == 60 ? &e->minutes : &e->hours, span == 60 ? MINUTES_KEPT : HOURS_KEPT, &kept);
}

/* ---- reading ---- */

static void copy_all(struct kept_reading **out, size_t *count, const struct monitors *m) {
    size_t all = m->server.count;
    for (unsigned i = 0; i < m->count; i++)
        all += m->endpoints[i]->readings.count;
    *out = malloc((all + 1) * sizeof **out);
    *count = 0;
    for (unsigned i = 0; *out && i <= m->count; i++) {
        const struct readings *from = i < m->count ? &m->endpoints[i]->readings : &m->server;
        if (from->count)
            memcpy(*out + *count, from->list, from->count * sizeof **out);
        *count += from->count;
    }
}

bool monitors_read(struct monitors *m, void (*visit)(const struct reading *r, void *ctx), void *ctx) {
    struct kept_reading *copies;
    size_t count;
    pthread_mutex_lock(&m->readings_lock);
    copy_all(&copies, &count, m);
    pthread_mutex_unlock(&m->readings_lock);
    if (!copies)
        return false;
    for (size_t i = 0; i < count; i++) {
        copies[i].reading.part = copies[i].part;
        copies[i].reading.detail = copies[i].detail;
        visit(&copies[i].reading, ctx);
    }
    free(copies);
    return true;
}

/* ---- beside the profile ---- */

void monitored_compare(struct monitored *e, const struct window_version *v) {
    size_t size = v->profile->counters * sizeof *v->counts;
    struct window_version *c = &e->compared;
    if (c->profile != v->profile) {
        reference_profile_unref(c->profile);
        free(c->counts);
        *c = (struct window_version){.counts = malloc(size)};
        if (c->counts)
            c->profile = reference_profile_ref(v->profile);
    }
    if (!c->counts)
        return;
    memcpy(c->name, v->name, sizeof c->name);
    memcpy(c->counts, v->counts, size);
}

static void compare_one(const struct window_version *v, size_t at, double *now,
                        void (*visit)(const struct monitor_comparison *c, void *ctx), void *ctx) {
    static const char *const roles[] = {"confidence", "label"};
    const struct profile_dimension *d = &v->profile->dimensions[at];
    struct monitor_comparison c = {.dimension = d,
                                   .profile = v->profile,
                                   .role = at < ARRAY_COUNT(roles) ? roles[at] : "input",
                                   .now = now};
    for (uint32_t i = 0; i < d->bins + 2; i++)
        c.samples += v->counts[d->first + i];
    for (uint32_t i = 0; i < d->bins + 2; i++)
        now[i] = c.samples ? v->counts[d->first + i] / (double)c.samples : 0;
    visit(&c, ctx);
}

static bool copy_compared(struct monitors *m, struct str endpoint, struct window_version *out) {
    bool good = true;
    *out = (struct window_version){0};
    pthread_mutex_lock(&m->readings_lock);
    for (unsigned i = 0; i < m->count; i++) {
        const struct window_version *c = &m->endpoints[i]->compared;
        if (!c->counts || !str_eq(endpoint, str_from(m->endpoints[i]->name)))
            continue;
        size_t size = c->profile->counters * sizeof *c->counts;
        out->counts = malloc(size);
        good = out->counts != NULL;
        if (!good)
            break;
        memcpy(out->counts, c->counts, size);
        memcpy(out->name, c->name, sizeof out->name);
        out->profile = reference_profile_ref(c->profile);
        break;
    }
    pthread_mutex_unlock(&m->readings_lock);
    return good;
}

bool monitors_compare(struct monitors *m, struct str endpoint,
                      void (*visit)(const struct monitor_comparison *c, void *ctx), void *ctx, char *version,
                      struct error *err) {
    struct window_version v;
    double *now = calloc(PROFILE_BINS_MAX + 2, sizeof *now);
    bool good = copy_compared(m, endpoint, &v) && now;
    memcpy(version, v.name, WINDOW_NAME_SIZE);
    for (size_t i = 0; good && v.profile && i < v.profile->count; i++)
        compare_one(&v, i, now, visit, ctx);
    reference_profile_unref(v.profile);
    free(v.counts);
    free(now);
    return good || fail(err, ERR_NO_MEMORY, "Out of memory for a comparison.");
}
