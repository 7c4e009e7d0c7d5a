/* The configuration: one YAML file, read through one table of options (config/options.h) into the plain
 * structs below. A configuration is immutable and reference counted: loops keep the one they started a
 * request with while a reload swaps in the next. A file that does not validate gives problems (file,
 * line, column, what was expected, the nearest right name) and no configuration at all.
 *
 * Units throughout: durations are nanoseconds, sizes bytes, percentages 0..1, money nano-dollars. Texts
 * are terminated, belong to the configuration and are NULL when not set; paths are already joined with
 * the file's folder. Any thread may read, ref and unref; loading keeps no state. */
#pragma once

#include "base/error.h"
#include "base/log.h"
#include "base/str.h"

#include <stdio.h>

struct config_address {
    const char *text; /* as written */
    const char *host; /* numeric, brackets of IPv6 removed; "" listens on every interface */
    unsigned port;    /* 0: the system chooses */
    bool loopback;
};

struct config_tls {
    const char *certificate, *key; /* PEM files; both or neither */
    const char *key_password;      /* secret; NULL when the key is not encrypted */
};

struct config_server {
    const struct config_address *listen;
    size_t listen_count;
    int64_t loops; /* 0: one per core */
    int64_t head_max, body_max;
    int64_t body_total_max; /* of all requests in flight */
    int64_t connections_max;
    int64_t head_timeout, body_timeout, idle_timeout, write_timeout, drain_timeout;
    struct config_tls tls;
};

struct config_store {
    const char *path; /* a folder */
    int64_t flush;
    int64_t queue; /* events one loop may have waiting */
    int64_t retention;
    /* 0: for good */
    int64_t review_retention, feedback_retention, alert_retention, silence_retention, message_retention;
};

struct config_log {
    enum log_level level;
    bool requests; /* one line per request */
};

enum telemetry_encoding { TELEMETRY_JSON, TELEMETRY_PROTOBUF };

/* Traces, as OTLP over HTTP. */
struct config_telemetry {
    const char *otlp;   /* the collector's URL; NULL: none */
    const char *header; /* secret: "name: value"; NULL: none */
    const char *ca;     /* PEM file of authorities; NULL: the system's */
    enum telemetry_encoding encoding;
    double sample; /* share of the requests without a caller's trace, 0..1 */
};

struct config_auth {
    bool required;
    int64_t session_idle, session_lifetime; /* of who signed in at the console; ns */
};

struct config_limits {
    int64_t rate;  /* requests per second per client */
    int64_t burst; /* already 2 × rate where the file says nothing */
};

enum scan_unavailable { SCAN_REJECT, SCAN_ALLOW };

struct config_scan {
    const char *clamd; /* NULL: off; "unix:/path" or "ADDRESS:PORT" */
    enum scan_unavailable on_unavailable;
    int64_t timeout;
};

struct config_parser {
    int64_t workers; /* 0: one per core */
    int64_t memory;
    int64_t cpu_time, timeout;
    int64_t max_pages, max_pixels;
    int64_t queue;
};

struct config_cache {
    int64_t size; /* 0: no cache */
    int64_t ttl;
};

/* Something that must exist elsewhere keeps its place in the file, so that whoever looks it up can say
 * where it was asked for (config_problem). */
struct config_place {
    unsigned line, column; /* from 1 */
};

struct config_pricing {
    bool has_cpu_hour;  /* false: the price is unknown, which is not zero */
    int64_t cpu_hour;   /* nano-dollars for an hour of one core */
    const char *models; /* file with the prices of language models, or NULL */
    struct config_place models_place;
};

struct config_model {
    const char *text; /* as written: what an upstream calls its model */
    const char *name; /* in the registry; NULL where the text is no NAME@VERSION */
    unsigned version; /* 0: the newest */
    struct config_place place;
};

/* A text with its place: the name of something that is elsewhere. */
struct config_name {
    const char *text; /* NULL: not given */
    struct config_place place;
};

/* Who answers: a model of the registry, or the model of an upstream. */
struct config_target {
    struct config_model model;
    struct config_name upstream; /* text NULL: the registry's */
    struct config_name prompt;   /* NAME@VERSION of a prompt; of upstreams only */
};

struct config_share {
    struct config_target target;
    struct config_name name; /* what a route's rule calls it; text NULL: "UPSTREAM/MODEL" */
    double weight;           /* of one rollout they sum to 1 */
    bool has_weight;
};

