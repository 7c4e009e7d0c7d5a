#include "cli/models_onnx.h"

#include "cli/models_made.h"
#include "models/onnx_backend.h"
#include "models/onnx_file.h"

#include <stdio.h>
#include <stdlib.h>

enum { LABELS_FILE_MAX = 1 << 20, HEADER_MAX = 4 << 20, READ_SIZE = 1 << 20 };

static bool read_whole(const char *path, size_t most, struct buf *out, struct error *err) {
    FILE *file = fopen(path, "re");
    if (!file)
        return fail(err, ERR_IO, "Cannot read %s: %m.", path);
    *out = BUF_INIT(most + READ_SIZE);
    while (out->n <= most && !feof(file) && !ferror(file) && buf_reserve(out, READ_SIZE))
        out->n += fread(out->p + out->n, 1, READ_SIZE, file);
    bool broken = ferror(file);
    fclose(file);
    if (broken || out->failed)
        return fail(err, broken ? ERR_IO : ERR_NO_MEMORY, "Cannot read %s: %s.", path,
                    broken ? "input error" : "out of memory");
    return out->n <= most ||
           fail(err, ERR_DATA, "%s is larger than the %zu bytes that it may have.", path, most);
}

/* Lines of `text`, which are terminated in place. */
static bool split_lines(struct buf *text, const char *path, const char **labels, size_t *count,
                        struct error *err) {
    buf_add_char(text, '\n');
    for (char *at = text->p, *end; !text->failed && at < text->p + text->n; at = end + 1) {
        end = memchr(at, '\n', (size_t)(text->p + text->n - at));
        *(end > at && end[-1] == '\r' ? end - 1 : end) = '\0';
        if (!at[0])
            continue;
        if (*count == MODEL_LABELS_MAX)
            return fail(err, ERR_DATA, "%s has more than %d labels.", path, MODEL_LABELS_MAX);
        labels[(*count)++] = at;
    }
    return !text->failed || fail(err, ERR_NO_MEMORY, "out of memory");
}

static void add_reading(struct json_writer *w, const void *ctx) {
    const struct onnx_declaration *d = ctx;
    json_field_bool(w, "logits", d->logits);
    json_field_fixed(w, "temperature", (double)d->temperature, 6);
}

static bool add(struct store *store, const struct onnx_version *v, const struct onnx_declaration *d,
                struct error *err) {
    AUTO_BUF model = BUF_INIT(0);
    AUTO_BUF artefact = BUF_INIT((size_t)ONNX_FILE_MAX + HEADER_MAX);
    if (!read_whole(v->file, ONNX_FILE_MAX, &model, err))
        return false;
    if (!onnx_backend_pack(buf_str(&model), d, &artefact, err))
        return fail_within(err, "%s", v->file);
    return models_add_made(store,
                           &(struct made_version){.name = v->name,
                                                  .backend = "onnx",
                                                  .labels = d->labels,
                                                  .label_count = d->label_count,
                                                  .more = add_reading,
                                                  .ctx = d},
                           &artefact, err);
}

bool models_add_onnx(struct store *store, const struct onnx_version *v, struct error *err) {
    AUTO_BUF text = BUF_INIT(0);
    if (!v->file || (v->label_count > 0) == (v->labels_file != NULL))
        return fail(err, ERR_USAGE,
                    "expected --onnx FILE and its labels, by --labels FILE or by a --label for each");
    const char **labels = calloc(MODEL_LABELS_MAX, sizeof *labels);
    if (!labels)
        return fail(err, ERR_NO_MEMORY, "out of memory");
    struct onnx_declaration d = {.labels = v->labels_file ? labels : v->labels,
                                 .label_count = v->label_count,
                                 .features = v->features,
                                 .feature_count = v->feature_count,
                                 .output = v->output,
                                 .logits = v->logits,
                                 .temperature = (float)v->temperature};
    bool ok = !v->labels_file || (read_whole(v->labels_file, LABELS_FILE_MAX, &text, err) &&
                                  split_lines(&text, v->labels_file, labels, &d.label_count, err));
    ok = ok && add(store, v, &d, err);
    free(labels);
    return ok;
}
