#include "config/checks.h"

#include "base/clock.h"
#include "config/load.h"

#include <math.h>
#include <stdio.h>
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

/* http://HOST[:PORT][/PATH] or https://…; what stands behind is the API's. */
static bool is_url(struct str url) {
    bool plain = str_starts(url, STR("http://")), secure = str_starts(url, STR("https://"));
    struct str rest = str_slice(url, secure ? 8 : 7, url.n);
    struct str host = str_slice(rest, 0, str_find_char(rest, '/'));
    return (plain || secure) && host.n > 0 && host.p[0] != ':' && str_find_char(host, '@') == SIZE_MAX &&
           str_find_char(url, '?') == SIZE_MAX && str_find_char(url, '#') == SIZE_MAX &&
           str_find_char(url, ' ') == SIZE_MAX;
}

void check_telemetry(struct loader *l, void *item, const struct option_node *at) {
    const struct config_telemetry *t = item;
    char shown[SHOWN_SIZE];
    struct str header = str_from(t->header);
    loader_show(str_from(t->otlp), shown, sizeof shown);
    if (t->otlp && !is_url(str_from(t->otlp)))
        loader_problem(
            l, loader_place_in(l, at, "otlp"), at,
            "otlp: \"%s\" is not http://HOST[:PORT]/PATH or https://HOST[:PORT]/PATH, without user, query "
            "and fragment",
            shown);
    if (t->ca && !str_starts(str_from(t->otlp), STR("https:")))
        loader_problem(l, loader_place_in(l, at, "ca"), at, "\"ca\" is for https only");
    if (header.n && (str_find(header, STR(": ")) == SIZE_MAX || str_has_control(header)))
        loader_problem(l, loader_place_in(l, at, "header"), at,
                       "\"header\" is not \"name: value\" on one line");
}

void check_upstream(struct loader *l, void *item, const struct option_node *at) {
    struct config_upstream *u = item;
    char shown[SHOWN_SIZE];
    loader_show(str_from(u->url), shown, sizeof shown);
    if (u->kind == UPSTREAM_SIMULATOR && (u->url || u->key))
        loader_problem(l, at->place, at, "a simulator answers by itself and has neither \"url\" nor \"key\"");
    else if (u->kind != UPSTREAM_SIMULATOR && !u->url)
        loader_problem(l, at->place, at,
                       "\"url\" is missing; expected one such as https://api.example.com/v1");
    else if (u->url && !is_url(str_from(u->url)))
        loader_problem(
            l, loader_place_in(l, at, "url"), at,
            "\"%s\" is not http://HOST[:PORT]/PATH or https://HOST[:PORT]/PATH, without user, query and "
            "fragment",
            shown);
    else if (u->ca && !str_starts(str_from(u->url), STR("https:")))
        loader_problem(l, loader_place_in(l, at, "ca"), at, "\"ca\" is for https only");
    if (u->breaker.open > u->breaker.open_max)
        loader_problem(l, loader_place_in(l, at, "breaker"), at,
                       "breaker: \"open\" is longer than \"open_max\"");
    if (u->retry.base > u->retry.max)
        loader_problem(l, loader_place_in(l, at, "retry"), at, "retry: \"base\" is longer than \"max\"");
}

void check_budget(struct loader *l, void *item, const struct option_node *at) {
    const struct config_budget *b = item;
    if (!b->has_usd && !b->has_tokens && !b->has_requests)
        loader_problem(l, at->place, at, "expected an amount: \"usd\", \"tokens\" or \"requests\"");
    if (b->name && (b->scope == BUDGET_ALL || b->scope == BUDGET_KEY))
        loader_problem(l, loader_place_in(l, at, "name"), at, "only the scopes client and user have names");
}

void check_context(struct loader *l, void *item, const struct option_node *at) {
    const struct config_context *c = item;
    if ((c->on_limit == WINDOW_SUMMARISE) != (c->summarise_with.text != NULL))
        loader_problem(l, at->place, at,
                       c->summarise_with.text
                           ? "\"summarise_with\" is for on_limit: summarise only"
                           : "on_limit: summarise needs \"summarise_with: ENDPOINT\" beside it");
    else if (c->on_limit != WINDOW_REFUSE && c->window == 0)
        loader_problem(l, at->place, at, "\"on_limit\" needs \"window\" beside it");
}

