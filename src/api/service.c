#include "api/service.h"

#include "api/oip_infer.h"
#include "api/routes.h"
#include "base/check.h"
#include "base/clock.h"
#include "net/query.h"
#include "pipeline/chat.h"
#include "pipeline/reply.h"
#include "pipeline/stages/stages.h"

#include <string.h>

enum { SMALL_BODY = 64 * 1024, REQUEST_ID_MAX = 128 };

static const struct route routes[] = {
    {METHOD_GET, "/healthz", 0, 0, health_live},
    {METHOD_GET, "/readyz", 0, 0, health_ready},
    {METHOD_GET, "/metrics", 0, 0, metrics_show},
    {METHOD_GET, "/openapi.json", 0, 0, openapi_show},
    {METHOD_GET, "/v1/endpoints", ROLE_CLIENT, 0, endpoints_list},
    {METHOD_GET, "/v1/models", ROLE_CLIENT, 0, models_list},
    {METHOD_GET, "/v1/models/*", ROLE_CLIENT, 0, model_show},
    {METHOD_GET, "/v1/requests/*", ROLE_REVIEWER, 0, request_show},
    {METHOD_POST, "/v1/conversations", ROLE_CLIENT, 1 << 20, conversation_create},
    {METHOD_GET, "/v1/conversations/*", ROLE_CLIENT, 0, conversation_show},
    {METHOD_DELETE, "/v1/conversations/*", ROLE_CLIENT, 0, conversation_delete},
    {METHOD_GET, "/v1/conversations/*/items", ROLE_CLIENT, 0, conversation_items},
    {METHOD_GET, "/v1/responses/*", ROLE_CLIENT, 0, response_show},
    {METHOD_DELETE, "/v1/responses/*", ROLE_CLIENT, 0, response_delete},
    {METHOD_GET, "/v1/responses/*/input_items", ROLE_CLIENT, 0, response_input},
    {METHOD_GET, "/v2", ROLE_CLIENT, 0, oip_server},
    {METHOD_GET, "/v2/health/live", 0, 0, oip_live},
    {METHOD_GET, "/v2/health/ready", 0, 0, oip_ready},
    {METHOD_GET, "/v2/models/stats", ROLE_CLIENT, 0, oip_stats},
    {METHOD_GET, "/v2/models/*", ROLE_CLIENT, 0, oip_model},
    {METHOD_GET, "/v2/models/*/ready", ROLE_CLIENT, 0, oip_model_ready},
    {METHOD_GET, "/v2/models/*/stats", ROLE_CLIENT, 0, oip_model_stats},
    {METHOD_GET, "/v2/models/*/versions/*", ROLE_CLIENT, 0, oip_model},
    {METHOD_GET, "/v2/models/*/versions/*/ready", ROLE_CLIENT, 0, oip_model_ready},
    {METHOD_GET, "/v2/models/*/versions/*/stats", ROLE_CLIENT, 0, oip_model_stats},
    {METHOD_POST, "/v2/repository/index", ROLE_CLIENT, SMALL_BODY, oip_index},
    {METHOD_POST, "/v1/feedback", ROLE_CLIENT, SMALL_BODY, feedback_take},
    {METHOD_GET, "/v1/admin/monitors", ROLE_REVIEWER, 0, monitors_list},
    {METHOD_GET, "/v1/admin/monitors/*", ROLE_REVIEWER, 0, monitor_show},
    {METHOD_GET, "/v1/review", ROLE_REVIEWER, 0, review_items},
    {METHOD_GET, "/v1/review/stats", ROLE_REVIEWER, 0, review_figures},
    {METHOD_GET, "/v1/review/*", ROLE_REVIEWER, 0, review_item},
    {METHOD_GET, "/v1/admin/overview", ROLE_REVIEWER, 0, admin_overview},
    {METHOD_GET, "/v1/admin/endpoints/*", ROLE_REVIEWER, 0, admin_endpoint},
    {METHOD_GET, "/v1/admin/forgets", ROLE_ADMIN, 0, forgets_list},
    {METHOD_POST, "/v1/admin/forgets", ROLE_ADMIN, SMALL_BODY, forget_create},
    {METHOD_GET, "/v1/admin/forgets/*", ROLE_ADMIN, 0, forget_show_one},
    {METHOD_GET, "/v1/admin/audit", ROLE_ADMIN, 0, audit_list},
    {METHOD_GET, "/v1/admin/audit/verification", ROLE_ADMIN, 0, audit_verification},
    {METHOD_GET, "/v1/runbooks/*", 0, 0, runbook_show},
    {METHOD_GET, "/v1/admin/alerts", ROLE_REVIEWER, 0, admin_alerts},
    {METHOD_POST, "/v1/admin/alerts/test", ROLE_ADMIN, SMALL_BODY, admin_alerts_test},
    {METHOD_GET, "/v1/admin/alerts/messages", ROLE_REVIEWER, 0, admin_alert_messages},
    {METHOD_GET, "/v1/admin/alerts/silences", ROLE_REVIEWER, 0, admin_silences},
    {METHOD_POST, "/v1/admin/alerts/silences", ROLE_ADMIN, SMALL_BODY, admin_silence_add},
    {METHOD_DELETE, "/v1/admin/alerts/silences/*", ROLE_ADMIN, 0, admin_silence_end},
    {METHOD_GET, "/v1/admin/incidents", ROLE_REVIEWER, 0, admin_incidents},
    {METHOD_GET, "/v1/admin/incidents/*", ROLE_REVIEWER, 0, admin_incident},
    {METHOD_GET, "/v1/admin/incidents/*/export", ROLE_REVIEWER, 0, admin_incident_export},
    {METHOD_POST, "/v1/admin/incidents/*/acknowledge", ROLE_ADMIN, SMALL_BODY, admin_incident_acknowledge},
    {METHOD_POST, "/v1/admin/incidents/*/escalate", ROLE_ADMIN, SMALL_BODY, admin_incident_escalate},
    {METHOD_POST, "/v1/admin/incidents/*/resolve", ROLE_ADMIN, SMALL_BODY, admin_incident_resolve},
    {METHOD_POST, "/v1/admin/incidents/*/comment", ROLE_ADMIN, SMALL_BODY, admin_incident_comment},
    {METHOD_GET, "/v1/admin/requests", ROLE_REVIEWER, 0, admin_requests},
    {METHOD_GET, "/v1/admin/keys", ROLE_ADMIN, 0, admin_keys},
    {METHOD_POST, "/v1/admin/keys", ROLE_ADMIN, SMALL_BODY, admin_key_create},
    {METHOD_DELETE, "/v1/admin/keys/*", ROLE_ADMIN, 0, admin_key_revoke},
    {METHOD_GET, "/v1/admin/models", ROLE_REVIEWER, 0, admin_models},
    {METHOD_GET, "/v1/admin/models/*", ROLE_REVIEWER, 0, admin_model},
    {METHOD_GET, "/v1/admin/models/*/lineage", ROLE_REVIEWER, 0, admin_lineage},
    {METHOD_GET, "/v1/admin/models/*/tags", ROLE_REVIEWER, 0, admin_tags},
    {METHOD_POST, "/v1/admin/models/*/tags", ROLE_ADMIN, SMALL_BODY, admin_tags_set},
    {METHOD_GET, "/v1/admin/aliases", ROLE_REVIEWER, 0, admin_aliases},
    {METHOD_POST, "/v1/admin/aliases", ROLE_ADMIN, SMALL_BODY, admin_alias_set},
    {METHOD_DELETE, "/v1/admin/aliases/*", ROLE_ADMIN, 0, admin_alias_remove},
    {METHOD_GET, "/v1/admin/endpoints/*/versions", ROLE_REVIEWER, 0, admin_endpoint_versions},
    {METHOD_GET, "/v1/admin/endpoints/*/versions/*", ROLE_REVIEWER, 0, admin_endpoint_version},
    {METHOD_GET, "/v1/admin/endpoints/*/versions/*/diff", ROLE_REVIEWER, 0, admin_endpoint_version_diff},
    {METHOD_GET, "/v1/admin/datasets", ROLE_REVIEWER, 0, admin_datasets},
    {METHOD_POST, "/v1/admin/datasets/from-labels", ROLE_ADMIN, SMALL_BODY, admin_dataset_from_labels},
    {METHOD_GET, "/v1/admin/datasets/*", ROLE_REVIEWER, 0, admin_dataset},
    {METHOD_GET, "/v1/admin/datasets/*/tags", ROLE_REVIEWER, 0, admin_tags},
    {METHOD_POST, "/v1/admin/datasets/*/tags", ROLE_ADMIN, SMALL_BODY, admin_tags_set},
    {METHOD_GET, "/v1/admin/suites", ROLE_REVIEWER, 0, admin_suites},
    {METHOD_GET, "/v1/admin/suites/*", ROLE_REVIEWER, 0, admin_suite},
    {METHOD_GET, "/v1/admin/evaluations", ROLE_REVIEWER, 0, admin_evaluations},
    {METHOD_GET, "/v1/admin/evaluations/*", ROLE_REVIEWER, 0, admin_evaluation},
    {METHOD_GET, "/v1/admin/prompts", ROLE_REVIEWER, 0, admin_prompts},
    {METHOD_POST, "/v1/admin/prompts", ROLE_ADMIN, 1 << 20, admin_prompt_add},
    {METHOD_GET, "/v1/admin/prompts/*", ROLE_REVIEWER, 0, admin_prompt},
    {METHOD_GET, "/v1/admin/prompts/*/tags", ROLE_REVIEWER, 0, admin_tags},
    {METHOD_POST, "/v1/admin/prompts/*/tags", ROLE_ADMIN, SMALL_BODY, admin_tags_set},
    {METHOD_GET, "/v1/admin/history", ROLE_REVIEWER, 0, admin_history},
    {METHOD_GET, "/v1/admin/costs", ROLE_REVIEWER, 0, admin_costs},
    {METHOD_GET, "/v1/admin/rollouts", ROLE_REVIEWER, 0, admin_rollouts},
    {METHOD_POST, "/v1/admin/rollouts", ROLE_ADMIN, SMALL_BODY, admin_rollout_create},
    {METHOD_GET, "/v1/admin/rollouts/*", ROLE_REVIEWER, 0, admin_rollout},
    {METHOD_POST, "/v1/admin/endpoints/*/promote", ROLE_ADMIN, SMALL_BODY, admin_promote},
    {METHOD_POST, "/v1/admin/endpoints/*/rollback", ROLE_ADMIN, SMALL_BODY, admin_rollback},
    {METHOD_POST, "/v1/admin/endpoints/*/stop_shadow", ROLE_ADMIN, SMALL_BODY, admin_shadow_stop},
    {METHOD_GET, "/v1/admin/at", ROLE_REVIEWER, 0, admin_at},
    {METHOD_POST, "/console/session", 0, 4096, session_create},
    {METHOD_GET, "/console/session", ROLE_CLIENT, 0, session_show},
    {METHOD_DELETE, "/console/session", ROLE_CLIENT, 0, session_delete},
    {METHOD_GET, "/v1/admin/endpoints/*/switch", ROLE_REVIEWER, 0, switch_show},
    {METHOD_POST, "/v1/admin/endpoints/*/switch", ROLE_ADMIN, SMALL_BODY, switch_set},
    {METHOD_POST, "/v1/review/next", ROLE_REVIEWER, SMALL_BODY, review_next_item},
    {METHOD_POST, "/v1/review/*", ROLE_REVIEWER, SMALL_BODY, review_resolution},
    {METHOD_GET, "/v1/review/items/*", ROLE_CLIENT, 0, review_item_or_outcome},
    {METHOD_GET, "/v1/review/items/*/input", ROLE_REVIEWER, 0, review_input_of},
    {METHOD_POST, "/v1/review/items/*/claim", ROLE_REVIEWER, SMALL_BODY, review_claim_item},
    {METHOD_POST, "/v1/review/items/*/release", ROLE_REVIEWER, SMALL_BODY, review_release_item},
    {METHOD_POST, "/v1/review/items/*/skip", ROLE_REVIEWER, SMALL_BODY, review_skip_item},
    {METHOD_POST, "/v1/review/items/*/label", ROLE_REVIEWER, SMALL_BODY, review_resolution},
};

