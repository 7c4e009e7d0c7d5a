/* Messages on their way to receivers: written in the transaction that changes what they tell, so that a crash
 * loses none. A receiver gets an incident's messages in their order. What is in a row is what is sent, but
 * for the receiver's secrets, which are never stored. Same threads as the store that is passed. */
#pragma once

#include "watch/alerts/alert_records.h"

/* Numbers are stored. */
enum outbox_state { OUTBOX_WAITING = 0, OUTBOX_DELIVERED = 1, OUTBOX_GIVEN_UP = 2 };
const char *outbox_state_name(enum outbox_state state);

struct outbox_message {
    char id[ID_SIZE]; /* also what receivers can tell a repetition by */
    struct str receiver, shape, incident, what, subject, body;
    int64_t created;
    enum outbox_state state;
    unsigned tries;
    int64_t tried; /* wall ns of the last try; 0: none */
    int status;    /* that it was answered with; 0: none */
    struct str answer;
};

/* id and created are made here. */
bool outbox_add(struct store *s, struct outbox_message *m, struct error *err) MUST_USE;

struct outbox_filter {
    struct str id, incident, receiver; /* empty: all */
    bool waiting;                      /* only those, oldest first; else newest first */
    unsigned limit;                    /* 0: no limit */
};
/* The strings are good within `visit`. */
bool outbox_list(struct store *s, const struct outbox_filter *filter,
                 void (*visit)(const struct outbox_message *m, void *ctx), void *ctx,
                 struct error *err) MUST_USE;

/* What came of a try. */
bool outbox_tried(struct store *s, const char *id, enum outbox_state state, int status, struct str answer,
                  struct error *err) MUST_USE;
/* Was that receiver sent anything of the incident? */
bool outbox_told(struct store *s, const char *incident, const char *receiver, bool *told,
                 struct error *err) MUST_USE;
/* Those that are over and older than that; at most `most`. */
bool outbox_prune(struct store *s, int64_t before, unsigned most, struct error *err) MUST_USE;

void outbox_json(const struct outbox_message *m, struct json_writer *w);