void check_vectors(struct loader *l, void *item, const struct option_node *at) {
    const struct config_vectors *v = item;
    char shown[SHOWN_SIZE];
    loader_show(str_from(v->target.model.text), shown, sizeof shown);
    if (v->target.upstream.text && !v->target.model.text)
        loader_problem(l, at->place, at, "\"upstream\" needs \"model\" beside it");
    else if (v->target.model.text && !v->target.upstream.text && !v->target.model.name)
        loader_problem(l, v->target.model.place, at,
                       "\"%s\" is not NAME or NAME@VERSION of the registry; one of an upstream needs "
                       "\"upstream\" beside it",
                       shown);
}

void check_review(struct loader *l, void *item, const struct option_node *at) {
    const struct config_review *r = item;
    if (r->has_overflow_error && r->overflow != OVERFLOW_THRESHOLDS)
        loader_problem(l, loader_place_in(l, at, "overflow_error"), at,
                       "\"overflow_error\" needs \"overflow: thresholds\" beside it");
}

void check_output(struct loader *l, void *item, const struct option_node *at) {
    struct config_output *o = item;
    if (!o->schema && loader_has(l, at, "send_schema"))
        loader_problem(l, loader_place_in(l, at, "send_schema"), at,
                       "\"send_schema\" needs \"schema: FILE\" beside it");
    if (o->schema && loader_has(l, at, "check") && !o->check)
        loader_problem(l, loader_place_in(l, at, "check"), at,
                       "check: false contradicts \"schema\", which every answer must meet");
    o->check |= o->schema != NULL;
    if (!o->check && loader_has(l, at, "repair"))
        loader_problem(l, loader_place_in(l, at, "repair"), at,
                       "\"repair\" needs \"schema\" or \"check: true\" beside it");
    if (o->confidence != OUTPUT_LOGPROBS && o->confidence_field)
        loader_problem(l, loader_place_in(l, at, "confidence_field"), at,
                       "\"confidence_field\" is for confidence: logprobs");
    if (o->confidence != OUTPUT_AGREEMENT && loader_has(l, at, "samples"))
        loader_problem(l, loader_place_in(l, at, "samples"), at, "\"samples\" is for confidence: agreement");
    if (o->confidence == OUTPUT_UNKNOWN && o->on_review == REVIEW_WITHHOLD)
        loader_problem(l, loader_place_in(l, at, "on_review"), at,
                       "on_review: withhold needs \"confidence: logprobs\" or \"agreement\" beside it");
}

/* A step says its kind by which of the six options it has. */
void check_step(struct loader *l, void *item, const struct option_node *at) {
    struct config_step *step = item;
    const bool has[] = {
        [STEP_MODEL] = step->target.model.text, [STEP_RULES] = step->rules, [STEP_CACHE] = step->cache,
        [STEP_REVIEW] = step->review,           [STEP_TEXT] = step->text,   [STEP_ERROR] = step->error};
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
            "text: TEXT, error: true",
            kinds ? "several kinds of step in one" : "no kind of step");
    else if (step->timeout && step->kind != STEP_MODEL)
        loader_problem(l, loader_place_in(l, at, "timeout"), at, "only a step with \"model\" has a timeout");
    else if (step->target.upstream.text && step->kind != STEP_MODEL)
        loader_problem(l, step->target.upstream.place, at, "only a step with \"model\" has an upstream");
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
    if (e->route == ROUTE_RULE && unweighted == e->rollout_count) {
        for (size_t i = 0; i < e->rollout_count; i++)
            rollout[i].weight = 1.0 / (double)e->rollout_count;
    } else if (e->route == ROUTE_COST || e->route == ROUTE_LATENCY) {
        if (unweighted < e->rollout_count)
            loader_problem(l, place, at, "rollout: with \"route\" cost or latency there are no weights");
    } else if (unweighted > 1)
        loader_problem(l, place, at,
                       "rollout: only one model may be without \"weight\" (it gets what the others leave)");
    else if (open ? sum > 1 + 1e-9 : fabs(sum - 1) > 1e-9)
        loader_problem(l, place, at, "rollout: the weights sum to %.6g %%; expected 100 %%", sum * 100);
    else if (open)
        open->weight = sum < 1 ? 1 - sum : 0;
}

