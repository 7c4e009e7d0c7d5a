/* The configuration's budgets as the limits that requests are held to. */
#pragma once

#include "config/config.h"
#include "pipeline/chat.h"
#include "traffic/budget.h"

/* *out stays NULL where the configuration has none. */
bool budgets_of(const struct config *config, struct budget_limits **out, struct error *err) MUST_USE;

/* Books what the request did cost, once; what its event carries (event.spend_slot), 0: nothing. */
uint32_t reserve_settle(struct request *r);