/* What a floor above adds. Set before the first request. */
static const struct route *more_routes;
static size_t more_route_count;

void api_add_routes(const struct route *list, size_t count) {
    more_routes = list;
    more_route_count = count;
}

/* What hangs on exchange.user from the head to the reply. */
struct visit {
    struct request *request; /* a prediction, or */
    struct infer *infer;     /* several, or */
    struct call call;        /* any other call */
};

/* The caller's own ID when it is a plain token of reasonable length, a new one otherwise; .p is NULL when
 * memory is out. */
static struct str request_id(struct exchange *x, int64_t now) {
    struct str given = exchange_header(x, STR("x-request-id"));
    bool good = given.p && given.n > 0 && given.n <= REQUEST_ID_MAX;
    for (size_t i = 0; good && i < given.n; i++)
        good = (given.p[i] >= 'a' && given.p[i] <= 'z') || (given.p[i] >= 'A' && given.p[i] <= 'Z') ||
               (given.p[i] >= '0' && given.p[i] <= '9') || memchr("-_.:", given.p[i], 4);
    if (good)
        return given;
    char *made = arena_alloc(x->arena, ID_SIZE);
    if (!made)
        return (struct str){0};
    id_make(now, made);
    return (struct str){made, ID_LENGTH};
}

static bool path_matches(struct str path, const char *pattern, struct str *argument) {
    struct str wanted = str_from(pattern), segment, expected;
    while (path_next(&wanted, &expected)) {
        if (!path_next(&path, &segment))
            return false;
        if (str_eq(expected, STR("*")))
            *argument = segment;
        else if (!str_eq(segment, expected))
            return false;
    }
    return path.n == 0;
}

