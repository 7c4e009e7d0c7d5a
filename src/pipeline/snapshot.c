#include "pipeline/snapshot.h"

#include "base/clock.h"
#include "base/log.h"
#include "models/rules.h"
#include "pipeline/budgets.h"
#include "pipeline/segment.h"
#include "pipeline/serving.h"
#include "pipeline/thresholds.h"
#include "pipeline/tuning_version.h"
#include "store/endpoint_states.h"
#include "store/keys.h"
#include "store/prompts.h"
#include "store/registry.h"
#include "watch/shadows.h"
#include "watch/metrics/metrics.h"
#include "watch/monitors/monitors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct build {
    const struct snapshot_sources *from;
    struct config_problems *problems;
    struct snapshot *s;
    size_t script_room;
};

static bool no_memory(struct build *b) {
    config_problem(b->problems, b->from->config, NULL, "out of memory");
    return false;
}

static char *read_script(const char *path, struct error *err) {
    FILE *file = fopen(path, "re");
    if (!file) {
        fail(err, ERR_CONFIG, "cannot read %s: %m", path);
        return NULL;
    }
    char *text = malloc(SCRIPT_SOURCE_MAX + 2);
    size_t n = text ? fread(text, 1, SCRIPT_SOURCE_MAX + 1, file) : 0;
    fclose(file);
    if (!text || n > SCRIPT_SOURCE_MAX) {
        free(text);
        fail(err, ERR_CONFIG, "%s is larger than %d bytes", path, SCRIPT_SOURCE_MAX);
        return NULL;
    }
    text[n] = '\0';
    return text;
}

static bool make_script_room(struct build *b) {
    struct snapshot *s = b->s;
    if (s->script_count < b->script_room)
        return true;
    size_t room = b->script_room ? b->script_room * 2 : 8;
    struct script_source *more = realloc(s->scripts, room * sizeof(*more));
    if (!more)
        return no_memory(b);
    s->scripts = more;
    b->script_room = room;
    return true;
}

static int add_script(struct build *b, const char *path, const char *function,
                      const struct config_place *place) {
    struct snapshot *s = b->s;
    for (size_t i = 0; i < s->script_count; i++)
        if (strcmp(s->scripts[i].path, path) == 0 && strcmp(s->scripts[i].function, function) == 0)
            return (int)i;
    struct error err;
    char *text = read_script(path, &err);
    if (!text || !script_check(str_from(text), path, function, &err)) {
        free(text);
        config_problem(b->problems, b->from->config, place, "%s", err.message);
        return NO_SCRIPT;
    }
    if (!make_script_room(b)) {
        free(text);
        return NO_SCRIPT;
    }
    s->scripts[s->script_count] = (struct script_source){.path = path, .function = function, .text = text};
    return (int)s->script_count++;
}

/* A text that the store keeps. */
static int add_kept_script(struct build *b, const char *name, const char *text, const char *function) {
    struct snapshot *s = b->s;
    struct script_source source = {
        .owned = str_dup(str_from(name)), .text = str_dup(str_from(text)), .function = function};
    source.path = source.owned;
    if (source.owned && source.text && make_script_room(b)) {
        s->scripts[s->script_count] = source;
        return (int)s->script_count++;
    }
    free(source.owned);
    free(source.text);
    return NO_SCRIPT;
}

/* The i-th target of an endpoint: shares first, then the fallback steps', then the shadow. */
static const struct share *target_at(const struct endpoint *e, unsigned i) {
    if (i < e->share_count)
        return &e->shares[i];
    i -= e->share_count;
    return i < e->step_count ? &e->steps[i].target : &e->shadow;
}

static unsigned target_count(const struct endpoint *e) {
    return e->share_count + e->step_count + 1;
}

/* A version that the previous snapshot has, and still means the same, is taken over with its warm memory. */
static struct model_version *loaded(const struct snapshot *s, const struct version_record *record) {
    for (size_t e = 0; s && e < s->endpoint_count; e++) {
        const struct endpoint *endpoint = &s->endpoints[e];
        for (unsigned i = 0; i < target_count(endpoint); i++) {
            struct model_version *v = target_at(endpoint, i)->version;
            if (v && v->backend && v->version == record->version && strcmp(v->name, record->name) == 0)
                return v;
        }
    }
    return NULL;
}

