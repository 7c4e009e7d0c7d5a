/* Errors in the shape of the client's API. OpenAI: {"error":{message,type,param,code,request_id}}; Anthropic:
 * {"type":"error","error":{type,message},"request_id"}, with the types that its clients know. Any thread. */
#pragma once

#include "chat/request.h"

/* A reply's body. `request_id` NULL: none. */
void chat_error_body(enum chat_surface surface, const struct error *err, const char *request_id,
                     struct buf *out);
/* An event of a stream that has begun; `sequence` is the event's number (responses only). */
void chat_error_event(enum chat_surface surface, const struct error *err, const char *request_id,
                      int64_t sequence, struct buf *out);
