#include "pipeline/serving_history.h"

#include "base/json.h"
#include "config/describe.h"
#include "store/endpoint_versions.h"
#include "store/history.h"

#include <stdio.h>
#include <string.h>

enum { TEXT_MAX = 1 << 20, DIGEST_SIZE = 17, FILES_MAX = 64 };

/* ---- the configuration ---- */

static void write_digest(struct json_writer *w, const char *path, struct str content) {
    unsigned char digest[SHA256_SIZE];
    char hash[SHA256_HEX_SIZE];
    sha256(content, digest);
    sha256_hex(digest, hash);
    json_field_text(w, path, hash);
}

/* What stands in its files is part of what it is. */
static void write_files(const struct snapshot *s, const struct endpoint *e, struct json_writer *w) {
    int scripts[FILES_MAX] = {e->verify_script, e->route_script};
    unsigned count = 2;
    for (unsigned i = 0; i < e->step_count && count < FILES_MAX; i++)
        scripts[count++] = e->steps[i].script;
    json_object(w);
    for (unsigned i = 0; i < count; i++)
        if (scripts[i] != NO_SCRIPT)
            write_digest(w, s->scripts[scripts[i]].path, str_from(s->scripts[scripts[i]].text));
    if (e->output.text && e->config->output.schema)
        write_digest(w, e->config->output.schema, (struct str){e->output.text, e->output.length});
    json_object_end(w);
}

static bool keep_configuration(struct store *s, const struct snapshot *now, const struct endpoint *e,
                               unsigned *version, struct error *err) {
    AUTO_BUF body = BUF_INIT(TEXT_MAX);
    struct json_writer w = JSON_WRITER(&body);
    json_object(&w);
    json_key(&w, "options");
    config_describe_endpoint(e->config, &w);
    json_key(&w, "files");
    write_files(now, e, &w);
    json_object_end(&w);
    return body.failed ? fail(err, ERR_NO_MEMORY, "Out of memory while writing the history.")
                       : endpoint_versions_keep(s, e->config->name, buf_str(&body), version, err);
}

/* ---- who serves ---- */

static void write_threshold(struct json_writer *w, const char *name, bool own, double value) {
    json_key(w, name);
    if (own)
        json_double(w, value);
    else
        json_null(w); /* the version's own */
}

static void describe(const struct endpoint *e, unsigned version, struct buf *out) {
    const struct config_endpoint *c = e->config;
    char policy[DIGEST_SIZE], configuration[REFERENCE_NAME_MAX + 16];
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
    snprintf(configuration, sizeof configuration, "%s@%u", c->name, version);
    json_field_text(&w, "configuration", configuration);
    json_field_text(&w, "policy", policy); /* of thresholds, rules and schemas as they were */
    json_object_end(&w);
}

static void keep_after(const struct change *c, void *ctx) {
    buf_add_str(ctx, str_from(c->after));
}

static bool note_endpoint(struct store *s, const struct snapshot *now, const struct endpoint *e,
                          const char *why, struct error *err) {
    unsigned version;
    AUTO_BUF before = BUF_INIT(TEXT_MAX);
    AUTO_BUF after = BUF_INIT(TEXT_MAX);
    struct history_filter last = {.endpoint = e->config->name, .what = "serving", .limit = 1};
    if (!history_list(s, &last, keep_after, &before, err) || !keep_configuration(s, now, e, &version, err))
        return false;
    describe(e, version, &after);
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
        if (!note_endpoint(s, now, &now->endpoints[i], why, err)) {
            store_rollback(s);
            return false;
        }
    return store_commit(s, err);
}
