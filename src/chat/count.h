/* How many tokens a request comes to, by estimate (chat/tokens.h): its texts, its tools, its images. What is
 * sent along as base64 counts as an image, not as text. Pure; any thread. */
#pragma once

#include "chat/request.h"
#include "chat/tokens.h"

/* Of all texts in a value, the names of members included. */
int64_t count_value(enum token_family family, yyjson_val *value);
/* Of one of the request's turns. */
int64_t count_turn(enum token_family family, yyjson_val *turn);
/* Of what stands beside the turns: instructions, tool definitions, the call's own. */
int64_t count_fixed(enum token_family family, const struct chat_request *in);
/* Of all of it. */
int64_t count_request(enum token_family family, const struct chat_request *in);

/* The same cheaply, for what is only to be about right: bytes of text, and images. */
struct request_size {
    int64_t bytes;
    unsigned images;
};
struct request_size count_bytes(const struct chat_request *in);
/* What so many bytes usually come to, before any calibration. */
static inline int64_t tokens_of_bytes(int64_t bytes) {
    return bytes / 4 + 1;
}
