/* The model, and when it fails or takes too long the endpoint's fallback chain, step by step. A
 * prediction whose expected cost is below that of a hand-over runs right here on the loop; others go to
 * the version's batcher and the stage waits, at most the step's timeout. */
#include "base/clock.h"
#include "models/batcher.h"
#include "pipeline/stages/stages.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { HAND_OVER_NS = 50000 };

enum attempt { ATTEMPT_ANSWERED, ATTEMPT_WAITING, ATTEMPT_FAILED };

/* A row on its way to the batcher and back. Outlives a request that did not wait for it. */
struct inference {
    struct loop_task task;
    struct batch_row row;
    struct request *r; /* NULL: nobody waits any more */
    struct engine *engine;
    struct loop *loop;
    struct model_version *version;
    int64_t started;
    char text[];
};

static enum stage_answer go_on(struct request *r);

bool outcome_from_model(struct request *r, const struct model_version *version,
                        const struct model_answer *answer, struct error *err) {
    struct outcome *o = &r->outcome;
    if (!(answer->confidence >= 0 && answer->confidence <= 1) || answer->label >= version->label_count)
        return fail(err, ERR_MODEL, "Model %s gave an answer that makes no sense.", version->reference);
    o->label_count = 0;
    for (size_t i = 0; i < answer->top_count && i < REQUEST_LABELS_MAX; i++)
        if (answer->top[i].label < version->label_count)
            o->labels[o->label_count++] = (struct request_label){
                str_from(version->labels[answer->top[i].label]), answer->top[i].confidence};
    o->prediction = str_from(version->labels[answer->label]);
    o->confidence = answer->confidence;
    o->model = str_from(version->reference);
    o->answered = true;
    return true;
}

struct model_input infer_input(const struct request *r) {
    const struct document_result *d = r->document;
    return (struct model_input){
        .text = r->input.text,
        .features = r->input.values,
        .feature_count = r->input.value_count,
        .visual = d ? d->visual : NULL,
        .visual_count = d ? d->visual_count : 0,
        .ocr_confidence = d && d->ocr_used ? d->ocr_confidence : 0,
    };
}

static enum attempt take_answer(struct request *r, const struct model_version *version,
                                const struct model_answer *answer) {
    struct model_input input = infer_input(r);
    struct policy_facts facts = {input.text.n, input.ocr_confidence};
    struct model_answer scored = *answer;
    policy_apply(&version->policy, &facts, &scored);
    if (!outcome_from_model(r, version, &scored, &r->error))
        return ATTEMPT_FAILED;
    if (version == r->version) {
        struct model_answer *kept = arena_alloc(r->arena, sizeof *kept);
        if (kept)
            *kept = scored;
        r->answer = kept;
    }
    return ATTEMPT_ANSWERED;
}

static enum attempt predict_here(struct request *r, struct model_version *version) {
    struct model_input input = infer_input(r);
    struct model_answer answer;
    struct error err = {0};
    /* The stage's first attempt begins with the stage. */
    int64_t started = r->step < 0 ? r->stage_started : clock_monotonic();
    if (!backend_predict(version->backend, r->loop->scratch, &input, 1, &answer, &err)) {
        r->error = err;
        return ATTEMPT_FAILED;
    }
    int64_t ns = clock_monotonic() - started;
    model_version_measured(version, input.text.n, ns);
    r->compute_ns += ns;
    return take_answer(r, version, &answer);
}

static void inferred(struct loop_task *task) {
    struct inference *x = CONTAINER_OF(task, struct inference, task);
    struct request *r = x->r;
    if (x->row.ns > 0) /* it was predicted, not dropped */
        model_version_measured(x->version, x->row.input.text.n, x->row.ns);
    if (r) {
        r->compute_ns += x->row.ns;
        r->pending = NULL;
        loop_timer_disarm(r->loop->loop, &r->step_timer);
        enum attempt attempt = ATTEMPT_FAILED;
        if (x->row.error.code == ERR_NONE)
            attempt = take_answer(r, x->version, &x->row.answer);
        else
            r->error = x->row.error;
        model_version_unref(x->version);
        free(x);
        enum stage_answer answer = attempt == ATTEMPT_ANSWERED ? STAGE_NEXT : go_on(r);
        if (answer != STAGE_SUSPEND)
            request_resume(r, answer);
        return;
    }
    model_version_unref(x->version);
    free(x);
}

/* On a thread of the work pool. */
static void row_done(struct batch_row *row) {
    struct inference *x = CONTAINER_OF(row, struct inference, row);
    struct engine *engine = x->engine;
    loop_post(x->loop, &x->task);
    engine_outstanding_end(engine);
}

