#include "pipeline/shadow.h"

#include "base/clock.h"
#include "pipeline/stages/stages.h"
#include "work/pool.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { GIVE_WAY = 19 }; /* the least of nice(2) */

struct shadow_runner {
    struct arms *arms;
    struct work_pool *pool; /* one thread */
    struct scratch *scratch;
    bool gives_way; /* the thread's */
    struct feature_value values[MODEL_FEATURES_MAX];
};

struct shadow_runner *shadow_runner_new(struct arms *arms) {
    struct shadow_runner *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->arms = arms;
    s->scratch = scratch_new();
    s->pool = s->scratch ? work_pool_new(1) : NULL;
    if (s->pool)
        return s;
    shadow_runner_free(s);
    return NULL;
}

void shadow_runner_free(struct shadow_runner *s) {
    if (!s)
        return;
    work_pool_free(s->pool);
    scratch_free(s->scratch);
    free(s);
}

/* ---- what both kinds have ---- */

bool shadow_begin(struct shadow *s, struct request *r, int64_t estimate) {
    if (mirror_enter(r->mirror, estimate, r->wall_ns) != MIRROR_GO)
        return false;
    s->runner = r->loop->parts->shadows;
    s->snapshot = snapshot_ref(r->snapshot);
    s->endpoint = r->endpoint;
    s->mirror = mirror_ref(r->mirror);
    s->estimate = estimate;
    s->pair = (struct shadow_answer){.at = r->wall_ns};
    str_put(str_from(mirror_rollout(s->mirror)), s->pair.rollout, sizeof s->pair.rollout);
    str_put(r->id, s->pair.request_id, sizeof s->pair.request_id);
    return true;
}

void shadow_count(struct shadow *s) {
    arms_note_pair(s->runner->arms, &s->pair);
}

void shadow_end(struct shadow *s, double cost) {
    mirror_leave(s->mirror, s->estimate, cost < 0 ? -1 : (int64_t)cost);
    mirror_unref(s->mirror);
    snapshot_unref(s->snapshot);
}

/* ---- predictions ---- */

struct prediction {
    struct shadow shadow;
    struct work_item item;
    struct engine *engine;
    struct model_version *stable;
    struct model_input input; /* into `bytes` */
    struct str features;      /* JSON; "" none */
    char bytes[];
};

static bool needs_person(const struct endpoint *e, const struct model_version *v, double confidence) {
    const struct config_endpoint *c = e->config;
    double accept = c->has_accept_threshold ? c->accept_threshold : v->accept;
    double review = c->has_review_threshold ? c->review_threshold : v->review;
    return confidence < review || (confidence < accept && e->verify_script == NO_SCRIPT);
}

static bool read_features(struct prediction *p, const struct model_version *v, struct error *err) {
    struct shadow_runner *runner = p->shadow.runner;
    if (p->features.n == 0)
        return true;
    if (!(backend_inputs(v->backend) & MODEL_TAKES_FEATURES))
        return fail(err, ERR_INVALID_FEATURES, "It takes no features.");
    yyjson_doc *json = json_parse(p->features, err);
    if (!json)
        return false;
    bool good = backend_read_features(v->backend, yyjson_doc_get_root(json), runner->values,
                                      MODEL_FEATURES_MAX, &p->input.feature_count, err);
    p->input.features = runner->values;
    yyjson_doc_free(json);
    return good;
}

static bool predict(struct prediction *p, struct model_version *v, struct model_answer *answer, int64_t *ns,
                    struct error *err) {
    *ns = 0;
    if (!v->backend)
        return fail(err, ERR_MODEL, "It is not loaded.");
    if (!read_features(p, v, err))
        return false;
    int64_t started = clock_monotonic();
    bool good = backend_predict(v->backend, p->shadow.runner->scratch, &p->input, 1, answer, err);
    *ns = clock_monotonic() - started;
    if (!good)
        return false;
    struct policy_facts facts = {p->input.text.n, p->input.ocr_confidence};
    policy_apply(&v->policy, &facts, answer);
    return (answer->label < v->label_count && answer->confidence >= 0 && answer->confidence <= 1) ||
           fail(err, ERR_MODEL, "Its answer makes no sense.");
}

static double price_of(const struct snapshot *s, int64_t ns) {
    const struct config_pricing *p = &s->config->pricing;
    return p->has_cpu_hour ? (double)ns / (3600.0 * NS_PER_SECOND) * (double)p->cpu_hour : -1;
}

