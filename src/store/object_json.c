#include "store/object_json.h"

#include "base/clock.h"
#include "store/tags.h"

#include <stdlib.h>

static void write_time(struct json_writer *w, const char *key, int64_t wall_ns) {
    char time[CLOCK_TEXT_SIZE];
    clock_format(wall_ns, time);
    json_field_text(w, key, time);
}

void key_write(const struct key_record *key, const char *text, struct json_writer *w) {
    json_object(w);
    json_field_text(w, "id", key->id);
    if (text)
        json_field_text(w, "key", text);
    json_field_text(w, "client", key->client);
    json_field_text(w, "role", role_name(key->role));
    json_key(w, "rate");
    json_double(w, key->rate);
    json_field_int(w, "burst", key->burst);
    write_time(w, "created", key->created);
    if (key->revoked)
        write_time(w, "revoked", key->revoked);
    else
        json_field_text(w, "revoked", NULL);
    json_object_end(w);
}

void version_fields(const struct version_record *r, struct json_writer *w) {
    json_field_text(w, "name", r->name);
    json_field_int(w, "version", r->version);
    json_field_text(w, "backend", r->backend);
    json_field_text(w, "artefact", r->artefact);
    write_time(w, "created", r->created);
}

void alias_write(const struct alias *a, struct json_writer *w) {
    char reference[REFERENCE_SIZE];
    snprintf(reference, sizeof reference, "%s@%u", a->model, a->version);
    json_object(w);
    json_field_text(w, "model", a->model);
    json_field_text(w, "alias", a->name);
    json_field_text(w, "endpoint", *a->endpoint ? a->endpoint : NULL);
    json_field_text(w, "version", reference);
    write_time(w, "changed", a->changed);
    json_object_end(w);
}

void endpoint_difference_write(const char *option, yyjson_val *before, yyjson_val *after,
                               struct json_writer *w) {
    json_object(w);
    json_field_text(w, "option", option);
    json_key(w, "before");
    json_value(w, before);
    json_key(w, "after");
    json_value(w, after);
    json_object_end(w);
}

void endpoint_version_fields(const struct endpoint_version *v, struct json_writer *w) {
    json_field_text(w, "endpoint", v->endpoint);
    json_field_int(w, "version", v->version);
    write_time(w, "created", v->created);
    json_field_text(w, "hash", v->hash);
}

const char *dataset_kind_name(enum dataset_kind kind) {
    return kind == DATASET_TABLE ? "table" : "files";
}

void dataset_fields(const struct dataset_record *r, struct json_writer *w) {
    json_field_text(w, "name", r->name);
    json_field_int(w, "version", r->version);
    json_field_text(w, "manifest", r->manifest);
    json_field_text(w, "kind", dataset_kind_name(r->kind));
    json_field_int(w, "rows", (int64_t)r->rows);
    json_field_int(w, "labels", (int64_t)r->labels);
    json_field_int(w, "bytes", (int64_t)r->bytes);
    json_field_text(w, "source", r->source);
    write_time(w, "created", r->created);
}

size_t *dataset_label_rows(const struct dataset_manifest *m, struct error *err) {
    size_t *counts = calloc(m->label_count + 1, sizeof *counts);
    if (!counts)
        fail(err, ERR_NO_MEMORY, "out of memory");
    for (size_t i = 0; counts && i < m->count; i++)
        counts[m->rows[i].label]++;
    return counts;
}

static void write_user(const char *reference, void *ctx) {
    json_text(ctx, reference);
}

bool dataset_detail_fields(struct store *s, const struct dataset_record *r, const struct dataset_manifest *m,
                           struct json_writer *w, struct error *err) {
    struct datasets_kept kept = datasets_kept(s, m);
    size_t *counts = dataset_label_rows(m, err);
    if (!counts)
        return false;
    json_field_int(w, "files", (int64_t)kept.files);
    json_field_int(w, "kept", (int64_t)kept.kept);
    json_key(w, "label_rows");
    json_array(w);
    for (size_t i = 0; i < m->label_count; i++) {
        json_object(w);
        json_field_str(w, "label", m->labels[i]);
        json_field_int(w, "rows", (int64_t)counts[i]);
        json_object_end(w);
    }
    json_array_end(w);
    free(counts);
    json_key(w, "used_by");
    json_array(w);
    if (!datasets_users(s, r->manifest, write_user, w, err))
        return false;
    json_array_end(w);
    return tags_write(s, TAG_DATASET, r->name, r->version, w, err);
}

void suite_write(const struct suite_record *r, struct json_writer *w) {
    json_object(w);
    json_field_text(w, "name", r->name);
    json_field_int(w, "version", r->version);
    json_field_text(w, "hash", r->hash);
    write_time(w, "created", r->created);
    json_key(w, "files");
    suite_files_write(r, w);
    json_object_end(w);
}

void evaluation_fields(const struct evaluation_record *r, struct json_writer *w) {
    json_field_text(w, "id", r->id);
    write_time(w, "created", r->created);
    json_field_text(w, "verdict", evaluation_verdict_name(r->verdict));
    json_field_str(w, "suite", str_from(r->suite));
    json_field_text(w, "suite_hash", r->suite_hash);
    json_field_str(w, "endpoint", str_from(r->endpoint));
    json_field_str(w, "model", str_from(r->model));
    json_field_int(w, "version", r->version);
    json_field_str(w, "baseline", str_from(r->baseline));
    json_field_text(w, "source", evaluation_source_name(r->source));
    json_field_int(w, "cases", r->cases);
    json_field_int(w, "passed", r->passed);
    json_field_str(w, "by", str_from(r->who));
}

void prompt_fields(const struct prompt_record *r, struct json_writer *w) {
    json_field_text(w, "name", r->name);
    json_field_int(w, "version", r->version);
    json_field_text(w, "hash", r->hash);
    write_time(w, "created", r->created);
}
