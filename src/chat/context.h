/* What to do when a conversation does not fit its model's window: refuse, drop the oldest turns, or say which
 * turns a summary is to replace. Works on the turns of any of the APIs (chat_request.turns). Never parts a
 * tool call from its results, never drops system messages (developer's too) or the last user turn with what
 * follows it. Pure; any thread. */
#pragma once

#include "base/json.h"

enum context_policy { CONTEXT_REFUSE, CONTEXT_DROP_OLDEST, CONTEXT_SUMMARISE };

/* "refuse", "drop_oldest", "summarise"; false: none of them. */
bool context_policy_named(struct str name, enum context_policy *out) MUST_USE;

struct context_limits {
    enum context_policy policy;
    int64_t window;  /* of the model: prompt and answer; 0: unknown, all fits */
    int64_t answer;  /* kept free for the answer */
    int64_t fixed;   /* what stands beside the messages: tool definitions, the prompt's own */
    int64_t summary; /* CONTEXT_SUMMARISE: tokens that the summary may have */
    /* Tokens of one message with all that is in it, at least 0. */
    int64_t (*count)(void *ctx, yyjson_val *message);
    void *ctx;
};

enum context_verdict {
    CONTEXT_FITS,    /* send them all */
    CONTEXT_SHORTEN, /* leave out those that `keep` does not name */
    CONTEXT_SUMMARY, /* those are to be summarised, and the summary put before `summary_before` */
};

struct context_plan {
    enum context_verdict verdict;
    int64_t tokens;        /* of what was sent, `fixed` included */
    int64_t kept_tokens;   /* after the plan, the summary's allowance included */
    size_t count, dropped; /* messages in all, and left out */
    size_t summary_before; /* index of a message that is kept, or `count` */
    bool *keep;            /* one for each message; context_plan_clear frees */
};

/* ERR_CONTEXT_LENGTH: refused, or what must be kept alone does not fit; the message says how many tokens were
 * counted, what the window is and by how much it is exceeded. *out is filled on success only. */
bool context_plan(yyjson_val *messages, const struct context_limits *limits, struct context_plan *out,
                  struct error *err) MUST_USE;
void context_plan_clear(struct context_plan *p);

/* The messages array as the plan has it. `summary`: of the turns left out, written as a message of `role`;
 * ignored without CONTEXT_SUMMARY. */
void context_write(yyjson_val *messages, const struct context_plan *p, const char *role, struct str summary,
                   struct buf *out);
/* The messages left out as lines "role: text", for the model that summarises; at most the buffer's cap. */
void context_write_dropped(yyjson_val *messages, const struct context_plan *p, struct buf *out);
