/* Labelled rows as a version answers them, for its policy: each goes the way that serving goes (a page's
 * looks first, then the text), rows that the version was trained on are left out, and the rest is dealt into
 * two halves by content, so that a row and its duplicates stand in one. One thread. */
#pragma once

#include "learn/rows.h"
#include "models/rules.h"
#include "models/version.h"

struct policy_row {
    struct model_answer answer;
    struct policy_facts facts;
    bool wrong;   /* also where the version does not know the label */
    bool certify; /* of the half that is not used for choosing */
    bool passed;  /* the endpoint's rules let it through; false where there are none */
};

struct policy_rows {
    struct policy_row *rows;
    size_t count;
    size_t trained;  /* left out: the version was trained on them */
    size_t rejected; /* by the reader or by the backend */
    size_t unknown_labels;
    char dataset[65]; /* hash of what was read */
};

/* The endpoint's business rules. */
struct policy_rules {
    struct script *script; /* NULL: none */
    const char *endpoint;
};

/* ERR_DATA: no rows, or none of them new to the version; ERR_MODEL: it cannot answer any of them. */
bool policy_rows_read(struct policy_rows *out, const struct model_version *v, struct row_reader *reader,
                      const struct policy_rules *rules, struct error *err) MUST_USE;
void policy_rows_free(struct policy_rows *r);
