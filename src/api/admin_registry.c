/* GET /v1/admin/models, datasets, suites, prompts and evaluations, each with …/{reference}; a version's
 * lineage; POST /v1/admin/prompts. What needs files of the machine (training, archives, suites, datasets) is
 * the command line's. */
#include "api/jobs.h"
#include "chat/prompt.h"
#include "store/lineage.h"
#include "store/object_json.h"
#include "store/tags.h"

enum { LIST_STANDARD = 100, LIST_MAX = 1000 };

static void submit_list(struct call *c, bool (*work)(struct api_job *job, struct store *store,
                                                     struct buf *out, struct error *err)) {
    static const char *const names[] = {"after", "name", "suite", "endpoint"};
    struct str values[ARRAY_COUNT(names)];
    struct api_job job = {.work = work, .limit = LIST_STANDARD};
    if (!call_limit(c, LIST_MAX, &job.limit) || !call_query(c, names, values, ARRAY_COUNT(names)))
        return;
    job.after = values[0];
    job.id = values[1];
    job.label = values[2];
    job.endpoint = values[3];
    call_submit(c, &job);
}

/* The argument as a name with its version. */
static bool reference_of(const struct api_job *job, const char *what, char name[REFERENCE_NAME_MAX + 1],
                         unsigned *version, struct error *err) {
    return reference_parse(job->id, what, name, version, err);
}

/* ---- models ---- */

static void add_version(const struct version_record *r, void *ctx) {
    struct job_list *l = ctx;
    if (!job_list_wants(l, r->name, r->version))
        return;
    json_object(&l->w);
    version_fields(r, &l->w);
    json_object_end(&l->w);
}

static bool models_work(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    char name[MODEL_NAME_MAX + 1], after[MODEL_NAME_MAX + 1];
    struct version_page page = {.limit = job->limit + 1};
    struct job_list l;
    if (!job_text(job->id, "name", name, sizeof name, err) ||
        (job->after.n && !registry_parse_reference(job->after, after, &page.after_version, err)))
        return false;
    page.name = name[0] ? name : NULL;
    page.after = job->after.n ? after : NULL;
    job_list_begin(&l, job, out);
    l.after = STR(""); /* the page begins behind it */
    if (!registry_page(store, &page, add_version, &l, err))
        return false;
    job_list_end(&l);
    return true;
}

void admin_models(struct call *c) {
    submit_list(c, models_work);
}

static bool model_work(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    char name[MODEL_NAME_MAX + 1];
    unsigned version;
    struct version_record r = {0};
    if (!reference_of(job, "model", name, &version, err) || !registry_find(store, name, version, &r, err))
        return false;
    struct json_writer w = JSON_WRITER(out);
    json_object(&w);
    version_fields(&r, &w);
    bool good = tags_write(store, TAG_MODEL, r.name, r.version, &w, err);
    json_key(&w, "manifest");
    json_raw(&w, str_from(r.manifest));
    json_object_end(&w);
    version_record_clear(&r);
    return good;
}

void admin_model(struct call *c) {
    call_submit(c, &(struct api_job){.work = model_work, .id = c->argument});
}

static bool lineage_work(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    char name[MODEL_NAME_MAX + 1], reference[REFERENCE_SIZE];
    unsigned version;
    struct version_record r = {0};
    if (!reference_of(job, "model", name, &version, err) || !registry_find(store, name, version, &r, err))
        return false;
    snprintf(reference, sizeof reference, "%s@%u", r.name, r.version);
    version_record_clear(&r);
    struct lineage_wish wish = {.model = str_from(reference)};
    return lineage_write(store, &wish, &JSON_WRITER(out), err);
}

void admin_lineage(struct call *c) {
    call_submit(c, &(struct api_job){.work = lineage_work, .id = c->argument});
}

/* ---- datasets ---- */

static void add_dataset(const struct dataset_record *r, void *ctx) {
    struct job_list *l = ctx;
    if (!job_list_wants(l, r->name, r->version))
        return;
    json_object(&l->w);
    dataset_fields(r, &l->w);
    json_object_end(&l->w);
}

static bool datasets_work(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    struct job_list l;
    job_list_begin(&l, job, out);
    if (!datasets_list(store, add_dataset, &l, err))
        return false;
    job_list_end(&l);
    return true;
}

void admin_datasets(struct call *c) {
    submit_list(c, datasets_work);
}

static bool dataset_work(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    char name[REFERENCE_NAME_MAX + 1];
    unsigned version;
    struct dataset_record r;
    struct dataset_manifest m;
    if (!reference_of(job, "dataset", name, &version, err) || !datasets_find(store, name, version, &r, err) ||
        !datasets_load(store, r.manifest, &m, err))
        return false;
    struct json_writer w = JSON_WRITER(out);
    json_object(&w);
    dataset_fields(&r, &w);
    bool good = dataset_detail_fields(store, &r, &m, &w, err);
    json_object_end(&w);
    dataset_manifest_free(&m);
    return good;
}

void admin_dataset(struct call *c) {
    call_submit(c, &(struct api_job){.work = dataset_work, .id = c->argument});
}

/* ---- suites ---- */

static void add_suite(const struct suite_record *r, void *ctx) {
    struct job_list *l = ctx;
    if (job_list_wants(l, r->name, r->version))
        suite_write(r, &l->w);
}

