/* The tool calls of a chat's answer, told apart by the endpoint's `actions`, in replies and in streams (which
 * are kept until they are whole for it): those that may be taken alone go out, the others wait in the review
 * queue, and the client is told so. On the request's loop. */
#pragma once

#include "pipeline/request.h"

/* What of an answer goes out while others of its calls wait. */
struct passing_calls;
void passing_calls_free(struct passing_calls *p); /* NULL is fine */

/* True: all of them may be taken. Otherwise the answer is held (pipeline/actions.h), the outcome's prediction
 * has the calls that wait, as a person sees them and, approved, the client gets them: [{"name",
 * "arguments"}]; and the chat's `passing` is there where some may be taken. What cannot be read, or says a
 * function call of the old kind, waits whole. */
bool tool_calls_allowed(struct request *r);

/* The answer without the calls that wait, and with a text that names the review. */
void tool_calls_write(struct request *r, struct buf *out);
