/* What the client of a chat gets: a stream as it comes, or a whole reply, in its own API's words, from an
 * upstream, from the cache, or from this server itself. What may be given again is kept on the way. On the
 * request's loop. */
#pragma once

#include "pipeline/chat.h"

/* The present candidate answers: how the reply came about. */
void chat_set_decision(struct request *r);

/* Bytes of the client's stream, which begins with the first of them. */
void chat_say(struct chat *c, struct str bytes);
/* Sends what was said. True: the client takes no more for now. */
bool chat_flush(struct chat *c) MUST_USE;
/* A text of this server's own, whole or as a stream. False: r->error says why. */
bool chat_say_text(struct request *r, struct str text, const struct chat_usage *usage) MUST_USE;
/* The last event of a stream that broke. */
void chat_say_failure(struct request *r);