enum step_kind { STEP_MODEL, STEP_RULES, STEP_CACHE, STEP_REVIEW, STEP_TEXT, STEP_ERROR };

/* One step of a fallback chain, tried in order. */
struct config_step {
    enum step_kind kind;
    struct config_target target; /* STEP_MODEL */
    int64_t timeout;             /* STEP_MODEL */
    const char *rules;           /* STEP_RULES: a Lua file with classify(r), of chats answer(r) */
    struct config_place rules_place;
    const char *text; /* STEP_TEXT: what a chat says when nobody else can */
    int cache;        /* how the file said the kind: see `kind` */
    bool review, error;
};

/* Retries of one request at one upstream (traffic/retry.h). */
struct config_retry {
    int64_t attempts; /* the first included */
    int64_t base, max;
    double budget; /* retries per request, over all requests */
};

/* When an upstream is left alone (traffic/breaker.h). */
struct config_breaker {
    double errors;
    int64_t minimum, window;
    int64_t slow; /* a call that takes longer counts as failed; 0: none does */
    int64_t open, open_max;
};

enum config_budget_scope { BUDGET_ALL, BUDGET_CLIENT, BUDGET_KEY, BUDGET_USER };
enum config_budget_window { BUDGET_MINUTE, BUDGET_HOUR, BUDGET_DAY, BUDGET_MONTH, BUDGET_EVER };

/* How much language models may cost, and whom (traffic/budget.h). At least one of the three amounts is there.
 */
struct config_budget {
    enum config_budget_scope scope;
    const char *name; /* NULL: each by itself */
    enum config_budget_window per;
    bool has_usd, has_tokens, has_requests;
    int64_t usd; /* nano-dollars */
    int64_t tokens, requests;
};

enum upstream_kind { UPSTREAM_OPENAI, UPSTREAM_ANTHROPIC, UPSTREAM_SIMULATOR };

/* An API of language models: where it is, and how long one waits for it. */
struct config_upstream {
    const char *name;
    enum upstream_kind kind;
    const char *url; /* with its path's beginning ("https://api.example.com/v1"); NULL of the simulator */
    const char *key; /* secret; NULL: none is sent */
    const char *ca;  /* PEM file of authorities; NULL: the system's */
    bool verify;
    bool responses; /* it has OpenAI's responses too, not only its chats */
    int64_t connect_timeout, first_byte_timeout, idle_timeout, timeout;
    int64_t concurrency, queue;
    struct config_retry retry;
    struct config_breaker breaker;
};

enum { CONFIG_RECEIVERS_MAX = 32 };
enum receiver_kind {
    RECEIVER_SLACK,
    RECEIVER_PAGERDUTY,
    RECEIVER_ALERTMANAGER,
    RECEIVER_WEBHOOK,
    RECEIVER_EMAIL
};
/* P1: unavailable, P2: degraded quality, P3: cost, P4: slow degradation. */
enum alert_class { ALERT_P1, ALERT_P2, ALERT_P3, ALERT_P4 };

/* Who is told of alerts. */
struct config_receiver {
    const char *name;
    enum receiver_kind kind;
    const char *url, *key, *user, *password; /* secrets, NULL where there is none */
    const char *server, *from, *to;          /* of mail */
    bool tls;
    const char *ca;
    bool private_addresses;
    int64_t timeout;
    const char *endpoints; /* names by commas; NULL: all */
    enum alert_class least;
    int64_t after; /* unacknowledged for so long */
    bool resolved;
};

/* What is different of one monitor's alerts. */
struct config_alert_rule {
    const char *name;
    bool enabled;
    bool has_hold, has_clear, has_class; /* false: as the monitor's own rule says */
    int64_t hold, clear;
    enum alert_class class;
};

/* A time of every week in which nobody is told. */
struct config_maintenance {
    const char *endpoints; /* names by commas; NULL: all */
    unsigned days;         /* 1: sundays, 2: mondays … */
    const char *from;
    int minute; /* of the day, as `from` says */
    int64_t lasts;
    const char *why;
};

struct config_alerts {
    bool enabled;
    const char *public_url, *runbooks;
    int64_t interval, blind_after, group_wait, group_interval, repeat, give_up;
    double hysteresis;
    const struct config_receiver *receivers;
    size_t receiver_count;
    const struct config_alert_rule *rules;
    size_t rule_count;
    const struct config_maintenance *maintenance;
    size_t maintenance_count;
};

/* What an endpoint's users are promised. */
struct config_objectives {
    double availability; /* share that does not fail; 0: none */
    int64_t latency;
    double quick; /* share within that; 0: none */
};

