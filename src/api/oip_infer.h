/* POST /v2/models/{model}[/versions/{version}]/infer: each row of the tensors is a prediction of its own,
 * with its stages, record, cache and decision, just as POST /v1/endpoints/{name}/predict makes them. Rows go
 * some at a time, so that a version can take them as micro-batches and the loop stays free for others. A row
 * that fails makes the whole reply an error that names it, unless the request wants the output "error": then
 * it fails alone. The exchange's loop. */
#pragma once

#include "api/oip_models.h"

struct infer;

/* The head is there. True: *out waits for the body (infer_body, or infer_gone when that does not come).
 * False: it was refused and answered. */
bool infer_start(struct infer **out, struct loop_state *loop, struct exchange *x, struct str id, int64_t now,
                 size_t *body_max) MUST_USE;
void infer_body(struct infer *f);
void infer_gone(struct infer *f);
