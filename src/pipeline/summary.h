/* The oldest turns of a conversation in a few sentences, written by the model that the endpoint names for it:
 * a question on the side, with a cost of its own. Summaries are kept in the exact cache, since a long
 * conversation comes back with the same turns each time. On the request's loop. */
#pragma once

#include "pipeline/chat.h"

/* `good` false: r->error says why there is none. `text` lives as long as the request. */
typedef void summary_ended(struct request *r, bool good, struct str text);

enum summary_start { SUMMARY_THERE, SUMMARY_COMES, SUMMARY_FAILED };

/* `turns`: what is to be summarised, as text. SUMMARY_THERE: *text is filled and `ended` is not called. */
enum summary_start summary_start(struct request *r, struct str turns, int64_t tokens_max,
                                 summary_ended *ended, struct str *text) MUST_USE;
/* While it comes. */
void summary_cancel(struct request *r);