static bool same(const char *a, const char *b) {
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_target(const struct config_target *a, const struct config_target *b) {
    if (a->upstream.text || b->upstream.text)
        return same(a->upstream.text, b->upstream.text) && same(a->model.text, b->model.text) &&
               same(a->prompt.text, b->prompt.text);
    return same(a->model.name, b->model.name) && a->model.version == b->model.version;
}

static void check_models_differ(struct loader *l, const struct config_endpoint *e,
                                const struct option_node *at) {
    for (size_t i = 1; i < e->rollout_count; i++)
        for (size_t j = 0; j < i; j++) {
            const struct config_target *target = &e->rollout[i].target;
            if (target->model.text && same_target(target, &e->rollout[j].target)) {
                loader_problem(l, target->model.place, at,
                               "rollout: \"%s\" is there twice; name each version once",
                               target->upstream.text ? target->model.text : target->model.name);
                return;
            }
        }
}

/* Predictions come from the registry's models, chats and embeddings from an upstream's. `item`: the entry. */
static void check_target(struct loader *l, const struct config_endpoint *e, const struct config_target *t,
                         const struct option_node *item) {
    struct option_node model = {.parent = item, .name = "model"}, upstream = model, prompt = model;
    char shown[SHOWN_SIZE];
    upstream.name = "upstream";
    prompt.name = "prompt";
    if (!t->model.text)
        return; /* already said */
    loader_show(str_from(t->model.text), shown, sizeof shown);
    if (e->kind == ENDPOINT_CLASSIFY && t->upstream.text)
        loader_problem(l, t->upstream.place, &upstream,
                       "an endpoint of the kind classify asks models of the registry; an upstream's are for "
                       "\"kind: chat\" and \"kind: embed\"");
    else if (e->kind == ENDPOINT_CLASSIFY && !t->model.name)
        loader_problem(l, t->model.place, &model, "\"%s\" is not NAME or NAME@VERSION (documents@3)", shown);
    else if (e->kind != ENDPOINT_CLASSIFY && !t->upstream.text)
        loader_problem(l, t->model.place, &model,
                       "\"%s\" needs \"upstream: NAME\" beside it: which API has that model?", shown);
    else if (t->prompt.text && e->kind != ENDPOINT_CHAT)
        loader_problem(l, t->prompt.place, &prompt, "only endpoints of the kind chat have a prompt");
}

static void check_targets(struct loader *l, const struct config_endpoint *e, const struct option_node *at) {
    struct option_node list = {.parent = at, .name = "rollout"}, item = {.parent = &list};
    for (size_t i = 0; i < e->rollout_count; i++) {
        item.index = i;
        check_target(l, e, &e->rollout[i].target, &item);
    }
    list.name = "fallbacks";
    for (size_t i = 0; i < e->fallback_count; i++) {
        item.index = i;
        if (e->fallbacks[i].kind == STEP_MODEL)
            check_target(l, e, &e->fallbacks[i].target, &item);
    }
}

static const char *unfit_step(const struct config_endpoint *e, enum step_kind kind) {
    if (e->kind == ENDPOINT_CLASSIFY)
        return kind == STEP_TEXT ? "\"text\" is for chats only" : NULL;
    if (kind == STEP_REVIEW)
        return "\"review: true\" is for endpoints of the kind classify only: nobody waits for a chat's "
               "answer that long";
    if (e->kind == ENDPOINT_EMBED && (kind == STEP_RULES || kind == STEP_TEXT))
        return "an embedding cannot come from rules or a text";
    return NULL;
}

static void check_fallbacks(struct loader *l, struct config_endpoint *e, const struct option_node *at) {
    struct config_step *steps = (struct config_step *)(uintptr_t)e->fallbacks;
    struct config_place place = loader_place_in(l, at, "fallbacks");
    for (size_t i = 0; i < e->fallback_count; i++) {
        bool last = i + 1 == e->fallback_count;
        const char *unfit = unfit_step(e, steps[i].kind);
        enum step_kind kind = steps[i].kind;
        if (unfit)
            loader_problem(l, place, at, "fallbacks: %s", unfit);
        else if (!last && (kind == STEP_ERROR || kind == STEP_REVIEW || kind == STEP_TEXT))
            loader_problem(
                l, place, at,
                "fallbacks: nothing can come after \"%s\", which always answers; make it the last step",
                kind == STEP_ERROR    ? "error: true"
                : kind == STEP_REVIEW ? "review: true"
                                      : "text");
        if (kind == STEP_MODEL && steps[i].timeout == 0)
            steps[i].timeout = e->kind == ENDPOINT_CLASSIFY ? e->infer_timeout : e->deadline;
    }
}

/* Options that mean something for language models only. */
static void check_language(struct loader *l, const struct config_endpoint *e, const struct option_node *at) {
    static const char *const chat_only[] = {"route",          "route_rule",       "cache_temperature",
                                            "semantic_cache", "semantic_vectors", "context",
                                            "output"};
    size_t allowed = e->kind == ENDPOINT_CHAT ? ARRAY_COUNT(chat_only) : e->kind == ENDPOINT_EMBED ? 2 : 0;
    for (size_t i = allowed; i < ARRAY_COUNT(chat_only); i++)
        if (loader_has(l, at, chat_only[i]))
            loader_problem(l, loader_place_in(l, at, chat_only[i]), at,
                           "\"%s\" is for endpoints of the kind chat%s", chat_only[i],
                           i < 2 ? " or embed" : "");
}

static void check_semantic(struct loader *l, const struct config_endpoint *e, const struct option_node *at) {
    if (e->semantic_vectors.target.model.text && !e->semantic_cache.text)
        loader_problem(l, loader_place_in(l, at, "semantic_vectors"), at,
                       "\"semantic_vectors\" needs \"semantic_cache: NAME\" beside it");
}

/* How a route's rule calls one of the rollout. */
static bool is_called(const struct config_share *s, const struct config_share *other) {
    char reference[600];
    if (!other->target.upstream.text || !other->target.model.text)
        return false; /* already said */
    snprintf(reference, sizeof reference, "%s/%s", other->target.upstream.text, other->target.model.text);
    return same(s->name.text, other->name.text ? other->name.text : reference);
}

static bool are_confused(const struct config_share *a, const struct config_share *b) {
    if (!a->name.text && !b->name.text)
        return same(a->target.upstream.text, b->target.upstream.text) &&
               same(a->target.model.text, b->target.model.text);
    return a->name.text ? is_called(a, b) : is_called(b, a);
}

static void check_route(struct loader *l, const struct config_endpoint *e, const struct option_node *at) {
    struct config_place place = loader_place_in(l, at, "rollout");
    if ((e->route == ROUTE_RULE) != (e->route_rule != NULL))
        loader_problem(l, loader_place_in(l, at, e->route_rule ? "route_rule" : "route"), at,
                       e->route_rule ? "\"route_rule\" needs \"route: rule\" beside it"
                                     : "\"route: rule\" needs \"route_rule: FILE\" beside it");
    for (size_t i = 0; i < e->rollout_count; i++) {
        const struct config_share *share = &e->rollout[i];
        if (share->name.text && e->route != ROUTE_RULE)
            loader_problem(l, share->name.place, at, "rollout: \"name\" is for \"route: rule\" only");
        for (size_t j = 0; j < i && e->route == ROUTE_RULE; j++)
            if (are_confused(share, &e->rollout[j]))
                loader_problem(
                    l, share->name.text ? share->name.place : place, at,
                    "rollout: two have the same name for the rule; give each a \"name\" of its own");
    }
}

/* Nothing would ever look at them. */
static void check_bands(struct loader *l, const struct config_endpoint *e, const struct option_node *at) {
    static const char *const names[] = {"accept_threshold", "review_threshold", "rules"};
    bool judged = e->kind == ENDPOINT_CLASSIFY || e->output.confidence != OUTPUT_UNKNOWN;
    for (size_t i = 0; !judged && i < ARRAY_COUNT(names); i++)
        if (loader_has(l, at, names[i]))
            loader_problem(
                l, loader_place_in(l, at, names[i]), at,
                "\"%s\" needs to know how sure an answer is: say \"output: {confidence: logprobs}\" "
                "or agreement",
                names[i]);
}

static void check_thresholds(struct loader *l, const struct config_endpoint *e,
                             const struct option_node *at) {
    bool chat = e->kind == ENDPOINT_CHAT;
    double accept = e->has_accept_threshold ? e->accept_threshold : chat ? CHAT_ACCEPT_STANDARD / 100.0 : 1;
    if (e->has_review_threshold && e->review_threshold > accept)
        loader_problem(l, loader_place_in(l, at, "review_threshold"), at,
                       "review_threshold is above accept_threshold%s; no prediction could be between them",
                       e->has_accept_threshold ? "" : " (85 % where a chat names none)");
}

void check_action(struct loader *l, void *item, const struct option_node *at) {
    const struct config_action *a = item;
    if (a->has_most != (a->amount != NULL))
        loader_problem(l, at->place, at, "\"amount\" and \"most\" need each other");
    else if (a->has_most && a->policy != ACTION_ALONE)
        loader_problem(l, loader_place_in(l, at, "most"), at, "\"most\" is for policy: alone");
}

static void check_actions(struct loader *l, const struct config_endpoint *e, const struct option_node *at) {
    for (size_t i = 0; i < e->action_count; i++)
        for (size_t k = 0; k < i; k++)
            if (strcmp(e->actions[i].name, e->actions[k].name) == 0)
                loader_problem(l, loader_place_in(l, at, "actions"), at, "\"%s\" is listed twice",
                               e->actions[i].name);
}

void check_endpoint(struct loader *l, void *item, const struct option_node *at) {
    struct config_endpoint *e = item;
    if (e->rollout_count == 0) {
        loader_problem(l, at->place, at, "\"rollout\" is missing; expected a list such as [{model: %s}]",
                       e->name);
        return;
    }
    if (e->deadline == 0)
        e->deadline = (e->kind == ENDPOINT_CLASSIFY ? 10 : 300) * NS_PER_SECOND;
    check_weights(l, e, at);
    check_targets(l, e, at);
    check_models_differ(l, e, at);
    check_fallbacks(l, e, at);
    check_language(l, e, at);
    check_semantic(l, e, at);
    check_bands(l, e, at);
    check_route(l, e, at);
    check_thresholds(l, e, at);
    check_actions(l, e, at);
    if (!e->review.has_audit)
        e->review.audit = e->keep_inputs == KEEP_ALL && e->kind == ENDPOINT_CLASSIFY ? 0.01 : 0;
    if (e->infer_timeout > e->deadline)
        loader_problem(l, loader_place_in(l, at, "infer_timeout"), at,
                       "infer_timeout is longer than the endpoint's deadline");
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
    for (size_t i = 0; i < config->endpoint_count; i++) {
        struct config_endpoint *e = &endpoints[i];
        if (e->cache_ttl == 0)
            e->cache_ttl = config->cache.ttl;
        if (e->monitors.latency_p95 == 0)
            e->monitors.latency_p95 = e->kind == ENDPOINT_CLASSIFY ? 500 * NS_PER_MS : 10 * NS_PER_SECOND;
    }
}

static void unknown_upstream(struct loader *l, const struct config_name *name) {
    const struct config *config = &l->loaded->config;
    const char *names[CONFIG_UPSTREAMS_MAX];
    char shown[SHOWN_SIZE];
    for (size_t i = 0; i < config->upstream_count; i++)
        names[i] = config->upstreams[i].name ? config->upstreams[i].name : "";
    const char *nearest = str_nearest(str_from(name->text), names, config->upstream_count);
    loader_show(str_from(name->text), shown, sizeof shown);
    loader_problem(l, name->place, NULL, "there is no upstream \"%s\"%s%s%s", shown,
                   nearest ? "; did you mean \"" : " under \"upstreams\"", nearest ? nearest : "",
                   nearest ? "\"?" : "");
}

static void check_upstream_name(struct loader *l, const struct config_target *target) {
    const struct config_name *name = &target->upstream;
    if (name->text && !config_upstream_named(&l->loaded->config, str_from(name->text)))
        unknown_upstream(l, name);
}

static void check_vectors_upstream(struct loader *l, const struct config_name *name) {
    const struct config_upstream *u =
        name->text ? config_upstream_named(&l->loaded->config, str_from(name->text)) : NULL;
    if (name->text && !u)
        unknown_upstream(l, name);
    else if (u && u->kind != UPSTREAM_OPENAI)
        loader_problem(l, name->place, NULL,
                       "semantic_vectors: upstream \"%s\" makes no embeddings; expected one of kind openai",
                       name->text);
}

static void check_summary_endpoint(struct loader *l, const struct config_endpoint *e) {
    const struct config_name *name = &e->context.summarise_with;
    const struct config_endpoint *by =
        name->text ? config_endpoint_named(&l->loaded->config, str_from(name->text)) : NULL;
    if (name->text && (!by || by->kind != ENDPOINT_CHAT || by->context.summarise_with.text))
        loader_problem(l, name->place, NULL,
                       "summarise_with: expected the name of a chat endpoint that does not itself summarise");
}

/* Names of upstreams and endpoints that stand elsewhere in the file. */
static void check_references(struct loader *l) {
    const struct config *config = &l->loaded->config;
    for (size_t i = 0; i < config->endpoint_count; i++) {
        const struct config_endpoint *e = &config->endpoints[i];
        for (size_t j = 0; j < e->rollout_count; j++)
            check_upstream_name(l, &e->rollout[j].target);
        for (size_t j = 0; j < e->fallback_count; j++)
            check_upstream_name(l, &e->fallbacks[j].target);
        check_summary_endpoint(l, e);
        check_vectors_upstream(l, &e->semantic_vectors.target.upstream);
    }
}

void check_whole(struct loader *l, const struct option_node *root) {
    override_listen(l);
    check_open_door(l, root);
    check_references(l);
    check_alert_endpoints(l, root);
    inherit(&l->loaded->config);
}
