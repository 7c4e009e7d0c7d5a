/* What every surface's replies share: the headers and the shape of errors. */
#pragma once

#include "chat/request.h"
#include "pipeline/request.h"

/* Content type (JSON) and x-request-id. */
void reply_headers_begin(struct reply_headers *h, struct str request_id);
/* x-ratelimit-limit-requests, -remaining-requests, -reset-requests (OpenAI's names). */
void reply_headers_rate(struct reply_headers *h, const struct endpoint *e, const struct client *client,
                        const struct limiter_verdict *rate);

/* {"error":{"message","type","param","code","request_id"}} */
void reply_write_error(struct buf *out, const struct error *err, struct str request_id);
/* {"error": "…"}, as the Open Inference Protocol has it */
void reply_write_error_oip(struct buf *out, const struct error *err);
/* In the shape of the surface that the path belongs to. */
void reply_write_error_for(struct buf *out, struct str path, const struct error *err, struct str request_id);
/* Retry-After where the error knows and with every 503, WWW-Authenticate where a key is missing. */
void reply_headers_error(struct reply_headers *h, const struct error *err);
/* Answers an exchange with an error. `out` is overwritten. */
void reply_error(struct exchange *x, const struct error *err, struct str request_id, struct buf *out);

/* Who answered, how sure, what is to become of it, and what it cost, each where that is known. */
void reply_headers_chat(struct reply_headers *h, const struct request *r);

/* [{"label","confidence"}], best first */
void reply_write_labels(struct json_writer *w, const struct outcome *o);

/* In nano-dollars, or EVENT_COST_UNKNOWN: processor time at the configured price. */
int64_t request_cost(const struct request *r);
