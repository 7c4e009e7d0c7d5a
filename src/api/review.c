/* GET /v1/review, GET /v1/review/items/{id}, POST /v1/review/next, POST /v1/review/items/{id}/claim|release|
 * skip|label; GET and POST /v1/review/{id} are shorter ways of looking at an item and labelling it. */
#include "review/claims.h"
#include "review/input.h"
#include "review/stats.h"

#include "api/jobs.h"
#include "base/clock.h"
#include "net/query.h"

#include <stdlib.h>

/* Of api_job.texts. */
enum { TAB, NOTE, FIELDS, ORDER };

static struct reviewer reviewer_of(const struct api_job *job) {
    return (struct reviewer){.name = job->reviewer, .tab = job->texts[TAB], .admin = job->admin};
}

/* Who calls. Without authentication it is whoever runs the machine. */
static struct api_job job_of(const struct call *c) {
    return (struct api_job){.id = c->argument,
                            .reviewer = c->client ? str_from(c->client->name) : STR("local"),
                            .admin = !c->client || c->client->role >= ROLE_ADMIN};
}

/* ---- looking ---- */

static bool list_work(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    struct reviewer who = reviewer_of(job);
    struct review_filter filter = {.endpoint = job->endpoint,
                                   .status = job->status,
                                   .order = job->texts[ORDER],
                                   .after = job->after,
                                   .limit = job->limit,
                                   .viewer = &who};
    return review_list(store, &filter, out, err);
}

static bool read_limit(struct str text, unsigned *limit, struct error *err) {
    uint64_t value = 100;
    if (text.p && (!str_to_u64(text, &value) || value < 1 || value > 1000))
        return fail_at(err, ERR_INVALID_FIELD, "limit",
                       "\"limit\" is \"%.*s\"; expected a number from 1 to 1000.",
                       STR_ARG(str_slice(text, 0, 40)));
    *limit = (unsigned)value;
    return true;
}

void review_items(struct call *c) {
    struct error err;
    struct api_job job = job_of(c);
    struct str limit, *const values[] = {&job.endpoint, &job.status, &job.after, &job.texts[ORDER], &limit};
    static const char *const names[] = {"endpoint", "status", "after", "order", "limit"};
    job.work = list_work;
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        if (!http_query_get(c->x->query, str_from(names[i]), c->x->arena, values[i], &err)) {
            call_fail(c, &err);
            return;
        }
    }
    if (!read_limit(limit, &job.limit, &err)) {
        call_fail(c, &err);
        return;
    }
    call_submit(c, &job);
}

static bool get_work(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    struct reviewer who = reviewer_of(job);
    return review_get(store, job->id, &who, out, err);
}

void review_item(struct call *c) {
    struct api_job job = job_of(c);
    job.work = get_work;
    call_submit(c, &job);
}

static bool outcome_work(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    return review_outcome(store, job->id, job->reviewer, out, err);
}

/* Whose request it was learns what became of it, and no more. */
void review_item_or_outcome(struct call *c) {
    struct api_job job = job_of(c);
    job.work = c->client && c->client->role < ROLE_REVIEWER ? outcome_work : get_work;
    call_submit(c, &job);
}

static bool stats_work(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    return review_stats(store, job->endpoint, job->reviewer, job->admin, clock_wall(), out, err);
}

void review_figures(struct call *c) {
    struct error err;
    struct api_job job = job_of(c);
    job.work = stats_work;
    if (!http_query_get(c->x->query, STR("endpoint"), c->x->arena, &job.endpoint, &err) ||
        (job.endpoint.n == 0 &&
         !fail_at(&err, ERR_MISSING_FIELD, "endpoint", "Say of which endpoint: ?endpoint=NAME.")))
        call_fail(c, &err);
    else
        call_submit(c, &job);
}

static bool input_work(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    return review_input(store, job->id, job->type, sizeof job->type, out, err);
}

void review_input_of(struct call *c) {
    struct api_job job = job_of(c);
    job.work = input_work;
    call_submit(c, &job);
}

/* ---- working ---- */

/* The job's own texts must outlive it; what is told of it here is copied by call_submit. */
struct told {
    yyjson_doc *doc;
    char *fields; /* written anew, so that what is kept is JSON of ours */
};

static void forget(struct told *t) {
    yyjson_doc_free(t->doc);
    free(t->fields);
}

