/* The vector of a request's question, where its endpoint's semantic cache compares those of a model: of an
 * upstream's, which is asked on the side, or of an encoder here, which runs in the work pool. Either has a
 * deadline and a breaker of its own, so that a slow or broken model costs requests neither their answer nor,
 * for long, their time. What an upstream takes for it is the request's cost. On the request's loop. */
#pragma once

#include "pipeline/chat.h"

/* r->chat->vector is there, or there is none, which is then counted and logged. */
typedef void vectors_ended(struct request *r);

/* Asks for the vector of r->chat->question. True: it comes, and `ended` will be called, never from inside.
 * False: there is none. */
bool vectors_start(struct request *r, vectors_ended *ended) MUST_USE;
/* While it comes. */
void vectors_cancel(struct request *r);

/* The most tokens that it can come to; 0 where the endpoint needs none. */
int64_t vectors_tokens(const struct request *r);
