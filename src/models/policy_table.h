/* The certified pairs of thresholds of a version: the pair it decides by, and those that `penstock calibrate`
 * also held against the certifying rows, each with what it proved. While people cannot keep up with their
 * queue an endpoint moves along them (pipeline/thresholds.h). In the manifest's certificate as "table":
 *
 *     [{"accept", "review", "rows", "reviewed", "errors", "error_most"}, …]
 *
 * The bounds hold together at the certificate's confidence, so that whichever is taken keeps its own. Plain
 * values; any thread. */
#pragma once

#include "base/json.h"

enum { POLICY_ROWS_MAX = 16 };

struct policy_table_row {
    double accept, review; /* from accept on straight out, below review to a person */
    double reviewed;       /* share of the certifying rows that go to a person */
    double error_most;     /* of what goes out unseen at most this share is wrong */
};

struct policy_table {
    struct policy_table_row rows[POLICY_ROWS_MAX]; /* the first is the pair it decides by */
    unsigned count;                                /* 0: no certificate; 1: one without a table */
    double promised;                               /* what the certificate keeps the errors to */
};

/* `pair`: accept and review of the policy. `certificate` NULL: none. ERR_ARTEFACT: rows that are none. */
bool policy_table_read(struct policy_table *out, yyjson_val *certificate, const struct policy_table_row *pair,
                       struct error *err) MUST_USE;

/* The row that sends fewest to people, and fewer than the pair in force, among those whose error bound is at
 * most `bound` (below 0: as promised). `own`: a pair from elsewhere is in force, of which it is not known how
 * many it sends: then only rows that lie nowhere above it. NULL: there is none. */
const struct policy_table_row *policy_table_move(const struct policy_table *t, double bound,
                                                 const struct policy_table_row *own) MUST_USE;
