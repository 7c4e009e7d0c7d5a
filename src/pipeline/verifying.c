#include "pipeline/verifying.h"

#include "base/clock.h"
#include "chat/answer.h"
#include "chat/prompt_text.h"
#include "chat/structured.h"

#include <math.h>
#include <stdio.h>

enum {
    SAMPLES_MAX = 9,
    REPAIR_ANSWER_MAX = 64 << 10,
    TURNS_MAX = 1 << 20,
    SHOWN_MAX = 300,
    ALTERNATIVE_MAX = 8192
};

/* The same question, or the one for a repair, beside the candidate's lane. */
struct sample {
    struct asking asking;
    struct question question;
    struct held_answer held;
    bool answered;
};

struct verifying {
    struct chat *chat;
    struct verifying_terms terms;
    bool judged;

    /* Of the candidate that is asked. */
    void (*done)(struct chat *c, enum failure failure);
    struct lane *lane; /* whose answer is whole; NULL: not yet */
    struct sample *others[SAMPLES_MAX - 1];
    unsigned open;            /* of them under way */
    struct sample *repairing; /* NULL: not asked */
    struct chat_request repaired;
    struct buf repaired_body;
    yyjson_doc *fields;                /* of the answer, for rules; NULL */
    struct structured_verdict verdict; /* on the first answer that is not as it should be */
};

/* An answer that came, wherever it lies. */
struct heard {
    const struct chat_facts *facts;
    struct str text;
    struct buf *reply;
};

/* ---- what is asked ---- */

bool verifying_start(struct chat *c, const struct verifying_terms *terms) {
    struct verifying *v = arena_zalloc(c->r->arena, sizeof *v);
    if (!v) {
        schema_unref(terms->brought);
        return fail(&c->r->error, ERR_NO_MEMORY, "Out of memory for this request.");
    }
    v->chat = c;
    v->terms = *terms;
    c->verifying = v;
    return true;
}

struct verifying_effort verifying_effort(const struct chat *c) {
    const struct verifying *v = c->verifying;
    return v ? (struct verifying_effort){.samples = v->terms.samples,
                                         .repair = v->terms.repair,
                                         .in_vain = v->terms.schema != NULL,
                                         .schema = v->terms.asked ? (int64_t)v->terms.asked->length : 0}
             : (struct verifying_effort){.samples = 1};
}

bool verifying_judged(const struct chat *c) {
    return c->verifying && c->verifying->judged;
}

bool verifying_repaired(const struct chat *c) {
    return c->verifying && c->verifying->repairing;
}

void verifying_word(struct chat *c, struct question *question, struct held_answer *held) {
    struct verifying *v = c->verifying;
    if (held->text.cap == 0)
        held->text = held->events = held->tokens = BUF_INIT(CHAT_REPLY_MAX);
    chat_held_clear(held);
    question->text = &held->text;
    question->tokens = c->r->endpoint->config->output.confidence_field ? &held->tokens : NULL;
    question->output = v->terms.asked;
    question->logprobs = v->terms.logprobs;
    question->hide_logprobs = v->terms.logprobs && !c->in.logprobs;
}

/* ---- samples and repairs: askings beside the lane's ---- */

static struct sample *sample_of(struct asking *a) {
    return CONTAINER_OF(a, struct sample, asking);
}

static void on_call(struct asking *a) {
    struct verifying *v = a->asker;
    chat_held_clear(&sample_of(a)->held); /* of a call before, which broke */
    chat_call_begins(v->chat);
}

static void on_called(struct asking *a, enum failure failure) {
    struct verifying *v = a->asker;
    chat_call_ended(v->chat, a, failure, sample_of(a) == v->repairing ? CALL_REPAIR : CALL_SAMPLE);
}

static void on_output(struct asking *a, struct str bytes) {
    buf_add_str(&sample_of(a)->held.events, bytes);
}

static void on_read(struct asking *a) {}

static void conclude(struct verifying *v);
static void conclude_repair(struct verifying *v);

static void ended(struct asking *a, enum failure failure) {
    struct verifying *v = a->asker;
    struct sample *s = sample_of(a);
    s->answered = failure == FAILURE_NONE;
    if (s == v->repairing) {
        conclude_repair(v);
        return;
    }
    v->open--;
    if (v->lane && v->open == 0)
        conclude(v);
}

static const struct asking_events events = {
    .on_call = on_call, .on_called = on_called, .on_output = on_output, .on_read = on_read, .ended = ended};

