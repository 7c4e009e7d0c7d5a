/* From what a training made to a version of the registry that names its dataset. Same threads as the store
 * that is passed. */
#pragma once

#include "learn/train.h"
#include "store/datasets.h"
#include "store/registry.h"

struct registration {
    const char *name;    /* of the model */
    const char *backend; /* "linear" */
    const char *source;  /* where the rows came from, as it was named */
    const char *dataset; /* what to call the dataset; NULL: what it is called already, else as the model */
};

struct registered {
    unsigned version;
    char dataset[REFERENCE_SIZE]; /* "documents@3"; "": the rows were neither files nor a table */
};

/* The dataset first, so that a version never names one that is not there. */
bool registration_add(struct store *s, const struct registration *r, const struct trained *t,
                      struct registered *out, struct error *err) MUST_USE;
