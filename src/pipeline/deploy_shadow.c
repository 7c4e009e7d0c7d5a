#include "pipeline/deploy_shadow.h"

#include "chat/prices.h"
#include "config/values.h"

#include <string.h>

enum { AT_ONCE_STANDARD = 4, AT_ONCE_MAX = 1000 };
#define PER_DAY_STANDARD (INT64_C(5) * 1000000000)

static bool read_share(const char *name, const char *value, double *out, struct error *err) {
    return (value_percent(str_from(value), out) && *out > 0 && *out <= 1) ||
           fail(err, ERR_USAGE, "%s is \"%.40s\"; expected a percentage, such as 10%%", name, value);
}

static bool read_at_once(const char *value, unsigned *out, struct error *err) {
    uint64_t n;
    if (!str_to_u64(str_from(value), &n) || n < 1 || n > AT_ONCE_MAX)
        return fail(err, ERR_USAGE, "at-once is \"%.40s\"; expected a number from 1 to %d", value,
                    AT_ONCE_MAX);
    *out = (unsigned)n;
    return true;
}

static bool read_per_day(const char *value, int64_t *out, struct error *err) {
    if (strcmp(value, "none") == 0) {
        *out = 0;
        return true;
    }
    return (value_usd(str_from(value), out) && *out > 0) ||
           fail(err, ERR_USAGE, "per-day is \"%.40s\"; expected dollars, such as 2.50, or none", value);
}

bool deploy_shadow_fill(const struct shadow_arguments *a, bool shadow, const struct config_endpoint *e,
                        struct rollout_record *r, struct error *err) {
    bool language = e->kind != ENDPOINT_CLASSIFY;
    if (!shadow)
        return (!a->mirror && !a->at_once && !a->per_day && !a->disagreement) ||
               fail(err, ERR_USAGE, "mirror, at-once, per-day and disagreement are for the kind shadow only");
    if (a->per_day && !language)
        return fail(err, ERR_USAGE, "per-day is for language models; a version runs on this machine");
    r->mirror = 1;
    r->mirror_at_once = AT_ONCE_STANDARD;
    r->mirror_per_day = language ? PER_DAY_STANDARD : 0;
    return (!a->mirror || read_share("mirror", a->mirror, &r->mirror, err)) &&
           (!a->disagreement || read_share("disagreement", a->disagreement, &r->disagreement, err)) &&
           (!a->at_once || read_at_once(a->at_once, &r->mirror_at_once, err)) &&
           (!a->per_day || read_per_day(a->per_day, &r->mirror_per_day, err));
}

/* "main/gpt-4o#support@3": "gpt-4o" */
static struct str model_of(const char *reference) {
    struct str rest = str_from(reference);
    str_split(&rest, '/');
    const char *prompt = memrchr(rest.p, '#', rest.n);
    return prompt ? str_slice(rest, 0, (size_t)(prompt - rest.p)) : rest;
}

static bool has_price(const struct config *config, struct str model, bool *has, struct error *err) {
    struct price_table *prices = NULL;
    if (config->pricing.models && !(prices = price_table_load(config->pricing.models, err)))
        return false;
    *has = price_find(prices, model) != NULL;
    price_table_unref(prices);
    return true;
}

bool deploy_shadow_check(const struct config *config, const struct rollout_record *r, struct error *err) {
    struct str model = model_of(r->candidate), upstream = str_from(r->candidate);
    bool has;
    upstream = str_split(&upstream, '/');
    for (size_t i = 0; i < config->upstream_count; i++)
        if (str_eq(str_from(config->upstreams[i].name), upstream) &&
            config->upstreams[i].kind == UPSTREAM_SIMULATOR)
            return fail(err, ERR_USAGE, "%s is the simulator; a shadow is a model that can be asked",
                        r->candidate);
    if (r->mirror_per_day == 0)
        return true;
    return has_price(config, model, &has, err) &&
           (has ||
            fail(err, ERR_CONFLICT,
                 "the price of \"%.*s\" is not known, so that a limit for the day cannot be kept; name a "
                 "list of prices in pricing.models, or say none for per-day",
                 STR_ARG(model)));
}
