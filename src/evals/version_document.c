#include "evals/version_document.h"

#include "learn/document_ahead.h"

#include <stdlib.h>

struct version_documents {
    const struct suite *suite;
    const struct backend *backend;
    bool looks; /* the version learned what pages look like */
    struct document_ahead *ahead;
    const struct document_file *file;
    double ms;
};

static const char *path_of(void *ctx, size_t i) {
    const struct version_documents *d = ctx;
    return d->suite->cases[i].document.p;
}

static bool any_document(const struct suite *s) {
    for (size_t i = 0; i < s->case_count; i++)
        if (s->cases[i].document.p)
            return true;
    return false;
}

bool version_documents_new(struct version_documents **out, const struct suite *s, const struct backend *b,
                           struct error *err) {
    *out = NULL;
    if (!any_document(s))
        return true;
    struct version_documents *d = calloc(1, sizeof *d);
    if (!d)
        return fail(err, ERR_NO_MEMORY, "Out of memory for the suite's files.");
    *d = (struct version_documents){
        .suite = s, .backend = b, .looks = (backend_inputs(b) & MODEL_TAKES_VISUAL) != 0};
    const struct document_ahead_options o = {.count = s->case_count,
                                             .path = path_of,
                                             .ctx = d,
                                             .understand = true,
                                             .want =
                                                 DOCUMENT_TEXT_EMBEDDED | (d->looks ? DOCUMENT_VISUAL : 0u)};
    d->ahead = document_ahead_new(&o, err);
    if (!d->ahead) {
        free(d);
        return false;
    }
    *out = d;
    return true;
}

void version_documents_free(struct version_documents *d) {
    if (d)
        document_ahead_free(d->ahead);
    free(d);
}

static void take(struct version_documents *d, const struct document_file *file) {
    d->file = file;
    d->ms += file->result ? (double)(file->result->ms.total - file->result->ms.wait) : 0;
}

bool version_documents_get(struct version_documents *d, size_t i, struct error *err) {
    d->ms = 0;
    take(d, document_ahead_get(d->ahead, i));
    if (d->file->bytes.p)
        return suite_case_unchanged(&d->suite->cases[i], d->file->bytes, err);
    *err = d->file->error;
    return false;
}

static bool recognise(struct version_documents *d, struct error *problem) {
    take(d, document_ahead_again(d->ahead, DOCUMENT_OCR_QUICK | (d->looks ? DOCUMENT_VISUAL : 0u)));
    if (!d->file->result)
        *problem = d->file->error;
    return d->file->result != NULL;
}

bool version_documents_predict(struct version_documents *d, struct scratch *scratch, struct model_answer *out,
                               struct policy_facts *facts, double *ms, struct error *problem) {
    const struct document_result *result = d->file->result;
    *facts = (struct policy_facts){0};
    *ms = d->ms;
    if (!result) {
        *problem = d->file->error;
        return false;
    }
    if (!document_file_has_text(d->file)) {
        if (result->visual &&
            backend_predict_visual(d->backend, scratch, result->visual, result->visual_count, out))
            return true;
        if (!recognise(d, problem))
            return false;
        result = d->file->result;
        *ms = d->ms;
    }
    const struct model_input in = {.text = result->text.p ? result->text : STR(""),
                                   .visual = result->visual,
                                   .visual_count = result->visual_count,
                                   .ocr_confidence = result->ocr_used ? result->ocr_confidence : 0};
    *facts = (struct policy_facts){in.text.n, in.ocr_confidence};
    return backend_predict(d->backend, scratch, &in, 1, out, problem);
}
