#include "pipeline/snapshot.h"

#include "base/clock.h"
#include "models/rules.h"
#include "pipeline/budgets.h"
#include "pipeline/snapshot_build.h"
#include "store/endpoint_states.h"
#include "store/keys.h"
#include "watch/metrics/metrics.h"
#include "watch/monitors/monitors.h"

#include <stdlib.h>
#include <string.h>

bool build_no_memory(struct snapshot_build *b) {
    config_problem(b->problems, b->from->config, NULL, "out of memory");
    return false;
}

static bool add_prices(struct snapshot_build *b) {
    const struct config_pricing *p = &b->from->config->pricing;
    struct error err;
    if (!p->models)
        return true;
    b->s->prices = price_table_load(p->models, &err);
    if (!b->s->prices)
        config_problem(b->problems, b->from->config, &p->models_place, "%s", err.message);
    return b->s->prices != NULL;
}

static bool add_budgets(struct snapshot_build *b) {
    struct error err;
    bool good = budgets_of(b->from->config, &b->s->budgets, &err);
    if (!good)
        config_problem(b->problems, b->from->config, NULL, "budgets: %s", err.message);
    return good;
}

/* What answers must look like, those included that the configuration itself gives. */
static bool add_output(struct snapshot_build *b, struct endpoint *e) {
    const struct config_endpoint *c = e->config;
    struct error err;
    if (!c->output.check)
        return true;
    bool good = output_schema_load(&c->output, &e->output, &err);
    if (!good)
        config_problem(b->problems, b->from->config, &c->output.schema_place, "%s", err.message);
    for (size_t i = 0; good && e->output.own && i < c->fallback_count; i++)
        if (c->fallbacks[i].text && !output_schema_allows(&e->output, c->fallbacks[i].text, &err)) {
            config_problem(b->problems, b->from->config, &c->output.schema_place,
                           "endpoint \"%s\": the text of its fallbacks does not meet this schema: %s",
                           c->name, err.message);
            good = false;
        }
    return good;
}

/* An answer that was sure enough under other thresholds, or passed other rules, is not to be given again. */
static uint64_t policy_of(const struct snapshot *s, const struct endpoint *e) {
    const struct config_endpoint *c = e->config;
    const double terms[] = {c->has_accept_threshold ? c->accept_threshold : -1,
                            c->has_review_threshold ? c->review_threshold : -1,
                            c->output.check,
                            c->output.confidence,
                            (double)c->output.samples,
                            e->overflow,
                            c->review.has_overflow_error ? c->review.overflow_error : -1};
    uint64_t policy = hash64((struct str){(const char *)terms, sizeof terms}, 0);
    policy = hash64(str_from(c->output.confidence_field), policy);
    for (size_t i = 0; i < c->action_count; i++) {
        const struct config_action *a = &c->actions[i];
        const double bounds[] = {a->policy, a->has_most ? (double)a->most : -1};
        policy = hash64((struct str){(const char *)bounds, sizeof bounds}, hash64(str_from(a->name), policy));
    }
    if (e->output.text)
        policy = hash64((struct str){e->output.text, e->output.length}, policy);
    return e->verify_script == NO_SCRIPT ? policy
                                         : hash64(str_from(s->scripts[e->verify_script].text), policy);
}

/* Whoever writes summaries must be able to. */
static bool check_summaries(struct snapshot_build *b) {
    const struct snapshot *s = b->s;
    bool good = true;
    for (size_t i = 0; i < s->endpoint_count; i++) {
        const struct config_name *name = &s->endpoints[i].config->context.summarise_with;
        const struct endpoint *by = name->text ? snapshot_endpoint(s, str_from(name->text)) : NULL;
        if (!by || by->shares[0].remote->upstream->config->kind != UPSTREAM_SIMULATOR)
            continue;
        config_problem(b->problems, b->from->config, &name->place,
                       "summarise_with: the first model of endpoint \"%s\" is the simulator, which cannot "
                       "summarise; name an endpoint with a real one",
                       name->text);
        good = false;
    }
    return good;
}