static bool suites_work(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    struct job_list l;
    job_list_begin(&l, job, out);
    if (!suites_list(store, add_suite, &l, err))
        return false;
    job_list_end(&l);
    return true;
}

void admin_suites(struct call *c) {
    submit_list(c, suites_work);
}

static bool suite_work(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    char name[REFERENCE_NAME_MAX + 1];
    unsigned version;
    struct suite_record r;
    if (!reference_of(job, "suite", name, &version, err) || !suites_find(store, name, version, &r, err))
        return false;
    suite_write(&r, &JSON_WRITER(out));
    return true;
}

void admin_suite(struct call *c) {
    call_submit(c, &(struct api_job){.work = suite_work, .id = c->argument});
}

/* ---- evaluations ---- */

static void add_evaluation(const struct evaluation_record *r, void *ctx) {
    struct job_list *l = ctx;
    if (!job_list_wants(l, r->id, 0))
        return;
    json_object(&l->w);
    evaluation_fields(r, &l->w);
    json_object_end(&l->w);
}

static bool evaluations_work(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    char model[MODEL_NAME_MAX + 1] = "", suite[EVALUATION_NAME_MAX + 1], endpoint[EVALUATION_NAME_MAX + 1];
    struct evaluation_filter filter = {
        .model = model, .suite = suite, .endpoint = endpoint, .recorded = true};
    struct job_list l;
    if ((job->id.n && !registry_parse_reference(job->id, model, &filter.version, err)) ||
        !job_text(job->label, "suite", suite, sizeof suite, err) ||
        !job_text(job->endpoint, "endpoint", endpoint, sizeof endpoint, err))
        return false;
    job_list_begin(&l, job, out);
    if (!evaluations_list(store, &filter, LIST_MAX * 10, add_evaluation, &l, err))
        return false;
    job_list_end(&l);
    return true;
}

void admin_evaluations(struct call *c) {
    submit_list(c, evaluations_work);
}

static bool evaluation_work(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    char id[EVALUATION_NAME_MAX + 1];
    struct evaluation_record r;
    if (!job_text(job->id, "id", id, sizeof id, err) || !evaluations_find(store, id, &r, err))
        return false;
    struct json_writer w = JSON_WRITER(out);
    json_object(&w);
    evaluation_fields(&r, &w);
    json_key(&w, "report");
    json_raw(&w, str_from(r.report));
    json_object_end(&w);
    evaluation_record_clear(&r);
    return true;
}

void admin_evaluation(struct call *c) {
    call_submit(c, &(struct api_job){.work = evaluation_work, .id = c->argument});
}

/* ---- prompts ---- */

static void add_prompt(const struct prompt_record *r, void *ctx) {
    struct job_list *l = ctx;
    if (!job_list_wants(l, r->name, r->version))
        return;
    json_object(&l->w);
    prompt_fields(r, &l->w);
    json_object_end(&l->w);
}

static bool prompts_work(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    struct job_list l;
    job_list_begin(&l, job, out);
    if (!prompts_list(store, add_prompt, &l, err))
        return false;
    job_list_end(&l);
    return true;
}

void admin_prompts(struct call *c) {
    submit_list(c, prompts_work);
}

static bool prompt_work(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    char name[REFERENCE_NAME_MAX + 1];
    unsigned version;
    struct prompt_record r;
    if (!reference_of(job, "prompt", name, &version, err) || !prompts_find(store, name, version, &r, err))
        return false;
    struct json_writer w = JSON_WRITER(out);
    json_object(&w);
    prompt_fields(&r, &w);
    bool good = tags_write(store, TAG_PROMPT, r.name, r.version, &w, err);
    json_field_text(&w, "text", r.text);
    json_object_end(&w);
    prompt_record_clear(&r);
    return good;
}

void admin_prompt(struct call *c) {
    call_submit(c, &(struct api_job){.work = prompt_work, .id = c->argument});
}

static bool prompt_add_work(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    unsigned version;
    bool added;
    struct prompt *p = prompt_parse(job->label, err);
    if (!p) {
        if (err->code == ERR_DATA)
            err->code = ERR_INVALID_FIELD;
        return false;
    }
    bool good = prompts_add(store, prompt_name(p), job->label, &version, &added, err);
    struct json_writer w = JSON_WRITER(out);
    json_object(&w);
    json_field_text(&w, "name", prompt_name(p));
    json_field_int(&w, "version", version);
    json_field_bool(&w, "added", added);
    json_object_end(&w);
    prompt_unref(p);
    return good;
}

void admin_prompt_add(struct call *c) {
    struct error err;
    yyjson_doc *doc = json_parse(c->x->body, &err);
    struct str text = json_str_of(yyjson_obj_get(yyjson_doc_get_root(doc), "text"));
    if (doc && text.n)
        call_submit(c, &(struct api_job){
                           .work = prompt_add_work, .writes = true, .label = text, .actor = call_actor(c)});
    else {
        if (doc)
            fail_at(&err, ERR_MISSING_FIELD, "text",
                    "Send {\"text\": \"…\"}: the template, as docs/prompts.md says.");
        call_fail(c, &err);
    }
    yyjson_doc_free(doc);
}
