/* GET /v1/requests/{id}: the story of one request. GET /v1/admin/requests: records, searched. */
#include "api/jobs.h"
#include "base/clock.h"
#include "watch/event_json.h"
#include "watch/records.h"
#include "watch/story.h"

#include <stdio.h>

enum { LIMIT_STANDARD = 50, LIMIT_MAX = 200, SEARCH_MS = 100 };

static bool show_work(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    return story_write(store, job->id, out, err);
}

void request_show(struct call *c) {
    call_submit(c, &(struct api_job){.work = show_work, .id = c->argument});
}

/* ---- searching ---- */

enum { BY_ENDPOINT, BY_CLIENT, BY_MODEL, BY_DECISION, BY_STATUS, BY_AFTER, BY_COUNT };
static const char *const names[BY_COUNT] = {"endpoint", "client", "model", "decision", "status", "after"};
_Static_assert(BY_COUNT <= sizeof((struct api_job){0}.texts) / sizeof(struct str), "a job holds all of them");

struct search {
    struct json_writer w;
    unsigned left;
    int64_t last; /* the row of the last one that was written */
    bool more;    /* another one was found behind it */
};

static void write_record(const struct record *r, void *ctx) {
    struct search *s = ctx;
    char time[CLOCK_TEXT_SIZE];
    if (s->left == 0) {
        s->more = true;
        return;
    }
    s->left--;
    s->last = r->row;
    clock_format(r->event->wall_ns, time);
    json_object(&s->w);
    json_field_text(&s->w, "time", time);
    event_write_fields(r->event, &s->w);
    json_object_end(&s->w);
}

static bool read_decision(struct str text, unsigned *bits, struct error *err) {
    for (int i = 0; text.n && i < DECISION_COUNT; i++)
        if (str_eq(text, str_from(decision_name((enum decision)i))))
            *bits = 1u << i;
    return text.n == 0 || *bits ||
           fail_at(err, ERR_INVALID_FIELD, "decision",
                   "\"decision\" is \"%.*s\"; expected accepted, verified, review, fallback, cached or "
                   "rejected.",
                   STR_ARG(str_slice(text, 0, 40)));
}

/* "503", or "5xx" for all of that kind. */
static bool read_status(struct str text, int *least, int *most, struct error *err) {
    uint64_t value;
    if (text.n == 0)
        return true;
    if (text.n == 3 && str_eq(str_slice(text, 1, 3), STR("xx")) && text.p[0] >= '1' && text.p[0] <= '5') {
        *least = (text.p[0] - '0') * 100;
        *most = *least + 99;
        return true;
    }
    if (!str_to_u64(text, &value) || value < 100 || value > 599)
        return fail_at(err, ERR_INVALID_FIELD, "status",
                       "\"status\" is \"%.*s\"; expected one such as 503, or 4xx, 5xx.",
                       STR_ARG(str_slice(text, 0, 40)));
    *least = *most = (int)value;
    return true;
}

static bool read_after(struct str text, int64_t *before, struct error *err) {
    uint64_t value = 0;
    bool good = text.n == 0 || (str_to_u64(text, &value) && value > 0 && value <= INT64_MAX);
    *before = (int64_t)value;
    return good || fail_at(err, ERR_INVALID_FIELD, "after",
                           "\"after\" is \"%.*s\"; expected what \"next\" of the reply before said.",
                           STR_ARG(str_slice(text, 0, 40)));
}

static bool read_filter(const struct api_job *job, struct record_filter *f, struct error *err) {
    const struct str *t = job->texts;
    *f = (struct record_filter){.endpoint = t[BY_ENDPOINT],
                                .client = t[BY_CLIENT],
                                .model = t[BY_MODEL],
                                .from = job->from,
                                .to = job->to,
                                .limit = job->limit + 1};
    return read_decision(t[BY_DECISION], &f->decisions, err) &&
           read_status(t[BY_STATUS], &f->status_least, &f->status_most, err) &&
           read_after(t[BY_AFTER], &f->before, err);
}

static void write_end(struct search *s, int64_t next) {
    char text[CLOCK_TEXT_SIZE];
    if (s->more)
        next = s->last;
    json_array_end(&s->w);
    json_field_bool(&s->w, "has_more", next != 0);
    snprintf(text, sizeof text, "%lld", (long long)next);
    json_field_text(&s->w, "next", next ? text : NULL);
    clock_format(next * 1000, text); /* keys are microseconds */
    json_field_text(&s->w, "searched_to", next ? text : NULL);
    json_object_end(&s->w);
}

static bool search_work(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    struct record_filter filter;
    struct search s = {.w = JSON_WRITER(out), .left = job->limit};
    int64_t next;
    if (!read_filter(job, &filter, err))
        return false;
    json_object(&s.w);
    json_key(&s.w, "data");
    json_array(&s.w);
    if (!records_search(store, &filter, clock_monotonic() + SEARCH_MS * NS_PER_MS, write_record, &s, &next,
                        err))
        return false;
    write_end(&s, next);
    return true;
}

void admin_requests(struct call *c) {
    struct error err;
    struct api_job job = {.work = search_work, .limit = LIMIT_STANDARD};
    struct record_filter checked;
    if (!call_limit(c, LIMIT_MAX, &job.limit) || !call_query(c, names, job.texts, BY_COUNT) ||
        !call_times(c, &job))
        return;
    if (read_filter(&job, &checked, &err))
        call_submit(c, &job);
    else
        call_fail(c, &err);
}
