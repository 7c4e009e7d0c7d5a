#include "pipeline/deploy.h"

#include "base/clock.h"
#include "models/version.h"
#include "pipeline/deploy_segment.h"
#include "pipeline/rollouts.h"
#include "pipeline/serving.h"
#include "pipeline/thresholds.h"
#include "store/evaluations.h"
#include "store/history.h"
#include "work/pool.h"

#include <stdio.h>
#include <string.h>

enum { GATE_CASES = 200 };

/* ---- what is asked for ---- */

static bool add_steps(struct rollout_record *r, const char *text, struct error *err) {
    struct str rest = str_from(text);
    size_t used = 0;
    double share, last = -1;
    while (rest.n) {
        struct str step = str_trim(str_split(&rest, ','));
        if (str_ends(step, STR("%")))
            step = str_trim(str_slice(step, 0, step.n - 1));
        if (!str_to_double(step, &share) || share < 0 || share > 100 || share <= last)
            return fail(err, ERR_USAGE, "steps is \"%.80s\"; expected growing percentages, such as 5,25,50",
                        text);
        last = share;
        if (share == 100 && r->kind == ROLLOUT_CANARY && used > 0)
            break; /* that is what promotion does */
        int n = snprintf(r->steps + used, sizeof r->steps - used, "%s%g", used ? "," : "", share / 100);
        if (n < 0 || (used += (size_t)n) >= sizeof r->steps)
            return fail(err, ERR_USAGE, "steps is longer than a rollout can be");
    }
    return used > 0 || fail(err, ERR_USAGE, "steps is empty; expected percentages, such as 5,25,50");
}

static bool fill(const struct deploy_wish *c, struct rollout_record *r, struct error *err) {
    struct rollout_plan plan = rollout_plan_default(c->kind);
    size_t used = 0;
    r->kind = (int)c->kind;
    r->step_least = c->pause ? c->pause : plan.step_least_ns;
    r->step_most = c->limit                            ? c->limit
                   : plan.step_most_ns > r->step_least ? plan.step_most_ns
                                                       : 2 * r->step_least;
    r->least = (int64_t)(c->least ? c->least : plan.analysis.least);
    str_put(str_from(c->by), r->who, sizeof r->who);
    str_put(str_from(c->why), r->why, sizeof r->why);
    if (r->step_most < r->step_least)
        return fail(err, ERR_USAGE, "limit is shorter than pause");
    for (unsigned i = 0; !c->steps && i < plan.step_count; i++)
        used +=
            (size_t)snprintf(r->steps + used, sizeof r->steps - used, "%s%g", used ? "," : "", plan.steps[i]);
    if (c->steps && c->kind == ROLLOUT_SHADOW)
        return fail(err, ERR_USAGE, "a shadow has no steps; say mirror");
    if ((c->steps && !add_steps(r, c->steps, err)) || !rollout_plan_of(r, &plan, err))
        return false;
    r->weight = plan.steps[0];
    return true;
}

/* ---- whether it may ---- */

static bool loads(struct store *store, const struct config_endpoint *e, const struct config_model *m,
                  char reference[ROLLOUT_NAME_MAX + 1], unsigned *version, struct error *err) {
    struct model_version *v;
    struct work_pool *pool = work_pool_new(1);
    bool good = pool && model_version_load(store, e->name, m->name, m->version, pool, &v, err);
    if (good) {
        *version = v->version;
        snprintf(reference, ROLLOUT_NAME_MAX + 1, "%s", v->reference);
        model_version_unref(v);
    }
    work_pool_free(pool);
    return good || (!pool && fail(err, ERR_NO_MEMORY, "out of memory"));
}

/* The candidate as it will be called, and is there. */
static bool find_candidate(struct store *store, const struct config *config, const struct config_endpoint *e,
                           const char *reference, struct rollout_record *r, unsigned *version,
                           struct error *err) {
    struct serving_target t;
    bool remote = e->kind != ENDPOINT_CLASSIFY;
    *version = 0;
    if (!serving_parse(reference, &e->rollout[0].target.model.place, &t, err))
        return false;
    if (remote != (t.target.upstream.text != NULL))
        return fail(err, ERR_USAGE, "endpoint \"%s\" takes %s", e->name,
                    remote ? "UPSTREAM/MODEL" : "NAME@VERSION of the registry");
    if (!remote)
        return loads(store, e, &t.target.model, r->candidate, version, err);
    for (size_t i = 0; i < config->upstream_count; i++)
        if (strcmp(config->upstreams[i].name, t.target.upstream.text) == 0) {
            str_put(str_from(reference), r->candidate, sizeof r->candidate);
            return true;
        }
    return fail(err, ERR_NOT_FOUND, "%s has no upstream \"%.60s\"", config->source, t.target.upstream.text);
}