enum endpoint_kind { ENDPOINT_CLASSIFY, ENDPOINT_CHAT, ENDPOINT_EMBED };
enum endpoint_route { ROUTE_WEIGHT, ROUTE_COST, ROUTE_LATENCY, ROUTE_RULE };
enum context_limit { WINDOW_REFUSE, WINDOW_DROP_OLDEST, WINDOW_SUMMARISE };

/* What happens where a chat outgrows its model's window (chat/context.h). */
struct config_context {
    int64_t window; /* tokens; 0: not checked */
    enum context_limit on_limit;
    struct config_name summarise_with; /* a chat endpoint */
};

/* Where the semantic cache has its vectors from. */
struct config_vectors {
    struct config_target target; /* model.text NULL: from the wording itself; no prompt */
    int64_t timeout;
};

enum output_confidence { OUTPUT_UNKNOWN, OUTPUT_LOGPROBS, OUTPUT_AGREEMENT };
/* The bands of a chat's answers where its endpoint names none, in percent. */
enum { CHAT_ACCEPT_STANDARD = 85, CHAT_REVIEW_STANDARD = 60 };
enum output_send { SEND_AUTO, SEND_ALWAYS, SEND_NEVER };
enum output_review { REVIEW_ANSWER, REVIEW_WITHHOLD };

/* What a chat's answer must look like, and how sure it is (chat/structured.h). */
struct config_output {
    const char *schema; /* file with a JSON Schema, or NULL */
    struct config_place schema_place;
    bool check; /* against the schema that a request brings; already true where `schema` is given */
    enum output_send send_schema;
    bool repair;
    enum output_confidence confidence;
    const char *confidence_field; /* with OUTPUT_LOGPROBS; NULL: the whole answer */
    int64_t samples;              /* with OUTPUT_AGREEMENT */
    enum output_review on_review;
};

/* What an endpoint's monitors hold it to (watch/monitors/monitors.h). */
struct config_monitors {
    bool enabled;
    int64_t latency_p95;      /* already that of its kind where the endpoint says nothing */
    double confidence_drop;   /* share of the mean */
    double confidence_points; /* below the reference's mean */
    double drift;             /* Jensen-Shannon distance */
    int64_t error_factor;     /* times the baseline */
    double fallback_share;
    int64_t cost_per_day; /* nano-dollars; 0: no budget */
    int64_t cost_percent; /* of it */
    int64_t review_depth;
    int64_t review_age;
    double accuracy_drop; /* points */
    double score_drop;    /* share of the mean */
    int64_t samples;
    int64_t reference; /* requests; 0: none is made */
};
enum endpoint_accepts { ACCEPTS_TEXT = 1, ACCEPTS_FILE = 2, ACCEPTS_FEATURES = 4 };
enum endpoint_sticky { STICKY_KEY, STICKY_USER, STICKY_NONE };
enum endpoint_keep { KEEP_NONE, KEEP_REVIEW, KEEP_ALL };
enum endpoint_ocr { OCR_AUTO, OCR_ALWAYS, OCR_NEVER };

/* What gives where the queue outgrows the people. */
enum review_overflow { OVERFLOW_NONE, OVERFLOW_THRESHOLDS, OVERFLOW_FALLBACK };

/* How what goes to people is queued (review/claims.h). */
struct config_review {
    int64_t deadline, lease;
    double second_opinion;       /* share of the items that two people judge */
    double second_opinion_below; /* and all that are less sure than this */
    const char *amount;          /* the feature that says what is at stake, or NULL */
    int64_t amount_high;         /* from here on nothing is more urgent */
    double audit;                /* share of the answers that go out unseen; already as inputs are kept */
    bool has_audit;
    int64_t audit_most; /* in an hour, of each loop together */
    double gold;        /* mixed in, as a share of what arrives */
    enum review_overflow overflow;
    double overflow_error; /* that moved thresholds keep; without it as the version was calibrated for */
    bool has_overflow_error;
};

enum action_policy { ACTION_ALONE, ACTION_APPROVAL, ACTION_NEVER };

/* What an answer does in the world, and whether it may without being asked. */
struct config_action {
    const char *name; /* a label, a tool's name, or "*": all others */
    enum action_policy policy;
    const char *amount; /* with ACTION_ALONE: the feature or argument that is bounded; NULL: none */
    int64_t most;
    bool has_most;
};

