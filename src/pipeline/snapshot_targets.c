#include "pipeline/snapshot_build.h"

#include "base/clock.h"
#include "base/log.h"
#include "pipeline/segment.h"
#include "pipeline/serving.h"
#include "pipeline/thresholds.h"
#include "store/prompts.h"
#include "store/registry.h"
#include "watch/shadows.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static struct model_version *get_version(struct snapshot_build *b, const char *endpoint,
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

bool build_upstreams(struct snapshot_build *b) {
    struct snapshot *s = b->s;
    const struct config *config = b->from->config;
    struct error err;
    s->upstreams = calloc(config->upstream_count + 1, sizeof(*s->upstreams));
    if (!s->upstreams)
        return build_no_memory(b);
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
static bool get_prompt(struct snapshot_build *b, const struct config_name *wanted, struct remote_model *m,
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

void snapshot_free_remote(struct remote_model *m) {
    if (!m)
        return;
    upstream_unref(m->upstream);
    prompt_unref(m->prompt);
    free((char *)(uintptr_t)m->reference.p);
    free(m);
}

struct remote_model *build_remote(struct snapshot_build *b, const struct config_target *wanted) {
    struct upstream *upstream = upstream_named(b->s, wanted->upstream.text);
    struct remote_model *m = upstream ? calloc(1, sizeof *m) : NULL;
    char prompt[PROMPT_RECORD_NAME_MAX + 16] = "", *reference = NULL;
    if (!upstream)
        return NULL; /* its own problem has been said */
    if (!m) {
        build_no_memory(b);
        return NULL;
    }
    m->upstream = upstream_ref(upstream);
    m->experience = upstream_model(upstream, wanted->model.text);
    m->price = price_find(b->s->prices, str_from(wanted->model.text));
    if (!get_prompt(b, &wanted->prompt, m, prompt, sizeof prompt)) {
        snapshot_free_remote(m);
        return NULL;
    }
    if (!m->experience ||
        asprintf(&reference, "%s/%s%s", wanted->upstream.text, wanted->model.text, prompt) < 0) {
        snapshot_free_remote(m);
        build_no_memory(b);
        return NULL;
    }
    m->reference = str_from(reference);
    m->model = str_slice(m->reference, strlen(wanted->upstream.text) + 1, m->reference.n - strlen(prompt));
    return m;
}

static bool get_target(struct snapshot_build *b, const struct config_endpoint *e,
                       const struct config_target *wanted, struct share *out) {
    if (wanted->upstream.text)
        out->remote = build_remote(b, wanted);
    else
        out->version = get_version(b, e->name, &wanted->model);
    return out->version || out->remote;
}

struct str share_reference(const struct share *s) {
    return s->version ? str_from(s->version->reference) : s->remote ? s->remote->reference : STR("");
}

/* A candidate that cannot be had, as when its file was changed, gets nothing, and the others go on. */
static bool get_candidate(struct snapshot_build *b, const struct config_endpoint *e,
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
static bool add_segment(struct snapshot_build *b, struct endpoint *e, const struct rollout_record *r) {
    struct error err = {0};
    if (!*r->segment)
        return true;
    e->segment_text = str_dup(str_from(r->segment));
    e->segment = calloc(1, sizeof *e->segment);
    if (!e->segment_text || !e->segment)
        return build_no_memory(b);
    if (!segment_parse(str_from(e->segment_text), e->segment, &err)) {
        config_problem(b->problems, b->from->config, NULL, "rollout %s: %s", r->id, err.message);
        return false;
    }
    if (e->segment->kind == SEGMENT_RULE)
        e->segment_script =
            build_kept_script(b, e->segment_text + strlen("rule="), r->segment_rule, SEGMENT_FUNCTION);
    return e->segment->kind != SEGMENT_RULE || e->segment_script != NO_SCRIPT || build_no_memory(b);
}

/* What a rollout made of the configuration's one share. */
static bool add_rolled(struct snapshot_build *b, struct endpoint *e, const struct serving *now) {
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

static bool add_configured(struct snapshot_build *b, struct endpoint *e) {
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
static bool check_tables(struct snapshot_build *b, const struct endpoint *e) {
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

bool build_shares(struct snapshot_build *b, struct endpoint *e) {
    struct serving now;
    struct error err;
    size_t room = e->config->rollout_count > 2 ? e->config->rollout_count : 2;
    e->shares = calloc(room, sizeof(*e->shares));
    e->weights = calloc(room, sizeof(*e->weights));
    if (!e->shares || !e->weights)
        return build_no_memory(b);
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
static struct mirror *get_mirror(struct snapshot_build *b, const struct rollout_record *r,
                                 struct error *err) {
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
bool build_shadow(struct snapshot_build *b, struct endpoint *e) {
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

bool build_steps(struct snapshot_build *b, struct endpoint *e) {
    static const char *const names[] = {[STEP_RULES] = "rules",
                                        [STEP_CACHE] = "cache",
                                        [STEP_REVIEW] = "review",
                                        [STEP_TEXT] = "text",
                                        [STEP_ERROR] = "error"};
    const struct config_endpoint *config = e->config;
    e->steps = calloc(config->fallback_count + 1, sizeof(*e->steps));
    if (!e->steps)
        return build_no_memory(b);
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
            step->script = build_script(b, from->rules, function, &from->rules_place);
            good &= step->script != NO_SCRIPT;
        }
    }
    return good;
}

void snapshot_free_targets(struct endpoint *e) {
    for (unsigned i = 0; i < target_count(e); i++) {
        model_version_unref(target_at(e, i)->version);
        snapshot_free_remote(target_at(e, i)->remote);
    }
}
