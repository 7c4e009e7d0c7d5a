#include "cli/cli.h"

#include "cli/deploy_segment.h"
#include "cli/deploy_shadow.h"
#include "cli/endpoint_argument.h"
#include "config/values.h"
#include "models/version.h"
#include "pipeline/rollouts.h"
#include "pipeline/serving.h"
#include "store/evaluations.h"
#include "store/history.h"
#include "work/pool.h"

#include <stdio.h>
#include <string.h>

static const char help[] =
    "Usage: penstock deploy ENDPOINT REFERENCE -c FILE [OPTION…]\n\n"
    "Rolls a version out at an endpoint, in steps that judge themselves: errors, latency, cost, fallbacks, "
    "reviews,\n"
    "confidence and labels of the candidate beside those of what serves now. It ends promoted, rolled back, "
    "or as\n"
    "\"not enough data\". REFERENCE: NAME@VERSION of the registry, UPSTREAM/MODEL or "
    "UPSTREAM/MODEL#PROMPT@VERSION.\n\n"
    "      --kind KIND       canary (5, 25, 50 %, then all; the default), ab (half and half for a set time), "
    "blue-green\n"
    "                        (all at once, compared with what was before) or shadow (answers nobody: asked "
    "what "
    "others\n"
    "                        were asked, after they got their replies; needs no evaluation)\n"
    "      --steps LIST      the candidate's shares in percent, such as 5,25,50\n"
    "      --pause TIME      a step lasts at least so long (default 10m; of ab 24h)\n"
    "      --limit TIME      and without enough evidence at the most (default 24h; of ab 48h)\n"
    "      --least N         requests of the candidate before anything is decided (default 200)\n"
    "      --mirror SHARE    of shadow: of so many requests (default 100%)\n"
    "      --at-once N       of shadow: so many under way at most (default 4); what comes then is not "
    "mirrored\n"
    "      --per-day USD     of shadow: what a language model may cost in a day, or none (default 5)\n"
    "      --disagreement SHARE  of shadow: other answers that are allowed (default 10%)\n"
    "      --segment WHO     for some only: client=NAME,NAME…, header=NAME:VALUE or rule=FILE.lua, whose "
    "segment(r)\n"
    "                        says so (docs/rules.md); others stay with what serves now\n"
    "      --why TEXT        for the history\n"
    "      --by NAME         who does it (default: the user that runs this)\n"
    "      --override REASON go without a passing evaluation of the version; needs --by\n" STORE_OPTIONS_HELP;

enum {
    OPTION_KIND = OPTION_OWN,
    OPTION_STEPS,
    OPTION_PAUSE,
    OPTION_LIMIT,
    OPTION_LEAST,
    OPTION_SEGMENT,
    OPTION_MIRROR,
    OPTION_AT_ONCE,
    OPTION_PER_DAY,
    OPTION_DISAGREEMENT,
    OPTION_WHY,
    OPTION_BY,
    OPTION_OVERRIDE
};
enum { GATE_CASES = 200 };

struct deploy_command {
    enum rollout_kind kind;
    const char *steps, *segment, *why, *by, *override;
    struct shadow_arguments shadow;
    int64_t pause, limit;
    uint64_t least;
};

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
            return fail(err, ERR_USAGE, "--steps is \"%.80s\"; expected growing percentages, such as 5,25,50",
                        text);
        last = share;
        if (share == 100 && r->kind == ROLLOUT_CANARY && used > 0)
            break; /* that is what promotion does */
        int n = snprintf(r->steps + used, sizeof r->steps - used, "%s%g", used ? "," : "", share / 100);
        if (n < 0 || (used += (size_t)n) >= sizeof r->steps)
            return fail(err, ERR_USAGE, "--steps is longer than a rollout can be");
    }
    return used > 0 || fail(err, ERR_USAGE, "--steps is empty; expected percentages, such as 5,25,50");
}