static struct model_version *get_version(struct build *b, const char *endpoint,
                                         const struct config_model *wanted) {
    struct error err;
    struct version_record record;
    struct model_version *v = NULL;
    if (registry_find_serving(b->from->store, endpoint, wanted->name, wanted->version, &record, &err)) {
        struct model_version *same = loaded(b->s, &record);
        if (!same)
            same = loaded(b->from->previous, &record);
        unsigned version = record.version;
        version_record_clear(&record);
        if (same)
            return model_version_ref(same);
        if (model_version_load(b->from->store, endpoint, wanted->name, version, b->from->pool, &v, &err))
            return v;
    }
    config_problem(b->problems, b->from->config, &wanted->place, "%s", err.message);
    return NULL;
}

static struct upstream *upstream_named(const struct snapshot *s, const char *name) {
    for (size_t i = 0; s && i < s->upstream_count; i++)
        if (strcmp(s->upstreams[i]->config->name, name) == 0)
            return s->upstreams[i];
    return NULL;
}

static bool add_prices(struct build *b) {
    const struct config_pricing *p = &b->from->config->pricing;
    struct error err;
    if (!p->models)
        return true;
    b->s->prices = price_table_load(p->models, &err);
    if (!b->s->prices)
        config_problem(b->problems, b->from->config, &p->models_place, "%s", err.message);
    return b->s->prices != NULL;
}

static bool add_budgets(struct build *b) {
    struct error err;
    bool good = budgets_of(b->from->config, &b->s->budgets, &err);
    if (!good)
        config_problem(b->problems, b->from->config, NULL, "budgets: %s", err.message);
    return good;
}

static bool add_upstreams(struct build *b) {
    struct snapshot *s = b->s;
    const struct config *config = b->from->config;
    struct error err;
    s->upstreams = calloc(config->upstream_count + 1, sizeof(*s->upstreams));
    if (!s->upstreams)
        return no_memory(b);
    bool good = true;
    for (size_t i = 0; i < config->upstream_count; i++) {
        const struct config_upstream *c = &config->upstreams[i];
        struct upstream *u = upstream_make(config, c, upstream_named(b->from->previous, c->name), &err);
        if (u)
            s->upstreams[s->upstream_count++] = u;
        else
            config_problem(b->problems, config, NULL, "upstreams.%s: %s", c->name, err.message);
        good &= u != NULL;
    }
    return good;
}

/* The prompt as the registry has it now; *reference gets "#support-reply@2". */
static bool get_prompt(struct build *b, const struct config_name *wanted, struct remote_model *m,
                       char *reference, size_t size) {
    struct error err;
    struct prompt_record record;
    char name[MODEL_NAME_MAX + 1];
    unsigned version;
    if (!wanted->text)
        return true;
    if (registry_parse_reference(str_from(wanted->text), name, &version, &err) &&
        prompts_find(b->from->store, name, version, &record, &err)) {
        m->prompt = prompt_parse(str_from(record.text), &err);
        m->prompt_bytes = (int64_t)strlen(record.text);
        snprintf(reference, size, "#%s@%u", record.name, record.version);
        prompt_record_clear(&record);
    }
    if (!m->prompt)
        config_problem(b->problems, b->from->config, &wanted->place, "%s", err.message);
    return m->prompt != NULL;
}

static void free_remote(struct remote_model *m) {
    if (!m)
        return;
    upstream_unref(m->upstream);
    prompt_unref(m->prompt);
    free((char *)(uintptr_t)m->reference.p);
    free(m);
}

