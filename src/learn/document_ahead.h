/* Files understood in sandboxed processes (documents/documents.h), for what asks for them one by one in their
 * order (training rows, a suite's cases): a few are read ahead of the one that is asked for. Owns a parser
 * pool, the files' bytes and what was made of them. One thread. */
#pragma once

#include "documents/documents.h"

struct document_file {
    struct str bytes;                     /* .p NULL: it could not be read; see error */
    const struct document_result *result; /* NULL: it was not understood; see error */
    struct error error;
};

struct document_ahead_options {
    size_t count;
    const char *(*path)(void *ctx, size_t i); /* NULL: there is no file at this place */
    void *ctx;
    bool understand; /* false: files are read, no more */
    unsigned want;   /* document_want, or'ed */
};

struct document_ahead;
/* NULL and *err where there is no parser. */
struct document_ahead *document_ahead_new(const struct document_ahead_options *o, struct error *err) MUST_USE;
/* Ends what is under way. NULL is fine. */
void document_ahead_free(struct document_ahead *a);

/* The i-th file. `i` never falls: those before it are forgotten. Valid until the next call. */
const struct document_file *document_ahead_get(struct document_ahead *a, size_t i);
/* The file that was got last, with something else wanted of it. */
const struct document_file *document_ahead_again(struct document_ahead *a, unsigned want);

/* More than white space. */
bool document_file_has_text(const struct document_file *f);
