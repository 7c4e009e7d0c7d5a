/* An upstream at work: an API of language models with what the process knows about it (its breaker, its
 * calls under way, how quick it is). Shared by all loops and by successive snapshots: one whose
 * configuration did not change goes on as it is. Reference counted; any thread. */
#pragma once

#include "chat/tokens.h"
#include "config/config.h"
#include "net/client.h"
#include "traffic/breaker.h"
#include "traffic/concurrency.h"
#include "traffic/latency.h"
#include "traffic/retry.h"

#include <stdatomic.h>

/* What was learned of one of its models: how its token counts compare with our estimates. Atomics. */
struct model_experience {
    struct model_experience *next;
    struct token_calibration counted; /* chat/count.h, text by text */
    struct token_calibration sized;   /* by bytes alone */
    char name[];
};

struct upstream {
    atomic_uint refs;
    const struct config *owner; /* keeps `config` alive */
    const struct config_upstream *config;
    struct http_origin *origin; /* NULL: the simulator */
    char *base;                 /* the beginning of its paths: "/v1", or "" */
    char *authorization;        /* the header that carries its key, or NULL */
    struct breaker_options breaker_options;
    struct breaker breaker;
    struct retry_options retry_options;
    struct retry_budget retry_budget;
    struct concurrency *concurrency;
    struct latency latency;        /* to the first byte */
    _Atomic int64_t complained_ns; /* when its not taking our key was last logged; monotonic */
    struct model_experience *models;
};

/* `previous` (may be NULL): the one of that name in the snapshot before. NULL and *err when it cannot be
 * made: memory, or an authority's file that cannot be read. */
struct upstream *upstream_make(const struct config *owner, const struct config_upstream *config,
                               struct upstream *previous, struct error *err) MUST_USE;
struct upstream *upstream_ref(struct upstream *u);
void upstream_unref(struct upstream *u); /* NULL is fine */
/* Found, or begun. Lives as long as the upstream. Only where snapshots are built, one at a time. NULL: no
 * memory. */
struct model_experience *upstream_model(struct upstream *u, const char *name) MUST_USE;
