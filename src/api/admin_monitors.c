/* GET /v1/admin/monitors: what every monitor says now.
 * GET /v1/admin/monitors/{endpoint}?monitor=&part=&from=&to=: how it came to that, and how inputs and answers
 * lie beside the version's reference profile. */
#include "api/jobs.h"
#include "base/clock.h"
#include "net/query.h"
#include "watch/monitors/monitor_series.h"
#include "watch/monitors/monitor_store.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { REPLY_MAX = 64 << 20, POINTS_MAX = 3000 };

static void number_or_null(struct json_writer *w, const char *key, double value) {
    json_key(w, key);
    if (isfinite(value))
        json_double(w, value);
    else
        json_null(w);
}

static void time_field(struct json_writer *w, const char *key, int64_t at) {
    char text[CLOCK_TEXT_SIZE];
    clock_format(at, text);
    json_field_text(w, key, text);
}

/* ---- all readings ---- */

struct listed {
    struct json_writer w;
    struct str endpoint; /* "": all */
};

static void write_reading(const struct reading *r, void *ctx) {
    struct listed *l = ctx;
    struct json_writer *w = &l->w;
    char runbook[128];
    if (l->endpoint.n && !str_eq(l->endpoint, str_from(r->endpoint)))
        return;
    snprintf(runbook, sizeof runbook, "docs/runbooks/%s.md", r->monitor);
    json_object(w);
    json_field_text(w, "endpoint", r->endpoint);
    reading_fields(r, w);
    time_field(w, "from", r->from);
    time_field(w, "to", r->to);
    json_field_text(w, "detail", r->detail);
    json_field_text(w, "runbook", runbook);
    json_object_end(w);
}

void monitors_list(struct call *c) {
    struct error err;
    struct str endpoint;
    struct monitors *m = c->loop->parts->monitors;
    AUTO_BUF out = BUF_INIT(REPLY_MAX);
    struct listed l = {.w = JSON_WRITER(&out)};
    if (!http_query_get(c->x->query, STR("endpoint"), c->x->arena, &endpoint, &err)) {
        call_fail(c, &err);
        return;
    }
    l.endpoint = endpoint;
    json_object(&l.w);
    json_key(&l.w, "data");
    json_array(&l.w);
    bool good = !m || monitors_read(m, write_reading, &l);
    json_array_end(&l.w);
    json_field_bool(&l.w, "has_more", false);
    json_object_end(&l.w);
    if (good && !out.failed) {
        call_reply_json(c, 200, buf_str(&out));
        return;
    }
    fail(&err, ERR_NO_MEMORY, "Out of memory for the monitors' readings; ask for one \"endpoint\".");
    call_fail(c, &err);
}

/* ---- one endpoint ---- */

struct series {
    struct json_writer w;
    struct str monitor, part; /* "": all; "": of all together */
    int64_t at;
    bool more;
    unsigned points;
};

static void write_point(const struct reading *r, void *ctx) {
    struct series *s = ctx;
    if (!str_eq(s->monitor, str_from(r->monitor)) || !str_eq(s->part, str_from(r->part)))
        return;
    if (s->points++ >= POINTS_MAX) {
        s->more = true;
        return;
    }
    json_object(&s->w);
    time_field(&s->w, "at", s->at);
    json_field_text(&s->w, "state", reading_state_name(r->state));
    number_or_null(&s->w, "value", r->value);
    number_or_null(&s->w, "expected", r->expected);
    number_or_null(&s->w, "limit", r->limit);
    json_field_int(&s->w, "samples", (int64_t)r->samples);
    json_object_end(&s->w);
}

static void write_row(const struct monitor_kept *row, void *ctx) {
    struct series *s = ctx;
    s->at = row->at;
    if (!monitor_readings_visit(row->readings, write_point, s))
        s->more = true;
}

static void write_shares(struct json_writer *w, const char *key, const double *shares, uint32_t bins) {
    json_key(w, key);
    json_array(w);
    for (uint32_t i = 0; i < bins; i++)
        json_fixed(w, shares[i], 6);
    json_array_end(w);
}

