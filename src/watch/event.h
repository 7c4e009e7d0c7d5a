/* What happened to one request: the only thing that a loop hands to the recorder. Made on a loop,
 * then owned by the recorder's queue; one block of memory, freed by the recorder. Strings are views
 * into the event's own memory (event_keep) or constants. */
#pragma once

#include "base/hash.h"
#include "base/ids.h"
#include "base/str.h"
#include "base/trace.h"
#include "chat/usage.h"
#include "review/kinds.h"
#include "store/subject.h"
#include "work/ring.h"

/* How a reply came about. The words are the API's. */
enum decision {
    DECISION_NONE,     /* not a prediction */
    DECISION_ACCEPTED, /* confident: straight out */
    DECISION_VERIFIED, /* business rules passed */
    DECISION_REVIEW,   /* a person decides */
    DECISION_FALLBACK, /* a step of the fallback chain answered */
    DECISION_CACHED,   /* the exact cache answered */
    DECISION_REJECTED, /* no prediction: the reply is an error */
    DECISION_COUNT
};
const char *decision_name(enum decision decision);

enum scan_state { SCAN_NONE, SCAN_CLEAN, SCAN_NOT_SCANNED, SCAN_FOUND };
const char *scan_state_name(enum scan_state state);

/* What the caches said. CACHE_STALE: an entry past its time answered, as a fallback. CACHE_SEMANTIC: the
 * answer to a question that says the same in other words. CACHE_NO_VECTOR: nothing, and the semantic one
 * could not be asked. */
enum cache_state {
    CACHE_NONE,
    CACHE_MISS,
    CACHE_HIT,
    CACHE_STALE,
    CACHE_SEMANTIC,
    CACHE_NO_VECTOR,
    CACHE_STATES
};
const char *cache_state_name(enum cache_state state);
bool cache_state_answers(enum cache_state state);

/* What only calls to language models have. */
struct event_language {
    struct chat_usage usage;
    uint32_t attempts;    /* calls to upstreams; 0 with has_language: the cache or a rule answered */
    uint32_t upstream_us; /* waited for them */
    /* For the metrics, on the loop; not kept in records. */
    bool streamed;                    /* to the client */
    struct str asked;                 /* the model that answered or was asked last; a view */
    const char *operation, *provider; /* as OpenTelemetry calls them; constants, NULL: no model was asked */
    uint32_t aside_us;                /* waited for upstreams for something else than the answer */
    uint32_t first_token_us;          /* from arrival to the first byte of the reply; 0: none came */
};

/* What a call to an upstream was made for. */
enum call_purpose { CALL_ANSWER, CALL_HEDGE, CALL_VECTOR, CALL_SUMMARY, CALL_SAMPLE, CALL_REPAIR };
const char *call_purpose_name(enum call_purpose purpose); /* "answer", … */

/* One call to an upstream. */
struct event_call {
    struct str model;   /* "main/gpt-4o"; a view */
    struct str outcome; /* "none": it answered; else how it failed (traffic/failure.h); a view */
    uint32_t start_us, us;
    uint16_t status;           /* of HTTP; 0: no answer came */
    uint16_t attempt;          /* at this upstream, from 1 */
    enum call_purpose purpose; /* not kept in records */
    unsigned char
        span[SPAN_ID_SIZE]; /* as it was told the upstream; zeros: it was not. Not kept in records */
};

enum { EVENT_CALLS_MAX = 6 }; /* later ones are not noted */
enum { EVENT_STAGES_MAX = 20, EVENT_COST_UNKNOWN = -1 };

/* A person is to decide: durable before the reply leaves, but for an audit. */
struct review_draft {
    char id[ID_SIZE];
    enum review_kind kind;
    struct str reason; /* "low_confidence", "rules", "fallback", "audit" */
    struct str detail; /* one sentence, may be empty */
    struct str labels; /* JSON array of {label, confidence} */
    struct str action; /* that waits for approval; of a chat's audit REVIEW_WHOLE_ANSWER; "" */
    struct str said;   /* what the model said, where the event does not have it; "" */
    struct str text;   /* read in the input, where that is a file and kept */
    double risk;       /* 0 to 1: how bad it is to wait */
    double share;      /* of an audit: the probability with which it was drawn */
    int64_t due;       /* wall ns; 0: no deadline */
    int64_t lease;     /* ns that a person has it alone; 0: the standard */
    unsigned opinions; /* wanted; 0 counts as 1 */
};

/* Whom a rollout's split chose, whoever answered in the end. */
enum side { SIDE_NONE, SIDE_STABLE, SIDE_CANDIDATE };

