/* GET and POST /v1/admin/models/{reference}/tags; the same of datasets and prompts */
#include "api/jobs.h"
#include "store/datasets.h"
#include "store/prompts.h"
#include "store/registry.h"
#include "store/tags.h"

static bool exists(struct store *s, const struct tag *of, struct error *err) {
    struct version_record version;
    struct dataset_record dataset;
    struct prompt_record prompt;
    switch (of->subject) {
    case TAG_MODEL:
        if (!registry_find(s, of->name, of->version, &version, err))
            return false;
        version_record_clear(&version);
        return true;
    case TAG_DATASET: return datasets_find(s, of->name, of->version, &dataset, err);
    case TAG_PROMPT:
        if (!prompts_find(s, of->name, of->version, &prompt, err))
            return false;
        prompt_record_clear(&prompt);
        return true;
    }
    return false;
}

/* job->limit: the subject. */
static bool subject_of(const struct api_job *job, struct store *s, struct tag *of, struct error *err) {
    static const char *const nouns[] = {
        [TAG_MODEL] = "model", [TAG_DATASET] = "dataset", [TAG_PROMPT] = "prompt"};
    *of = (struct tag){.subject = (enum tag_subject)job->limit};
    return reference_parse(job->id, nouns[of->subject], of->name, &of->version, err) && exists(s, of, err);
}

static bool write_tags(struct store *s, const struct tag *of, struct buf *out, struct error *err) {
    struct json_writer w = JSON_WRITER(out);
    json_object(&w);
    bool good = tags_write(s, of->subject, of->name, of->version, &w, err);
    json_object_end(&w);
    return good;
}

static bool show_work(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    struct tag of;
    return subject_of(job, store, &of, err) && write_tags(store, &of, out, err);
}

static bool set_one(struct store *s, const struct tag *of, struct str key, struct str value, bool remove,
                    struct error *err) {
    struct tag tag = *of;
    char text[TAG_KEY_MAX + TAG_VALUE_MAX + 2];
    bool changed;
    if (key.n > TAG_KEY_MAX || value.n > TAG_VALUE_MAX)
        return fail_at(err, ERR_INVALID_FIELD, remove ? "remove" : "set",
                       "A tag's key has at most %d bytes, its value %d.", TAG_KEY_MAX, TAG_VALUE_MAX);
    struct buf both = {.p = text, .room = sizeof text, .cap = sizeof text};
    buf_add_str(&both, key);
    buf_add_str(&both, remove ? STR("") : STR("="));
    buf_add_str(&both, value);
    return tag_parse(buf_str(&both), remove, &tag, err) && tags_set(s, &tag, &changed, err);
}

static bool set_all(struct store *s, const struct tag *of, yyjson_val *root, struct error *err) {
    yyjson_val *set = yyjson_obj_get(root, "set"), *remove = yyjson_obj_get(root, "remove"), *key, *value;
    size_t i, max;
    if ((set && !yyjson_is_obj(set)) || (remove && !yyjson_is_arr(remove)) || (!set && !remove) ||
        yyjson_obj_size(set) + yyjson_arr_size(remove) > TAGS_MAX)
        return fail_at(err, ERR_INVALID_FIELD, "set",
                       "Send {\"set\": {\"key\": \"value\"}, \"remove\": [\"key\"]}, of at most %d keys.",
                       TAGS_MAX);
    yyjson_obj_foreach(set, i, max, key, value) if (!yyjson_is_str(value)) return fail_at(
        err, ERR_INVALID_FIELD, "set", "A tag's value is text.");
    yyjson_obj_foreach(set, i, max, key, value) if (!set_one(s, of, json_str_of(key), json_str_of(value),
                                                             false, err)) return false;
    yyjson_arr_foreach(remove, i, max,
                       value) if (!set_one(s, of, json_str_of(value), STR(""), true, err)) return false;
    return true;
}

/* All of them or none. */
static bool set_work(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    struct tag of;
    if (!subject_of(job, store, &of, err))
        return false;
    yyjson_doc *doc = json_parse(job->label, err);
    bool good = doc && store_begin(store, true, err);
    if (good && !set_all(store, &of, yyjson_doc_get_root(doc), err)) {
        store_rollback(store);
        good = false;
        if (err->code == ERR_DATA)
            err->code = ERR_INVALID_FIELD;
    }
    good = good && store_commit(store, err);
    yyjson_doc_free(doc);
    return good && write_tags(store, &of, out, err);
}

static unsigned subject_in(struct str path) {
    return str_starts(path, STR("/v1/admin/models/"))     ? TAG_MODEL
           : str_starts(path, STR("/v1/admin/datasets/")) ? TAG_DATASET
                                                          : TAG_PROMPT;
}

void admin_tags(struct call *c) {
    call_submit(c, &(struct api_job){.work = show_work, .id = c->argument, .limit = subject_in(c->x->path)});
}

void admin_tags_set(struct call *c) {
    call_submit(c, &(struct api_job){.work = set_work,
                                     .writes = true,
                                     .id = c->argument,
                                     .label = c->x->body,
                                     .limit = subject_in(c->x->path),
                                     .actor = call_actor(c)});
}
