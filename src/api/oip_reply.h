/* What an inference of the Open Inference Protocol is answered: what became of each row, as the tensors that
 * the request wants, in JSON or behind it. Pure; any thread. */
#pragma once

#include "api/oip_request.h"

/* What became of a row. Views live as long as the reply is written. */
struct oip_row {
    struct str request_id;
    bool failed;
    struct str error; /* with `failed` */
    struct str label; /* "": nobody answered; a person will */
    float confidence; /* below 0: none */
    enum decision decision;
    struct str model; /* "tickets@2"; "": rules answered, or nobody */
    struct str review_id;
    struct request_label labels[REQUEST_LABELS_MAX]; /* best first */
    int classes[REQUEST_LABELS_MAX]; /* their places among the model's labels; -1: none of them */
    unsigned label_count;
};

struct oip_reply {
    const struct oip_request *request;
    struct str model, version, request_id;
    const struct oip_row *rows;
};

/* JSON, and binary data behind it. *header_length: of the JSON; 0: there is nothing but JSON. */
void oip_reply_write(const struct oip_reply *r, struct buf *out, size_t *header_length);
