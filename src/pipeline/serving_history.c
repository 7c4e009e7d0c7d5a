#include "pipeline/serving_history.h"

#include "base/json.h"
#include "store/history.h"

#include <stdio.h>
#include <string.h>

enum { TEXT_MAX = 1 << 20, DIGEST_SIZE = 17 };

static void write_threshold(struct json_writer *w, const char *name, bool own, double value) {
    json_key(w, name);
    if (own)
        json_double(w, value);
    else
        json_null(w); /* the version's own */
}

static void describe(const struct endpoint *e, struct buf *out) {
    const struct config_endpoint *c = e->config;
    char policy[DIGEST_SIZE];
    struct json_writer w = JSON_WRITER(out);
    json_object(&w);
    json_key(&w, "models");
    json_array(&w);
    for (unsigned i = 0; i < e->share_count; i++) {
        json_object(&w);
        json_field_str(&w, "model", share_reference(&e->shares[i]));
        json_key(&w, "weight");
        json_double(&w, e->weights[i]);
        json_object_end(&w);
    }
    json_array_end(&w);
    json_field_text(&w, "rollout", e->rollout[0] ? e->rollout : NULL);
    if (e->segment && !e->mirror)
        json_field_text(&w, "segment", e->segment_text); /* who gets the second */
    json_key(&w, "fallbacks");
    json_array(&w);
    for (unsigned i = 0; i < e->step_count; i++)
        json_str(&w, e->steps[i].name);
    json_array_end(&w);
    write_threshold(&w, "accept_threshold", c->has_accept_threshold, c->accept_threshold);
    write_threshold(&w, "review_threshold", c->has_review_threshold, c->review_threshold);
    json_field_text(&w, "rules", c->rules);
    snprintf(policy, sizeof policy, "%016llx", (unsigned long long)e->policy);
    json_field_text(&w, "policy", policy); /* of thresholds, rules and schemas as they were */
    json_object_end(&w);
}

static void keep_after(const struct change *c, void *ctx) {
    buf_add_str(ctx, str_from(c->after));
}

static bool note_endpoint(struct store *s, const struct endpoint *e, const char *why, struct error *err) {
    AUTO_BUF before = BUF_INIT(TEXT_MAX);
    AUTO_BUF after = BUF_INIT(TEXT_MAX);
    struct history_filter last = {.endpoint = e->config->name, .what = "serving", .limit = 1};
    if (!history_list(s, &last, keep_after, &before, err))
        return false;
    describe(e, &after);
    if (!before.failed && !after.failed && str_eq(buf_str(&before), buf_str(&after)))
        return true;
    struct change c = {.endpoint = e->config->name,
                       .what = "serving",
                       .who = "penstock",
                       .why = why,
                       .before = buf_terminated(&before),
                       .after = buf_terminated(&after)};
    return (c.before && c.after) ? history_add(s, &c, err)
                                 : fail(err, ERR_NO_MEMORY, "Out of memory while writing the history.");
}

bool serving_note(struct store *s, const struct snapshot *now, const char *why, struct error *err) {
    if (!store_begin(s, true, err))
        return false;
    for (size_t i = 0; i < now->endpoint_count; i++)
        if (!note_endpoint(s, &now->endpoints[i], why, err)) {
            store_rollback(s);
            return false;
        }
    return store_commit(s, err);
}
