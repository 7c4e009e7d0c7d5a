/* An upstream that is none: answers by itself, and says so, for trying things out without a key. On the loop.
 */
#pragma once

#include "pipeline/chat.h"

/* Answers the request, whole or as a stream. False: r->error says why. */
bool simulator_answer(struct request *r, const struct chat_request *in) MUST_USE;