static bool fill(const struct deploy_command *c, struct rollout_record *r, struct error *err) {
    struct rollout_plan plan = rollout_plan_default(c->kind);
    size_t used = 0;
    r->kind = (int)c->kind;
    r->step_least = c->pause ? c->pause : plan.step_least_ns;
    r->step_most = c->limit                            ? c->limit
                   : plan.step_most_ns > r->step_least ? plan.step_most_ns
                                                       : 2 * r->step_least;
    r->least = (int64_t)(c->least ? c->least : plan.analysis.least);
    str_put(str_from(c->by ? c->by : who_runs()), r->who, sizeof r->who);
    str_put(str_from(c->why), r->why, sizeof r->why);
    if (r->step_most < r->step_least)
        return fail(err, ERR_USAGE, "--limit is shorter than --pause");
    for (unsigned i = 0; !c->steps && i < plan.step_count; i++)
        used +=
            (size_t)snprintf(r->steps + used, sizeof r->steps - used, "%s%g", used ? "," : "", plan.steps[i]);
    if (c->steps && c->kind == ROLLOUT_SHADOW)
        return fail(err, ERR_USAGE, "a shadow has no --steps; say --mirror");
    if ((c->steps && !add_steps(r, c->steps, err)) || !rollout_plan_of(r, &plan, err))
        return false;
    r->weight = plan.steps[0];
    return true;
}

/* ---- whether it may ---- */

static bool loads(struct store *store, const struct config_model *m, char reference[ROLLOUT_NAME_MAX + 1],
                  unsigned *version, struct error *err) {
    struct model_version *v;
    struct work_pool *pool = work_pool_new(1);
    bool good = pool && model_version_load(store, m->name, m->version, pool, &v, err);
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
        return loads(store, &t.target.model, r->candidate, version, err);
    for (size_t i = 0; i < config->upstream_count; i++)
        if (strcmp(config->upstreams[i].name, t.target.upstream.text) == 0) {
            str_put(str_from(reference), r->candidate, sizeof r->candidate);
            return true;
        }
    return fail(err, ERR_NOT_FOUND, "%s has no upstream \"%.60s\"", config->source, t.target.upstream.text);
}

