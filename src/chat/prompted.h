/* A client's request with a prompt of ours before what it says: the template's system parts become the
 * API's own (a system message, `system`, `instructions`), its other messages stand before the client's. The
 * values come with the request, as `prompt_variables` (an object); responses also as `prompt.variables`. One
 * thread. */
#pragma once

#include "chat/prompt.h"
#include "chat/request.h"

/* Does the request bring values for one, in the field that no upstream knows? */
bool chat_request_has_variables(const struct chat_request *in);

/* Adds the body that results, without the values. `p` NULL: nothing but that. ERR_INVALID_FIELD names a value
 * that is missing, unknown or wrong. On failure `body` is as it was. */
bool chat_request_with_prompt(const struct chat_request *in, const struct prompt *p, struct buf *body,
                              struct error *err) MUST_USE;
