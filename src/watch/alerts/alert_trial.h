/* Trying whether messages arrive: a test message for each receiver, through the same outbox and delivery as
 * any other. Receivers that keep incidents open (PagerDuty, Alertmanager) are told the end right behind it.
 * Same threads as the store that is passed. */
#pragma once

#include "config/config.h"
#include "store/store.h"
#include "watch/alerts/outbox.h"

struct alert_trial {
    char incident[ID_SIZE]; /* what its messages are about; there is no such row */
    unsigned messages;
};

/* `receiver` empty: all of them. ERR_NOT_FOUND: none of that name, or none at all. In a transaction of its
 * own, with a row of the history. */
bool alert_trial_add(struct store *s, const struct config *config, struct str receiver, const char *who,
                     struct alert_trial *out, struct error *err) MUST_USE;
