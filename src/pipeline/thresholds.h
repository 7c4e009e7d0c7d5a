/* The pair of thresholds that an endpoint's answers are held against: the file's own or the version's, and
 * while people cannot keep up with the queue (`review.overflow: thresholds`) a certified pair that sends
 * fewer to them (models/policy_table.h). Pure but for thresholds_check; any thread. */
#pragma once

#include "pipeline/snapshot.h"

struct thresholds {
    double accept, review;
    const struct policy_table_row *row; /* of the version's table, where one took the place; NULL: none did */
};

/* Of a version's answers at the moment. */
struct thresholds thresholds_of(const struct endpoint *e, const struct model_version *v);
/* As it would be if the queue outgrew the people now. */
struct thresholds thresholds_moved(const struct config_endpoint *c, const struct model_version *v);

/* What gives then, in words, for history and log: a row for each version that serves, or why there is none.
 */
void thresholds_describe(const struct endpoint *e, struct buf *out);

/* ERR_CONFLICT: `overflow_error` is set, and this version has no table to move along. version 0: the newest.
 */
bool thresholds_check(struct store *store, const struct config_endpoint *c, const char *model,
                      unsigned version, struct error *err) MUST_USE;
