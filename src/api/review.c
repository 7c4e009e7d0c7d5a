/* GET /v1/review, GET /v1/review/{id}, POST /v1/review/{id} {"label": …} */
#include "review/review.h"

#include "api/jobs.h"
#include "net/query.h"

static bool list_work(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    struct review_filter filter = {
        .endpoint = job->endpoint, .status = job->status, .after = job->after, .limit = job->limit};
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
    struct api_job job = {.work = list_work};
    struct str limit, *const values[] = {&job.endpoint, &job.status, &job.after, &limit};
    static const char *const names[] = {"endpoint", "status", "after", "limit"};
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
    return review_get(store, job->id, out, err);
}

void review_item(struct call *c) {
    call_submit(c, &(struct api_job){.work = get_work, .id = c->argument});
}

static bool label_work(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    return review_resolve(store, job->id, job->label, job->reviewer, out, err);
}

void review_label(struct call *c) {
    struct error err;
    yyjson_doc *doc = json_parse(c->x->body, &err);
    if (!doc) {
        call_fail(c, &err);
        return;
    }
    yyjson_val *label = yyjson_obj_get(yyjson_doc_get_root(doc), "label");
    struct str text = json_str_of(label);
    if (text.n == 0 || text.n > REVIEW_LABEL_MAX) {
        fail_at(&err, ERR_MISSING_FIELD, "label",
                "Send {\"label\": \"…\"}: the right answer, 1 to %d bytes of text.", REVIEW_LABEL_MAX);
        yyjson_doc_free(doc);
        call_fail(c, &err);
        return;
    }
    struct str reviewer = c->client ? str_from(c->client->name) : STR("local");
    struct api_job job = {
        .work = label_work, .writes = true, .id = c->argument, .label = text, .reviewer = reviewer};
    call_submit(c, &job); /* copies the texts */
    yyjson_doc_free(doc);
}
