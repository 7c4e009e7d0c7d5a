/* Answers that the client gets only when they have been looked at: is each as its schema says, do several of
 * them agree, how sure was the model? Streams are held back for it, so that until then nothing has reached
 * the client and another candidate can take over. An answer that is not as it should be goes back to its
 * model once, with what is wrong. Tool calls and refusals pass: they are no answers. Belongs to one request;
 * on its loop. */
#pragma once

#include "pipeline/chat.h"

struct verifying;

struct verifying_terms {
    const struct schema *schema;       /* NULL: any answer is good */
    struct schema *brought;            /* the same, where it is the request's own: taken over in any case */
    const struct output_schema *asked; /* upstreams are sent it; NULL: nothing */
    bool repair;                       /* once */
    bool logprobs;                     /* upstreams are asked for them */
    unsigned samples;                  /* in all; 1: one answer */
};

/* c->verifying is there afterwards. False: r->error. */
bool verifying_start(struct chat *c, const struct verifying_terms *terms) MUST_USE;
void verifying_clear(struct chat *c); /* without one: nothing */

/* How much is asked at most, for budgets. */
struct verifying_effort {
    unsigned samples; /* of each candidate; 1: one answer */
    bool repair;
    bool in_vain;   /* an answer can be found wanting: the next candidate is asked, and both are paid for */
    int64_t schema; /* bytes that upstreams are sent beside the request */
};
struct verifying_effort verifying_effort(const struct chat *c);

/* What a candidate is asked beside what the client says, and where its answer is kept. */
void verifying_word(struct chat *c, struct question *question, struct held_answer *held);

/* The candidate is being asked by `lane`: its other samples are, too. */
void verifying_begin(struct chat *c, const struct lane *lane);
/* The lane's answer is whole. `done` is called, now or later: FAILURE_NONE when an answer is in c->reply,
 * c->facts and r->outcome; otherwise r->error says what is wrong with it. */
void verifying_judge(struct chat *c, struct lane *lane, void (*done)(struct chat *c, enum failure failure));
/* The same for a text of this server's own (the simulator's, a rule's): good as it is, or not. */
bool verifying_allows(struct chat *c, struct str text) MUST_USE;
/* Lets go of what is under way for the candidate, and of its answers. */
void verifying_drop(struct chat *c);

/* For business rules: r.text is what the user said last, r.fields the answer's, where it is a JSON object. */
void verifying_facts(struct request *r);
/* Whether the answer's confidence decides what becomes of it. */
bool verifying_judged(const struct chat *c);
/* Its model was asked for a repair. */
bool verifying_repaired(const struct chat *c);