/* "/v1/endpoints/{name}/predict". Nearly every request is one, so this is looked at first, and as a whole. */
static bool is_predict_path(struct str path, struct str *name) {
    struct str before = STR("/v1/endpoints/"), behind = STR("/predict");
    if (path.n < before.n + behind.n || !str_starts(path, before) || !str_ends(path, behind))
        return false;
    *name = str_slice(path, before.n, path.n - behind.n);
    return str_find_char(*name, '/') == SIZE_MAX;
}

static void refuse(struct loop_state *loop, struct exchange *x, struct str id, const struct error *err) {
    reply_error(x, err, id, &loop->reply);
}

/* RFC 9110, 15.5.6: the reply names the methods that are possible. */
static void refuse_method(struct loop_state *loop, struct exchange *x, struct str id, struct str allow) {
    struct error err;
    struct reply_headers headers;
    fail(&err, ERR_METHOD, "%.*s is not possible here; %.*s is.", STR_ARG(str_slice(x->method_name, 0, 20)),
         STR_ARG(allow));
    reply_headers_begin(&headers, id);
    headers.list[headers.count++] = (struct http_header){STR("allow"), allow};
    buf_clear(&loop->reply);
    reply_write_error_for(&loop->reply, x->path, &err, id);
    exchange_reply(x, error_status(err.code), headers.list, headers.count, buf_str(&loop->reply));
}

