#include "pipeline/chat_rules.h"

#include "base/clock.h"
#include "base/log.h"
#include "chat/request_rules.h"
#include "pipeline/chat_output.h"
#include "pipeline/verifying.h"
#include "traffic/route.h"

enum { COMPLAINT_S = 60 };

static struct request_rules_facts facts_of(const struct request *r) {
    if (!r->chat)
        return (struct request_rules_facts){.user = r->input.user,
                                            .text = r->input.text,
                                            .endpoint = r->endpoint->name,
                                            .client = request_tenant(r),
                                            .headers = r->exchange->headers,
                                            .header_count = r->exchange->header_count};
    return (struct request_rules_facts){
        .in = &r->chat->in,
        .endpoint = r->endpoint->name,
        .client = request_tenant(r),
        .family = token_family_of(r->endpoint->shares[0].remote->model),
        .headers = r->exchange->headers,
        .header_count = r->exchange->header_count,
        .reason = r->outcome.step_reason.n ? str_from(error_name(r->outcome.step_code)) : STR(""),
    };
}

/* Not silent, and no flood either. */
static void complain(struct request *r, enum metrics_rule rule, int script, const struct error *err) {
    metrics_rule_failed(r->loop->metrics, r->endpoint->metrics, rule);
    if (log_is_due(&r->snapshot->scripts[script].complained_ns, clock_monotonic(),
                   COMPLAINT_S * NS_PER_SECOND))
        log_event(LOG_WARN, "rule.failed", "endpoint \"%.*s\", request %.*s: %s", STR_ARG(r->endpoint->name),
                  STR_ARG(r->id), err->message);
}

/* "UPSTREAM/MODEL" is how a reference begins; a prompt's name may follow. */
static struct str name_of(const struct endpoint *e, unsigned share) {
    const char *name = e->config->rollout[share].name.text;
    const struct remote_model *m = e->shares[share].remote;
    return name ? str_from(name)
                : str_slice(m->reference, 0, strlen(m->upstream->config->name) + 1 + m->model.n);
}

void chat_rules_prefer(struct request *r, unsigned *order, unsigned count) {
    const struct endpoint *e = r->endpoint;
    struct request_rules_facts facts = facts_of(r);
    struct str names[REQUEST_RULES_TARGETS_MAX];
    unsigned preferred[REQUEST_RULES_TARGETS_MAX], wanted = 0, there = 0;
    struct error err;
    for (; there < e->share_count && there < REQUEST_RULES_TARGETS_MAX; there++)
        names[there] = name_of(e, there);
    struct script *script = snapshot_script(r->snapshot, r->loop->index, e->route_script, &err);
    if (!script || !request_rules_route(script, &facts, names, there, preferred, &wanted, &err)) {
        complain(r, METRICS_RULE_ROUTE, e->route_script, &err);
        return;
    }
    while (wanted > 0)
        (void)route_prefer(order, count, preferred[--wanted]);
}

bool chat_rules_segment(struct request *r, int index) {
    struct request_rules_facts facts = facts_of(r);
    struct error err;
    bool in = false;
    struct script *script = snapshot_script(r->snapshot, r->loop->index, index, &err);
    if (!script || !request_rules_segment(script, &facts, &in, &err))
        complain(r, METRICS_RULE_SEGMENT, index, &err);
    return in;
}

bool chat_rules_answer(struct request *r, int index) {
    struct request_rules_facts facts = facts_of(r);
    AUTO_BUF text = BUF_INIT(REQUEST_RULES_ANSWER_MAX);
    struct script *script = snapshot_script(r->snapshot, r->loop->index, index, &r->error);
    if (script && request_rules_answer(script, &facts, &text, &r->error))
        return (!r->chat->verifying || verifying_allows(r->chat, buf_str(&text))) &&
               chat_say_text(r, buf_str(&text), &CHAT_USAGE_NOTHING);
    complain(r, METRICS_RULE_ANSWER, index, &r->error);
    return false;
}
