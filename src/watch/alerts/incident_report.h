/* An incident told whole: for programs with its alerts and its timeline, for people as the draft of a
 * post-mortem. Same threads as the store that is passed. */
#pragma once

#include "base/buf.h"
#include "watch/alerts/incidents.h"

/* A JSON object. */
bool incident_report_json(struct store *s, const struct incident_record *i, struct buf *out,
                          struct error *err) MUST_USE;
/* Markdown; what only people can know is left to them, marked. */
bool incident_report_markdown(struct store *s, const struct incident_record *i, struct buf *out,
                              struct error *err) MUST_USE;