static struct remote_model *get_remote(struct build *b, const struct config_target *wanted) {
    struct upstream *upstream = upstream_named(b->s, wanted->upstream.text);
    struct remote_model *m = upstream ? calloc(1, sizeof *m) : NULL;
    char prompt[PROMPT_RECORD_NAME_MAX + 16] = "", *reference = NULL;
    if (!upstream)
        return NULL; /* its own problem has been said */
    if (!m) {
        no_memory(b);
        return NULL;
    }
    m->upstream = upstream_ref(upstream);
    m->experience = upstream_model(upstream, wanted->model.text);
    m->price = price_find(b->s->prices, str_from(wanted->model.text));
    if (!get_prompt(b, &wanted->prompt, m, prompt, sizeof prompt)) {
        free_remote(m);
        return NULL;
    }
    if (!m->experience ||
        asprintf(&reference, "%s/%s%s", wanted->upstream.text, wanted->model.text, prompt) < 0) {
        free_remote(m);
        no_memory(b);
        return NULL;
    }
    m->reference = str_from(reference);
    m->model = str_slice(m->reference, strlen(wanted->upstream.text) + 1, m->reference.n - strlen(prompt));
    return m;
}

static bool get_target(struct build *b, const struct config_endpoint *e, const struct config_target *wanted,
                       struct share *out) {
    if (wanted->upstream.text)
        out->remote = get_remote(b, wanted);
    else
        out->version = get_version(b, e->name, &wanted->model);
    return out->version || out->remote;
}

struct str share_reference(const struct share *s) {
    return s->version ? str_from(s->version->reference) : s->remote ? s->remote->reference : STR("");
}

/* A candidate that cannot be had, as when its file was changed, gets nothing, and the others go on. */
static bool get_candidate(struct build *b, const struct config_endpoint *e,
                          const struct config_target *wanted, struct share *out) {
    struct config_problems problems = {0}, *kept = b->problems;
    b->problems = &problems;
    bool good = get_target(b, e, wanted, out);
    b->problems = kept;
    if (!good)
        log_event(LOG_ERROR, "rollout.candidate_missing", "%s",
                  problems.count ? problems.list[0].message : "The candidate of a rollout cannot be had.");
    return good;
}

/* For whom the rollout is. */
static bool add_segment(struct build *b, struct endpoint *e, const struct rollout_record *r) {
    struct error err = {0};
    if (!*r->segment)
        return true;
    e->segment_text = str_dup(str_from(r->segment));
    e->segment = calloc(1, sizeof *e->segment);
    if (!e->segment_text || !e->segment)
        return no_memory(b);
    if (!segment_parse(str_from(e->segment_text), e->segment, &err)) {
        config_problem(b->problems, b->from->config, NULL, "rollout %s: %s", r->id, err.message);
        return false;
    }
    if (e->segment->kind == SEGMENT_RULE)
        e->segment_script =
            add_kept_script(b, e->segment_text + strlen("rule="), r->segment_rule, SEGMENT_FUNCTION);
    return e->segment->kind != SEGMENT_RULE || e->segment_script != NO_SCRIPT || no_memory(b);
}

/* What a rollout made of the configuration's one share. */
static bool add_rolled(struct build *b, struct endpoint *e, const struct serving *now) {
    const struct config_place *place = &e->config->rollout[0].target.model.place;
    struct error err;
    memcpy(e->rollout, now->rollout.id, sizeof e->rollout);
    e->salt = str_from(e->rollout);
    for (unsigned i = 0; i < now->count; i++) {
        struct serving_target t;
        if (!serving_parse(now->references[i], place, &t, &err)) {
            config_problem(b->problems, b->from->config, place, "%s", err.message);
            return false;
        }
        e->weights[i] = now->weights[i];
        if (i == 1 ? !get_candidate(b, e->config, &t.target, &e->shares[1])
                   : !get_target(b, e->config, &t.target, &e->shares[i]))
            return i == 1;
        e->share_count++;
    }
    e->rolling = e->share_count == 2 && now->rollout.state == ROLLOUT_RUNNING;
    return e->share_count < 2 || add_segment(b, e, &now->rollout);
}

static bool add_configured(struct build *b, struct endpoint *e) {
    const struct config_endpoint *config = e->config;
    bool good = true;
    for (size_t i = 0; i < config->rollout_count; i++) {
        e->weights[e->share_count] = config->rollout[i].weight;
        if (get_target(b, config, &config->rollout[i].target, &e->shares[e->share_count]))
            e->share_count++;
        else
            good = false;
    }
    return good;
}

