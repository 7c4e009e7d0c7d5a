/* POST /v2/repository/index: every model that a path can name, then every other version that the registry
 * keeps.
 * {"ready": true}: only those that answer. */
#include "api/jobs.h"
#include "api/oip_models.h"
#include "cache/tuning.h"
#include "store/registry.h"

#include <stdio.h>
#include <string.h>

enum { INDEX_MAX = 4 << 20 };

static void write_entry(struct json_writer *w, struct str name, struct str version, const char *reason) {
    json_object(w);
    json_field_str(w, "name", name);
    json_field_str(w, "version", version);
    json_field_text(w, "state", reason ? "UNAVAILABLE" : "READY");
    json_field_text(w, "reason", reason ? reason : "");
    json_object_end(w);
}

/* What is written on the loop: entries, and which versions of the registry stand in them, each between line
 * feeds. */
struct index {
    const struct snapshot *snapshot;
    struct json_writer *entries;
    struct buf *written;
    bool ready;
};

static void add(struct index *x, struct str name, struct str version, const struct model_version *v) {
    if (!x->ready || v->backend)
        write_entry(x->entries, name, version, v->backend ? NULL : v->load_error.message);
    if (str_eq(name, str_from(v->name)))
        buf_printf(x->written, "%s\n", v->reference);
}

static bool is_written(struct str written, const char *reference) {
    char line[VERSION_REFERENCE_SIZE + 3];
    int n = snprintf(line, sizeof line, "\n%s\n", reference);
    return str_find(written, (struct str){line, (size_t)n}) != SIZE_MAX;
}

/* By the names of endpoints, which go first, and by those of the models that they serve. */
static void add_served(struct index *x, bool by_model) {
    for (size_t i = 0; i < x->snapshot->endpoint_count; i++) {
        const struct endpoint *e = &x->snapshot->endpoints[i];
        for (unsigned k = 0; e->config->kind == ENDPOINT_CLASSIFY && k < e->share_count; k++) {
            const struct model_version *v = e->shares[k].version;
            struct str name = str_from(v->name);
            if (!by_model && oip_is_first(e, k))
                add(x, e->name, oip_version_name(e, v), v);
            else if (by_model && !snapshot_endpoint(x->snapshot, name) &&
                     !is_written(buf_str(x->written), v->reference))
                add(x, name, oip_version_of(str_from(v->reference)), v);
        }
    }
}

/* ---- the registry, on its reader's thread ---- */

struct rest {
    struct json_writer w;
    struct str written;
};

static void visit(const struct version_record *record, void *ctx) {
    struct rest *rest = ctx;
    char reference[VERSION_REFERENCE_SIZE];
    snprintf(reference, sizeof reference, "%s@%u", record->name, record->version);
    if (strcmp(record->backend, TUNING_BACKEND) != 0 && !is_written(rest->written, reference))
        write_entry(&rest->w, str_from(record->name), oip_version_of(str_from(reference)),
                    "no endpoint serves it by this name");
}

/* job: label (the entries so far), status (what is written) */
static bool list(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    struct rest rest = {{.out = out, .comma = job->label.n > 1}, job->status};
    buf_add_str(out, job->label);
    if (!registry_list(store, visit, &rest, err))
        return false;
    json_array_end(&rest.w);
    return true;
}

static bool read_body(struct str body, bool *ready, struct error *err) {
    *ready = false;
    if (body.n == 0)
        return true;
    yyjson_doc *doc = json_parse(body, err);
    yyjson_val *root = yyjson_doc_get_root(doc), *wanted = yyjson_obj_get(root, "ready");
    bool good =
        doc && (yyjson_is_obj(root) ||
                fail(err, ERR_INVALID_JSON, "The body is %s; expected an object such as {\"ready\": true}.",
                     yyjson_get_type_desc(root)));
    good = good && (!wanted || yyjson_is_bool(wanted) ||
                    fail_at(err, ERR_INVALID_FIELD, "ready", "\"ready\" is %s; expected true or false.",
                            yyjson_get_type_desc(wanted)));
    *ready = yyjson_get_bool(wanted);
    yyjson_doc_free(doc);
    return good;
}

void oip_index(struct call *c) {
    struct error err;
    AUTO_BUF entries = BUF_INIT(INDEX_MAX), written = BUF_INIT(INDEX_MAX);
    struct json_writer w = JSON_WRITER(&entries);
    struct index x = {.snapshot = c->snapshot, .entries = &w, .written = &written};
    if (!read_body(c->x->body, &x.ready, &err)) {
        call_fail(c, &err);
        return;
    }
    json_array(&w);
    buf_add_char(&written, '\n');
    add_served(&x, false);
    add_served(&x, true);
    if (entries.failed || written.failed) {
        fail(&err, ERR_NO_MEMORY, "Out of memory for the list.");
        call_fail(c, &err);
    } else if (x.ready) {
        json_array_end(&w);
        call_reply_json(c, 200, buf_str(&entries));
    } else {
        call_submit(c,
                    &(struct api_job){.work = list, .label = buf_str(&entries), .status = buf_str(&written)});
    }
}
