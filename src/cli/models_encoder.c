#include "cli/models_encoder.h"

#include "base/json.h"
#include "cli/file_argument.h"
#include "models/onnx_file.h"
#include "store/registry.h"

#include <stdio.h>

enum { VOCABULARY_MAX = 32 << 20, ARTEFACT_ROOM = 1 << 20, MANIFEST_MAX = 65536 };

static void write_manifest(const struct text_encoder_declaration *d, size_t dimensions, struct buf *out) {
    struct json_writer w = JSON_WRITER(out);
    json_object(&w);
    json_field_text(&w, "backend", TEXT_ENCODER_BACKEND);
    json_key(&w, "parameters");
    json_object(&w);
    json_field_int(&w, "dimensions", (int64_t)dimensions);
    json_field_text(&w, "vector", d->first_token ? "first token" : "mean of the tokens, or the text's own");
    json_field_bool(&w, "cased", d->cased);
    json_object_end(&w);
    json_object_end(&w);
}

static bool pack(const struct encoder_version *v, struct buf *artefact, struct buf *manifest,
                 struct error *err) {
    AUTO_BUF model = BUF_INIT((size_t)ONNX_FILE_MAX + 1);
    AUTO_BUF vocabulary = BUF_INIT(VOCABULARY_MAX + 1);
    struct text_encoder *made;
    if (!file_argument_read(v->vocabulary, "a vocabulary", VOCABULARY_MAX, &vocabulary, err) ||
        !file_argument_read(v->file, "an ONNX file", ONNX_FILE_MAX, &model, err))
        return false;
    if (!text_encoder_pack(buf_str(&model), buf_str(&vocabulary), &v->declared, artefact, err) ||
        !text_encoder_open(&made, buf_str(artefact), err))
        return fail_within(err, "%s", v->file);
    write_manifest(&v->declared, text_encoder_dimensions(made), manifest);
    text_encoder_unref(made);
    return !manifest->failed || fail(err, ERR_NO_MEMORY, "out of memory");
}

bool models_add_encoder(struct store *store, const struct encoder_version *v, struct error *err) {
    AUTO_BUF artefact = BUF_INIT((size_t)ONNX_FILE_MAX + VOCABULARY_MAX + ARTEFACT_ROOM);
    AUTO_BUF manifest = BUF_INIT(MANIFEST_MAX);
    unsigned version;
    if (!v->file)
        return fail(err, ERR_USAGE, "--vocabulary needs --onnx FILE beside it");
    if (!pack(v, &artefact, &manifest, err) ||
        !registry_add_version(store, v->name, TEXT_ENCODER_BACKEND, buf_str(&artefact), buf_str(&manifest),
                              &version, err))
        return false;
    printf("%s@%u\n", v->name, version);
    return true;
}