/* No version without a passing evaluation, unless somebody answers for it. */
static bool passes_gate(const struct deploy_wish *c, struct store *store, const struct rollout_record *r,
                        unsigned version, struct error *err) {
    struct evaluation_filter wanted = {.endpoint = r->endpoint, .version = version, .cases_min = GATE_CASES};
    struct evaluation_record passed;
    char model[ROLLOUT_NAME_MAX + 1];
    bool found;
    str_put(str_from(r->candidate), model, sizeof model);
    if (version)
        *strrchr(model, '@') = '\0';
    wanted.model = model;
    if (c->kind == ROLLOUT_SHADOW) /* it answers nobody */
        return true;
    if (c->override)
        return *c->override || fail(err, ERR_USAGE, "override needs a reason");
    if (!evaluations_latest_passing(store, &wanted, &found, &passed, err))
        return false;
    return found ||
           fail(err, ERR_CONFLICT,
                "%s has no passing evaluation for endpoint \"%s\" with at least %d cases. Run \"penstock "
                "eval SUITE --model %s\" with a suite of this endpoint, or say why it goes without one "
                "(override).",
                r->candidate, r->endpoint, GATE_CASES, r->candidate);
}

static bool may_start(const struct config_endpoint *e, const struct rollout_record *r, struct error *err) {
    if (e->kind != ENDPOINT_CLASSIFY && e->route != ROUTE_WEIGHT)
        return fail(err, ERR_CONFLICT,
                    "endpoint \"%s\" is not routed by weight, so no share can be given to a candidate",
                    e->name);
    if (strcmp(r->stable, r->candidate) == 0)
        return fail(err, ERR_CONFLICT, "%s serves endpoint \"%s\" already", r->candidate, e->name);
    return true;
}

/* Where thresholds are to move, the candidate must have something to move along. */
static bool may_overflow(struct store *store, const struct config_endpoint *e, const struct rollout_record *r,
                         unsigned version, struct error *err) {
    char model[ROLLOUT_NAME_MAX + 1];
    if (!version)
        return true;
    str_put(str_from(r->candidate), model, sizeof model);
    *strrchr(model, '@') = '\0';
    return thresholds_check(store, e, model, version, err);
}

bool deploy_prepare(const struct deploy_wish *c, struct store *store, const struct config *config,
                    const struct config_endpoint *e, const char *reference, struct rollout_record *r,
                    struct error *err) {
    unsigned version;
    bool shadow = c->kind == ROLLOUT_SHADOW;
    *r = (struct rollout_record){0};
    str_put(str_from(e->name), r->endpoint, sizeof r->endpoint);
    serving_base(e, r->base);
    return fill(c, r, err) && deploy_shadow_fill(&c->shadow, shadow, e, r, err) &&
           (!c->segment || deploy_segment_fill(c->segment, config, store, r, err)) &&
           serving_alone(store, e, r->stable, err) &&
           find_candidate(store, config, e, reference, r, &version, err) && may_start(e, r, err) &&
           (shadow || may_overflow(store, e, r, version, err)) &&
           (!shadow || deploy_shadow_check(config, r, err)) && passes_gate(c, store, r, version, err);
}

bool deploy_start(const struct deploy_wish *c, struct store *store, struct rollout_record *r,
                  struct error *err) {
    struct change audit = {.endpoint = r->endpoint,
                           .what = "rollout.gate_overridden",
                           .who = r->who,
                           .why = c->override,
                           .before = "",
                           .after = ""};
    if (!c->override)
        return rollouts_start(store, r, err);
    if (!store_begin(store, true, err))
        return false;
    if (history_add(store, &audit, err) && rollouts_start(store, r, err))
        return store_commit(store, err);
    store_rollback(store);
    return false;
}
