/* POST /v1/admin/datasets/from-labels: what people said of an endpoint's inputs becomes the next version of a
 * dataset, as `penstock datasets from-labels` does it, with its rows in the blob store. The rows are written
 * to a folder of the store's that is gone afterwards; of documents those that are held out become a dataset
 * of their own, NAME-heldout. */
#include "api/jobs.h"
#include "learn/dataset_note.h"
#include "learn/document_rows.h"
#include "learn/labels_export.h"
#include "store/datasets.h"
#include "store/reference.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NAME, PARTS = 2, PATH_SIZE = 1024 };

/* One dataset, read and not yet named. One piece of memory: the manifest's text stands behind it. */
struct part {
    char name[REFERENCE_NAME_MAX + 1];
    size_t length; /* of its text; 0: there is none */
    size_t rejected;
};

struct said {
    struct labels_exported labels;
    char source[DATASET_SOURCE_MAX + 1];
    struct part parts[PARTS];
    char texts[]; /* of both parts, one after the other */
};

/* ---- on the reader's thread: files ---- */

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at) {
    return remove(path);
}

static bool note_part(struct store *s, const char *path, const struct labels_exported *labels,
                      struct noted_rows *out, size_t *rejected, struct error *err) {
    static const char *const ignored[] = {"split", "request_id", "fields"};
    struct csv_rows_options options = {.ignore = ignored,
                                       .ignore_count = ARRAY_COUNT(ignored) - (labels->corrected == 0)};
    const struct dataset_reading reading = {.path = path, .keep = true};
    struct row_reader *rows =
        labels->folder ? document_files_open(path, err) : csv_rows_open(path, &options, err);
    bool good = rows && dataset_note(s, &reading, rows, out, rejected, err);
    row_reader_free(rows);
    return good;
}

static bool hand_over(struct api_job *job, const struct labels_exported *labels,
                      const struct noted_rows *noted, const struct part *parts, struct error *err) {
    size_t n = 0;
    for (size_t i = 0; i < PARTS; i++)
        n += noted[i].text.n;
    struct said *made = malloc(sizeof *made + n);
    if (!made)
        return fail(err, ERR_NO_MEMORY, "Out of memory for this request.");
    *made = (struct said){.labels = *labels};
    snprintf(made->source, sizeof made->source, "labels of %.*s", STR_ARG(str_slice(job->endpoint, 0, 200)));
    memcpy(made->parts, parts, sizeof made->parts);
    n = 0;
    for (size_t i = 0; i < PARTS; i++) {
        made->parts[i].length = noted[i].text.n;
        if (noted[i].text.n)
            memcpy(made->texts + n, noted[i].text.p, noted[i].text.n);
        n += noted[i].text.n;
    }
    job->made = made;
    return true;
}

/* `folder`: a new one. The rows to learn from must be there; those that are held out need not. */
static bool export_to(struct api_job *job, struct store *s, const char *folder, struct error *err) {
    char endpoint[256], path[PATH_SIZE], below[PATH_SIZE + 16];
    struct labels_exported labels;
    struct noted_rows noted[PARTS] = {{.text = {0}}};
    struct part parts[PARTS] = {{.length = 0}};
    struct error none;
    str_put(job->endpoint, endpoint, sizeof endpoint);
    str_put(job->texts[NAME], parts[0].name, sizeof parts[0].name);
    snprintf(parts[1].name, sizeof parts[1].name, "%.*s-heldout", (int)(REFERENCE_NAME_MAX - 8),
             parts[0].name);
    snprintf(path, sizeof path, "%s/rows", folder);
    if (!labels_export(s, endpoint, path, &labels, err))
        return false;
    snprintf(below, sizeof below, "%s%s", path, labels.folder ? "/train" : "");
    bool good = note_part(s, below, &labels, &noted[0], &parts[0].rejected, err);
    snprintf(below, sizeof below, "%s/heldout", path);
    if (good && labels.folder && labels.held_out > 0 &&
        !note_part(s, below, &labels, &noted[1], &parts[1].rejected, &none) && none.code != ERR_DATA) {
        *err = none;
        good = false;
    }
    good = good && hand_over(job, &labels, noted, parts, err);
    for (size_t i = 0; i < PARTS; i++)
        noted_rows_free(&noted[i]);
    return good;
}

