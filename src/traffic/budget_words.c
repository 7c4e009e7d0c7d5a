/* What a refusal by a budget says. */
#include "traffic/budget.h"

#include "base/clock.h"

#include <stdio.h>

const char *budget_dimension_name(enum budget_dimension dimension) {
    static const char *const names[BUDGET_DIMENSIONS] = {"requests", "tokens", "money"};
    return names[dimension];
}

enum { AMOUNT_TEXT_SIZE = 48 };

static void amount_text(enum budget_dimension dimension, int64_t amount, char text[AMOUNT_TEXT_SIZE]) {
    if (dimension == BUDGET_MONEY)
        snprintf(text, AMOUNT_TEXT_SIZE, "$%lld.%06lld", (long long)(amount / NS_PER_SECOND),
                 (long long)(amount % NS_PER_SECOND / 1000));
    else
        snprintf(text, AMOUNT_TEXT_SIZE, "%lld %s", (long long)amount, budget_dimension_name(dimension));
}

/* "key "acme"", "everybody together" */
static void whose(const struct budget_verdict *v, char text[SPEND_SUBJECT_MAX + 32]) {
    if (v->limit.scope == SPEND_GLOBAL)
        snprintf(text, SPEND_SUBJECT_MAX + 32, "everybody together");
    else
        snprintf(text, SPEND_SUBJECT_MAX + 32, "%s \"%s\"", spend_scope_name(v->limit.scope), v->subject);
}

static const char *per(enum spend_window window) {
    static const char *const words[SPEND_WINDOWS] = {"a minute", "an hour", "a day", "a month", "in total"};
    return words[window];
}

static bool explain_exceeded(const struct budget_verdict *v, int64_t wall_ns, struct error *err) {
    char who[SPEND_SUBJECT_MAX + 32], settled[AMOUNT_TEXT_SIZE], limit[AMOUNT_TEXT_SIZE],
        wanted[AMOUNT_TEXT_SIZE];
    char reserved[AMOUNT_TEXT_SIZE], when[CLOCK_TEXT_SIZE + 32];
    whose(v, who);
    amount_text(v->limit.dimension, v->settled, settled);
    amount_text(v->limit.dimension, v->reserved, reserved);
    amount_text(v->limit.dimension, v->wanted, wanted);
    amount_text(v->limit.dimension, v->limit.amount, limit);
    if (v->frees_at == 0) {
        snprintf(when, sizeof when, "It does not free by itself.");
    } else {
        char at[CLOCK_TEXT_SIZE];
        clock_format(v->frees_at, at);
        snprintf(when, sizeof when, "It frees at %s.", at);
    }
    fail(err, ERR_BUDGET,
         "The budget of %s is %s %s. Used: %s; held by requests under way: %s; this request may need %s. %s",
         who, limit, per(v->limit.window), settled, reserved, wanted, when);
    int64_t ms = v->frees_at > wall_ns ? (v->frees_at - wall_ns + NS_PER_MS - 1) / NS_PER_MS : 0;
    if (err)
        err->retry_after_ms = ms > UINT32_MAX ? UINT32_MAX : (uint32_t)ms;
    return false;
}

bool budget_explain(const struct budget_verdict *v, int64_t wall_ns, struct error *err) {
    char who[SPEND_SUBJECT_MAX + 32];
    switch (v->refusal) {
    case BUDGET_FINE: return true;
    case BUDGET_EXCEEDED: return explain_exceeded(v, wall_ns, err);
    case BUDGET_PRICE_UNKNOWN:
        whose(v, who);
        return fail(
            err, ERR_FORBIDDEN,
            "The spending of %s is limited, and what this model costs is not known: its price is missing "
            "in the price list (pricing.models).",
            who);
    case BUDGET_CROWDED: break;
    }
    fail(err, ERR_OVERLOADED,
         "More requests or users with a budget are under way than can be kept track of; try "
         "again.");
    if (err)
        err->retry_after_ms = 1000;
    return false;
}
