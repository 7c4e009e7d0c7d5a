#include "pipeline/upstream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A quiet upstream may be retried all the same; calls that try whether one is well again. */
enum { RETRIES_PER_SECOND = 10, BREAKER_PROBES = 3 };

static bool same_text(const char *a, const char *b) {
    return a == b || (a && b && strcmp(a, b) == 0);
}

/* Whether what is known about the one still holds for the other. */
static bool is_same(const struct config_upstream *a, const struct config_upstream *b) {
    const int64_t x[] = {
        a->kind,    a->verify,      a->responses, a->connect_timeout, a->first_byte_timeout, a->idle_timeout,
        a->timeout, a->concurrency, a->queue};
    const int64_t y[] = {
        b->kind,    b->verify,      b->responses, b->connect_timeout, b->first_byte_timeout, b->idle_timeout,
        b->timeout, b->concurrency, b->queue};
    return same_text(a->url, b->url) && same_text(a->key, b->key) && same_text(a->ca, b->ca) &&
           memcmp(x, y, sizeof x) == 0 && memcmp(&a->retry, &b->retry, sizeof a->retry) == 0 &&
           memcmp(&a->breaker, &b->breaker, sizeof a->breaker) == 0;
}

static bool set_address(struct upstream *u, struct error *err) {
    const struct config_upstream *c = u->config;
    struct http_origin_options options = {.url = str_from(c->url), .ca_file = c->ca, .verify = c->verify};
    struct str path = STR("");
    if (c->kind != UPSTREAM_SIMULATOR && !http_origin_new(&u->origin, &options, &path, err))
        return false;
    u->base = str_dup(path);
    return u->base || fail(err, ERR_NO_MEMORY, "out of memory");
}

/* OpenAI's APIs want a bearer token (RFC 6750), Anthropic's a header of its own. */
static bool set_key(struct upstream *u, struct error *err) {
    const struct config_upstream *c = u->config;
    if (!c->key)
        return true;
    const char *before = c->kind == UPSTREAM_ANTHROPIC ? "" : "Bearer ";
    if (asprintf(&u->authorization, "%s%s", before, c->key) >= 0)
        return true;
    u->authorization = NULL;
    return fail(err, ERR_NO_MEMORY, "out of memory");
}

static bool set_limits(struct upstream *u, struct error *err) {
    const struct config_upstream *c = u->config;
    const struct concurrency_options places = {.cap = (uint32_t)c->concurrency, .queue = (uint32_t)c->queue};
    u->breaker_options = (struct breaker_options){.errors = c->breaker.errors,
                                                  .minimum = (uint32_t)c->breaker.minimum,
                                                  .window_ns = c->breaker.window,
                                                  .slow_ns = c->breaker.slow,
                                                  .open_ns = c->breaker.open,
                                                  .open_max_ns = c->breaker.open_max,
                                                  .probes = BREAKER_PROBES};
    u->retry_options = (struct retry_options){.attempts = (unsigned)c->retry.attempts,
                                              .base_ns = c->retry.base,
                                              .max_ns = c->retry.max,
                                              .budget = c->retry.budget,
                                              .budget_per_second = RETRIES_PER_SECOND};
    u->concurrency = concurrency_new(&places);
    return u->concurrency || fail(err, ERR_NO_MEMORY, "out of memory");
}

struct upstream *upstream_make(const struct config *owner, const struct config_upstream *config,
                               struct upstream *previous, struct error *err) {
    if (previous && is_same(previous->config, config))
        return upstream_ref(previous);
    struct upstream *u = calloc(1, sizeof *u);
    if (!u) {
        fail(err, ERR_NO_MEMORY, "out of memory");
        return NULL;
    }
    u->refs = 1;
    u->owner = config_ref(owner);
    u->config = config;
    if (set_address(u, err) && set_key(u, err) && set_limits(u, err))
        return u;
    upstream_unref(u);
    return NULL;
}

struct upstream *upstream_ref(struct upstream *u) {
    atomic_fetch_add_explicit(&u->refs, 1, memory_order_relaxed);
    return u;
}

void upstream_unref(struct upstream *u) {
    if (!u || atomic_fetch_sub_explicit(&u->refs, 1, memory_order_acq_rel) > 1)
        return;
    for (struct model_experience *m = atomic_load(&u->models), *next; m; m = next) {
        next = m->next;
        free(m);
    }
    config_unref(u->owner);
    http_origin_unref(u->origin);
    concurrency_unref(u->concurrency);
    free(u->base);
    if (u->authorization)
        explicit_bzero(u->authorization, strlen(u->authorization));
    free(u->authorization);
    free(u);
}

struct model_experience *upstream_model(struct upstream *u, const char *name) {
    struct model_experience *m = atomic_load(&u->models);
    size_t n = strlen(name) + 1;
    while (m && strcmp(m->name, name) != 0)
        m = m->next;
    if (m)
        return m;
    m = calloc(1, sizeof *m + n);
    if (!m)
        return NULL;
    memcpy(m->name, name, n);
    m->next = atomic_load(&u->models);
    atomic_store(&u->models, m); /* whole, since others may be reading the list */
    return m;
}

void upstream_has_no_quota(const struct upstream *u, struct model_experience *m, int64_t retry_after_ns,
                           int64_t now) {
    int64_t hold = u->config->breaker.open_max;
    if (retry_after_ns > 0 && retry_after_ns < hold)
        hold = retry_after_ns;
    int64_t seen = atomic_load_explicit(&m->no_quota_until, memory_order_relaxed);
    while (seen < now + hold && !atomic_compare_exchange_weak(&m->no_quota_until, &seen, now + hold))
        continue;
}
