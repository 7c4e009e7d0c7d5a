/* On what terms a request's answer goes to people: how urgent it is, until when, how many are to judge it, as
 * its endpoint's `review` says. On the request's loop. */
#pragma once

#include "pipeline/request.h"

/* Sets risk, due, lease, opinions and text of a draft of the request's event; the text is a view. */
void review_terms_set(struct request *r, struct review_draft *draft);
/* What the draft's text will need in the event's memory. */
struct str review_terms_text(const struct request *r);
/* Whether a chat's answer will be drawn, before it is there: set as r->chat->audit. */
void review_terms_draw(struct request *r);
/* What a chat that was drawn said, its tool calls as name(arguments), at most REVIEW_LABEL_MAX bytes; ""
 * where that cannot be read back. */
struct str review_terms_said(struct request *r);
/* The probability with which this answer, which goes out unseen, was drawn for a person to judge all the
 * same; 0: it was not. Once for a request. */
double review_terms_audit(struct request *r);
