/* Runs one of poppler's programs over a PDF inside the sandbox: the document comes in as a sealed memory
 * file, the output through a pipe with a cap. poppler is GPL: it is run, never linked. One thread of the
 * pool each. */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"
#include "documents/documents.h"
#include "documents/patience.h"

#include <stdbool.h>

/* A descriptor holding exactly these bytes, which nobody can change any more; -1 on failure. */
int poppler_input(struct str bytes, struct error *err) MUST_USE;

struct poppler_run {
    const char *sandbox;          /* path of penstock-sandbox */
    int input;                    /* from poppler_input */
    const char *const *arguments; /* program's path first, NULL last */
    unsigned required_layers;
    const struct document_limits *limits;
    const struct patience *patience;
};

enum { POPPLER_COMPLAINTS_MAX = 4096 };

struct poppler_outcome {
    int exit_status;
    bool overflowed; /* the output reached its cap and the program was stopped there */
    unsigned layers; /* sandbox layers that were on */
    char complaints[POPPLER_COMPLAINTS_MAX]; /* the start of its standard error, terminated */
};

/* Fills `output`, a buffer with a cap, and *outcome. False when the program could not be run, was killed,
 * or the patience ended; an exit status that is not 0 is an outcome, for the caller to judge. */
bool poppler_run(const struct poppler_run *run, struct buf *output, struct poppler_outcome *outcome,
                 struct error *err) MUST_USE;
