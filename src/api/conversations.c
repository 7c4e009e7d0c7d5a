/* POST /v1/conversations, GET and DELETE /v1/conversations/{id}, GET /v1/conversations/{id}/items:
 * conversations that are kept for later requests (of endpoints with the option `conversations`). Each client
 * sees its own. */
#include "api/jobs.h"
#include "base/clock.h"
#include "chat/history.h"
#include "store/conversations.h"

enum { BODY_MAX = 1 << 20, ID_ROOM = 8 + ID_SIZE };

static struct str tenant_of(const struct call *c) {
    return c->client ? str_from(c->client->name) : STR("");
}

static void write_conversation(struct buf *out, struct str id, int64_t created, struct str metadata) {
    struct json_writer w = JSON_WRITER(out);
    json_object(&w);
    json_field_str(&w, "id", id);
    json_field_text(&w, "object", "conversation");
    json_field_int(&w, "created_at", created / NS_PER_SECOND);
    json_key(&w, "metadata");
    json_raw(&w, metadata);
    json_object_end(&w);
}

/* ---- create ---- */

/* How long: as the most patient endpoint keeps them. 0: none does. */
static int64_t longest(const struct snapshot *s) {
    int64_t most = 0;
    for (size_t i = 0; i < s->endpoint_count; i++)
        if (s->endpoints[i].config->conversations > most)
            most = s->endpoints[i].config->conversations;
    return most;
}

/* job: id, label (the items), status (the metadata), keep_ns */
static bool create(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    int64_t now = clock_wall();
    const struct response_record first = {.tenant = job->tenant,
                                          .id = job->id,
                                          .previous = STR(""),
                                          .endpoint = STR(""),
                                          .input = job->label,
                                          .output = STR("[]"),
                                          .body = STR("{}"),
                                          .created = now,
                                          .expires = now + job->keep_ns};
    write_conversation(out, job->id, now, job->status);
    return conversations_create(store, &first, job->status, err);
}

static bool read_member(yyjson_val *root, const char *name, bool array, const char *absent, struct buf *out,
                        struct error *err) {
    yyjson_val *value = yyjson_obj_get(root, name);
    struct json_writer w = JSON_WRITER(out);
    if (!value || yyjson_is_null(value)) {
        buf_add_str(out, str_from(absent));
        return true;
    }
    if (array ? !yyjson_is_arr(value) : !yyjson_is_obj(value))
        return fail_at(err, ERR_INVALID_FIELD, name, "\"%s\" is %s; expected %s.", name,
                       yyjson_get_type_desc(value), array ? "an array of items" : "an object");
    json_value(&w, value);
    return !out->failed || fail(err, ERR_NO_MEMORY, "Out of memory for this request.");
}

static bool submit_create(struct call *c, yyjson_val *root, struct error *err) {
    static const char prefix[] = "conv_";
    char id[ID_ROOM] = "conv_";
    int64_t keep = longest(c->snapshot);
    AUTO_BUF items = BUF_INIT(4 * BODY_MAX), metadata = BUF_INIT(4 * BODY_MAX);
    if (keep == 0)
        return fail(err, ERR_NOT_FOUND,
                    "No endpoint keeps conversations; set \"conversations: 30d\" at one.");
    if (!read_member(root, "items", true, "[]", &items, err) ||
        !read_member(root, "metadata", false, "{}", &metadata, err))
        return false;
    id_make(clock_wall(), id + sizeof prefix - 1);
    call_submit(c, &(struct api_job){.work = create,
                                     .id = str_from(id),
                                     .label = buf_str(&items),
                                     .status = buf_str(&metadata),
                                     .tenant = tenant_of(c),
                                     .keep_ns = keep,
                                     .writes = true});
    return true;
}

void conversation_create(struct call *c) {
    struct error err;
    struct str body = c->x->body.n ? c->x->body : STR("{}");
    yyjson_doc *doc = json_parse(body, &err);
    yyjson_val *root = yyjson_doc_get_root(doc);
    bool good = doc &&
                (yyjson_is_obj(root) || fail(&err, ERR_INVALID_JSON, "The body is %s; expected an object.",
                                             yyjson_get_type_desc(root))) &&
                submit_create(c, root, &err);
    yyjson_doc_free(doc);
    if (!good)
        call_fail(c, &err);
}

/* ---- show, delete ---- */

static bool show(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    struct conversation_record found = {.last = BUF_INIT(4096), .metadata = BUF_INIT(4 * BODY_MAX)};
    bool good = conversations_find(store, job->tenant, job->id, clock_wall(), &found, err);
    if (good)
        write_conversation(out, job->id, found.created, buf_str(&found.metadata));
    buf_free(&found.last);
    buf_free(&found.metadata);
    return good;
}

static bool show_items(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    struct conversation_record found = {.last = BUF_INIT(4096), .metadata = BUF_INIT(4 * BODY_MAX)};
    AUTO_BUF arrays = BUF_INIT(RESPONSES_BYTES_MAX + 4096);
    bool good = conversations_find(store, job->tenant, job->id, clock_wall(), &found, err) &&
                responses_history(store, job->tenant, buf_str(&found.last), clock_wall(), &arrays, err);
    if (good) {
        struct json_writer w = JSON_WRITER(out);
        json_object(&w);
        json_field_text(&w, "object", "list");
        json_key(&w, "data");
        good = history_join(buf_str(&arrays), &w, err);
        json_field_bool(&w, "has_more", false);
        json_object_end(&w);
    }
    buf_free(&found.last);
    buf_free(&found.metadata);
    return good;
}

static bool delete (struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    struct json_writer w = JSON_WRITER(out);
    if (!conversations_delete(store, job->tenant, job->id, err))
        return false;
    json_object(&w);
    json_field_str(&w, "id", job->id);
    json_field_text(&w, "object", "conversation.deleted");
    json_field_bool(&w, "deleted", true);
    json_object_end(&w);
    return true;
}

static void submit(struct call *c, bool (*work)(struct api_job *job, struct store *store, struct buf *out,
                                                struct error *err)) {
    call_submit(c,
                &(struct api_job){.work = work, .id = c->argument, .tenant = tenant_of(c), .writes = true});
}

void conversation_show(struct call *c) {
    submit(c, show);
}

void conversation_items(struct call *c) {
    submit(c, show_items);
}

void conversation_delete(struct call *c) {
    submit(c, delete);
}