/* Of a reference made of first requests; null: of training. */
static void write_since(struct json_writer *w, int64_t since) {
    char text[CLOCK_TEXT_SIZE];
    if (!since) {
        json_null(w);
        return;
    }
    clock_format(since, text);
    json_text(w, text);
}

static void write_dimension(const struct monitor_comparison *c, void *ctx) {
    struct json_writer *w = ctx;
    const struct profile_dimension *d = c->dimension;
    json_object(w);
    json_field_text(w, "name", d->name);
    json_field_text(w, "role", c->role);
    json_field_int(w, "samples", (int64_t)c->samples);
    json_key(w, d->category ? "categories" : "edges");
    json_array(w);
    for (uint32_t i = 0; i < d->bins; i++)
        if (d->category)
            json_text(w, d->names[i]);
        else if (i + 1 < d->bins)
            json_double(w, d->edges[i]);
    json_array_end(w);
    json_key(w, "reference");
    if (d->known) {
        json_object(w);
        write_shares(w, "shares", d->shares, d->bins);
        json_field_fixed(w, "missing", d->shares[d->bins], 6);
        json_field_int(w, "rows", (int64_t)d->rows);
        json_key(w, "since");
        write_since(w, c->profile->since);
        json_object_end(w);
    } else {
        json_null(w);
    }
    json_key(w, "now");
    json_object(w);
    write_shares(w, "shares", c->now, d->bins);
    json_field_fixed(w, "missing", c->now[d->bins], 6);
    json_field_fixed(w, "unseen", c->now[d->bins + 1], 6);
    json_object_end(w);
    json_object_end(w);
}

/* Minutes are kept two days, hours ten weeks. */
static int64_t span_of(int64_t range) {
    const int64_t day = 86400 * NS_PER_SECOND;
    return range <= 2 * day ? 60 : range <= 70 * day ? 3600 : 86400;
}

static bool work(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    struct series s = {.w = JSON_WRITER(out), .monitor = job->id, .part = job->label};
    char version[WINDOW_NAME_SIZE] = "";
    json_object(&s.w);
    json_key(&s.w, "endpoint");
    json_str(&s.w, job->endpoint);
    json_key(&s.w, "monitor");
    json_str(&s.w, job->id);
    json_key(&s.w, "part");
    json_str(&s.w, job->label);
    json_key(&s.w, "series");
    json_array(&s.w);
    if (!monitor_rows_visit(store, job->endpoint, span_of(job->to - job->from), job->from, job->to, write_row,
                            &s, err))
        return false;
    json_array_end(&s.w);
    json_field_bool(&s.w, "has_more", s.more);
    json_key(&s.w, "profile");
    json_array(&s.w);
    if (job->monitors && !monitors_compare(job->monitors, job->endpoint, write_dimension, &s.w, version, err))
        return false;
    json_array_end(&s.w);
    json_key(&s.w, "version");
    json_str(&s.w, str_from(version));
    json_object_end(&s.w);
    return true;
}

void monitor_show(struct call *c) {
    struct error err;
    int64_t now = clock_wall();
    struct api_job job = {.work = work,
                          .endpoint = c->argument,
                          .monitors = c->loop->parts->monitors,
                          .from = now - 24 * 3600 * NS_PER_SECOND,
                          .to = now};
    if (!http_query_get(c->x->query, STR("monitor"), c->x->arena, &job.id, &err) ||
        !http_query_get(c->x->query, STR("part"), c->x->arena, &job.label, &err)) {
        call_fail(c, &err);
        return;
    }
    if (!call_times(c, &job))
        return;
    if (job.id.n == 0)
        job.id = STR("latency_p95");
    if (!monitor_kind_named(job.id)) {
        fail_at(&err, ERR_INVALID_FIELD, "monitor",
                "There is no monitor \"%.*s\"; /v1/admin/monitors names them all.",
                STR_ARG(str_slice(job.id, 0, 80)));
        call_fail(c, &err);
        return;
    }
    if (!snapshot_endpoint(c->snapshot, c->argument)) {
        fail(&err, ERR_NOT_FOUND, "There is no endpoint \"%.*s\".", STR_ARG(str_slice(c->argument, 0, 80)));
        call_fail(c, &err);
        return;
    }
    call_submit(c, &job);
}
