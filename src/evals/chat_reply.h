/* The two ends of a conversation of one turn: the question as a body of POST /v1/chat/completions, and what
 * its reply says. Pure; any thread. */
#pragma once

#include "base/buf.h"
#include "base/error.h"

/* messages: a JSON array; more: further members, a JSON object (.p NULL: none). Check out->failed. */
void chat_question_write(struct str endpoint, struct str messages, struct str more, struct buf *out);

struct chat_words {
    struct buf text;  /* of the first choice */
    struct buf tools; /* [{"name","arguments"}]; empty: none were called */
};
/* ERR_INVALID_OUTPUT. To be freed in any case. */
bool chat_words_read(struct str body, struct chat_words *out, struct error *err) MUST_USE;
void chat_words_free(struct chat_words *w);