/* As the store says, as long as the configuration wants just that. */
static bool add_overflow(struct snapshot_build *b, struct endpoint *e) {
    static const char *const words[] = {"none", "thresholds", "fallback"};
    enum review_overflow wanted = e->config->review.overflow;
    struct endpoint_state state;
    struct error err;
    if (!endpoint_state_get(b->from->store, e->config->name, ENDPOINT_OVERFLOW, &state, &err)) {
        config_problem(b->problems, b->from->config, NULL, "%s", err.message);
        return false;
    }
    e->overflow = strcmp(state.value, words[wanted]) == 0 ? wanted : OVERFLOW_NONE;
    return true;
}

static bool add_switch(struct snapshot_build *b, struct endpoint *e) {
    struct endpoint_state state;
    struct error err;
    AUTO_BUF why = BUF_INIT(1024);
    if (!endpoint_state_get(b->from->store, e->config->name, ENDPOINT_SWITCH, &state, &err)) {
        config_problem(b->problems, b->from->config, NULL, "%s", err.message);
        return false;
    }
    if (!add_overflow(b, e))
        return false;
    e->switched = strcmp(state.value, "people") == 0     ? SWITCH_PEOPLE
                  : strcmp(state.value, "fallback") == 0 ? SWITCH_FALLBACK
                                                         : SWITCH_AUTO;
    if (e->switched == SWITCH_AUTO)
        return true;
    buf_printf(&why, "switched to %s by %s: %s", state.value, state.who, state.why);
    char *text = buf_terminated(&why) ? strdup(why.p) : NULL;
    e->switch_why = str_from(text);
    return text || build_no_memory(b);
}

static bool add_endpoints(struct snapshot_build *b) {
    struct snapshot *s = b->s;
    const struct config *config = b->from->config;
    unsigned rates = 0;
    bool good = true;
    s->endpoints = calloc(config->endpoint_count + 1, sizeof(*s->endpoints));
    if (!s->endpoints)
        return build_no_memory(b);
    for (size_t i = 0; i < config->endpoint_count; i++) {
        struct endpoint *e = &s->endpoints[i];
        e->config = &config->endpoints[i];
        e->name = e->salt = str_from(e->config->name);
        e->verify_script = e->route_script = e->segment_script = NO_SCRIPT;
        e->rate_index = e->config->has_rate ? ++rates : 0;
        s->endpoint_count++;
        good &= build_semantic_cache(b, e);
        good &= add_output(b, e);
        good &= build_shares(b, e);
        good &= build_steps(b, e);
        good &= build_shadow(b, e);
        if (e->config->rules) {
            e->verify_script = build_script(b, e->config->rules, "verify", &e->config->rules_place);
            good &= e->verify_script != NO_SCRIPT;
        }
        if (e->config->route_rule) {
            e->route_script = build_script(b, e->config->route_rule, "route", &e->config->route_rule_place);
            good &= e->route_script != NO_SCRIPT;
        }
        good &= add_switch(b, e);
        e->policy = policy_of(s, e);
        if (b->from->metrics)
            e->metrics = metrics_endpoint(b->from->metrics, e->config->name);
        if (b->from->monitors)
            e->monitored = monitors_endpoint(b->from->monitors, e->config->name);
    }
    return good && check_summaries(b);
}

/* The deadline is the longest that an endpoint could give: its own one takes its place. */
static const struct config_endpoint unaddressed = {
    .name = "", .kind = ENDPOINT_CHAT, .deadline = 3600 * NS_PER_SECOND};

static void add_unaddressed(struct snapshot_build *b) {
    b->s->unaddressed = (struct endpoint){
        .config = &unaddressed, .name = STR(""), .verify_script = NO_SCRIPT, .route_script = NO_SCRIPT};
    if (b->from->metrics)
        b->s->unaddressed.metrics = metrics_endpoint(b->from->metrics, "");
}

