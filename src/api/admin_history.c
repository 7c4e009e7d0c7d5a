/* GET /v1/admin/history: what was changed, by whom and why; GET /v1/admin/audit: that, what people decided,
 * and what keys were used for. GET /v1/admin/at: who served an endpoint at a time. */
#include "api/jobs.h"
#include "base/clock.h"
#include "store/history_json.h"

enum { WORD_MAX = 200, LIST_STANDARD = 100, LIST_MAX = 1000 };
enum { IN_ENDPOINT, IN_WHAT, IN_WHO, IN_BEFORE, IN_CLASS, IN_COUNT };

static void add_change(const struct change *c, void *ctx) {
    struct job_list *l = ctx;
    if (job_list_wants(l, "", 0))
        history_write(c, &l->w);
}

/* Numbers of a row and a class; the rest is text. */
static bool read_filter(const struct api_job *job, struct history_filter *filter, struct error *err) {
    struct str before = job->texts[IN_BEFORE], class = job->texts[IN_CLASS];
    uint64_t number = 0;
    if (before.n && (!str_to_u64(before, &number) || number == 0 || number > INT64_MAX))
        return fail_at(err, ERR_INVALID_FIELD, "before", "\"before\" is the number of a row, 1 or more.");
    if (class.n && !change_class_parse(class, &filter->class))
        return fail_at(err, ERR_INVALID_FIELD, "class", "\"class\" is configuration, decision or access.");
    filter->before = (int64_t)number;
    filter->since = job->from;
    filter->until = job->to ? job->to - 1 : 0;
    filter->limit = job->limit + 1;
    return true;
}

/* job->admin: of all classes. */
static bool list_work(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    char endpoint[WORD_MAX + 1], what[WORD_MAX + 1], who[WORD_MAX + 1];
    struct history_filter filter = {.class = job->admin ? CHANGE_ANY : CHANGE_CONFIGURATION};
    struct job_list l;
    if (!job_text(job->texts[IN_ENDPOINT], "endpoint", endpoint, sizeof endpoint, err) ||
        !job_text(job->texts[IN_WHAT], "what", what, sizeof what, err) ||
        !job_text(job->texts[IN_WHO], "who", who, sizeof who, err) || !read_filter(job, &filter, err))
        return false;
    filter.endpoint = endpoint[0] ? endpoint : NULL;
    filter.what = what[0] ? what : NULL;
    filter.who = who[0] ? who : NULL;
    job_list_begin(&l, job, out);
    if (!history_list(store, &filter, add_change, &l, err))
        return false;
    job_list_end(&l);
    return true;
}

void admin_history(struct call *c) {
    static const char *const names[] = {"endpoint", "what", "who", "before"};
    struct api_job job = {.work = list_work, .limit = LIST_STANDARD};
    struct error err;
    if (!call_limit(c, LIST_MAX, &job.limit) || !call_query(c, names, job.texts, ARRAY_COUNT(names)) ||
        !call_times(c, &job))
        return;
    if (c->client && c->client->role < ROLE_ADMIN && job.texts[IN_ENDPOINT].n == 0) {
        fail_at(&err, ERR_FORBIDDEN, "endpoint",
                "Name an \"endpoint\": what is about none, such as keys, is shown to administrators.");
        call_fail(c, &err);
        return;
    }
    call_submit(c, &job);
}

void audit_list(struct call *c) {
    static const char *const names[IN_COUNT] = {"endpoint", "what", "who", "before", "class"};
    struct api_job job = {.work = list_work, .limit = LIST_STANDARD, .admin = true};
    if (call_limit(c, LIST_MAX, &job.limit) && call_query(c, names, job.texts, IN_COUNT) &&
        call_times(c, &job))
        call_submit(c, &job);
}

struct found {
    struct json_writer w;
    bool any;
};

static void write_serving(const struct change *c, void *ctx) {
    struct found *f = ctx;
    f->any = true;
    history_write_serving(c, &f->w);
}

static bool at_work(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    char endpoint[WORD_MAX + 1];
    struct history_filter filter = {.what = "serving", .limit = 1, .endpoint = endpoint};
    struct found f = {.w = JSON_WRITER(out)};
    struct str time = job->texts[1];
    filter.until = clock_wall();
    if (!job_text(job->texts[0], "endpoint", endpoint, sizeof endpoint, err))
        return false;
    if (!endpoint[0])
        return fail_at(err, ERR_MISSING_FIELD, "endpoint", "Say which endpoint.");
    if (time.n && !clock_parse(time, &filter.until))
        return fail_at(err, ERR_INVALID_FIELD, "time",
                       "\"time\" is \"%.*s\"; expected one in UTC, such as 2026-11-20T13:05:00Z.",
                       STR_ARG(str_slice(time, 0, 40)));
    if (!history_list(store, &filter, write_serving, &f, err))
        return false;
    return f.any ||
           fail(err, ERR_NOT_FOUND,
                "Nothing is known of endpoint \"%.60s\" at that time: no server with it had run.", endpoint);
}

void admin_at(struct call *c) {
    static const char *const names[] = {"endpoint", "time"};
    struct api_job job = {.work = at_work};
    if (call_query(c, names, job.texts, ARRAY_COUNT(names)))
        call_submit(c, &job);
}