/* As the lane was, but for what is asked. NULL: it could not be. */
static struct sample *start_sample(struct verifying *v, const struct lane *lane,
                                   const struct chat_request *in) {
    struct sample *s = arena_zalloc(v->chat->r->arena, sizeof *s);
    if (!s)
        return NULL;
    s->question = lane->question;
    verifying_word(v->chat, &s->question, &s->held);
    s->question.in = in;
    s->asking.events = &events;
    s->asking.asker = v;
    s->asking.question = &s->question;
    s->asking.remote = lane->asking.remote;
    s->asking.timeout_ns = lane->asking.timeout_ns;
    s->asking.has_next = lane->asking.has_next;
    if (asking_start(&s->asking) == FAILURE_NONE)
        return s;
    attempt_clear(&s->asking.attempt);
    return NULL;
}

/* One that cannot be asked counts as one that does not agree. */
void verifying_begin(struct chat *c, const struct lane *lane) {
    struct verifying *v = c->verifying;
    for (unsigned i = 0; i + 1 < v->terms.samples; i++) {
        v->others[i] = start_sample(v, lane, lane->question.in);
        v->open += v->others[i] != NULL;
    }
}

static void free_sample(struct sample **at) {
    struct sample *s = *at;
    if (!s)
        return;
    asking_cancel(&s->asking);
    attempt_clear(&s->asking.attempt);
    chat_held_free(&s->held);
    *at = NULL;
}

void verifying_drop(struct chat *c) {
    struct verifying *v = c->verifying;
    for (unsigned i = 0; i < SAMPLES_MAX - 1; i++)
        free_sample(&v->others[i]);
    free_sample(&v->repairing);
    chat_request_clear(&v->repaired);
    buf_free(&v->repaired_body);
    v->open = 0;
    v->lane = NULL;
}

void verifying_clear(struct chat *c) {
    struct verifying *v = c->verifying;
    if (!v)
        return;
    verifying_drop(c);
    schema_unref(v->terms.brought);
    yyjson_doc_free(v->fields);
}

static bool take_last(void *ctx, const struct chat_part *part) {
    struct str *last = ctx;
    if (str_eq(part->role, STR("user")))
        *last = part->text;
    return true;
}

void verifying_facts(struct request *r) {
    struct verifying *v = r->chat->verifying;
    struct error not_json;
    r->input.text = STR("");
    chat_prompt_visit(&r->chat->in, take_last, &r->input.text);
    yyjson_doc_free(v->fields);
    v->fields = json_parse(r->outcome.prediction, &not_json);
    r->input.features = yyjson_is_obj(yyjson_doc_get_root(v->fields)) ? yyjson_doc_get_root(v->fields) : NULL;
}

/* ---- the verdict ---- */

static struct heard heard_from(struct attempt *t, struct held_answer *held) {
    bool streams = t->question->in->stream;
    return (struct heard){
        .facts = &t->facts, .text = buf_str(&held->text), .reply = streams ? &held->events : &t->reply};
}

/* Memory was there for all of it. */
static bool is_whole(const struct heard *h, const struct held_answer *held) {
    return !h->reply->failed && !held->text.failed;
}

static bool passes_unseen(const struct heard *h) {
    return h->facts->calls_tool || h->facts->refuses;
}

static void give(struct verifying *v, const struct heard *h) {
    struct chat *c = v->chat;
    c->facts = *h->facts;
    buf_free(&c->reply);
    c->reply = *h->reply;
    *h->reply = (struct buf){0};
    v->done(c, FAILURE_NONE);
}

static void give_unseen(struct verifying *v, const struct heard *h) {
    v->judged = v->chat->r->outcome.answered = false;
    v->chat->r->outcome.confidence = -1;
    give(v, h);
}

static void fail_with(struct verifying *v, enum failure failure) {
    v->done(v->chat, failure);
}

/* Cut at a whole character. */
static struct str shown(struct str text) {
    size_t bad;
    text = str_slice(text, 0, SHOWN_MAX);
    return str_is_utf8(text, &bad) ? text : str_slice(text, 0, bad);
}

static void note_verdict(struct verifying *v, enum metrics_verdict verdict) {
    const struct request *r = v->chat->r;
    if (v->terms.schema)
        metrics_answer_checked(r->loop->metrics, r->endpoint->metrics, verdict);
}

static void explain(struct verifying *v, const char *more) {
    const struct candidate *at = chat_candidate(v->chat);
    struct str name = at->remote ? at->remote->reference : at->step->name;
    AUTO_BUF why = BUF_INIT(4096);
    structured_explain(&v->verdict, &why);
    fail(&v->chat->r->error, ERR_INVALID_OUTPUT, "%s \"%.*s\"%s: %.*s", at->remote ? "Model" : "Step",
         STR_ARG(name), more, STR_ARG(shown(buf_str(&why))));
}