struct config_endpoint {
    const char *name; /* letters, digits, - _ */
    enum endpoint_kind kind;
    const char *description, *owner;
    unsigned accepts; /* endpoint_accepts, or'ed */
    int64_t text_max;
    int64_t deadline;      /* of the whole request */
    int64_t infer_timeout; /* of the rollout's model; also of fallback models that name none */
    const struct config_share *rollout;
    size_t rollout_count; /* at least 1 */
    enum endpoint_sticky sticky;
    const char *rules; /* a Lua file with verify(r), or NULL */
    struct config_place rules_place;
    const struct config_step *fallbacks;
    size_t fallback_count;
    enum endpoint_keep keep_inputs;
    int64_t retention;
    bool cache;
    int64_t cache_ttl;                               /* already cache.ttl where the endpoint says nothing */
    bool has_accept_threshold, has_review_threshold; /* false: as the model version's policy says */
    double accept_threshold, review_threshold;
    enum endpoint_ocr ocr;
    bool has_rate; /* false: limits.rate and limits.burst count */
    int64_t rate, burst;
    /* of chats and embeddings only */
    enum endpoint_route route;
    const char *route_rule; /* of ROUTE_RULE: a Lua file with route(r) */
    struct config_place route_rule_place;
    double cache_temperature; /* answers asked for with a higher one are not kept */
    struct config_name semantic_cache;
    struct config_vectors semantic_vectors;
    int64_t conversations; /* ns; 0: responses are not kept */
    double hedge;          /* 0: off */
    struct config_context context;
    struct config_output output;
    struct config_review review;
    struct config_objectives objectives;
    const struct config_action *actions;
    size_t action_count;
    struct config_monitors monitors;
};

struct config {
    const char *source; /* the file's name as given; for messages */
    const char *folder; /* what relative paths are relative to */
    struct config_server server;
    struct config_store store;
    struct config_log log;
    struct config_telemetry telemetry;
    struct config_auth auth;
    struct config_limits limits;
    struct config_scan scan;
    struct config_parser parser;
    struct config_cache cache;
    struct config_pricing pricing;
    struct config_alerts alerts;
    const struct config_budget *budgets;
    size_t budget_count;
    const struct config_upstream *upstreams;
    size_t upstream_count;
    const struct config_endpoint *endpoints; /* in the file's order */
    size_t endpoint_count;
};

enum {
    CONFIG_PROBLEMS_MAX = 20,
    CONFIG_FILE_MAX = 1 << 20,
    CONFIG_ENDPOINTS_MAX = 1000,
    CONFIG_UPSTREAMS_MAX = 200
};

/* What is wrong with a file, in its order. Plain; start with {0}. */
struct config_problems {
    size_t count; /* at most CONFIG_PROBLEMS_MAX */
    bool more;    /* there are others beyond these */
    struct config_problem {
        struct config_place place; /* line 0: the file as a whole */
        char message[400];         /* "FILE:LINE:COLUMN: …", one line */
    } list[CONFIG_PROBLEMS_MAX];
};

/* Adds a problem found by a higher floor: a model that the registry does not have, a script that does
 * not compile. `place` NULL: the file as a whole. */
void config_problem(struct config_problems *problems, const struct config *config,
                    const struct config_place *place, const char *format, ...) PRINTF_LIKE(4, 5);
/* One problem per line. */
void config_problems_print(const struct config_problems *problems, FILE *out);

/* What the command line says against the file; also applied on every reload. NULL members: as the file. */
struct config_overrides {
    const char *listen; /* ADDRESS:PORT[,ADDRESS:PORT…] */
};

/* NULL and at least one problem when it does not validate. `overrides` may be NULL. The result has one
 * reference, the caller's. */
const struct config *config_load(const char *path, const struct config_overrides *overrides,
                                 struct config_problems *problems) MUST_USE;
/* The same for text that is no file; `name` stands for the file in problems, `folder` is what relative
 * paths are relative to. */
const struct config *config_parse(struct str yaml, const char *name, const char *folder,
                                  const struct config_overrides *overrides,
                                  struct config_problems *problems) MUST_USE;
/* Every default and no endpoint. NULL only when memory is out. */
const struct config *config_default(void) MUST_USE;

const struct config *config_ref(const struct config *config);
void config_unref(const struct config *config); /* NULL is fine; the last one wipes secrets and frees */

const struct config_endpoint *config_endpoint_named(const struct config *config, struct str name);
const struct config_upstream *config_upstream_named(const struct config *config, struct str name);
