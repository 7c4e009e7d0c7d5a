/* The stages that handle files: extract (a file's own text and its looks), look (do the looks alone
 * decide?), read (optical recognition). The parser pool works on threads of its own; an extraction is
 * what travels there and back, and outlives a request that was cancelled. */
#include "base/clock.h"
#include "pipeline/stages/stages.h"

#include <stdlib.h>
#include <string.h>

struct extraction {
    struct loop_task task;
    struct request *r; /* NULL: nobody waits any more */
    struct engine *engine;
    struct loop *loop;
    struct parser_ticket *ticket;
    struct document_result *result;
    struct error error;
    char bytes[]; /* the request's body may be gone before a cancelled job has ended */
};

static void finish(struct loop_task *task) {
    struct extraction *x = CONTAINER_OF(task, struct extraction, task);
    struct request *r = x->r;
    parser_ticket_free(x->ticket);
    if (!r) {
        document_result_free(x->result);
        free(x);
        return;
    }
    r->pending = NULL;
    enum stage_answer answer = STAGE_NEXT;
    if (x->result) {
        document_result_free(r->document);
        r->document = x->result;
        r->input.text = x->result->text;
        r->compute_ns += (int64_t)((x->result->ms.total - x->result->ms.wait) * 1e6f);
    } else {
        r->error = x->error;
        answer = STAGE_FAIL;
    }
    free(x);
    request_resume(r, answer);
}

/* On a thread of the parser pool. */
static void extracted(void *ctx, struct document_result *result, const struct error *err) {
    struct extraction *x = ctx;
    struct engine *engine = x->engine;
    x->result = result;
    if (!result)
        x->error = *err;
    loop_post(x->loop, &x->task);
    engine_outstanding_end(engine);
}

static enum stage_answer extract(struct request *r, unsigned want) {
    struct str bytes = r->input.bytes;
    struct extraction *x = malloc(sizeof *x + bytes.n);
    if (!x)
        return stage_fail(r, ERR_NO_MEMORY, "Out of memory for the file.");
    *x = (struct extraction){.task.run = finish, .r = r, .engine = r->loop->engine, .loop = r->loop->loop};
    memcpy(x->bytes, bytes.p, bytes.n);
    struct parser_job job = {
        .bytes = {x->bytes, bytes.n},
        .type = r->input.file_type,
        .want = want,
        .deadline = r->deadline_ns,
        .done = extracted,
        .ctx = x,
    };
    engine_outstanding_begin(x->engine);
    if (!parser_pool_submit(r->loop->parts->parsers, &job, &x->ticket, &r->error)) {
        engine_outstanding_end(x->engine);
        free(x);
        return STAGE_FAIL;
    }
    r->pending = x;
    return STAGE_SUSPEND;
}

static void cancel(struct request *r) {
    struct extraction *x = r->pending;
    x->r = NULL;
    r->pending = NULL;
    parser_ticket_cancel(x->ticket);
}

static bool is_document(const struct request *r) {
    return r->input.kind == INPUT_FILE && r->input.file_type != FILE_TYPE_TEXT;
}

static bool has_text(const struct request *r) {
    for (size_t i = 0; i < r->input.text.n; i++)
        if ((unsigned char)r->input.text.p[i] > ' ')
            return true;
    return false;
}

/* Looking is worth it when the version learned to, and nobody wants the text in any case. */
static bool may_look(const struct request *r) {
    const struct backend *backend = r->version->backend;
    return backend && (backend_inputs(backend) & MODEL_TAKES_VISUAL) &&
           r->endpoint->config->ocr != OCR_ALWAYS;
}

static bool extract_applies(const struct request *r) {
    return is_document(r) && (r->input.file_type == FILE_TYPE_PDF || may_look(r));
}

static enum stage_answer extract_run(struct request *r) {
    return extract(r, DOCUMENT_TEXT_EMBEDDED | (may_look(r) ? DOCUMENT_VISUAL : 0));
}

static void free_document(struct request *r) {
    document_result_free(r->document);
    r->document = NULL;
}

static bool look_applies(const struct request *r) {
    return r->document && r->document->visual && !has_text(r) && may_look(r) &&
           r->endpoint->switched != SWITCH_FALLBACK;
}

static enum stage_answer look_run(struct request *r) {
    struct model_answer *answer = arena_alloc(r->arena, sizeof *answer);
    if (!answer || !backend_predict_visual(r->version->backend, r->loop->scratch, r->document->visual,
                                           r->document->visual_count, answer))
        return STAGE_NEXT;
    struct policy_facts facts = {0};
    policy_apply(&r->version->policy, &facts, answer);
    if (!outcome_from_model(r, r->version, answer, &r->error))
        return STAGE_FAIL;
    r->answer = answer;
    return STAGE_NEXT;
}

static bool read_applies(const struct request *r) {
    return is_document(r) && !r->outcome.answered && !has_text(r) && r->endpoint->config->ocr != OCR_NEVER;
}

static enum stage_answer read_run(struct request *r) {
    unsigned keep_visual = may_look(r) ? DOCUMENT_VISUAL : 0;
    return extract(r, keep_visual |
                          (r->endpoint->config->ocr == OCR_ALWAYS ? DOCUMENT_OCR : DOCUMENT_OCR_QUICK));
}

const struct stage stage_extract = {.name = "extract",
                                    .applies = extract_applies,
                                    .run = extract_run,
                                    .cancel = cancel,
                                    .on_end = free_document};
const struct stage stage_look = {.name = "look", .applies = look_applies, .run = look_run};
const struct stage stage_read = {
    .name = "read", .applies = read_applies, .run = read_run, .cancel = cancel, .on_end = free_document};