/* The table has the keys in force in the list's order. */
static bool count_uses(struct snapshot_build *b, const struct key_record *keys, size_t count,
                       struct error *err) {
    struct client *client = b->s->clients.clients;
    for (size_t i = 0; b->from->key_uses && i < count; i++)
        if (keys[i].revoked == 0 && !((client++)->count = key_uses_of(b->from->key_uses, &keys[i])))
            return fail(err, ERR_NO_MEMORY, "Out of memory while reading %zu keys.", count);
    return true;
}

static bool add_clients(struct snapshot_build *b) {
    struct error err;
    struct key_record *keys = NULL;
    size_t count = 0;
    bool good = key_list(b->from->store, &keys, &count, &err) &&
                client_table_build(&b->s->clients, keys, count, b->from->config,
                                   b->from->previous ? &b->from->previous->clients : NULL, &err) &&
                count_uses(b, keys, count, &err);
    free(keys);
    if (!good)
        config_problem(b->problems, b->from->config, NULL, "%s", err.message);
    return good;
}

struct snapshot *snapshot_build(const struct snapshot_sources *from, struct config_problems *problems) {
    struct snapshot_build b = {.from = from, .problems = problems, .s = calloc(1, sizeof(struct snapshot))};
    if (!b.s) {
        build_no_memory(&b);
        return NULL;
    }
    b.s->refs = 1;
    b.s->config = config_ref(from->config);
    b.s->loops = from->loops;
    bool good = add_prices(&b);
    good &= add_budgets(&b);
    good &= build_upstreams(&b);
    good &= add_endpoints(&b);
    add_unaddressed(&b);
    good &= add_clients(&b);
    b.s->states = calloc(b.s->script_count * from->loops + 1, sizeof(*b.s->states));
    if (!b.s->states)
        good = build_no_memory(&b);
    if (good)
        return b.s;
    snapshot_unref(b.s);
    return NULL;
}

struct snapshot *snapshot_ref(struct snapshot *s) {
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    return s;
}

static void free_endpoint(struct endpoint *e) {
    snapshot_free_targets(e);
    mirror_unref(e->mirror);
    free(e->segment);
    free(e->segment_text);
    tuning_unref(e->tuning);
    if (e->vectors) {
        snapshot_free_remote(e->vectors->remote);
        text_encoder_unref(e->vectors->encoder);
    }
    free(e->vectors);
    output_schema_clear(&e->output);
    free((char *)(uintptr_t)e->switch_why.p);
    free(e->shares);
    free(e->weights);
    free(e->steps);
}

void snapshot_unref(struct snapshot *s) {
    if (!s || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) > 1)
        return;
    for (size_t i = 0; i < s->endpoint_count; i++)
        free_endpoint(&s->endpoints[i]);
    for (size_t i = 0; i < s->upstream_count; i++)
        upstream_unref(s->upstreams[i]);
    for (size_t i = 0; s->states && i < s->script_count * s->loops; i++)
        script_free(s->states[i]);
    for (size_t i = 0; i < s->script_count; i++) {
        free(s->scripts[i].text);
        free(s->scripts[i].owned);
    }
    client_table_clear(&s->clients);
    config_unref(s->config);
    price_table_unref(s->prices);
    budget_limits_unref(s->budgets);
    free(s->upstreams);
    free(s->endpoints);
    free(s->scripts);
    free(s->states);
    free(s);
}

const struct endpoint *snapshot_endpoint(const struct snapshot *s, struct str name) {
    for (size_t i = 0; i < s->endpoint_count; i++)
        if (str_eq(s->endpoints[i].name, name))
            return &s->endpoints[i];
    return NULL;
}

/* While a script runs, its loop answers nobody else. */
static const struct script_limits on_a_loop = {.instructions = 100000, .cpu_time = 10 * NS_PER_MS};

struct script *snapshot_script(struct snapshot *s, unsigned loop, int script, struct error *err) {
    struct script **state = &s->states[loop * s->script_count + (size_t)script];
    const struct script_source *source = &s->scripts[script];
    if (!*state) {
        /* What fails in it is told to clients: by the file's name, without our folders. */
        const char *slash = strrchr(source->path, '/');
        *state = script_new(str_from(source->text), slash ? slash + 1 : source->path, source->function,
                            &on_a_loop, err);
    }
    return *state;
}
