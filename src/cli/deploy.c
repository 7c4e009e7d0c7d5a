#include "cli/cli.h"

#include "cli/endpoint_argument.h"
#include "config/values.h"
#include "pipeline/deploy.h"

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
static bool deploy(const struct deploy_wish *c, struct store *store, const struct config *config,
                   const struct config_endpoint *e, const char *reference, struct error *err) {
    struct rollout_record r;
    if (c->override && (!c->by || !*c->by))
        return fail(err, ERR_USAGE, "--override needs --by NAME of who answers for it");
    struct deploy_wish wish = *c;
    wish.by = c->by ? c->by : who_runs();
    if (!deploy_prepare(&wish, store, config, e, reference, &r, err) || !deploy_start(&wish, store, &r, err))
        return false;
    if (c->kind == ROLLOUT_SHADOW) {
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
    struct deploy_wish *c = ctx;
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
    struct deploy_wish c = {.kind = ROLLOUT_CANARY};
    return store_command_run(&command, &c, argc, argv);
}