struct event {
    int64_t wall_ns; /* arrival */
    struct str request_id;
    struct str client;   /* name of the key's client; "" without authentication */
    struct str user;     /* the end user's ID as the caller says it; "" none. Never recorded */
    struct str endpoint; /* "" when none was reached */
    struct str model;    /* "documents@3"; "" when none answered */
    bool has_input;
    unsigned char input_hash[SHA256_SIZE];
    struct str prediction;
    float confidence;     /* < 0: none */
    float ocr_confidence; /* < 0: none */
    enum decision decision;
    enum scan_state scan;
    enum cache_state cache;
    enum side side;        /* not kept in records */
    struct str fallback;   /* the step that answered and why: "rules: model_timeout"; "" when none */
    int status;            /* HTTP */
    struct str error_code; /* "" when none */
    struct str error_message;
    int64_t cost_nanodollars; /* EVENT_COST_UNKNOWN when no price is known */
    bool has_subject;         /* by the recorder, of `user` */
    unsigned char subject[SUBJECT_SIZE];
    bool traced;                        /* its spans are to be exported; not kept in records */
    unsigned char parent[SPAN_ID_SIZE]; /* the caller's span; zeros: none. Not kept in records */
    bool has_trace;                     /* the caller's, whose ID `trace` is */
    unsigned char trace[TRACE_ID_SIZE];
    bool has_language; /* and so is what `language` says, further down */
    uint32_t total_us;

    /* Where the input lies in the bins of a version's reference profile, for the monitors
     * (models/reference_profile.h); not kept in records. */
    unsigned monitored;   /* its endpoint's handle (watch/monitors/monitors.h); 0: none */
    uint32_t input_size;  /* bytes of text, or tokens that a language model read; 0: not known */
    struct str binned_by; /* the version */
    unsigned bin_count;   /* 0: nothing is known */
    uint16_t *bins;       /* in the event's memory */

    struct review_draft *review; /* NULL: none. Lives in the event's memory */
    struct str input;            /* kept input, "" when the endpoint keeps none */
    struct str input_type;       /* its MIME type */
    int64_t input_keep_until;    /* wall ns; 0: as long as the store lives */

    /* When set, called once on the recorder's thread, after the commit that holds this event (ok) or
     * after it was given up (not ok: nothing of it is kept). The event is freed right after. */
    void (*committed)(struct event *e, bool ok, void *ctx);
    void *ctx;

    uint32_t
        spend_slot; /* of the journal (budget_settle): billed by the commit that holds this; 0: nothing */

    struct event *next; /* the queue's */
    int64_t pushed_ns;  /* monotonic; by recorder_push unless it is set */
    size_t room_left;
    char *room_at;
    struct event_spares *spares; /* where it goes back to; NULL: nowhere */
    unsigned stage_count, call_count;

    /* From here on nothing is set by event_new but the first byte. */
    char input_blob[SHA256_HEX_SIZE];         /* by the recorder, once the input is kept */
    struct event_language language;           /* with has_language */
    struct event_call calls[EVENT_CALLS_MAX]; /* the first call_count */
    struct {
        const char *name; /* a constant */
        uint32_t us;
    } stages[EVENT_STAGES_MAX]; /* the first stage_count */
};

/* Events that were used and wait to be used again: an allocation that one thread makes and another frees
 * costs both more than the rest of an event. One thread takes (the loop), one gives back (the recorder). */
struct event_spares {
    struct ring ring;
};
bool event_spares_init(struct event_spares *spares) MUST_USE; /* false when memory is out */
void event_spares_free(struct event_spares *spares);
/* Like event_new; one from there where its room is enough. */
struct event *event_take(struct event_spares *spares, size_t room) MUST_USE;
/* To be called some time before event_take: it will find the event in the processor's cache. */
void event_take_soon(struct event_spares *spares);
/* Instead of event_free, for the thread that gives back. */
void event_give_back(struct event *e);

/* Is there more to say of its calls than their number and time: several (a vector aside), or one that failed?
 */
bool event_tells_calls(const struct event *e);

/* NULL when memory is out. `room`: bytes for event_keep. Everything is empty, confidences none, the
 * cost unknown. */
struct event *event_new(size_t room) MUST_USE;
void event_free(struct event *e);
/* Makes it as empty as a new one, without room. */
void event_clear(struct event *e);
/* Copies s into the event's memory; what does not fit the room is cut (at a whole character). */
struct str event_keep(struct event *e, struct str s);
/* A review draft in the event's memory, set as e->review; NULL when the room is used up. */
struct review_draft *event_add_review(struct event *e);
/* Room for the bins of `count` inputs, set as e->bins; NULL when there is none. */
uint16_t *event_add_bins(struct event *e, size_t count);
/* Appends a stage's time; what exceeds EVENT_STAGES_MAX is summed into the last. */
void event_add_stage(struct event *e, const char *name, uint32_t us);