/* Versions that the file names by their number: what starts once does so ever after, whatever a rollout or an
 * alias makes of it. Of others the log tells when it comes to that. */
static bool check_tables(struct build *b, const struct endpoint *e) {
    bool good = true;
    for (size_t i = 0; i < e->config->rollout_count; i++) {
        const struct config_model *m = &e->config->rollout[i].target.model;
        struct error err;
        if (!m->name || m->version == 0 ||
            thresholds_check(b->from->store, e->config, m->name, m->version, &err) ||
            err.code != ERR_CONFLICT)
            continue;
        config_problem(b->problems, b->from->config, &m->place, "%s", err.message);
        good = false;
    }
    return good;
}

static bool add_shares(struct build *b, struct endpoint *e) {
    struct serving now;
    struct error err;
    size_t room = e->config->rollout_count > 2 ? e->config->rollout_count : 2;
    e->shares = calloc(room, sizeof(*e->shares));
    e->weights = calloc(room, sizeof(*e->weights));
    if (!e->shares || !e->weights)
        return no_memory(b);
    if (!serving_of(b->from->store, e->config, &now, &err)) {
        config_problem(b->problems, b->from->config, NULL, "%s", err.message);
        return false;
    }
    return check_tables(b, e) && (now.rolled ? add_rolled(b, e, &now) : add_configured(b, e));
}

static struct mirror *going_on(const struct snapshot *previous, const char *rollout) {
    for (size_t i = 0; previous && i < previous->endpoint_count; i++) {
        struct mirror *m = previous->endpoints[i].mirror;
        if (m && strcmp(mirror_rollout(m), rollout) == 0)
            return mirror_ref(m);
    }
    return NULL;
}

/* What its candidate has cost today counts, also after a restart. */
static struct mirror *get_mirror(struct build *b, const struct rollout_record *r, struct error *err) {
    const struct mirror_terms terms = {r->mirror, r->mirror_at_once, r->mirror_per_day};
    const int64_t now = clock_wall(), day = 24 * 3600 * NS_PER_SECOND;
    int64_t spent;
    struct mirror *m = going_on(b->from->previous, r->id);
    if (m || !shadows_spent(b->from->store, r->id, now / day * day, &spent, err))
        return m;
    m = mirror_new(r->id, &terms, spent, now);
    if (!m)
        fail(err, ERR_NO_MEMORY, "out of memory");
    return m;
}

/* Nobody waits for a shadow: one that cannot be is left out, and said. */
static bool add_shadow(struct build *b, struct endpoint *e) {
    struct rollout_record r;
    struct serving_target t;
    struct error err;
    bool there;
    if (!serving_shadow(b->from->store, e->config, &there, &r, &err)) {
        config_problem(b->problems, b->from->config, NULL, "%s", err.message);
        return false;
    }
    if (!there || e->share_count != 1)
        return true;
    if (!add_segment(b, e, &r))
        return false;
    if (serving_parse(r.candidate, &e->config->rollout[0].target.model.place, &t, &err)) {
        if (!get_candidate(b, e->config, &t.target, &e->shadow))
            return true; /* said */
        e->mirror = get_mirror(b, &r, &err);
    }
    if (!e->mirror)
        log_event(LOG_ERROR, "rollout.failed", "Rollout %s mirrors nothing. %s", r.id, err.message);
    return true;
}

