/* The configuration's budgets as the limits that requests are held to. */
#pragma once

#include "config/config.h"
#include "pipeline/chat.h"
#include "traffic/budget.h"

/* *out stays NULL where the configuration has none. */
bool budgets_of(const struct config *config, struct budget_limits **out, struct error *err) MUST_USE;

/* The words of the configuration as accounts have them. */
enum spend_scope budget_scope_of(const struct config_budget *b);
enum spend_window budget_window_of(const struct config_budget *b);

/* Books what the request did cost, once; what its event carries (event.spend_slot), 0: nothing. */
uint32_t reserve_settle(struct request *r);