/* "": it failed. */
static struct str ask(struct prediction *p, struct model_version *v, struct arm_answer *out,
                      enum error_code *code) {
    struct model_answer answer;
    struct error err = {0};
    int64_t ns;
    bool good = predict(p, v, &answer, &ns, &err);
    *out = (struct arm_answer){.failed = !good,
                               .latency_us = (uint32_t)(ns / 1000),
                               .confidence = good ? (double)answer.confidence : -1,
                               .cost = price_of(p->shadow.snapshot, ns)};
    *code = good ? ERR_NONE : err.code;
    if (!good)
        return STR("");
    out->review = needs_person(p->shadow.endpoint, v, out->confidence);
    return str_from(v->labels[answer.label]);
}

static void let_go(struct prediction *p, double cost) {
    model_version_unref(p->stable);
    shadow_end(&p->shadow, cost);
    free(p);
}

/* Whoever is asked second finds the text in the processor's cache: they take turns. */
static void run(struct work_item *item, unsigned worker) {
    struct prediction *p = CONTAINER_OF(item, struct prediction, item);
    struct shadow_answer *pair = &p->shadow.pair;
    struct model_version *candidate = p->shadow.endpoint->shadow.version;
    struct shadow_runner *runner = p->shadow.runner;
    struct engine *engine = p->engine;
    enum error_code stable_code, code;
    struct str served, label;
    if (!runner->gives_way)
        setpriority(PRIO_PROCESS, 0, GIVE_WAY); /* of Linux: this thread's */
    runner->gives_way = true;
    if (hash64(str_from(pair->request_id), 0) & 1) {
        served = ask(p, p->stable, &pair->stable, &stable_code);
        label = ask(p, candidate, &pair->candidate, &code);
    } else {
        label = ask(p, candidate, &pair->candidate, &code);
        served = ask(p, p->stable, &pair->stable, &stable_code);
    }
    if (served.n && label.n)
        pair->candidate.agrees = str_eq(served, label) ? ARM_YES : ARM_NO;
    str_put(label, pair->label, sizeof pair->label);
    if (code != ERR_NONE)
        str_put(str_from(error_name(code)), pair->error, sizeof pair->error);
    shadow_count(&p->shadow);
    let_go(p, pair->candidate.cost);
    engine_outstanding_end(engine);
}

static void start(struct shadow *s) {
    struct prediction *p = CONTAINER_OF(s, struct prediction, shadow);
    engine_outstanding_begin(p->engine);
    work_pool_submit(s->runner->pool, &p->item);
}

/* What both versions can be asked: not what was answered from a cache, or a file by its looks alone. */
static bool is_comparable(const struct request *r) {
    if (r->outcome.cached || !r->version || (r->failed && error_status(r->error.code) < 500))
        return false;
    return r->input.kind == INPUT_FEATURES ? r->input.bytes.n > 0 : r->input.text.n > 0;
}

static char *put(char *at, const void *bytes, size_t n) {
    return n ? (char *)memcpy(at, bytes, n) + n : at;
}

static struct shadow *prediction_prepare(struct request *r) {
    struct model_input input = infer_input(r);
    struct str features = r->input.kind == INPUT_FEATURES ? r->input.bytes : STR("");
    size_t visual = input.visual_count * sizeof *input.visual;
    struct prediction *p = malloc(sizeof *p + visual + input.text.n + features.n);
    if (!p || !shadow_begin(&p->shadow, r, -1)) {
        free(p);
        return NULL;
    }
    p->shadow.start = start;
    p->item.run = run;
    p->engine = r->loop->engine;
    p->stable = model_version_ref(r->version);
    p->input = input;
    p->input.features = NULL;
    p->input.feature_count = 0;
    p->input.visual = visual ? (const float *)(const void *)p->bytes : NULL;
    char *at = put(p->bytes, input.visual, visual);
    p->input.text.p = at;
    at = put(at, input.text.p, input.text.n);
    p->features = (struct str){at, features.n};
    put(at, features.p, features.n);
    return &p->shadow;
}

struct shadow *shadow_prepare(struct request *r) {
    if (!r->loop->parts->shadows)
        return NULL;
    if (r->chat)
        return shadow_chat_prepare(r);
    return is_comparable(r) ? prediction_prepare(r) : NULL;
}

void shadow_start(struct shadow *s) {
    if (s)
        s->start(s);
}

void shadow_metrics_write(struct buf *out, void *engine) {
    static const char name[] = "penstock_shadow_requests_total";
    struct snapshot *s = engine_snapshot(engine);
    metrics_family(out, name, METRICS_COUNTER,
                   "Requests of the share that a running shadow is asked, by what became of them.");
    for (size_t i = 0; i < s->endpoint_count; i++)
        for (enum mirror_verdict v = 0; s->endpoints[i].mirror && v < MIRROR_VERDICTS; v++)
            metrics_sample(out, name,
                           (const char *const[]){"endpoint", s->endpoints[i].config->name, "outcome",
                                                 mirror_verdict_name(v), NULL},
                           (double)mirror_count(s->endpoints[i].mirror, v));
    snapshot_unref(s);
}