static bool add_steps(struct build *b, struct endpoint *e) {
    static const char *const names[] = {[STEP_RULES] = "rules",
                                        [STEP_CACHE] = "cache",
                                        [STEP_REVIEW] = "review",
                                        [STEP_TEXT] = "text",
                                        [STEP_ERROR] = "error"};
    const struct config_endpoint *config = e->config;
    e->steps = calloc(config->fallback_count + 1, sizeof(*e->steps));
    if (!e->steps)
        return no_memory(b);
    bool good = true;
    for (size_t i = 0; i < config->fallback_count; i++) {
        const struct config_step *from = &config->fallbacks[i];
        struct step *step = &e->steps[e->step_count++];
        *step =
            (struct step){.config = from, .kind = from->kind, .timeout = from->timeout, .script = NO_SCRIPT};
        if (from->kind == STEP_MODEL) {
            good &= get_target(b, config, &from->target, &step->target);
            step->name = share_reference(&step->target);
        } else {
            step->name = str_from(names[from->kind]);
        }
        if (from->kind == STEP_RULES) {
            const char *function = config->kind == ENDPOINT_CHAT ? "answer" : "classify";
            step->script = add_script(b, from->rules, function, &from->rules_place);
            good &= step->script != NO_SCRIPT;
        }
    }
    return good;
}

static bool add_tuning(struct build *b, struct endpoint *e) {
    const struct config_name *wanted = &e->config->semantic_cache;
    struct error err;
    if (!wanted->text)
        return true;
    e->tuning_name = str_from(wanted->text);
    bool good = tuning_version_open(b->from->store, e->config->name, wanted->text, &e->tuning, &err);
    if (!good)
        config_problem(b->problems, b->from->config, &wanted->place, "%s", err.message);
    return good;
}

static void leave_off(struct endpoint *e, const struct error *why) {
    log_event(LOG_ERROR, "semantic_cache.off", "The semantic cache of endpoint \"%s\" stays off: %s.",
              e->config->name, why->message);
    tuning_unref(e->tuning);
    e->tuning = NULL;
}

static struct text_encoder *loaded_encoder(const struct snapshot *s, const char *reference) {
    for (size_t i = 0; s && i < s->endpoint_count; i++) {
        const struct vector_source *v = s->endpoints[i].vectors;
        if (v && v->encoder && strcmp(v->reference, reference) == 0)
            return text_encoder_ref(v->encoder);
    }
    return NULL;
}

/* One that does not open leaves the cache off, as a model that does not load leaves its endpoint to others.
 */
static bool get_encoder(struct build *b, struct endpoint *e, struct vector_source *v) {
    static const struct breaker_options standard = {.errors = 0.5,
                                                    .minimum = 20,
                                                    .window_ns = 10 * NS_PER_SECOND,
                                                    .open_ns = 2 * NS_PER_SECOND,
                                                    .open_max_ns = 60 * NS_PER_SECOND,
                                                    .probes = 3};
    const struct config_model *wanted = &e->config->semantic_vectors.target.model;
    char name[MODEL_NAME_MAX + 1];
    unsigned version;
    struct version_record record;
    struct error err;
    v->breaker_options = standard;
    v->pool = b->from->pool;
    v->encoder = loaded_encoder(b->s, v->reference);
    if (!v->encoder)
        v->encoder = loaded_encoder(b->from->previous, v->reference);
    if (v->encoder)
        return true;
    if (registry_parse_reference(str_from(v->reference), name, &version, &err) &&
        registry_find(b->from->store, name, version, &record, &err)) {
        bool good = text_encoder_load(b->from->store, &record, &v->encoder, &err);
        version_record_clear(&record);
        if (good)
            return true;
        if (err.code != ERR_CONFIG) {
            leave_off(e, &err);
            return true;
        }
    }
    config_problem(b->problems, b->from->config, &wanted->place, "%s", err.message);
    return false;
}

/* The registry can change under a good configuration, so a tuning that does not fit is no problem of the
 * file: the cache stays off, and says so. */
static bool add_vectors(struct build *b, struct endpoint *e) {
    const struct config_vectors *config = &e->config->semantic_vectors;
    char reference[TUNING_VECTORS_SIZE];
    struct error err;
    if (!tuning_version_vectors(b->from->store, e->config->name, config, reference, &err)) {
        config_problem(b->problems, b->from->config, &config->target.model.place, "%s", err.message);
        return false;
    }
    if (e->tuning && !tuning_version_fits(e->tuning, e->config->semantic_cache.text, reference, &err))
        leave_off(e, &err);
    if (!config->target.model.text)
        return true;
    struct vector_source *v = e->vectors = calloc(1, sizeof *v);
    if (!v)
        return no_memory(b);
    memcpy(v->reference, reference, sizeof reference);
    if (!config->target.upstream.text)
        return get_encoder(b, e, v);
    v->remote = get_remote(b, &config->target);
    if (v->remote)
        v->breaker_options = v->remote->upstream->breaker_options;
    return v->remote != NULL;
}

