/* A whole stream, as its client would get it, read back into the answer that it says: for streams that are
 * kept until they have been looked at. One thread. */
#pragma once

#include "chat/answer.h"

/* `stream`: events of an API with tools (chat completions, messages, responses), to their end. *room gets
 * what the answer's views point into. ERR_UPSTREAM: it is not whole, says several choices, or goes back to a
 * tool call that another one followed. */
bool chat_answer_of_stream(enum chat_surface from, struct str stream, int64_t now, struct chat_answer *out,
                           struct buf *room, struct error *err) MUST_USE;
