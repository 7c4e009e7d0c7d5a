/* Which actions an endpoint's answers may take alone: predictions whose label stands for one, and the tool
 * calls of chats (`actions` in the configuration). What waits for approval becomes a review item of that
 * kind; the client is told its ID. On the request's loop. */
#pragma once

#include "pipeline/request.h"

/* The entry that speaks of it: its own, else that of "*"; NULL: none does. */
const struct config_action *action_named(const struct config_endpoint *e, struct str name);

/* May it be taken? `fields` (NULL: none) has the amount. Otherwise false, and *why says so: a view into the
 * arena, or a constant. */
bool action_allowed(const struct config_action *a, yyjson_val *fields, struct arena *arena, struct str *why);

/* It needs a person: the outcome's review_reason ("approval", "never"), review_detail and, for an approval,
 * review_action. */
void action_hold(struct request *r, const struct config_action *a, struct str name, struct str why);

/* What the answer of the request would do: true where nothing of it needs a person. Otherwise it is
 * held. */
bool actions_allowed(struct request *r);
