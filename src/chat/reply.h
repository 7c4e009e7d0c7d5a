/* What an upstream answered, as far as it is looked at: how it ended, what it cost, its text. Replies and
 * events are the upstream's own JSON; nothing of it is changed here. One thread. */
#pragma once

#include "base/buf.h"
#include "base/json.h"
#include "chat/request.h"
#include "chat/usage.h"

/* What kind of failure an upstream reports, whichever way it says so. */
enum upstream_trouble {
    TROUBLE_NONE,
    TROUBLE_INVALID,        /* the request's own fault: no other upstream would do better */
    TROUBLE_CONTEXT_LENGTH, /* the same, for another model it might fit */
    TROUBLE_AUTHENTICATION, /* our key there */
    TROUBLE_NOT_FOUND,      /* its model or path */
    TROUBLE_RATE_LIMIT,     /* later */
    TROUBLE_QUOTA,          /* no money left there: waiting does not help */
    TROUBLE_OVERLOADED,
    TROUBLE_SERVER,
};

struct chat_trouble {
    enum upstream_trouble kind;
    int status;
    char message[320]; /* in the upstream's words */
    char param[96];
};

/* A reply with a status other than 2xx, or a 2xx whose body is an error. False: it is no error. */
bool chat_trouble_read(int status, struct str body, struct chat_trouble *out);
/* The same of a JSON value already read (an event of a stream). */
bool chat_trouble_in(yyjson_val *root, struct chat_trouble *out);
/* As what the client is told. */
void chat_trouble_error(const struct chat_trouble *t, const char *upstream, struct error *err);

struct chat_facts {
    struct chat_usage usage;
    char finish[32]; /* in OpenAI's words whoever said it: "stop", "length", "tool_calls", …; "" unknown */
    double logprob_sum; /* of the answer's tokens, where they are given */
    size_t logprob_count;
    struct buf *tokens; /* receives each as {"token","logprob"} with a comma behind it; NULL: not wanted */
    bool calls_tool;    /* at least one */
    bool refuses;
};
#define CHAT_FACTS_UNKNOWN ((struct chat_facts){.usage = CHAT_USAGE_UNKNOWN})

/* Adds what OpenAI's array says of an answer's tokens (NULL: nothing). */
void chat_facts_logprobs(struct chat_facts *facts, yyjson_val *tokens);

/* A whole reply: adds its facts, and its text to `text` (NULL: not wanted). False: it is not
 * what a reply looks like. */
bool chat_reply_read(enum chat_surface surface, struct str body, struct chat_facts *facts, struct buf *text,
                     struct error *err) MUST_USE;

/* The same of one event of a stream (the JSON behind "data:"). */
enum chat_event {
    CHAT_EVENT_CONTENT, /* to be passed on */
    CHAT_EVENT_USAGE,   /* nothing but usage: only for a client that asked */
    CHAT_EVENT_DONE,    /* the end */
    CHAT_EVENT_ERROR,   /* *trouble says which */
    CHAT_EVENT_BROKEN,  /* not JSON */
};
enum chat_event chat_event_read(enum chat_surface surface, struct str data, struct chat_facts *facts,
                                struct buf *text, struct chat_trouble *trouble);
