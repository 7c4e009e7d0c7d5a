/* POST /v1/feedback {"request_id": …, "label"?, "correct"?, "score"?} */
#include "watch/feedback.h"

#include "api/jobs.h"

static bool work(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    struct feedback f = {.request_id = job->id,
                         .tenant = job->tenant,
                         .who = job->reviewer,
                         .label = job->label,
                         .correct = job->correct,
                         .score = job->score};
    return feedback_add(store, &f, out, err);
}

static bool read_label(yyjson_val *value, struct api_job *job, struct error *err) {
    job->label = json_str_of(value);
    return !value || (job->label.n > 0 && job->label.n <= FEEDBACK_LABEL_MAX) ||
           fail_at(err, ERR_INVALID_FIELD, "label", "\"label\" is the right answer: 1 to %d bytes of text.",
                   FEEDBACK_LABEL_MAX);
}

static bool read_correct(yyjson_val *value, struct api_job *job, struct error *err) {
    job->correct = value ? yyjson_is_true(value) : -1;
    return !value || yyjson_is_bool(value) ||
           fail_at(err, ERR_INVALID_FIELD, "correct", "\"correct\" is true or false.");
}

static bool read_score(yyjson_val *value, struct api_job *job, struct error *err) {
    job->score = value ? yyjson_get_num(value) : -1;
    return !value || (yyjson_is_num(value) && job->score >= 0 && job->score <= 1) ||
           fail_at(err, ERR_INVALID_FIELD, "score", "\"score\" is a number from 0 to 1; higher is better.");
}

static bool read_body(yyjson_val *root, struct api_job *job, struct error *err) {
    yyjson_val *label = yyjson_obj_get(root, "label"), *correct = yyjson_obj_get(root, "correct"),
               *score = yyjson_obj_get(root, "score");
    job->id = json_str_of(yyjson_obj_get(root, "request_id"));
    if (job->id.n == 0)
        return fail_at(
            err, ERR_MISSING_FIELD, "request_id",
            "Send the ID of the request that this is about, from its reply or its x-request-id header.");
    if (!label && !correct && !score)
        return fail_at(err, ERR_MISSING_FIELD, "label",
                       "Say at least one of \"label\", \"correct\" and \"score\".");
    return read_label(label, job, err) && read_correct(correct, job, err) && read_score(score, job, err);
}

void feedback_take(struct call *c) {
    struct error err;
    yyjson_doc *doc = json_parse(c->x->body, &err);
    bool own = c->client && c->client->role < ROLE_REVIEWER;
    struct api_job job = {.work = work,
                          .writes = true,
                          .tenant = own ? str_from(c->client->name) : STR(""),
                          .reviewer = call_actor(c)};
    if (doc && read_body(yyjson_doc_get_root(doc), &job, &err))
        call_submit(c, &job); /* copies the texts */
    else
        call_fail(c, &err);
    yyjson_doc_free(doc);
}