static bool export_work(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    char folder[PATH_SIZE / 2];
    snprintf(folder, sizeof folder, "%s/from-labels.XXXXXX", store_folder(store));
    if (!mkdtemp(folder))
        return fail(err, ERR_IO, "The store has no room for the rows: %s", strerror(errno));
    bool good = export_to(job, store, folder, err);
    nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
    if (!good && err->code == ERR_DATA)
        err->code = ERR_CONFLICT; /* nothing is wrong with the request */
    return good;
}

/* ---- in the recorder's transaction ---- */

static bool add_part(struct store *s, const struct said *made, const struct part *p, struct str text,
                     struct json_writer *w, struct error *err) {
    struct dataset_manifest m = {.count = 0};
    struct dataset_record r;
    bool added, good = dataset_manifest_parse(&m, text, err) &&
                       datasets_add(s, p->name, made->source, &m, text, &r, &added, err);
    dataset_manifest_free(&m);
    if (!good)
        return false;
    json_object(w);
    json_field_text(w, "name", r.name);
    json_field_int(w, "version", r.version);
    json_field_text(w, "manifest", r.manifest);
    json_field_int(w, "rows", (int64_t)r.rows);
    json_field_int(w, "rejected", (int64_t)p->rejected);
    json_field_bool(w, "added", added);
    json_object_end(w);
    return true;
}

static bool add_work(struct api_job *job, struct store *store, struct buf *out, struct error *err) {
    const struct said *made = job->made;
    const struct labels_exported *e = &made->labels;
    struct json_writer w = JSON_WRITER(out);
    const char *text = made->texts;
    json_object(&w);
    json_key(&w, "datasets");
    json_array(&w);
    for (size_t i = 0; i < PARTS; i++) {
        const struct part *p = &made->parts[i];
        if (p->length && !add_part(store, made, p, (struct str){text, p->length}, &w, err))
            return false;
        text += p->length;
    }
    json_array_end(&w);
    json_field_int(&w, "labels", (int64_t)e->said);
    json_field_int(&w, "held_out", (int64_t)e->held_out);
    json_field_int(&w, "corrected", (int64_t)e->corrected);
    json_field_int(&w, "repeated", (int64_t)e->repeated);
    json_field_int(&w, "overruled", (int64_t)e->overruled);
    json_field_int(&w, "ties", (int64_t)e->ties);
    json_field_int(&w, "without_input", (int64_t)e->gone);
    json_field_int(&w, "unreadable", (int64_t)e->unread);
    json_object_end(&w);
    return !out->failed || fail(err, ERR_NO_MEMORY, "Out of memory for this request.");
}

/* ---- the call ---- */

static bool read_wish(yyjson_val *root, struct api_job *job, struct error *err) {
    job->endpoint = json_str_of(yyjson_obj_get(root, "endpoint"));
    job->texts[NAME] = json_str_of(yyjson_obj_get(root, "name"));
    if (job->endpoint.n == 0 || job->texts[NAME].n == 0)
        return fail_at(
            err, ERR_MISSING_FIELD, job->endpoint.n ? "name" : "endpoint",
            "Send {\"endpoint\": \"…\", \"name\": \"…\"}: whose labels, and what the dataset is called.");
    if (!reference_check_name(job->texts[NAME], "dataset", err))
        return fail_at(err, ERR_INVALID_FIELD, "name",
                       "The dataset's name is 1 to %d letters, digits, - _ and .", REFERENCE_NAME_MAX);
    return true;
}

void admin_dataset_from_labels(struct call *c) {
    struct error err;
    struct api_job job = {.work = export_work, .then = add_work, .actor = call_actor(c)};
    yyjson_doc *doc = json_parse(c->x->body, &err);
    if (!doc || !read_wish(yyjson_doc_get_root(doc), &job, &err))
        call_fail(c, &err);
    else if (!config_endpoint_named(c->snapshot->config, job.endpoint)) {
        fail_at(&err, ERR_NOT_FOUND, "endpoint", "There is no endpoint \"%.*s\".",
                STR_ARG(str_slice(job.endpoint, 0, 80)));
        call_fail(c, &err);
    } else
        call_submit(c, &job);
    yyjson_doc_free(doc);
}