static void abandon(struct request *r) {
    struct inference *x = r->pending;
    if (x)
        x->r = NULL;
    r->pending = NULL;
    loop_timer_disarm(r->loop->loop, &r->step_timer);
}

static void step_timed_out(struct loop_timer *timer) {
    struct request *r = CONTAINER_OF(timer, struct request, step_timer);
    struct inference *x = r->pending;
    fail(&r->error, ERR_DEADLINE, "Model %s did not answer in time.", x->version->reference);
    abandon(r);
    enum stage_answer answer = go_on(r);
    if (answer != STAGE_SUSPEND)
        request_resume(r, answer);
}

static enum attempt predict_elsewhere(struct request *r, struct model_version *version, int64_t timeout) {
    struct model_input input = infer_input(r);
    size_t features = input.feature_count * sizeof(*input.features),
           visual = input.visual_count * sizeof(float);
    struct inference *x = malloc(sizeof *x + features + visual + input.text.n);
    if (!x) {
        fail(&r->error, ERR_NO_MEMORY, "Out of memory for the prediction.");
        return ATTEMPT_FAILED;
    }
    *x = (struct inference){.task.run = inferred,
                            .r = r,
                            .engine = r->loop->engine,
                            .loop = r->loop->loop,
                            .version = model_version_ref(version)};
    int64_t deadline = clock_monotonic() + timeout;
    x->row = (struct batch_row){.input = input, .deadline = deadline, .done = row_done};
    char *at = x->text;
    if (features)
        x->row.input.features = memcpy(at, input.features, features);
    if (visual)
        x->row.input.visual = memcpy(at + features, input.visual, visual);
    if (input.text.n)
        memcpy(at + features + visual, input.text.p, input.text.n);
    x->row.input.text.p = at + features + visual;
    engine_outstanding_begin(x->engine);
    if (!batcher_submit(version->batcher, &x->row, &r->error)) {
        engine_outstanding_end(x->engine);
        model_version_unref(version);
        free(x);
        return ATTEMPT_FAILED;
    }
    r->pending = x;
    r->step_timer.fire = step_timed_out;
    loop_timer_arm(r->loop->loop, &r->step_timer, deadline);
    return ATTEMPT_WAITING;
}

static enum attempt try_version(struct request *r, struct model_version *version, int64_t timeout) {
    if (!version->backend) {
        fail(&r->error, ERR_MODEL, "Model %s is not loaded; the server's log says why.", version->reference);
        return ATTEMPT_FAILED;
    }
    if (model_version_cost_ns(version, r->input.text.n) < HAND_OVER_NS)
        return predict_here(r, version);
    return predict_elsewhere(r, version, timeout);
}

bool rules_facts_of(struct request *r, struct rules_facts *facts) {
    const struct outcome *o = &r->outcome;
    struct rules_label *labels = arena_alloc(r->arena, REQUEST_LABELS_MAX * sizeof(*labels));
    if (!labels)
        return fail(&r->error, ERR_NO_MEMORY, "Out of memory for this request.");
    for (unsigned i = 0; i < o->label_count; i++)
        labels[i] = (struct rules_label){o->labels[i].label, (double)o->labels[i].confidence};
    struct rules_field *fields = NULL;
    size_t count = 0, index, max;
    yyjson_val *key, *value;
    if (r->input.features) {
        fields = arena_alloc(r->arena, yyjson_obj_size(r->input.features) * sizeof(*fields));
        if (!fields)
            return fail(&r->error, ERR_NO_MEMORY, "Out of memory for this request.");
        yyjson_obj_foreach(r->input.features, index, max, key, value) {
            struct rules_field field = {.name = json_str_of(key), .type = RULES_FIELD_TEXT};
            if (yyjson_is_num(value)) {
                field.type = RULES_FIELD_NUMBER;
                field.number = yyjson_get_num(value);
            } else if (yyjson_is_bool(value)) {
                field.type = RULES_FIELD_BOOL;
                field.flag = yyjson_get_bool(value);
            } else if (yyjson_is_str(value)) {
                field.text = json_str_of(value);
            } else {
                continue;
            }
            fields[count++] = field;
        }
    }
    *facts = (struct rules_facts){
        .endpoint = r->endpoint->name,
        .model = o->model,
        .prediction = o->prediction,
        .confidence = (double)o->confidence,
        .labels = labels,
        .label_count = o->label_count,
        .text = r->input.text,
        .fields = fields,
        .field_count = count,
        .ocr_confidence = r->document && r->document->ocr_used ? (double)r->document->ocr_confidence : NAN,
    };
    return true;
}

