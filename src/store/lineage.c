#include "store/lineage.h"

#include "base/clock.h"
#include "store/blobs.h"
#include "store/datasets.h"
#include "store/prompts.h"
#include "store/registry.h"
#include "store/tags.h"

#include <stdio.h>

static void write_time(struct json_writer *w, int64_t wall_ns) {
    char time[CLOCK_TEXT_SIZE];
    clock_format(wall_ns, time);
    json_field_text(w, "created", time);
}

static const char *blob_state(struct store *s, const char *hex, bool verify) {
    struct blob blob;
    struct error why = {0};
    if (!blob_map(store_folder(s), hex, verify, &blob, &why))
        return why.code == ERR_NOT_FOUND ? "missing" : "altered";
    blob_unmap(&blob);
    return verify ? "whole" : "present";
}

/* The row that is the very input. Without one nothing is said: the same page may come in other bytes. A
 * manifest that cannot be read stands in its state. */
static void write_input(struct store *s, const char *manifest, const unsigned char *input,
                        struct json_writer *w) {
    struct dataset_manifest m;
    if (!input || !datasets_load(s, manifest, &m, NULL))
        return;
    const struct dataset_row *row = dataset_manifest_find(&m, input);
    if (row) {
        json_key(w, "input");
        json_object(w);
        if (m.kind == DATASET_FILES)
            json_field_str(w, "path", row->path);
        else
            json_field_int(w, "line", (int64_t)row->line);
        json_field_str(w, "label", m.labels[row->label]);
        json_object_end(w);
    }
    dataset_manifest_free(&m);
}

static void write_dataset_record(const struct dataset_record *d, struct json_writer *w) {
    char reference[REFERENCE_SIZE];
    snprintf(reference, sizeof reference, "%s@%u", d->name, d->version);
    json_field_text(w, "reference", reference);
    json_field_text(w, "kind", d->kind == DATASET_TABLE ? "table" : "files");
    json_field_int(w, "rows", (int64_t)d->rows);
    json_field_int(w, "labels", (int64_t)d->labels);
    json_field_int(w, "bytes", (int64_t)d->bytes);
    json_field_text(w, "source", d->source);
    write_time(w, d->created);
}

static bool write_dataset(struct store *s, const struct version_record *r, const struct lineage_wish *wish,
                          struct json_writer *w, struct error *err) {
    char manifest[SHA256_HEX_SIZE];
    struct dataset_record d;
    bool named, found = false;
    if (!registry_dataset_of(r, manifest, &named, err) ||
        (named && !datasets_named(s, manifest, r->name, &found, &d, err)))
        return false;
    json_key(w, "dataset");
    if (!named) {
        json_null(w);
        return true;
    }
    json_object(w);
    json_field_text(w, "manifest", manifest);
    json_field_text(w, "state", blob_state(s, manifest, wish->verify));
    if (found)
        write_dataset_record(&d, w);
    json_object_end(w);
    write_input(s, manifest, wish->input, w);
    return true;
}

static bool write_version(struct store *s, const struct version_record *r, const struct lineage_wish *wish,
                          struct json_writer *w, struct error *err) {
    char reference[REFERENCE_SIZE];
    snprintf(reference, sizeof reference, "%s@%u", r->name, r->version);
    json_field_text(w, "model", reference);
    json_field_text(w, "backend", r->backend);
    write_time(w, r->created);
    json_key(w, "artefact");
    json_object(w);
    json_field_text(w, "sha256", r->artefact);
    json_field_text(w, "state", blob_state(s, r->artefact, wish->verify));
    json_object_end(w);
    return write_dataset(s, r, wish, w, err) && tags_write(s, TAG_MODEL, r->name, r->version, w, err);
}

/* "support-reply@2", behind a language model's name. */
static bool write_prompt(struct store *s, struct str reference, struct json_writer *w, struct error *err) {
    char name[REFERENCE_NAME_MAX + 1], text[REFERENCE_SIZE];
    struct prompt_record r;
    unsigned version;
    json_key(w, "prompt");
    if (!reference_parse(reference, "prompt", name, &version, NULL)) {
        json_null(w);
        return true;
    }
    if (!prompts_find(s, name, version, &r, err))
        return false;
    snprintf(text, sizeof text, "%s@%u", r.name, r.version);
    json_object(w);
    json_field_text(w, "reference", text);
    json_field_text(w, "hash", r.hash);
    json_object_end(w);
    prompt_record_clear(&r);
    return true;
}

bool lineage_write(struct store *s, const struct lineage_wish *wish, struct json_writer *w,
                   struct error *err) {
    struct str prompt = wish->model, model = str_split(&prompt, '#');
    char name[REFERENCE_NAME_MAX + 1];
    struct version_record r = {0};
    unsigned version;
    bool ours = reference_parse(model, "model", name, &version, NULL), good = true;
    json_object(w);
    if (ours)
        good = registry_find(s, name, version, &r, err) && write_version(s, &r, wish, w, err);
    else
        json_field_str(w, "model", model);
    version_record_clear(&r);
    good = good && (prompt.n == 0 || write_prompt(s, prompt, w, err));
    json_object_end(w);
    return good;
}
