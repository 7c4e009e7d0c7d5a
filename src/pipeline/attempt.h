/* One call to an upstream for a chat: the request in its words, its reply or its stream, and whether that is
 * an answer. What a stream brings goes on to the client at once. On the request's loop. */
#pragma once

#include "pipeline/chat.h"
#include "traffic/failure.h"

/* Calls c->ended later, never from inside, exactly once unless it is cancelled. False: it could not be made;
 * r->error says why. */
bool attempt_start(struct chat *c, const struct remote_model *remote) MUST_USE;
void attempt_cancel(struct chat *c);