/* `there`: bits of enum http_method. */
static void refuse_methods(struct loop_state *loop, struct exchange *x, struct str id, unsigned there) {
    static const struct {
        enum http_method method;
        const char *name;
    } names[] = {{METHOD_GET, "GET, HEAD"}, {METHOD_POST, "POST"}, {METHOD_DELETE, "DELETE"}};
    char text[40];
    struct buf allow = {.p = text, .room = sizeof text, .cap = sizeof text};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++)
        if (there & 1u << names[i].method) {
            buf_add_str(&allow, allow.n ? STR(", ") : STR(""));
            buf_add_str(&allow, str_from(names[i].name));
        }
    refuse_method(loop, x, id, buf_str(&allow));
}

static void refuse_without_memory(struct loop_state *loop, struct exchange *x) {
    struct error err;
    char id[ID_SIZE];
    id_make(clock_wall(), id);
    fail(&err, ERR_NO_MEMORY, "Out of memory for this request.");
    refuse(loop, x, (struct str){id, ID_LENGTH}, &err);
}

static struct visit *visit_new(struct exchange *x) {
    struct visit *v = arena_zalloc(x->arena, sizeof *v);
    x->user = v;
    return v;
}

static enum key_use use_of(struct str path, enum role needed) {
    if (needed == ROLE_ADMIN || str_starts(path, STR("/v1/admin/")))
        return USE_ADMIN;
    return str_starts(path, STR("/v1/review")) ? USE_REVIEW : USE_OTHER;
}

static bool who_calls(struct loop_state *loop, const struct exchange *x, enum role needed,
                      const struct client **client, struct error *err) {
    struct authentication a = {loop->snapshot, loop->parts->sessions, x, use_of(x->path, needed)};
    return authenticate(&a, needed, client, err);
}

