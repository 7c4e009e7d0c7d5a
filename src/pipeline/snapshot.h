/* All that a request needs to know and that may change while the program runs: configuration, clients,
 * endpoints with their loaded versions and scripts. Immutable, reference counted; a reload, a new key
 * or a new version builds the next one, whole or not at all, and the loops swap pointers. Any thread,
 * but for scripts, of which each loop has its own. */
#pragma once

#include "base/ids.h"
#include "cache/tuning.h"
#include "chat/prices.h"
#include "chat/prompt.h"
#include "config/config.h"
#include "models/script.h"
#include "models/text_encoder.h"
#include "models/version.h"
#include "pipeline/clients.h"
#include "pipeline/output_schema.h"
#include "pipeline/upstream.h"
#include "traffic/budget.h"
#include "traffic/mirror.h"

struct metrics;
struct monitors;
struct segment;

/* A Lua file as it was when the snapshot was made. */
struct script_source {
    const char *path;
    char *owned; /* the path, where nobody else keeps it; or NULL */
    const char *function;
    char *text;
    _Atomic int64_t complained_ns; /* when its failing was last logged; monotonic */
};

enum { NO_SCRIPT = -1 };

/* The model of an upstream, as an endpoint asks it. */
struct remote_model {
    struct upstream *upstream;
    struct str model;          /* as the upstream calls it */
    struct str reference;      /* "main/gpt-4o", "main/gpt-4o#support-reply@2": what records call it */
    struct prompt *prompt;     /* before what the client says; NULL: none */
    int64_t prompt_bytes;      /* of its template */
    const struct price *price; /* NULL: unknown */
    struct model_experience *experience;
};

/* Of the vectors that an endpoint's semantic cache compares: exactly one of the first two. Used by all loops:
 * atomics. */
struct vector_source {
    struct remote_model *remote;
    struct text_encoder *encoder;
    struct work_pool *pool;              /* of the encoder */
    atomic_uint waiting;                 /* texts for the encoder */
    char reference[TUNING_VECTORS_SIZE]; /* "main/small", "minilm@1" */
    struct breaker_options breaker_options;
    struct breaker breaker;        /* its own: what is late for a cache may do for an answer */
    _Atomic int64_t complained_ns; /* when its failing was last logged; monotonic */
};

/* Who answers: exactly one of the two. */
struct share {
    struct model_version *version;
    struct remote_model *remote;
};

/* A step of a fallback chain. */
struct step {
    const struct config_step *config;
    enum step_kind kind;
    struct share target; /* STEP_MODEL */
    int64_t timeout;
    int script;      /* STEP_RULES */
    struct str name; /* "support@1", "main/gpt-4o", "rules", "cache", "review", "text", "error" */
};

/* What people set while it runs (store/endpoint_states.h). */
enum endpoint_switch { SWITCH_AUTO, SWITCH_PEOPLE, SWITCH_FALLBACK };

struct endpoint {
    const struct config_endpoint *config;
    struct str name;
    struct share *shares;
    double *weights;
    unsigned share_count;
    bool rolling;    /* shares are what serves and the candidate of a rollout, in this order */
    struct str salt; /* of the split: the endpoint's name, or the rollout's ID */
    char rollout[ID_SIZE];
    struct mirror *mirror;   /* of its running shadow; NULL: none */
    struct share shadow;     /* with `mirror`: the candidate, which answers nobody */
    struct segment *segment; /* for whom its rollout is (pipeline/segment.h); NULL: everybody */
    char *segment_text;      /* what `segment` views */
    int segment_script;
    struct step *steps;
    unsigned step_count;
    int verify_script, route_script;
    struct tuning *tuning; /* of the semantic cache; NULL: there is none */
    struct str tuning_name;
    struct vector_source *vectors; /* NULL: from the wording */
    struct output_schema output;   /* where it checks its answers; otherwise empty */
    unsigned rate_index;           /* in client_rate.limiters; 0: the general one */
    unsigned metrics;              /* its handle */
    enum endpoint_switch switched;
    enum review_overflow overflow; /* what gives at the moment */
    struct str switch_why;         /* a sentence for records and errors; "" of SWITCH_AUTO */
    uint64_t policy;               /* names thresholds and rules as they are: part of the cache's key */
    unsigned monitored;            /* its handle of the monitors */
};

struct snapshot {
    atomic_uint refs;
    const struct config *config;
    struct client_table clients;
    struct price_table *prices;    /* NULL: none */
    struct budget_limits *budgets; /* NULL: none */
    struct upstream **upstreams;
    size_t upstream_count;
    struct endpoint *endpoints;
    size_t endpoint_count;
    struct endpoint unaddressed; /* of requests whose body, which names their endpoint, is not there yet */
    struct script_source *scripts;
    size_t script_count;
    unsigned loops;
    struct script **states; /* [loop * script_count + script], made by the loop on first use */
};

struct snapshot_sources {
    const struct config *config;
    struct store *store;
    struct work_pool *pool;
    struct metrics *metrics;
    struct monitors *monitors; /* NULL: nobody watches */
    unsigned loops;
    struct snapshot *previous; /* NULL at the start */
    struct key_uses *key_uses; /* where calls are counted; NULL: nowhere. Outlives the snapshot */
};

/* A name that the registry does not have, or a script that does not compile, is a problem with its place
 * in the file. Returns NULL when there is one. */
struct snapshot *snapshot_build(const struct snapshot_sources *from,
                                struct config_problems *problems) MUST_USE;
struct snapshot *snapshot_ref(struct snapshot *s);
void snapshot_unref(struct snapshot *s); /* NULL is fine */

struct str share_reference(const struct share *s); /* "support@1", "main/gpt-4o" */

const struct endpoint *snapshot_endpoint(const struct snapshot *s, struct str name);
/* This loop's instance of a script. */
struct script *snapshot_script(struct snapshot *s, unsigned loop, int script, struct error *err) MUST_USE;
