/* GET /v1/admin/audit, GET /v1/admin/audit/verification */
#include "watch/audit_watch.h"

#include "api/jobs.h"
#include "net/query.h"
#include "store/history_json.h"

enum { LIMIT_DEFAULT = 100, LIMIT_MAX = 1000, WORD_MAX = 200, STATE_MAX = 4096 };

struct listing {
    struct json_writer w;
    unsigned limit, count;
};

static void add_row(const struct change *c, void *ctx) {
    struct listing *l = ctx;
    if (l->count++ < l->limit)
        history_write(c, &l->w);
}

static const char *word_or_null(struct str word, char copy[WORD_MAX + 1]) {
    str_put(word, copy, WORD_MAX + 1);
    return word.n ? copy : NULL;
}

/* The job's texts, by what they are here: status is the class, label what, reviewer who, after the number. */
static bool read_filter(const struct api_job *job, struct history_filter *filter, struct error *err) {
    uint64_t before = 0;
    filter->class = CHANGE_ANY;
    if (job->status.n && !change_class_parse(job->status, &filter->class))
        return fail_at(err, ERR_INVALID_FIELD, "class", "\"class\" is configuration, decision or access.");
    if (job->after.n && (!str_to_u64(job->after, &before) || before == 0 || before > INT64_MAX))
        return fail_at(err, ERR_INVALID_FIELD, "before", "\"before\" is the number of a row, 1 or more.");
    if (job->endpoint.n > WORD_MAX || job->label.n > WORD_MAX || job->reviewer.n > WORD_MAX)
        return fail_at(err, ERR_INVALID_FIELD, "what",
                       "\"endpoint\", \"what\" and \"who\" have at most %d bytes.", WORD_MAX);
    filter->before = (int64_t)before;
    filter->limit = job->limit + 1;
    return true;
}

static bool list_work(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    char endpoint[WORD_MAX + 1], what[WORD_MAX + 1], who[WORD_MAX + 1];
    struct history_filter filter = {.endpoint = word_or_null(job->endpoint, endpoint),
                                    .what = word_or_null(job->label, what),
                                    .who = word_or_null(job->reviewer, who)};
    struct listing l = {.w = JSON_WRITER(out), .limit = job->limit};
    if (!read_filter(job, &filter, err))
        return false;
    json_object(&l.w);
    json_key(&l.w, "data");
    json_array(&l.w);
    if (!history_list(store, &filter, add_row, &l, err))
        return false;
    json_array_end(&l.w);
    json_field_bool(&l.w, "has_more", l.count > l.limit);
    json_object_end(&l.w);
    return true;
}

static bool read_limit(struct str text, unsigned *limit, struct error *err) {
    uint64_t value = LIMIT_DEFAULT;
    if (text.p && (!str_to_u64(text, &value) || value < 1 || value > LIMIT_MAX))
        return fail_at(err, ERR_INVALID_FIELD, "limit", "\"limit\" is \"%.*s\"; expected 1 to %d.",
                       STR_ARG(str_slice(text, 0, 40)), LIMIT_MAX);
    *limit = (unsigned)value;
    return true;
}

void audit_list(struct call *c) {
    struct error err;
    struct api_job job = {.work = list_work};
    struct str limit, *const values[] = {&job.endpoint, &job.status, &job.label,
                                         &job.reviewer, &job.after,  &limit};
    static const char *const names[] = {"endpoint", "class", "what", "who", "before", "limit"};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++)
        if (!http_query_get(c->x->query, str_from(names[i]), c->x->arena, values[i], &err)) {
            call_fail(c, &err);
            return;
        }
    if (read_limit(limit, &job.limit, &err))
        call_submit(c, &job);
    else
        call_fail(c, &err);
}

void audit_verification(struct call *c) {
    AUTO_BUF out = BUF_INIT(STATE_MAX);
    struct json_writer w = JSON_WRITER(&out);
    struct error err;
    audit_watch_write(c->loop->parts->audit, &w);
    if (!out.failed) {
        call_reply_json(c, 200, buf_str(&out));
        return;
    }
    fail(&err, ERR_NO_MEMORY, "Out of memory for this request.");
    call_fail(c, &err);
}
