/* The stages of predictions and of chats, one file each (document.c has the three that handle files,
 * conversation.c the two that handle what is kept). */
#pragma once

#include "models/rules.h"
#include "pipeline/request.h"
#include "pipeline/sessions.h"

/* Instead of a person: the endpoint's fallbacks. What they cannot answer goes to a person all the same. */
enum stage_answer infer_instead_of_people(struct request *r);
void infer_abandon(struct request *r); /* what of it is under way */

extern const struct stage stage_authenticate; /* whose key is it? */
extern const struct stage stage_limit;        /* may it go now, and can it be recorded? */
extern const struct stage stage_receive;      /* waits for the body */
extern const struct stage stage_validate;     /* what came: text, file or features; sizes and shapes */
extern const struct stage stage_split;        /* which version answers */
extern const struct stage stage_features;     /* tabular values against that version's schema */
extern const struct stage stage_scan;         /* malware, for files */
extern const struct stage stage_cache;        /* the same input before? */
extern const struct stage stage_extract;      /* a file's own text and its looks */
extern const struct stage stage_look;         /* do its looks alone decide? */
extern const struct stage stage_read;         /* optical recognition */
extern const struct stage stage_infer;        /* the model, and the fallback chain */
extern const struct stage stage_decide;       /* three bands, business rules */
extern const struct stage stage_address;      /* of a chat: which endpoint its body names */
extern const struct stage stage_shape;        /* of a chat: what must its answer look like? */
extern const struct stage stage_fit;          /* of a chat: does it fit the model's window? */
extern const struct stage stage_recollect;    /* of a chat: what its conversation was so far */
extern const struct stage stage_keep;         /* of a chat: its answer, for later requests */
extern const struct stage stage_reserve;      /* of a chat: the most that it can cost, from its budgets */
extern const struct stage stage_route;        /* of a chat: who is asked, in which order */
extern const struct stage stage_recall;       /* of a chat: the same question before? */
extern const struct stage stage_call;         /* of a chat: asks them */
extern const struct stage stage_record;       /* the event; waits for the commit of a review */
extern const struct stage stage_reply;

/* Checks the key of a request, or the session that a page shows in its place. Any surface. *client is NULL
 * when authentication is off. */
struct authentication {
    const struct snapshot *snapshot;
    struct session_table *sessions; /* NULL: keys only */
    const struct exchange *exchange;
    enum key_use use; /* what the call counts as */
};
bool authenticate(const struct authentication *a, enum role needed, const struct client **client,
                  struct error *err) MUST_USE;
/* The session by which a call is authenticated; empty: by a key, or not at all. */
struct str authenticated_session(const struct snapshot *snapshot, const struct exchange *x);
struct session_limits session_limits_of(const struct snapshot *snapshot);

/* Takes the rate of `count` further requests of the same exchange, and room to record them, all or none;
 * false: r->error says why. After the stage limit. Each is then begun with request_part.admitted, or its room
 * given back. */
bool limit_more(struct request *r, unsigned count) MUST_USE;
void limit_give_back(struct loop_state *loop, unsigned count);

/* The index of the share that this request falls to. */
unsigned split_share(struct request *r);

/* The cache's key of this request: tenant, endpoint with its thresholds and rules, version and its artefact,
 * kind and hash of the input. */
struct str cache_key(struct request *r, const struct model_version *version);
/* Answers from the cache when it can; `stale`: however old. */
bool cache_answer(struct request *r, const struct model_version *version, bool stale);

/* What a version is asked. Views of the request's. */
struct model_input infer_input(const struct request *r);

/* Takes over a model's answer. */
bool outcome_from_model(struct request *r, const struct model_version *version,
                        const struct model_answer *answer, struct error *err) MUST_USE;

/* Keeps r->error as the reason why the chain was taken; the first failure is the one that the reply gives. */
void outcome_note_reason(struct request *r);

/* What business rules and rules as a model see. NULL arrays: the arena is full. */
bool rules_facts_of(struct request *r, struct rules_facts *facts) MUST_USE;

/* The client left: the event without waiting for anything. */
void record_cancelled(struct request *r);
