/* The texts of a request, in order, whichever API it came by: for token counts, guards and cache keys. Views
 * into the request's document. One thread. */
#pragma once

#include "chat/request.h"

struct chat_part {
    struct str role; /* system, developer, user, assistant, tool, function; "tools" for definitions' texts */
    struct str text;
    size_t message; /* index; of instructions and systems outside of messages: SIZE_MAX */
};

/* False stops the visit. Returns whether all were visited; false also when
 * memory is out. Images and files are not visited. */
bool chat_prompt_visit(const struct chat_request *r, bool (*visit)(void *ctx, const struct chat_part *part),
                       void *ctx);
/* Images and files in it: what a cache key or a token count by text alone would miss. */
size_t chat_prompt_attachments(const struct chat_request *r);
