/* One job from bytes to result, on a thread of the pool that owns one parser process: which steps a kind
 * of file takes, within which time. */
#pragma once

#include "documents/documents.h"
#include "documents/parser_process.h"
#include "documents/parser_programs.h"
#include "documents/patience.h"

/* What a thread of the pool works with. */
struct parser_bench {
    const struct parser_programs *programs;
    struct parser_process process; /* may be stopped; started when needed */
    size_t start_memory;
    unsigned required_layers;
    unsigned pdf_layers;      /* seen so far */
    enum parser_end last_end; /* of the process in this job */
    unsigned replaced;        /* processes that were found dead before this job used them */
};

struct parser_task {
    struct str bytes;
    enum file_type type; /* known */
    unsigned want;
    struct document_limits limits; /* filled in, no zeros */
    const struct patience *patience;
};

/* Writes *out, a new result, or fills *err; adds to the bench what became of its process. `ms.wait` and
 * `ms.total` are the caller's to add. */
bool parser_run(struct parser_bench *bench, const struct parser_task *task, struct document_result **out,
                struct error *err) MUST_USE;

/* Asks the bench's process about one image, starting it first if need be; merges looks, times and
 * confidence into *result and appends nothing: the text is the answer's. */
bool parser_run_image(struct parser_bench *bench, const struct parser_task *task, struct str bytes,
                      enum frame_format format, unsigned want, struct document_result *result,
                      struct parser_answer *answer, struct error *err) MUST_USE;

/* The steps of a PDF (parser_pdf.c). */
bool parser_run_pdf(struct parser_bench *bench, const struct parser_task *task,
                    struct document_result *result, struct error *err) MUST_USE;

/* Takes over bytes as the result's text: invalid UTF-8 and NUL become U+FFFD, longer than the limit is cut.
 */
bool parser_run_keep_text(struct document_result *result, struct str text, size_t max_text,
                          struct error *err) MUST_USE;
