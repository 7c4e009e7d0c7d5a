/* One request on its way. Lies in the exchange's arena and belongs to one loop; everything it points to
 * lives in that arena, in its snapshot, or is given back by the stage that took it. */
#pragma once

#include "base/ids.h"
#include "base/json.h"
#include "documents/documents.h"
#include "net/server.h"
#include "pipeline/engine.h"
#include "pipeline/snapshot.h"
#include "pipeline/stage.h"
#include "watch/event.h"

enum input_kind { INPUT_TEXT, INPUT_FILE, INPUT_FEATURES };

enum { REQUEST_LABELS_MAX = 5, REQUEST_STAGES_MAX = 20 };

struct request_input {
    enum input_kind kind;
    struct str bytes; /* what the model is asked about, as it came: the text, the file, the features' JSON */
    struct str type;  /* MIME type, as detected for files */
    struct str user;  /* the caller's own name for its user; "" */
    yyjson_doc *json; /* of a JSON body */
    yyjson_val *features;
    enum file_type file_type;
    unsigned char hash[SHA256_SIZE];
    bool hashed;
    struct str text; /* given or extracted */
    const struct feature_value *values;
    size_t value_count;
};

/* What is asked where that is not the exchange's body as it came: a row of a tensor. Outlives its request. */
struct request_given {
    enum input_kind kind;
    struct str bytes;   /* the text, the file, the features' JSON */
    struct str user;    /* "" */
    struct error error; /* with a code: it is not to be understood, and why */
};

struct request_label {
    struct str label;
    float confidence;
};

/* What will be said. */
struct outcome {
    enum decision decision;
    bool answered; /* prediction and labels are there */
    struct request_label labels[REQUEST_LABELS_MAX];
    unsigned label_count;
    struct str prediction;
    float confidence;
    struct str model;       /* reference of the version that answered, or "" */
    bool cached, stale;     /* from the cache; past its time */
    bool alike;             /* the cached answer is to a question that says the same in other words */
    struct str step;        /* the fallback step that answered, or "" */
    struct str step_reason; /* why the chain was taken: the first failure */
    enum error_code step_code;
    struct str review_reason; /* with DECISION_REVIEW */
    struct str review_detail;
    const struct policy_table_row *moved; /* what its confidence was held against while the queue outgrows the
                                           * people; NULL: the thresholds as ever */
    bool spared;                          /* the fallbacks are asked instead of people, who cannot keep up */
    struct str review_action;             /* that waits for approval; "" none */
    char review_id[ID_SIZE];
};

struct request {
    struct exchange *exchange;
    struct arena *arena;
    struct loop_state *loop;
    struct snapshot *snapshot;
    const struct endpoint *endpoint;
    const struct client *client; /* NULL: authentication is off */
    struct str id;
    struct trace trace; /* the caller's */
    int64_t wall_ns, started_ns, deadline_ns;
    struct loop_timer deadline;

    const struct stage *const *stages;
    unsigned stage_count, at;
    bool suspended, cancelled, failed;
    int64_t stage_started;
    unsigned timed_count;
    struct {
        unsigned char stage;
        uint32_t us;
    } timed[REQUEST_STAGES_MAX];

    struct request_input input;
    const struct request_given *given; /* NULL: the exchange's body */
    /* Says instead of the exchange's reply what came of it; touches it for the last time. NULL: the reply. */
    void (*answered)(struct request *r);
    void *owner;   /* whose `answered` is */
    bool admitted; /* with another request of its exchange (limit_more): it has its rate and its place */
    enum scan_state scan;
    struct str scan_detail;
    struct model_version *pinned;  /* the one that the caller named; NULL: the split chooses */
    struct model_version *version; /* chosen by the split */
    enum side side;                /* of the endpoint's rollout */
    struct mirror *mirror;         /* of the endpoint's shadow, which is to be asked, too; NULL: it is not */
    struct document_result *document;
    struct chat *chat;                 /* NULL: a prediction */
    bool streaming;                    /* the reply has begun and goes out piece by piece */
    const struct model_answer *answer; /* of the version that the split chose */
    struct outcome outcome;
    struct error error; /* with `failed` */
    int64_t compute_ns; /* processor time spent for it, as far as measured */
    bool reserved;      /* a place in the recorder's queue */
    bool recorded;      /* its event is there */
    struct limiter_verdict rate;
    void *pending; /* what the suspended stage waits for */
    int step;      /* of the fallback chain; -1: the split's version */
    struct loop_timer step_timer;
    int status; /* of the reply, whose body is in loop->reply and whose headers are in loop->headers */
};

/* Sets r->error and answers STAGE_FAIL. */
enum stage_answer stage_fail(struct request *r, enum error_code code, const char *format, ...)
    PRINTF_LIKE(3, 4);

/* Who the request belongs to, for caches and rates; "" when authentication is off. */
static inline struct str request_tenant(const struct request *r) {
    return r->client ? str_from(r->client->name) : STR("");
}

/* A suspended stage goes on with `answer`. On the request's loop. */
void request_resume(struct request *r, enum stage_answer answer);

/* The client left: cancels what waits, records, lets go of everything. */
void request_cancel(struct request *r);
