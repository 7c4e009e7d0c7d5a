/* The limits that a request of some team, user or key meets, found quickly. Private to budget*.c. */
#pragma once

#include "traffic/budget.h"

struct limit_list {
    const struct budget_limit *limits;
    size_t count;
};

/* Those of that subject: its own, and the general ones that none of its own replaces (same dimension and
 * window). Count 0: none. `l` may be NULL. */
struct limit_list budget_limits_of(const struct budget_limits *l, enum spend_scope scope, struct str subject);

/* A name as accounts have it: one that is too long is cut and told apart by its hash. */
struct str budget_fitting(struct str name, char room[SPEND_SUBJECT_MAX]);