static enum attempt try_rules(struct request *r, const struct step *step) {
    struct rules_facts facts;
    struct rules_answer *answer = arena_alloc(r->arena, sizeof *answer);
    struct script *script = snapshot_script(r->snapshot, r->loop->index, step->script, &r->error);
    if (!answer || !script || !rules_facts_of(r, &facts) ||
        !rules_classify(script, &facts, answer, &r->error))
        return ATTEMPT_FAILED;
    struct outcome *o = &r->outcome;
    o->prediction = str_from(answer->label);
    o->confidence = (float)answer->confidence;
    o->labels[0] = (struct request_label){o->prediction, o->confidence};
    o->label_count = 1;
    o->model = STR("");
    o->answered = true;
    return ATTEMPT_ANSWERED;
}

static enum attempt try_step(struct request *r) {
    if (r->step < 0)
        return try_version(r, r->version, r->endpoint->config->infer_timeout);
    const struct step *step = &r->endpoint->steps[r->step];
    r->outcome.step = step->name;
    switch (step->kind) {
    case STEP_MODEL: return try_version(r, step->target.version, step->timeout);
    case STEP_RULES: return try_rules(r, step);
    case STEP_CACHE:
        if (r->loop->parts->cache && cache_answer(r, r->version, true))
            return ATTEMPT_ANSWERED;
        break;
    case STEP_REVIEW:
        r->outcome.decision = DECISION_REVIEW;
        r->outcome.review_reason = STR("fallback");
        return ATTEMPT_ANSWERED;
    case STEP_TEXT: /* of chats */
    case STEP_ERROR: break;
    }
    return ATTEMPT_FAILED;
}

void outcome_note_reason(struct request *r) {
    if (r->outcome.step_reason.n == 0) {
        struct str message = arena_copy(r->arena, str_from(r->error.message));
        r->outcome.step_reason = message.p ? message : str_from(error_name(r->error.code));
        r->outcome.step_code = r->error.code;
    }
}

static enum stage_answer give_up(struct request *r) {
    r->outcome.step = STR("");
    if (r->outcome.spared) {
        r->outcome.decision = DECISION_REVIEW;
        return STAGE_REPLY;
    }
    struct str reason = r->outcome.step_reason;
    enum error_code code = r->outcome.step_code;
    stage_fail(r, code == ERR_DEADLINE || code == ERR_OVERLOADED ? code : ERR_MODEL, "%.*s%s",
               STR_ARG(reason), r->endpoint->step_count ? " No fallback could answer." : "");
    r->error.retry_after_ms = 1000;
    return STAGE_FAIL;
}

static enum stage_answer answer_of(struct request *r) {
    return r->outcome.decision == DECISION_NONE ? STAGE_NEXT : STAGE_REPLY;
}

/* The current step has failed: what now? */
static enum stage_answer go_on(struct request *r) {
    for (;;) {
        if (error_status(r->error.code) < 500)
            return STAGE_FAIL; /* the input's own fault: no other step would do better */
        outcome_note_reason(r);
        if (++r->step >= (int)r->endpoint->step_count)
            return give_up(r);
        enum attempt attempt = try_step(r);
        if (attempt != ATTEMPT_FAILED)
            return attempt == ATTEMPT_WAITING ? STAGE_SUSPEND : answer_of(r);
    }
}

enum stage_answer infer_instead_of_people(struct request *r) {
    r->outcome.spared = true;
    r->outcome.decision = DECISION_FALLBACK;
    r->step = -1;
    fail(&r->error, ERR_OVERLOADED, "The review queue outgrows its people.");
    return go_on(r);
}

void infer_abandon(struct request *r) {
    abandon(r);
}

static bool applies(const struct request *r) {
    return !r->outcome.answered;
}

static enum stage_answer run(struct request *r) {
    r->step = -1;
    if (r->endpoint->switched == SWITCH_FALLBACK) {
        fail(&r->error, ERR_MODEL, "%.*s", STR_ARG(r->endpoint->switch_why));
        return go_on(r);
    }
    enum attempt attempt = try_step(r);
    return attempt == ATTEMPT_ANSWERED ? STAGE_NEXT : attempt == ATTEMPT_WAITING ? STAGE_SUSPEND : go_on(r);
}

const struct stage stage_infer = {.name = "infer", .applies = applies, .run = run, .cancel = abandon};
