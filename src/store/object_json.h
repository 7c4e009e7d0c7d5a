/* What the store holds, as JSON, for the command line and the API. `_fields`: into an object that is open.
 * Same threads as the store that is passed; without one: any thread. */
#pragma once

#include "base/json.h"
#include "store/aliases.h"
#include "store/datasets.h"
#include "store/endpoint_versions.h"
#include "store/evaluations.h"
#include "store/keys.h"
#include "store/prompts.h"
#include "store/registry.h"
#include "store/suites.h"

/* {"id","key"?,"client","role","rate","burst","created","revoked"}. `text`: the key itself, or NULL. */
void key_write(const struct key_record *key, const char *text, struct json_writer *w);
/* name, version, backend, artefact, created */
void version_fields(const struct version_record *r, struct json_writer *w);
/* {"model","alias","endpoint","version","changed"}; endpoint null: the model's. */
void alias_write(const struct alias *a, struct json_writer *w);
/* {"option","before","after"}; null: it is not there. */
void endpoint_difference_write(const char *option, yyjson_val *before, yyjson_val *after,
                               struct json_writer *w);
/* endpoint, version, created, hash */
void endpoint_version_fields(const struct endpoint_version *v, struct json_writer *w);
/* name, version, manifest, kind, rows, labels, bytes, source, created */
void dataset_fields(const struct dataset_record *r, struct json_writer *w);
const char *dataset_kind_name(enum dataset_kind kind); /* "table", "files" */
/* files, kept, label_rows [{label, rows}], used_by, tags */
bool dataset_detail_fields(struct store *s, const struct dataset_record *r, const struct dataset_manifest *m,
                           struct json_writer *w, struct error *err) MUST_USE;
/* Rows of each label, in the manifest's order. NULL when memory is out. */
size_t *dataset_label_rows(const struct dataset_manifest *m, struct error *err) MUST_USE;
/* {"name","version","hash","created","files"} */
void suite_write(const struct suite_record *r, struct json_writer *w);
/* id, created, verdict, suite, suite_hash, endpoint, model, version, baseline, source, cases, passed, by */
void evaluation_fields(const struct evaluation_record *r, struct json_writer *w);
/* name, version, hash, created */
void prompt_fields(const struct prompt_record *r, struct json_writer *w);
