/* What a version answers to the files of a suite's cases, the way that serving goes: the file's own text and
 * its looks first, and recognition (the quick kind, as with `ocr: auto`) where neither decides. Files are
 * read some ahead, in sandboxed processes. One thread. */
#pragma once

#include "evals/suite.h"
#include "models/backend.h"
#include "models/policy.h"

struct version_documents;

/* *out NULL: no case has a file. */
bool version_documents_new(struct version_documents **out, const struct suite *s, const struct backend *b,
                           struct error *err) MUST_USE;
void version_documents_free(struct version_documents *d); /* NULL is fine */

/* Waits for the file of the i-th case; `i` never falls. False: it is not the file that the suite was read
 * with. */
bool version_documents_get(struct version_documents *d, size_t i, struct error *err) MUST_USE;
/* The answer to that file. *ms: what reading it took, without waiting for its turn. */
bool version_documents_predict(struct version_documents *d, struct scratch *scratch, struct model_answer *out,
                               struct policy_facts *facts, double *ms, struct error *problem) MUST_USE;
