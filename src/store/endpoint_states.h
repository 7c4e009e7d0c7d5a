/* What people, and the program itself, set for an endpoint while it runs: the switch that sends everything to
 * people or to the fallback, and what gives while the review queue outgrows the people. Rows that a snapshot
 * is built from; each change is in the history. Same threads as the store that is passed. */
#pragma once

#include "base/error.h"
#include "store/store.h"

#define ENDPOINT_SWITCH   "switch"   /* "auto", "people", "fallback" */
#define ENDPOINT_OVERFLOW "overflow" /* "none", "thresholds", "fallback" */

struct endpoint_state {
    char value[32]; /* "" : never set */
    int64_t at;     /* wall ns */
    char who[128], why[512];
};

bool endpoint_state_get(struct store *s, const char *endpoint, const char *name, struct endpoint_state *out,
                        struct error *err) MUST_USE;
/* Durable, in the history as `name`, and noticed by a running server. Setting what is set for the same reason
 * is fine and changes nothing. ERR_INVALID_FIELD: who or why are too long. */
bool endpoint_state_set(struct store *s, const char *endpoint, const char *name, const char *value,
                        const char *who, const char *why, struct error *err) MUST_USE;