/* The model's answer is none that may be given. */
static void give_up(struct verifying *v, const char *more) {
    explain(v, more);
    note_verdict(v, METRICS_ANSWER_INVALID);
    fail_with(v, FAILURE_OUTPUT);
}

/* The answer without the fence around it, which the client's parser would stumble over: said anew. */
static bool unwrap(struct verifying *v, const struct heard *h, struct str json) {
    struct chat *c = v->chat;
    const struct chat_request *in = &c->in;
    struct chat_answer_storage storage;
    struct buf reply = BUF_INIT(CHAT_REPLY_MAX);
    struct chat_answer answer = chat_answer_of_text(c->r->id, chat_candidate(c)->remote->model, json,
                                                    c->r->wall_ns / NS_PER_SECOND, h->facts->usage, &storage);
    bool good = in->stream ? chat_answer_replay(&answer, in->surface, in->include_usage, &reply, &c->r->error)
                           : chat_answer_write(&answer, in->surface, &reply, &c->r->error);
    buf_free(good ? h->reply : &reply);
    if (good)
        *h->reply = reply;
    return good;
}

/* False: v->verdict says what is wrong with it. */
static bool is_valid(struct verifying *v, struct heard *h) {
    if (!v->terms.schema)
        return true;
    structured_check(v->terms.schema, h->text, &v->verdict);
    if (!v->verdict.valid)
        return false;
    struct str json = v->verdict.json;
    struct str before = {h->text.p, (size_t)(json.p - h->text.p)};
    bool wrapped = str_find_char(before, '`') != SIZE_MAX;
    if (wrapped && !unwrap(v, h, json)) {
        v->verdict.valid = v->verdict.is_json = false;
        snprintf(v->verdict.problem, sizeof v->verdict.problem, "Out of memory.");
        return false;
    }
    h->text = json;
    return true;
}

/* ---- how sure ---- */

/* Of one member of the answer. */
static double field_confidence(const struct buf *tokens, const char *field) {
    AUTO_BUF list = BUF_INIT(tokens->n + 2);
    struct error err;
    if (tokens->n == 0 || tokens->failed)
        return NAN;
    buf_add_char(&list, '[');
    buf_add(&list, tokens->p, tokens->n - 1); /* without the last comma */
    buf_add_char(&list, ']');
    yyjson_doc *doc = list.failed ? NULL : json_parse(buf_str(&list), &err);
    double sure = structured_field_confidence(yyjson_doc_get_root(doc), str_from(field));
    yyjson_doc_free(doc);
    return sure;
}

static double token_confidence(const struct chat_facts *f, const char *field) {
    if (field)
        return field_confidence(f->tokens, field);
    double sure = f->logprob_count ? exp(f->logprob_sum / (double)f->logprob_count) : NAN;
    return isfinite(sure) ? sure : NAN;
}

/* What the samples say instead, for whoever decides: the reviewer sees it beside the answer. */
static void list_alternatives(struct verifying *v, const struct str *texts, size_t count) {
    struct outcome *o = &v->chat->r->outcome;
    size_t first[STRUCTURED_SAMPLES_MAX], alike[SAMPLES_MAX] = {0}, best;
    structured_groups(texts, count, first);
    for (size_t i = 0; i < count; i++)
        alike[first[i]]++;
    for (o->label_count = 0; o->label_count < REQUEST_LABELS_MAX; alike[best] = 0) {
        best = 0;
        for (size_t i = 1; i < count; i++)
            best = alike[i] > alike[best] ? i : best;
        if (alike[best] == 0)
            break;
        if (texts[best].n <= ALTERNATIVE_MAX)
            o->labels[o->label_count++] =
                (struct request_label){texts[best], (float)alike[best] / (float)v->terms.samples};
    }
}

/* Of those asked, not of those that answered well: what failed does not agree. */
static double agreement(struct verifying *v, const struct heard *good, size_t count, size_t *which) {
    struct str texts[SAMPLES_MAX] = {{0}};
    for (size_t i = 0; i < count; i++)
        texts[i] = good[i].text;
    list_alternatives(v, texts, count);
    return structured_agreement(texts, count, which) * (double)count / v->terms.samples;
}