static bool start_prediction(struct loop_state *loop, struct exchange *x, struct str id, int64_t now,
                             struct str name, size_t *body_max) {
    struct error err;
    struct str decoded;
    if (x->method != METHOD_POST) {
        refuse_method(loop, x, id, STR("POST"));
        return false;
    }
    const struct endpoint *e = NULL;
    if (percent_decode(name, false, x->arena, &decoded, &err))
        e = snapshot_endpoint(loop->snapshot, decoded);
    const struct client *client;
    if (!e && !who_calls(loop, x, ROLE_CLIENT, &client, &err)) {
        refuse(loop, x, id, &err); /* which endpoints there are is not told to strangers */
        return false;
    }
    if (e && e->config->kind != ENDPOINT_CLASSIFY) {
        fail(&err, ERR_BAD_REQUEST,
             "Endpoint \"%s\" makes no predictions; send it to /v1/%s with \"model\": \"%s\".",
             e->config->name, e->config->kind == ENDPOINT_EMBED ? "embeddings" : "chat/completions",
             e->config->name);
        refuse(loop, x, id, &err);
        return false;
    }
    if (!e) {
        fail(&err, ERR_NOT_FOUND, "There is no endpoint \"%.*s\"; GET /v1/endpoints lists them.",
             STR_ARG(str_slice(name, 0, 80)));
        refuse(loop, x, id, &err);
        return false;
    }
    struct visit *v = visit_new(x);
    struct request *r = v ? request_new(loop, x, e, id, now) : NULL;
    if (!r) {
        fail(&err, ERR_NO_MEMORY, "Out of memory for this request.");
        refuse(loop, x, id, &err);
        return false;
    }
    v->request = r;
    *body_max = (size_t)loop->snapshot->config->server.body_max;
    return request_start(r);
}

static const struct {
    const char *path;
    enum chat_surface surface;
} chat_paths[] = {
    {"/v1/chat/completions", CHAT_COMPLETIONS},
    {"/v1/completions", CHAT_LEGACY},
    {"/v1/embeddings", CHAT_EMBEDDINGS},
    {"/v1/responses", CHAT_RESPONSES},
    {"/v1/messages", CHAT_MESSAGES},
};

static bool is_chat_path(struct str path, enum chat_surface *surface) {
    for (size_t i = 0; i < ARRAY_COUNT(chat_paths); i++)
        if (str_eq(path, str_from(chat_paths[i].path))) {
            *surface = chat_paths[i].surface;
            return true;
        }
    return false;
}

static bool start_chat(struct loop_state *loop, struct exchange *x, struct str id, int64_t now,
                       enum chat_surface surface, size_t *body_max) {
    if (x->method != METHOD_POST) {
        refuse_method(loop, x, id, STR("POST"));
        return false;
    }
    struct visit *v = visit_new(x);
    struct request *r = v ? request_new_chat(loop, x, surface, id, now) : NULL;
    if (!r) {
        refuse_without_memory(loop, x);
        return false;
    }
    v->request = r;
    *body_max = (size_t)loop->snapshot->config->server.body_max;
    return request_start(r);
}

static bool start_infer(struct loop_state *loop, struct exchange *x, struct str id, int64_t now,
                        size_t *body_max) {
    if (x->method != METHOD_POST) {
        refuse_method(loop, x, id, STR("POST"));
        return false;
    }
    struct visit *v = visit_new(x);
    if (!v) {
        refuse_without_memory(loop, x);
        return false;
    }
    return infer_start(&v->infer, loop, x, id, now, body_max);
}

static bool start_call(struct loop_state *loop, struct exchange *x, struct str id, const struct route *route,
                       struct str argument, size_t *body_max) {
    struct error err;
    struct visit *v = visit_new(x);
    if (!v) {
        fail(&err, ERR_NO_MEMORY, "Out of memory for this request.");
        refuse(loop, x, id, &err);
        return false;
    }
    v->call = (struct call){.x = x, .loop = loop, .id = id, .handle = route->handle};
    if ((route->role && !who_calls(loop, x, route->role, &v->call.client, &err)) ||
        !percent_decode(argument, false, x->arena, &v->call.argument, &err)) {
        refuse(loop, x, id, &err);
        return false;
    }
    v->call.snapshot = snapshot_ref(loop->snapshot);
    *body_max = route->body_max;
    return true;
}