static bool read_text(yyjson_val *root, const char *name, struct str *out, struct error *err) {
    yyjson_val *value = yyjson_obj_get(root, name);
    *out = json_str_of(value);
    return !value || yyjson_is_null(value) || yyjson_is_str(value) ||
           fail_at(err, ERR_INVALID_FIELD, name, "\"%s\" is a text.", name);
}

static bool read_fields(yyjson_val *root, struct told *t, struct str *out, struct error *err) {
    yyjson_val *value = yyjson_obj_get(root, "fields");
    size_t n;
    if (!value || yyjson_is_null(value))
        return true;
    if (!yyjson_is_obj(value))
        return fail_at(err, ERR_INVALID_FIELD, "fields", "\"fields\" is an object of corrected fields.");
    t->fields = yyjson_val_write(value, 0, &n);
    if (!t->fields)
        return fail(err, ERR_NO_MEMORY, "Out of memory for this request.");
    *out = (struct str){t->fields, n};
    return true;
}

static bool read_take(yyjson_val *root, bool *out, struct error *err) {
    yyjson_val *value = yyjson_obj_get(root, "take");
    *out = yyjson_is_true(value);
    return !value || yyjson_is_bool(value) ||
           fail_at(err, ERR_INVALID_FIELD, "take", "\"take\" is true or false.");
}

static bool read_label(yyjson_val *root, struct str *out, struct error *err) {
    *out = json_str_of(yyjson_obj_get(root, "label"));
    return (out->n > 0 && out->n <= REVIEW_LABEL_MAX) ||
           fail_at(err, ERR_MISSING_FIELD, "label",
                   "Send {\"label\": \"…\"}: the right answer, 1 to %d bytes of text.", REVIEW_LABEL_MAX);
}

/* No body is an empty one, but for a label. */
static bool read_body(struct call *c, bool label, struct api_job *job, struct told *t, struct error *err) {
    if (c->x->body.n == 0 && !label)
        return true;
    t->doc = json_parse(c->x->body, err);
    yyjson_val *root = yyjson_doc_get_root(t->doc);
    if (!t->doc || (label && !read_label(root, &job->label, err)))
        return false;
    if (!yyjson_is_obj(root))
        return fail(err, ERR_BAD_REQUEST, "Send a JSON object.");
    return read_text(root, "note", &job->texts[NOTE], err) && read_text(root, "reason", &job->status, err) &&
           read_text(root, "tab", &job->texts[TAB], err) && read_take(root, &job->take, err) &&
           read_fields(root, t, &job->texts[FIELDS], err);
}

static bool label_work(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    struct reviewer who = reviewer_of(job);
    struct verdict verdict = {.label = job->label, .fields = job->texts[FIELDS], .note = job->texts[NOTE]};
    return review_label(store, job->id, &verdict, &who, out, err);
}

static void work_with(struct call *c, bool (*work)(struct api_job *job, struct store *store, struct buf *out,
                                                   struct error *err)) {
    struct error err;
    struct told told = {0};
    struct api_job job = job_of(c);
    job.work = work;
    job.writes = true;
    if (!http_query_get(c->x->query, STR("endpoint"), c->x->arena, &job.endpoint, &err) ||
        !read_body(c, work == label_work, &job, &told, &err))
        call_fail(c, &err);
    else
        call_submit(c, &job); /* copies the texts */
    forget(&told);
}

static bool next_work(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    struct reviewer who = reviewer_of(job);
    return review_next(store, job->endpoint, &who, out, err);
}

void review_next_item(struct call *c) {
    work_with(c, next_work);
}

static bool claim_work(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    struct reviewer who = reviewer_of(job);
    return review_claim(store, job->id, job->take, &who, out, err);
}

void review_claim_item(struct call *c) {
    work_with(c, claim_work);
}

static bool release_work(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    struct reviewer who = reviewer_of(job);
    return review_release(store, job->id, &who, out, err);
}

void review_release_item(struct call *c) {
    work_with(c, release_work);
}

static bool skip_work(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    struct reviewer who = reviewer_of(job);
    return review_skip(store, job->id, job->status, &who, out, err);
}

void review_skip_item(struct call *c) {
    work_with(c, skip_work);
}

void review_resolution(struct call *c) {
    work_with(c, label_work);
}
