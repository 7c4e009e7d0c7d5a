/* What a route is. The path is matched by segments; "*" takes one segment. */
#pragma once

#include "net/server.h"
#include "pipeline/pipeline.h"
#include "store/keys.h"

/* A call of the surface that is no prediction. Lies in the exchange's arena. */
struct call {
    struct exchange *x;
    struct loop_state *loop;
    const struct client *client; /* NULL: authentication is off */
    struct snapshot *snapshot;   /* its reference is the call's; call_end gives it back */
    struct str id;               /* request ID */
    struct str argument;         /* what "*" matched, decoded */
    void (*handle)(struct call *c);
    void *pending;                   /* a job that is under way */
    void (*abandon)(struct call *c); /* the client left while it was */
};

struct route {
    enum http_method method;
    const char *path;
    enum role role; /* 0: open to all */
    size_t body_max;
    void (*handle)(struct call *c);
};

/* Routes of a floor above, after our own. Once, before server_start; `list` is kept. */
void api_add_routes(const struct route *list, size_t count);

enum { CALL_HEADERS_MAX = 12 };

/* Each ends the call. */
void call_reply_json(struct call *c, int status, struct str json);
void call_reply_text(struct call *c, int status, struct str type, struct str text);
void call_reply_json_with(struct call *c, int status, struct str json, const struct http_header *headers,
                          size_t count); /* at most CALL_HEADERS_MAX */
void call_reply_with(struct call *c, int status, struct str type, struct str body,
                     const struct http_header *headers, size_t count);
/* Bytes that somebody sent us, shown to a person: nothing in them may run, and no cache keeps them. What a
 * browser would not show as a picture, a text or a PDF is offered as a file. */
void call_reply_foreign(struct call *c, struct str type, struct str bytes);
void call_fail(struct call *c, const struct error *err);

const char *endpoint_kind_name(enum endpoint_kind kind); /* "classify", … */

/* Handlers, by file */
void health_live(struct call *c);
void health_ready(struct call *c);
void metrics_show(struct call *c);
void endpoints_list(struct call *c);
void models_list(struct call *c);
void model_show(struct call *c);
void review_items(struct call *c);
void review_item(struct call *c);
void review_resolution(struct call *c);
void review_next_item(struct call *c);
void review_claim_item(struct call *c);
void review_release_item(struct call *c);
void review_skip_item(struct call *c);
void review_input_of(struct call *c);
void review_figures(struct call *c);
void review_item_or_outcome(struct call *c);
void switch_show(struct call *c);
void switch_set(struct call *c);
void feedback_take(struct call *c);
void request_show(struct call *c);
void conversation_create(struct call *c);
void conversation_show(struct call *c);
void conversation_delete(struct call *c);
void conversation_items(struct call *c);
void response_show(struct call *c);
void response_delete(struct call *c);
void response_input(struct call *c);
void forgets_list(struct call *c);
void forget_show_one(struct call *c);
void forget_create(struct call *c);
void audit_list(struct call *c);
void audit_verification(struct call *c);
void admin_alerts(struct call *c);
void admin_alert_messages(struct call *c);
void admin_silences(struct call *c);
void admin_silence_add(struct call *c);
void admin_silence_end(struct call *c);
void admin_alerts_test(struct call *c);
void admin_incidents(struct call *c);
void admin_incident(struct call *c);
void admin_incident_export(struct call *c);
void admin_incident_acknowledge(struct call *c);
void admin_incident_escalate(struct call *c);
void admin_incident_resolve(struct call *c);
void admin_incident_comment(struct call *c);
void monitors_list(struct call *c);
void monitor_show(struct call *c);
void runbook_show(struct call *c);
void openapi_show(struct call *c);
void admin_overview(struct call *c);
void admin_endpoint(struct call *c);
void admin_requests(struct call *c);
void admin_costs(struct call *c);
void admin_rollouts(struct call *c);
void admin_rollout(struct call *c);
void admin_rollout_create(struct call *c);
void admin_promote(struct call *c);
void admin_rollback(struct call *c);
void admin_shadow_stop(struct call *c);
void admin_keys(struct call *c);
void admin_key_create(struct call *c);
void admin_key_revoke(struct call *c);
void admin_models(struct call *c);
void admin_model(struct call *c);
void admin_lineage(struct call *c);
void admin_datasets(struct call *c);
void admin_dataset(struct call *c);
void admin_suites(struct call *c);
void admin_suite(struct call *c);
void admin_evaluations(struct call *c);
void admin_evaluation(struct call *c);
void admin_prompts(struct call *c);
void admin_prompt(struct call *c);
void admin_dataset_from_labels(struct call *c);
void admin_prompt_add(struct call *c);
void admin_aliases(struct call *c);
void admin_alias_set(struct call *c);
void admin_alias_remove(struct call *c);
void admin_endpoint_versions(struct call *c);
void admin_endpoint_version(struct call *c);
void admin_endpoint_version_diff(struct call *c);
void admin_tags(struct call *c);
void admin_tags_set(struct call *c);
void admin_history(struct call *c);
void admin_at(struct call *c);
void session_create(struct call *c);
void session_show(struct call *c);
void session_delete(struct call *c);
void oip_server(struct call *c);
void oip_live(struct call *c);
void oip_ready(struct call *c);
void oip_model(struct call *c);
void oip_model_ready(struct call *c);
void oip_stats(struct call *c);
void oip_model_stats(struct call *c);
void oip_index(struct call *c);
