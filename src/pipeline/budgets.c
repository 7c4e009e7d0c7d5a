#include "pipeline/budgets.h"

#include <stdlib.h>

static const enum spend_scope scopes[] = {[BUDGET_ALL] = SPEND_GLOBAL,
                                          [BUDGET_CLIENT] = SPEND_TEAM,
                                          [BUDGET_KEY] = SPEND_KEY,
                                          [BUDGET_USER] = SPEND_USER};
static const enum spend_window windows[] = {[BUDGET_MINUTE] = SPEND_MINUTE,
                                            [BUDGET_HOUR] = SPEND_HOUR,
                                            [BUDGET_DAY] = SPEND_DAY,
                                            [BUDGET_MONTH] = SPEND_MONTH,
                                            [BUDGET_EVER] = SPEND_TOTAL};

enum spend_scope budget_scope_of(const struct config_budget *b) {
    return scopes[b->scope];
}

enum spend_window budget_window_of(const struct config_budget *b) {
    return windows[b->per];
}

/* One configured budget is up to three limits. */
static size_t add(const struct config_budget *b, struct budget_limit *list) {
    const struct {
        bool has;
        enum budget_dimension dimension;
        int64_t amount;
    } amounts[] = {{b->has_usd, BUDGET_MONEY, b->usd},
                   {b->has_tokens, BUDGET_TOKENS, b->tokens},
                   {b->has_requests, BUDGET_REQUESTS, b->requests}};
    size_t count = 0;
    for (size_t i = 0; i < ARRAY_COUNT(amounts); i++)
        if (amounts[i].has)
            list[count++] = (struct budget_limit){.scope = scopes[b->scope],
                                                  .subject = b->name,
                                                  .dimension = amounts[i].dimension,
                                                  .window = windows[b->per],
                                                  .amount = amounts[i].amount};
    return count;
}

bool budgets_of(const struct config *config, struct budget_limits **out, struct error *err) {
    *out = NULL;
    if (config->budget_count == 0)
        return true;
    struct budget_limit *list = calloc(3 * config->budget_count, sizeof *list);
    if (!list)
        return fail(err, ERR_NO_MEMORY, "out of memory");
    size_t count = 0;
    for (size_t i = 0; i < config->budget_count; i++)
        count += add(&config->budgets[i], list + count);
    *out = budget_limits_new(list, count, err);
    free(list);
    return *out != NULL;
}
