/* Whom an incident's message goes to, and putting it in the outbox. Same threads as the store that is passed.
 */
#pragma once

#include "config/config.h"
#include "watch/alerts/incidents.h"

/* The shortest delay of a receiver of that incident that has not passed yet; INT64_MAX: none. */
int64_t alert_notices_next_delay(const struct config_alerts *c, const struct incident_record *i);

/* Writes `what` for everybody it concerns; within a transaction. `before`: escalated_ns before the step that
 * said so. *count grows by the messages. */
bool alert_notices_add(struct store *s, const struct config_alerts *c, const struct incident_record *i,
                       enum notice what, int64_t before, unsigned *count, struct error *err) MUST_USE;