/* The commonest of the good ones is the answer. */
static void choose(struct verifying *v, const struct heard *good, size_t count) {
    struct outcome *o = &v->chat->r->outcome;
    const struct config_output *output = &v->chat->r->endpoint->config->output;
    enum output_confidence by = output->confidence;
    size_t which = 0;
    double sure = by == OUTPUT_AGREEMENT  ? agreement(v, good, count, &which)
                  : by == OUTPUT_LOGPROBS ? token_confidence(good[0].facts, output->confidence_field)
                                          : NAN;
    v->judged = by != OUTPUT_UNKNOWN;
    o->answered = v->judged;
    o->prediction = good[which].text;
    o->confidence = isnan(sure) ? -1 : (float)sure;
    give(v, &good[which]);
}

/* ---- the repair ---- */

static bool start_repair(struct verifying *v, struct str answer) {
    const struct chat_request *in = v->lane->question.in;
    struct error ignored;
    AUTO_BUF turns = BUF_INIT(TURNS_MAX);
    structured_repair_turns(&v->verdict, answer, REPAIR_ANSWER_MAX, &turns);
    v->repaired_body = BUF_INIT(2 * in->body.n + turns.n + 4096);
    if (turns.failed || !chat_amend_turns(in, buf_str(&turns), &v->repaired_body, &ignored) ||
        !chat_request_parse(in->surface, buf_str(&v->repaired_body), &v->repaired, &ignored))
        return false;
    v->repairing = start_sample(v, v->lane, &v->repaired);
    return v->repairing != NULL;
}

static void conclude_repair(struct verifying *v) {
    struct sample *s = v->repairing;
    struct heard h = heard_from(&s->asking.attempt, &s->held);
    if (!s->answered || !is_whole(&h, &s->held)) {
        give_up(v, ", which could not be asked for a repair");
    } else if (passes_unseen(&h)) {
        give_unseen(v, &h);
    } else if (is_valid(v, &h)) {
        note_verdict(v, METRICS_ANSWER_REPAIRED);
        choose(v, &h, 1);
    } else {
        give_up(v, ", also when asked for a repair");
    }
}

/* ---- a candidate's answers ---- */

static size_t gather(struct verifying *v, struct heard out[SAMPLES_MAX]) {
    size_t count = 0;
    out[count] = heard_from(&v->lane->asking.attempt, &v->lane->held);
    count += is_whole(&out[count], &v->lane->held);
    for (unsigned i = 0; i + 1 < v->terms.samples; i++) {
        struct sample *s = v->others[i];
        if (!s || !s->answered)
            continue;
        out[count] = heard_from(&s->asking.attempt, &s->held);
        count += is_whole(&out[count], &s->held);
    }
    return count;
}

/* Moves the good ones to the front. */
static size_t keep_good(struct verifying *v, struct heard *answers, size_t count) {
    size_t good = 0;
    for (size_t i = 0; i < count; i++)
        if (!passes_unseen(&answers[i]) && is_valid(v, &answers[i]))
            answers[good++] = answers[i];
    return good;
}

static void conclude(struct verifying *v) {
    struct heard answers[SAMPLES_MAX];
    size_t count = gather(v, answers);
    if (count == 0) {
        fail(&v->chat->r->error, ERR_UPSTREAM,
             "The answer cannot be checked: it is larger than %d MB, or memory is out.",
             CHAT_REPLY_MAX >> 20);
        fail_with(v, FAILURE_GARBAGE);
        return;
    }
    if (passes_unseen(&answers[0])) {
        give_unseen(v, &answers[0]);
        return;
    }
    struct str said = answers[0].text;
    size_t good = keep_good(v, answers, count);
    if (good > 0) {
        note_verdict(v, METRICS_ANSWER_VALID);
        choose(v, answers, good);
        return;
    }
    if (count > 1) /* the verdict is on the last one */
        structured_check(v->terms.schema, said, &v->verdict);
    bool cut = str_eq(str_from(answers[0].facts->finish), STR("length")); /* it would be again */
    if (cut)
        give_up(v, ", cut at the most tokens that it may say");
    else if (!v->terms.repair || !start_repair(v, said))
        give_up(v, "");
}

void verifying_judge(struct chat *c, struct lane *lane, void (*done)(struct chat *c, enum failure failure)) {
    struct verifying *v = c->verifying;
    v->lane = lane;
    v->done = done;
    if (v->open == 0)
        conclude(v);
}

bool verifying_allows(struct chat *c, struct str text) {
    struct verifying *v = c->verifying;
    if (v->terms.schema)
        structured_check(v->terms.schema, text, &v->verdict);
    if (!v->terms.schema || v->verdict.valid)
        return true;
    explain(v, "");
    return false;
}
