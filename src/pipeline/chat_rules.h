/* What operators' scripts decide about a request: who is to answer a chat, what is said where nobody could,
 * and whether it belongs to the segment of a rollout. A script that fails decides nothing; that is counted,
 * and logged once a minute for each file. On the request's loop. */
#pragma once

#include "pipeline/request.h"

/* Moves those that the endpoint's rule prefers to the front of `order`, which holds indices of the endpoint's
 * shares; one that is not in it stays out. */
void chat_rules_prefer(struct request *r, unsigned *order, unsigned count);

/* Says what the script answers. False: r->error says why it does not. */
bool chat_rules_answer(struct request *r, int script) MUST_USE;

/* Of any request. */
bool chat_rules_segment(struct request *r, int script);