/* What answers must look like, those included that the configuration itself gives. */
static bool add_output(struct build *b, struct endpoint *e) {
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
static bool check_summaries(struct build *b) {
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
static bool add_overflow(struct build *b, struct endpoint *e) {
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

static bool add_switch(struct build *b, struct endpoint *e) {
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
    return text || no_memory(b);
}

static bool add_endpoints(struct build *b) {
    struct snapshot *s = b->s;
    const struct config *config = b->from->config;
    unsigned rates = 0;
    bool good = true;
    s->endpoints = calloc(config->endpoint_count + 1, sizeof(*s->endpoints));
    if (!s->endpoints)
        return no_memory(b);
    for (size_t i = 0; i < config->endpoint_count; i++) {
        struct endpoint *e = &s->endpoints[i];
        e->config = &config->endpoints[i];
        e->name = e->salt = str_from(e->config->name);
        e->verify_script = e->route_script = e->segment_script = NO_SCRIPT;
        e->rate_index = e->config->has_rate ? ++rates : 0;
        s->endpoint_count++;
        good &= add_tuning(b, e) && add_vectors(b, e);
        good &= add_output(b, e);
        good &= add_shares(b, e);
        good &= add_steps(b, e);
        good &= add_shadow(b, e);
        if (e->config->rules) {
            e->verify_script = add_script(b, e->config->rules, "verify", &e->config->rules_place);
            good &= e->verify_script != NO_SCRIPT;
        }
        if (e->config->route_rule) {
            e->route_script = add_script(b, e->config->route_rule, "route", &e->config->route_rule_place);
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

static void add_unaddressed(struct build *b) {
    b->s->unaddressed = (struct endpoint){
        .config = &unaddressed, .name = STR(""), .verify_script = NO_SCRIPT, .route_script = NO_SCRIPT};
    if (b->from->metrics)
        b->s->unaddressed.metrics = metrics_endpoint(b->from->metrics, "");
}

/* The table has the keys in force in the list's order. */
static bool count_uses(struct build *b, const struct key_record *keys, size_t count, struct error *err) {
    struct client *client = b->s->clients.clients;
    for (size_t i = 0; b->from->key_uses && i < count; i++)
        if (keys[i].revoked == 0 && !((client++)->count = key_uses_of(b->from->key_uses, &keys[i])))
            return fail(err, ERR_NO_MEMORY, "Out of memory while reading %zu keys.", count);
    return true;
}

static bool add_clients(struct build *b) {
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
    struct build b = {.from = from, .problems = problems, .s = calloc(1, sizeof(struct snapshot))};
    if (!b.s) {
        no_memory(&b);
        return NULL;
    }
    b.s->refs = 1;
    b.s->config = config_ref(from->config);
    b.s->loops = from->loops;
    bool good = add_prices(&b);
    good &= add_budgets(&b);
    good &= add_upstreams(&b);
    good &= add_endpoints(&b);
    add_unaddressed(&b);
    good &= add_clients(&b);
    b.s->states = calloc(b.s->script_count * from->loops + 1, sizeof(*b.s->states));
    if (!b.s->states)
        good = no_memory(&b);
    if (good)
        return b.s;
    snapshot_unref(b.s);
    return NULL;
}

struct snapshot *snapshot_ref(struct snapshot *s) {
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    return s;
}

static void clear_target(const struct share *target) {
    model_version_unref(target->version);
    free_remote(target->remote);
}

static void free_endpoint(struct endpoint *e) {
    for (unsigned i = 0; i < target_count(e); i++)
        clear_target(target_at(e, i));
    mirror_unref(e->mirror);
    free(e->segment);
    free(e->segment_text);
    tuning_unref(e->tuning);
    if (e->vectors) {
        free_remote(e->vectors->remote);
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