/* No version without a passing evaluation, unless somebody answers for it. */
static bool passes_gate(const struct deploy_command *c, struct store *store, const struct rollout_record *r,
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
        return (c->by && *c->by && *c->override) ||
               fail(err, ERR_USAGE, "--override needs a reason, and --by NAME of who answers for it");
    if (!evaluations_latest_passing(store, &wanted, &found, &passed, err))
        return false;
    return found ||
           fail(err, ERR_CONFLICT,
                "%s has no passing evaluation for endpoint \"%s\" with at least %d cases. Run \"penstock "
                "eval SUITE --model %s\" with a suite of this endpoint, or say --override REASON --by NAME.",
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

static bool start(const struct deploy_command *c, struct store *store, struct rollout_record *r,
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

static bool deploy(const struct deploy_command *c, struct store *store, const struct config *config,
                   const struct config_endpoint *e, const char *reference, struct error *err) {
    struct rollout_record r = {0};
    unsigned version;
    str_put(str_from(e->name), r.endpoint, sizeof r.endpoint);
    serving_base(e, r.base);
    bool shadow = c->kind == ROLLOUT_SHADOW;
    if (!fill(c, &r, err) || !deploy_shadow_fill(&c->shadow, shadow, e, &r, err) ||
        (c->segment && !deploy_segment_fill(c->segment, config, store, &r, err)) ||
        !serving_alone(store, e, r.stable, err) ||
        !find_candidate(store, config, e, reference, &r, &version, err) || !may_start(e, &r, err) ||
        (shadow && !deploy_shadow_check(config, &r, err)) || !passes_gate(c, store, &r, version, err) ||
        !start(c, store, &r, err))
        return false;
    if (shadow) {
        printf("Rollout %s: %s is asked what %s is asked at endpoint \"%s\", of %g %% of the requests, and "
               "answers "
               "nobody.\n",
               r.id, r.candidate, r.stable, r.endpoint, 100 * r.mirror);
        return true;
    }
    printf("Rollout %s: %s takes over from %s at endpoint \"%s\", now with %g %% of the requests%s%s.\n",
           r.id, r.candidate, r.stable, r.endpoint, 100 * r.weight, *r.segment ? " of " : "", r.segment);
    return true;
}

/* ---- arguments ---- */

static bool run(void *ctx, const struct store_option *o, char **words, int count, struct error *err) {
    const struct config *config;
    const struct config_endpoint *e;
    struct store *store;
    if (count != 2)
        return fail(err, ERR_USAGE, "expected ENDPOINT and REFERENCE");
    if (!endpoint_argument(o, words[0], &config, &e, err))
        return false;
    bool good = store_option_open(o, false, &store, err);
    if (good) {
        good = deploy(ctx, store, config, e, words[1], err);
        store_close(store);
    }
    config_unref(config);
    return good;
}

static bool read_time(const char *name, const char *value, int64_t *out, struct error *err) {
    return (value_duration(str_from(value), out) && *out > 0) ||
           fail(err, ERR_USAGE, "--%s is \"%.40s\"; expected a duration, such as 30s, 10m or 24h", name,
                value);
}

static bool read_option(void *ctx, int option, const char *value, struct error *err) {
    struct deploy_command *c = ctx;
    switch (option) {
    case OPTION_KIND:
        return rollout_kind_parse(str_from(value), &c->kind) ||
               fail(err, ERR_USAGE, "--kind is \"%.40s\"; expected canary, ab, blue-green or shadow", value);
    case OPTION_STEPS: c->steps = value; return true;
    case OPTION_PAUSE: return read_time("pause", value, &c->pause, err);
    case OPTION_LIMIT: return read_time("limit", value, &c->limit, err);
    case OPTION_LEAST:
        return (str_to_u64(str_from(value), &c->least) && c->least >= 1 && c->least <= 1000000000) ||
               fail(err, ERR_USAGE, "--least is \"%.40s\"; expected a number of requests", value);
    case OPTION_SEGMENT: c->segment = value; return true;
    case OPTION_MIRROR: c->shadow.mirror = value; return true;
    case OPTION_AT_ONCE: c->shadow.at_once = value; return true;
    case OPTION_PER_DAY: c->shadow.per_day = value; return true;
    case OPTION_DISAGREEMENT: c->shadow.disagreement = value; return true;
    case OPTION_WHY: c->why = value; return true;
    case OPTION_BY: c->by = value; return true;
    case OPTION_OVERRIDE: c->override = value; return true;
    default: return fail(err, ERR_USAGE, "see \"penstock deploy --help\"");
    }
}

int cli_deploy(int argc, char **argv) {
    static const struct option options[] = {{"kind", required_argument, NULL, OPTION_KIND},
                                            {"steps", required_argument, NULL, OPTION_STEPS},
                                            {"pause", required_argument, NULL, OPTION_PAUSE},
                                            {"limit", required_argument, NULL, OPTION_LIMIT},
                                            {"least", required_argument, NULL, OPTION_LEAST},
                                            {"segment", required_argument, NULL, OPTION_SEGMENT},
                                            {"mirror", required_argument, NULL, OPTION_MIRROR},
                                            {"at-once", required_argument, NULL, OPTION_AT_ONCE},
                                            {"per-day", required_argument, NULL, OPTION_PER_DAY},
                                            {"disagreement", required_argument, NULL, OPTION_DISAGREEMENT},
                                            {"why", required_argument, NULL, OPTION_WHY},
                                            {"by", required_argument, NULL, OPTION_BY},
                                            {"override", required_argument, NULL, OPTION_OVERRIDE},
                                            STORE_LONG_OPTIONS,
                                            {0}};
    static const struct store_command command = {"deploy", help, options, read_option, run};
    struct deploy_command c = {.kind = ROLLOUT_CANARY};
    return store_command_run(&command, &c, argc, argv);
}
