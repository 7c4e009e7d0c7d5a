#include "config/checks.h"

#include "config/load.h"

#include <math.h>
#include <string.h>

void check_tls(struct loader *l, void *item, const struct option_node *at) {
    const struct config_tls *tls = item;
    bool certificate = tls->certificate, key = tls->key;
    if (certificate != key)
        loader_problem(l, at->place, at, "\"%s\" needs \"%s\" beside it", certificate ? "certificate" : "key",
                       certificate ? "key" : "certificate");
    else if (tls->key_password && !key)
        loader_problem(l, loader_place_in(l, at, "key_password"), at,
                       "\"key_password\" needs \"key\" and \"certificate\"");
}

void check_limits(struct loader *l, void *item, const struct option_node *at) {
    struct config_limits *limits = item;
    if (limits->burst == 0)
        limits->burst = 2 * limits->rate;
}

/* A step says its kind by which of the five options it has. */
void check_step(struct loader *l, void *item, const struct option_node *at) {
    struct config_step *step = item;
    const bool has[] = {[STEP_MODEL] = step->model.name,
                        [STEP_RULES] = step->rules,
                        [STEP_CACHE] = step->cache,
                        [STEP_REVIEW] = step->review,
                        [STEP_ERROR] = step->error};
    size_t kinds = 0;
    for (size_t i = 0; i < ARRAY_COUNT(has); i++)
        if (has[i]) {
            step->kind = (enum step_kind)i;
            kinds++;
        }
    if (kinds != 1)
        loader_problem(
            l, at->place, at,
            "%s; expected exactly one of model: NAME@VERSION, rules: FILE, cache: stale, review: true, "
            "error: true",
            kinds ? "several kinds of step in one" : "no kind of step");
    else if (step->timeout && step->kind != STEP_MODEL)
        loader_problem(l, loader_place_in(l, at, "timeout"), at, "only a step with \"model\" has a timeout");
}

/* One share may leave its weight out: it gets what the others leave. */
static void check_weights(struct loader *l, struct config_endpoint *e, const struct option_node *at) {
    struct config_share *rollout = (struct config_share *)(uintptr_t)e->rollout;
    struct config_share *open = NULL;
    double sum = 0;
    size_t unweighted = 0;
    for (size_t i = 0; i < e->rollout_count; i++) {
        if (!rollout[i].has_weight) {
            open = &rollout[i];
            unweighted++;
        } else {
            sum += rollout[i].weight;
        }
    }
    struct config_place place = loader_place_in(l, at, "rollout");
    if (unweighted > 1)
        loader_problem(l, place, at,
                       "rollout: only one model may be without \"weight\" (it gets what the others leave)");
    else if (open ? sum > 1 + 1e-9 : fabs(sum - 1) > 1e-9)
        loader_problem(l, place, at, "rollout: the weights sum to %.6g %%; expected 100 %%", sum * 100);
    else if (open)
        open->weight = sum < 1 ? 1 - sum : 0;
}

static void check_models_differ(struct loader *l, const struct config_endpoint *e,
                                const struct option_node *at) {
    for (size_t i = 1; i < e->rollout_count; i++)
        for (size_t j = 0; j < i; j++)
            if (strcmp(e->rollout[i].model.name, e->rollout[j].model.name) == 0 &&
                e->rollout[i].model.version == e->rollout[j].model.version) {
                loader_problem(l, e->rollout[i].model.place, at,
                               "rollout: \"%s\" is there twice; name each version once",
                               e->rollout[i].model.name);
                return;
            }
}

static void check_fallbacks(struct loader *l, struct config_endpoint *e, const struct option_node *at) {
    struct config_step *steps = (struct config_step *)(uintptr_t)e->fallbacks;
    for (size_t i = 0; i < e->fallback_count; i++) {
        bool last = i + 1 == e->fallback_count;
        if (!last && (steps[i].kind == STEP_ERROR || steps[i].kind == STEP_REVIEW))
            loader_problem(
                l, loader_place_in(l, at, "fallbacks"), at,
                "fallbacks: nothing can come after \"%s: true\", which always answers; make it the last step",
                steps[i].kind == STEP_ERROR ? "error" : "review");
        if (steps[i].kind == STEP_MODEL && steps[i].timeout == 0)
            steps[i].timeout = e->infer_timeout;
    }
}

void check_endpoint(struct loader *l, void *item, const struct option_node *at) {
    struct config_endpoint *e = item;
    if (e->rollout_count == 0) {
        loader_problem(l, at->place, at, "\"rollout\" is missing; expected a list such as [{model: %s}]",
                       e->name);
        return;
    }
    check_weights(l, e, at);
    check_models_differ(l, e, at);
    check_fallbacks(l, e, at);
    if (e->infer_timeout > e->deadline)
        loader_problem(l, loader_place_in(l, at, "infer_timeout"), at,
                       "infer_timeout is longer than the endpoint's deadline");
    if (e->has_accept_threshold && e->has_review_threshold && e->review_threshold > e->accept_threshold)
        loader_problem(l, loader_place_in(l, at, "review_threshold"), at,
                       "review_threshold is above accept_threshold; no prediction could be between them");
    if (e->burst && !e->has_rate)
        loader_problem(l, loader_place_in(l, at, "burst"), at, "\"burst\" needs \"rate\" beside it");
    if (e->has_rate && e->burst == 0)
        e->burst = 2 * e->rate;
}

static void override_listen(struct loader *l) {
    if (!l->overrides->listen)
        return;
    const struct option *server = option_root.options, *listen;
    while (strcmp(server->name, "server") != 0)
        server++;
    for (listen = server->group->options; strcmp(listen->name, "listen") != 0;)
        listen++;
    const struct option_node at = {.parent = &(struct option_node){0}, .name = "--listen"};
    loader_read_text(l, listen, str_from(l->overrides->listen), &l->loaded->config.server, &at);
}

/* Without authentication anybody who reaches the port may read and decide everything. */
static void check_open_door(struct loader *l, const struct option_node *root) {
    const struct config *config = &l->loaded->config;
    struct config_place place = loader_place_in(l, root, "auth");
    for (size_t i = 0; !config->auth.required && i < config->server.listen_count; i++)
        if (!config->server.listen[i].loopback) {
            loader_problem(
                l, place, NULL,
                "auth.required: false is possible only where every listen address is loopback, and %s is "
                "not; make keys with `penstock keys create`",
                config->server.listen[i].text);
            return;
        }
}

static void inherit(struct config *config) {
    struct config_endpoint *endpoints = (struct config_endpoint *)(uintptr_t)config->endpoints;
    for (size_t i = 0; i < config->endpoint_count; i++)
        if (endpoints[i].cache_ttl == 0)
            endpoints[i].cache_ttl = config->cache.ttl;
}

void check_whole(struct loader *l, const struct option_node *root) {
    override_listen(l);
    check_open_door(l, root);
    inherit(&l->loaded->config);
}
