/* What a request to a language model holds beside a prediction's: who may answer, in which order, who is
 * being asked, and what that has cost so far. Lies in the exchange's arena; its buffers are given back by the
 * stages that filled them. On the request's loop. */
#pragma once

#include "cache/semantic.h"
#include "pipeline/asking.h"
#include "pipeline/request.h"
#include "traffic/budget.h"
#include "store/subject.h"

enum { CHAT_CANDIDATES_MAX = 24 };

/* Who may answer, in the order of asking: those that the route chose, then the fallback steps. */
struct candidate {
    const struct remote_model *remote; /* NULL: the step is no model */
    const struct step *step;           /* NULL: of the rollout */
};

/* An answer that is kept until it has been looked at (pipeline/verifying.h). */
struct held_answer {
    struct buf text;
    struct buf events; /* where the client wants a stream */
    struct buf tokens; /* with their log-probabilities, where the endpoint asks for a member's */
};
void chat_held_clear(struct held_answer *h);
void chat_held_free(struct held_answer *h);

/* A candidate that is being asked: one, or two where the first is late (a hedge). */
struct lane {
    struct asking asking;
    struct question question;
    struct held_answer held;
    struct chat_request prompted; /* what is asked, where it is not the client's request as it came */
    unsigned candidate;
    bool lost; /* the other one was quicker */
};
enum { CHAT_LANES = 2 };

/* All that upstreams were asked for one request. */
struct chat_spending {
    unsigned calls;          /* made */
    unsigned billed;         /* of them those that cost something */
    struct chat_usage usage; /* the sum of those; CHAT_USAGE_UNKNOWN: none yet */
    int64_t nanodollars;     /* COST_UNKNOWN: of one of them it is not known */
    unsigned open;           /* under way */
    int64_t open_since;
    int64_t upstream_ns;     /* while at least one was */
    int64_t aside, aside_ns; /* of questions beside the answer (a vector): tokens, and waited for them */
};

/* One of them, for the record and the trace. */
struct chat_call_note {
    const struct remote_model *remote;
    int64_t started_ns, ended_ns;
    enum failure failure;
    enum call_purpose purpose;
    unsigned attempt;
    int status;
    unsigned char span[SPAN_ID_SIZE];
};

struct chat {
    struct request *r;
    struct chat_request in;
    struct str shortened; /* what was done to fit the window: "dropped", "summarised"; "" nothing */
    struct candidate candidates[CHAT_CANDIDATES_MAX];
    unsigned candidate_count;
    unsigned candidate; /* the one that answers, or was asked last */
    unsigned next;      /* to be asked */

    struct lane *lanes[CHAT_LANES]; /* NULL: not used */
    struct lane *answering;         /* whose answer the client gets; NULL: none yet */
    struct loop_timer late;         /* when a hedge begins */
    enum failure failure;           /* of the candidate asked last */
    struct verifying *verifying;    /* NULL: answers go out as they come */
    bool has_subject;               /* whose the conversation is, as far as its last response knows */
    unsigned char subject[SUBJECT_SIZE];
    struct str conversation;    /* its ID; "" none */
    struct str previous, asked; /* of a conversation: the response before, the request's own items (JSON) */
    bool keeps;                 /* the answer is kept for later requests */
    double audit;               /* above 0: its answer was drawn for an audit, with this probability */
    struct chat_spending spent;
    struct chat_call_note notes[EVENT_CALLS_MAX];
    unsigned note_count;
    int64_t counted, sized; /* estimates of the input's tokens, uncorrected; 0: not made, or void */

    struct buf reply;              /* the client's: whole, or what of a stream is kept for the cache */
    struct passing_calls *passing; /* of an answer with calls that wait: what goes out; NULL: nothing */
    bool begun;                    /* the client has received a part of its stream */
    struct chat_facts facts;       /* of the answer */
    int64_t first_token_ns;        /* monotonic; 0: none */

    struct budget_hold hold; /* live: reserved, and to be settled or released */
    struct str question;     /* for the semantic cache; .p NULL: not for it */
    const float *vector;     /* of the question, where it is not its wording's; or NULL */
    size_t dimensions;
    bool no_vector;                       /* there was to be one */
    unsigned char partition[SHA256_SIZE]; /* where it is looked for */
    struct str cache_key;                 /* .p NULL: the answer is not to be kept */
};

/* The candidate that answers or was asked last; NULL when there was none. */
static inline const struct candidate *chat_candidate(const struct chat *c) {
    return c->candidate < c->candidate_count ? &c->candidates[c->candidate] : NULL;
}

/* Every call that is made for the request, questions on the side included: an asking's on_call and on_called.
 * What an answer cost is billed, and what a stream did that broke; a refusal costs nothing. */
void chat_call_begins(struct chat *c);
void chat_call_ended(struct chat *c, const struct asking *a, enum failure failure, enum call_purpose purpose);
/* The last part of it alone: for the record and the trace. */
void chat_note_call(struct chat *c, const struct asking *a, enum failure failure, enum call_purpose purpose);
/* Adds one call's to the sum. `price` NULL: unknown. */
void chat_bill(struct chat *c, const struct price *price, const struct chat_usage *usage);

/* Adds what a question beside the answer cost: to the money, and to the tokens that budgets count, but to no
 * usage of the answer's. `tokens`: an estimate, where the upstream told none. */
void chat_bill_aside(struct chat *c, const struct price *price, const struct chat_usage *usage,
                     int64_t tokens);

/* Is the request another one with that prompt (NULL: none) before what it says, or without values for one? */
bool chat_needs_prompt(const struct chat_request *in, const struct prompt *prompt);
/* *out, with memory of the arena's, is what is asked then. */
bool chat_put_prompt(const struct chat_request *in, const struct prompt *prompt, struct arena *arena,
                     struct chat_request *out, struct error *err) MUST_USE;

/* Where the rollout's shadow will compare it, the lane's answer is kept as text. */
void chat_keep_text(struct question *question, struct held_answer *held);

/* Frees what askings left. */
void chat_clear(struct chat *c);
/* Takes the answer from the cache; `stale`: however old. */
bool chat_recall(struct request *r, bool stale);

/* The client's reply takes bytes again (http_service.on_drained). */
void chat_drained(struct request *r);