/* NULL: none for this method; *there says for which there is one (bits), *argument what the last "*" took. */
static const struct route *find_route(const struct exchange *x, struct str *argument, unsigned *there) {
    enum http_method method = x->method == METHOD_HEAD ? METHOD_GET : x->method;
    for (size_t i = 0; i < ARRAY_COUNT(routes) + more_route_count; i++) {
        const struct route *route =
            i < ARRAY_COUNT(routes) ? &routes[i] : &more_routes[i - ARRAY_COUNT(routes)];
        if (!path_matches(x->path, route->path, argument))
            continue;
        if (route->method == method)
            return route;
        *there |= 1u << route->method;
    }
    return NULL;
}

static bool on_head(void *loop_ctx, struct exchange *x, size_t *body_max) {
    struct loop_state *loop = loop_ctx;
    engine_renew(loop);
    int64_t now = clock_wall();
    struct str id = request_id(x, now), argument = STR("");
    if (!id.p) {
        refuse_without_memory(loop, x);
        return false;
    }
    if (is_predict_path(x->path, &argument))
        return start_prediction(loop, x, id, now, argument, body_max);
    if (oip_is_infer(x->path))
        return start_infer(loop, x, id, now, body_max);
    enum chat_surface surface;
    if (is_chat_path(x->path, &surface))
        return start_chat(loop, x, id, now, surface, body_max);
    unsigned there = 0;
    const struct route *route = find_route(x, &argument, &there);
    if (route)
        return start_call(loop, x, id, route, argument, body_max);
    if (there) {
        refuse_methods(loop, x, id, there);
        return false;
    }
    struct error err;
    fail(&err, ERR_NOT_FOUND, "There is nothing at %.*s; GET /openapi.json describes what there is.",
         STR_ARG(str_slice(x->path, 0, 120)));
    refuse(loop, x, id, &err);
    return false;
}

static void on_request(void *loop_ctx, struct exchange *x) {
    struct visit *v = x->user;
    if (v->request)
        request_body(v->request);
    else if (v->infer)
        infer_body(v->infer);
    else
        v->call.handle(&v->call);
}

static void on_gone(void *loop_ctx, struct exchange *x) {
    struct visit *v = x->user;
    if (v->request) {
        request_cancel(v->request);
        return;
    }
    if (v->infer) {
        infer_gone(v->infer);
        return;
    }
    if (v->call.pending)
        v->call.abandon(&v->call);
    snapshot_unref(v->call.snapshot);
}

static void on_drained(void *loop_ctx, struct exchange *x) {
    struct visit *v = x->user;
    chat_drained(v->request);
}

static void end(struct call *c, int status, struct str type, struct str body, const struct http_header *more,
                size_t count) {
    struct http_header headers[2 + CALL_HEADERS_MAX] = {{STR("content-type"), type},
                                                        {STR("x-request-id"), c->id}};
    CHECK(count <= ARRAY_COUNT(headers) - 2);
    for (size_t i = 0; i < count; i++)
        headers[2 + i] = more[i];
    snapshot_unref(c->snapshot);
    exchange_reply(c->x, status, headers, 2 + count, body);
}

void call_reply_json(struct call *c, int status, struct str json) {
    end(c, status, STR("application/json"), json, NULL, 0);
}

void call_reply_json_with(struct call *c, int status, struct str json, const struct http_header *headers,
                          size_t count) {
    end(c, status, STR("application/json"), json, headers, count);
}

void call_reply_text(struct call *c, int status, struct str type, struct str text) {
    end(c, status, type, text, NULL, 0);
}

void call_reply_with(struct call *c, int status, struct str type, struct str body,
                     const struct http_header *headers, size_t count) {
    end(c, status, type, body, headers, count);
}

void call_fail(struct call *c, const struct error *err) {
    snapshot_unref(c->snapshot);
    reply_error(c->x, err, c->id, &c->loop->reply);
}

static void *start_on_loop(void *ctx, struct loop *loop) {
    return engine_loop_start(ctx, loop);
}

static void stop_on_loop(void *loop_ctx) {
    engine_loop_stop(loop_ctx);
}

static void error_body(void *loop_ctx, struct buf *out, struct str path, enum error_code code,
                       const char *message, struct str id) {
    struct error err;
    fail(&err, code, "%s", message);
    reply_write_error_for(out, path, &err, id);
}

const struct http_service api_service = {.loop_start = start_on_loop,
                                         .loop_stop = stop_on_loop,
                                         .on_head = on_head,
                                         .on_request = on_request,
                                         .on_gone = on_gone,
                                         .on_drained = on_drained,
                                         .error_body = error_body};
