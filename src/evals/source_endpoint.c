/* An endpoint of a running server: predictions, or conversations with a language model. */
#include "evals/source.h"

#include "chat/answer.h"
#include "evals/chat_reply.h"

#include <stdio.h>
#include <stdlib.h>

struct endpoint_source {
    struct answer_source source;
    struct asker *asker;
    char *endpoint;
};

struct endpoint_job {
    const struct endpoint_source *from;
    const struct suite *suite;
    struct answers *out;
    struct error *err;
    bool failed;
};

static void free_source(struct answer_source *s) {
    struct endpoint_source *e = CONTAINER_OF(s, struct endpoint_source, source);
    free(e->endpoint);
    free(e);
}

/* ---- what is asked ---- */

/* As a client sends it that leaves it to the server to see what it is. */
static bool write_document(struct endpoint_job *j, const struct suite_case *c, struct asker_question *to) {
    size_t n;
    char *bytes = suite_case_document(c, &n, j->err);
    j->failed = j->failed || !bytes;
    if (bytes)
        buf_add(&to->body, bytes, n);
    free(bytes);
    to->type = "application/octet-stream";
    return bytes != NULL;
}

static bool write_prediction(struct endpoint_job *j, const struct suite_case *c, struct asker_question *to) {
    struct json_writer w = JSON_WRITER(&to->body);
    buf_printf(&to->path, "/v1/endpoints/%s/predict", j->from->endpoint);
    if (c->document.p)
        return write_document(j, c, to);
    json_object(&w);
    if (c->features.p) {
        json_key(&w, "features");
        json_raw(&w, c->features);
    } else
        json_field_str(&w, "text", c->text);
    json_object_end(&w);
    return true;
}

static bool write_case(void *ctx, size_t i, struct asker_question *to) {
    struct endpoint_job *j = ctx;
    const struct suite_case *c = &j->suite->cases[i / j->out->runs];
    if (!j->suite->chat)
        return write_prediction(j, c, to);
    AUTO_BUF messages = BUF_INIT(to->body.cap);
    suite_case_messages(c, &messages);
    buf_add_str(&to->path, STR("/v1/chat/completions"));
    chat_question_write(str_from(j->from->endpoint), buf_str(&messages), j->suite->request, &to->body);
    return !messages.failed;
}

/* ---- what comes back ---- */

static bool read_prediction(const struct asker_reply *reply, yyjson_doc **doc, struct answer *out) {
    *doc = json_parse(reply->body, NULL);
    yyjson_val *root = *doc ? yyjson_doc_get_root(*doc) : NULL,
               *confidence = yyjson_obj_get(root, "confidence"), *model = yyjson_obj_get(root, "model"),
               *cost = yyjson_obj_get(root, "cost_usd"), *prediction = yyjson_obj_get(root, "prediction");
    if (!prediction)
        return false;
    if (yyjson_is_str(prediction))
        out->text = json_str_of(prediction);
    if (yyjson_is_num(confidence))
        out->confidence = yyjson_get_num(confidence);
    if (yyjson_is_num(cost))
        out->cost_usd = yyjson_get_num(cost);
    if (yyjson_is_str(model))
        out->model = json_str_of(model);
    return true;
}

static bool keep(struct endpoint_job *j, size_t i, const struct answer *answer) {
    if (answers_set(j->out, i, answer, j->err))
        return true;
    j->failed = true;
    return false;
}

static bool take_failure(struct endpoint_job *j, size_t i, const struct asker_reply *reply,
                         struct answer *answer) {
    char problem[ERROR_MESSAGE_MAX];
    struct chat_trouble trouble = {0};
    bool own = reply->status >= 400 && reply->status < 500 && reply->status != 408 && reply->status != 429;
    (void)chat_trouble_read(reply->status, reply->body, &trouble);
    if (reply->status == 401 || reply->status == 403 || reply->status == 404) {
        j->failed = true;
        return fail(j->err, ERR_UPSTREAM, "The server refuses with status %d: %.300s", reply->status,
                    trouble.message);
    }
    if (reply->status)
        snprintf(problem, sizeof problem, "status %d: %.300s", reply->status, trouble.message);
    else
        snprintf(problem, sizeof problem, "%.400s", reply->problem);
    /* Output that never was valid is the model's own answer, and a wrong one. */
    answer->given = answer->refused =
        own || (reply->status == 502 && str_find(reply->body, STR("\"invalid_output\"")) != SIZE_MAX);
    answer->problem = str_from(problem);
    return keep(j, i, answer);
}

static bool take_reply(void *ctx, size_t i, const struct asker_reply *reply) {
    struct endpoint_job *j = ctx;
    struct chat_words words = {0};
    yyjson_doc *doc = NULL;
    struct answer answer = ANSWER_NONE;
    struct error reason;
    answer.text = answer.problem = STR("");
    answer.model = reply->model;
    answer.latency_ms = reply->latency_ms;
    answer.cost_usd = reply->cost_usd;
    if (reply->status < 200 || reply->status > 299)
        return take_failure(j, i, reply, &answer);
    bool good = j->suite->chat ? chat_words_read(reply->body, &words, &reason)
                               : read_prediction(reply, &doc, &answer);
    answer.given = true;
    answer.refused = !good;
    if (!good)
        answer.problem = STR("the reply is not what the API describes");
    else if (j->suite->chat) {
        answer.text = buf_str(&words.text);
        answer.tools = words.tools.n ? buf_str(&words.tools) : (struct str){NULL, 0};
    }
    good = keep(j, i, &answer);
    chat_words_free(&words);
    yyjson_doc_free(doc);
    return good;
}

static bool fits(const struct suite *s, struct error *err) {
    for (size_t i = 0; i < s->case_count; i++) {
        const struct suite_case *c = &s->cases[i];
        if (!(s->chat ? c->messages.p || c->text.p : c->text.p || c->features.p || c->document.p))
            return fail(err, ERR_DATA, "%s:%u: the case \"%.*s\" has nothing that could be asked: no text%s.",
                        c->file, c->line, (int)(c->id.n > 80 ? 80 : c->id.n), c->id.p,
                        s->chat ? " and no prompt" : ", no features and no file");
    }
    return true;
}

static bool ask(struct answer_source *source, const struct suite *s, const struct progress *progress,
                struct answers *out, struct error *err) {
    struct endpoint_source *e = CONTAINER_OF(source, struct endpoint_source, source);
    struct endpoint_job j = {.from = e, .suite = s, .out = out, .err = err};
    const struct asker_job job = {.count = out->count, .write = write_case, .take = take_reply, .ctx = &j};
    if (!fits(s, err))
        return false;
    asker_run(e->asker, &job, progress);
    return !j.failed;
}

struct answer_source *source_endpoint(struct asker *asker, struct str endpoint, struct error *err) {
    struct endpoint_source *e = calloc(1, sizeof *e);
    char *name = str_dup(endpoint);
    if (!e || !name) {
        free(e);
        free(name);
        (void)fail(err, ERR_NO_MEMORY, "Out of memory.");
        return NULL;
    }
    e->source = (struct answer_source){.kind = EVALUATION_OF_ENDPOINT, .ask = ask, .free = free_source};
    e->asker = asker;
    e->endpoint = name;
    snprintf(e->source.name, sizeof e->source.name, "%.*s",
             (int)(endpoint.n < SOURCE_NAME_MAX - 1 ? endpoint.n : SOURCE_NAME_MAX - 1), endpoint.p);
    return &e->source;
}
