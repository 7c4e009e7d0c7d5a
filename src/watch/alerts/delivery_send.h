/* Sending one message to one receiver, with its secrets put in. One thread, that of the struct outgoing. */
#pragma once

#include "config/config.h"
#include "base/buf.h"
#include "net/outgoing.h"

struct delivery_message {
    const char *id; /* what the receiver can tell a repetition by */
    const char *incident;
    struct str subject, body;
};

/* Everything is copied but *r, which must stay (its configuration's reference). An answer never has a secret
 * of the receiver in it. */
bool delivery_send(struct outgoing *o, const struct config_receiver *r, const struct delivery_message *m,
                   void (*done)(void *ctx, const struct outgoing_answer *answer), void *ctx,
                   struct error *err) MUST_USE;

/* The mail as it goes out (RFC 5322, quoted-printable): private, for tests. */
void delivery_write_mail(const struct config_receiver *r, const struct delivery_message *m, int64_t wall_ns,
                         struct buf *out);
