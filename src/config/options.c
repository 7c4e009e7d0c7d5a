#include "config/options.h"

#include "base/clock.h"
#include "config/checks.h"
#include "config/values.h"

#include <limits.h>
#include <stddef.h>
#include <string.h>

/* The offset of member `m` of struct S, which must be of type T: a table that does not fit its struct
 * does not compile. */
#define AT(T, S, m)        (offsetof(struct S, m) + 0 * sizeof(char[_Generic(&((struct S *)0)->m, T * : 1)]))
#define COMPANION(T, S, m) .companion = AT(T, S, m)

#define BOOL(S, m)               .type = OPTION_BOOL, .offset = AT(bool, S, m)
#define INTEGER(S, m, low, high) .type = OPTION_INTEGER, .offset = AT(int64_t, S, m), .min = low, .max = high
#define DURATION(S, m, low, high)                                                                            \
    .type = OPTION_DURATION, .offset = AT(int64_t, S, m), .min = low, .max = high
#define SIZE(S, m, low, high) .type = OPTION_SIZE, .offset = AT(int64_t, S, m), .min = low, .max = high
#define USD(S, m, high)       .type = OPTION_USD, .offset = AT(int64_t, S, m), .max = high
#define PERCENT(S, m)         .type = OPTION_PERCENT, .offset = AT(double, S, m)
#define ENUM(T, S, m, list)   .type = OPTION_ENUM, .offset = AT(T, S, m), .words = list
#define SET(S, m, list)       .type = OPTION_SET, .offset = AT(unsigned, S, m), .words = list
#define TEXT(S, m, longest)   .type = OPTION_STRING, .offset = AT(const char *, S, m), .max = longest
#define PATH(S, m)            .type = OPTION_PATH, .offset = AT(const char *, S, m)
#define EXISTING(S, m)        PATH(S, m), .flags = OPTION_MUST_EXIST
#define SCRIPT(S, m, p)                                                                                      \
    PATH(S, m), .flags = OPTION_MUST_EXIST | OPTION_PLACED, .place = AT(struct config_place, S, p)
#define SOCKET(S, m) .type = OPTION_SOCKET, .offset = AT(const char *, S, m)
#define SECRET(S, m) .type = OPTION_SECRET, .offset = AT(const char *, S, m)
#define MODEL(S, m)  .type = OPTION_MODEL, .offset = AT(struct config_model, S, m)
#define ADDRESSES(S, m, n)                                                                                   \
    .type = OPTION_ADDRESSES, .offset = AT(const struct config_address *, S, m), COMPANION(size_t, S, n)
#define SECTION(T, S, m, g)  .type = OPTION_SECTION, .offset = AT(struct T, S, m), .group = &(g)
#define ITEMS(T, S, m, n, g) .offset = AT(const struct T *, S, m), COMPANION(size_t, S, n), .group = &(g)
#define LIST(T, S, m, n, g)  .type = OPTION_LIST, ITEMS(T, S, m, n, g)
#define MAP(T, S, m, n, g)   .type = OPTION_MAP, ITEMS(T, S, m, n, g)
#define MARKED(S, has)       .flags = OPTION_MARKED, COMPANION(bool, S, has)

#define GROUP(list, T) .options = list, .count = ARRAY_COUNT(list), .size = sizeof(struct T)

#define MS(n)      ((n)*NS_PER_MS)
#define SECONDS(n) ((n)*NS_PER_SECOND)
#define MINUTES(n) SECONDS((n)*INT64_C(60))
#define HOURS(n)   MINUTES((n)*INT64_C(60))
#define DAYS(n)    HOURS((n)*INT64_C(24))
#define KB(n)      ((n)*INT64_C(1000))
#define MB(n)      KB((n)*INT64_C(1000))
#define GB(n)      MB((n)*INT64_C(1000))

static const char *const log_levels[] = {"debug", "info", "warn", "error", NULL};
static const char *const scan_unavailable[] = {"reject", "allow", NULL};
static const char *const step_cache[] = {"none", "stale", NULL};
static const char *const kinds[] = {"classify", NULL};
static const char *const accepts[] = {"text", "file", "features", NULL};
static const char *const sticky[] = {"key", "user", "none", NULL};
static const char *const keep_inputs[] = {"none", "review", "all", NULL};
static const char *const ocr[] = {"auto", "always", "never", NULL};

static const struct option tls_options[] = {
    {.name = "certificate",
     EXISTING(config_tls, certificate),
     .help = "PEM file with the server's certificate and its chain. With it the server speaks TLS only."},
    {.name = "key", EXISTING(config_tls, key), .help = "PEM file with the certificate's private key."},
    {.name = "key_password",
     SECRET(config_tls, key_password),
     .help = "Password of the private key, where it is encrypted."},
};
static const struct option_group tls_group = {GROUP(tls_options, config_tls), .check = check_tls};

static const struct option server_options[] = {
    {.name = "listen",
     ADDRESSES(config_server, listen, listen_count),
     .standard = "127.0.0.1:8080",
     .help = "Where to listen; one address or a list. `--listen` on the command line takes its place."},
    {.name = "loops",
     INTEGER(config_server, loops, 0, 1024),
     .standard = "0",
     .unit = "threads",
     .help = "Loop threads that serve requests. 0: one per core."},
    {.name = "head_max",
     SIZE(config_server, head_max, KB(1), MB(1)),
     .standard = "16KB",
     .help = "Largest request head (request line and headers). Beyond it: 431."},
    {.name = "body_max",
     SIZE(config_server, body_max, KB(1), GB(1)),
     .standard = "10MB",
     .help = "Largest request body, files included. Beyond it: 413."},
    {.name = "body_total_max",
     SIZE(config_server, body_total_max, MB(1), GB(1024)),
     .standard = "512MB",
     .help = "Most bytes of request bodies in memory at once, over all requests. Beyond it: 503."},
    {.name = "connections_max",
     INTEGER(config_server, connections_max, 1, 1000000),
     .standard = "20000",
     .unit = "connections",
     .help = "Most open client connections. Beyond it new ones wait to be accepted."},
    {.name = "head_timeout",
     DURATION(config_server, head_timeout, MS(10), MINUTES(10)),
     .standard = "10s",
     .help = "From a request's first byte to the end of its head, however it drips in. Beyond it: 408."},
    {.name = "body_timeout",
     DURATION(config_server, body_timeout, MS(10), HOURS(1)),
     .standard = "30s",
     .help = "From the end of the head to the end of the body. Beyond it: 408."},
    {.name = "idle_timeout",
     DURATION(config_server, idle_timeout, MS(10), HOURS(1)),
     .standard = "75s",
     .help = "How long a kept connection may wait for its next request."},
    {.name = "write_timeout",
     DURATION(config_server, write_timeout, MS(10), HOURS(1)),
     .standard = "30s",
     .help = "How long a client may take to read a reply before its connection is closed."},
    {.name = "drain_timeout",
     DURATION(config_server, drain_timeout, 0, HOURS(1)),
     .standard = "20s",
     .help = "After SIGTERM: how long requests in flight may take before they are cut off."},
    {.name = "tls",
     SECTION(config_tls, config_server, tls, tls_group),
     .help = "TLS for the listening sockets."},
};
static const struct option_group server_group = {GROUP(server_options, config_server)};

static const struct option store_options[] = {
    {.name = "path",
     PATH(config_store, path),
     .standard = "penstock-data",
     .help = "Folder of the embedded store: records, review items, models, keys. Made when it is absent."},
    {.name = "flush",
     DURATION(config_store, flush, MS(1), SECONDS(10)),
     .standard = "50ms",
     .help = "Records that nobody waits for are committed at the latest after this."},
    {.name = "queue",
     INTEGER(config_store, queue, 64, 1 << 20),
     .standard = "32768",
     .unit = "events",
     .help = "Events of one loop that may wait for the recorder. A full queue answers 503."},
};
static const struct option_group store_group = {GROUP(store_options, config_store)};

static const struct option log_options[] = {
    {.name = "level",
     ENUM(enum log_level, config_log, level, log_levels),
     .standard = "info",
     .help = "The least serious lines that are written."},
    {.name = "requests",
     BOOL(config_log, requests),
     .standard = "true",
     .help = "One JSON line for each request."},
};
static const struct option_group log_group = {GROUP(log_options, config_log)};

static const struct option auth_options[] = {
    {.name = "required",
     BOOL(config_auth, required),
     .standard = "true",
     .help = "Whether requests need a key (`penstock keys create`). `false` is possible only where every "
             "listen address is loopback."},
};
static const struct option_group auth_group = {GROUP(auth_options, config_auth)};

static const struct option limits_options[] = {
    {.name = "rate",
     INTEGER(config_limits, rate, 1, 10000000),
     .standard = "100",
     .unit = "requests/s",
     .help = "Requests per second that one client may send. Beyond it: 429 with Retry-After."},
    {.name = "burst",
     INTEGER(config_limits, burst, 1, 10000000),
     .standard_said = "2 × rate",
     .unit = "requests",
     .help = "Requests that a client may send at once after being quiet."},
};
static const struct option_group limits_group = {GROUP(limits_options, config_limits), .check = check_limits};

static const struct option scan_options[] = {
    {.name = "clamd",
     SOCKET(config_scan, clamd),
     .standard = "",
     .help = "Where clamd listens. Empty: files are not scanned, and their records say so."},
    {.name = "on_unavailable",
     ENUM(enum scan_unavailable, config_scan, on_unavailable, scan_unavailable),
     .standard = "reject",
     .help =
         "When clamd does not answer: `reject` files with 503, or `allow` them, recorded as not scanned."},
    {.name = "timeout",
     DURATION(config_scan, timeout, MS(10), MINUTES(5)),
     .standard = "5s",
     .help = "For the scan of one file."},
};
static const struct option_group scan_group = {GROUP(scan_options, config_scan)};

static const struct option parser_options[] = {
    {.name = "workers",
     INTEGER(config_parser, workers, 0, 256),
     .standard = "0",
     .unit = "processes",
     .help = "Sandboxed processes that decode files. 0: one per core."},
    {.name = "memory",
     SIZE(config_parser, memory, MB(64), GB(64)),
     .standard = "1GB",
     .help = "Memory of one such process."},
    {.name = "cpu_time",
     DURATION(config_parser, cpu_time, SECONDS(1), MINUTES(10)),
     .standard = "20s",
     .help = "CPU time that one document may cost."},
    {.name = "timeout",
     DURATION(config_parser, timeout, MS(100), MINUTES(10)),
     .standard = "20s",
     .help = "Time that one document may take. The endpoint's deadline bounds it too."},
    {.name = "max_pages",
     INTEGER(config_parser, max_pages, 1, 10000),
     .standard = "50",
     .unit = "pages",
     .help = "Longest PDF that is read. Beyond it: 400."},
    {.name = "max_pixels",
     INTEGER(config_parser, max_pixels, 1000, 1000000000),
     .standard = "40M",
     .unit = "pixels",
     .help = "Largest image, width × height, judged before it is decoded. Beyond it: 400."},
    {.name = "queue",
     INTEGER(config_parser, queue, 1, 100000),
     .standard = "64",
     .unit = "documents",
     .help = "Documents that may wait for a process. Beyond it: 503."},
};
static const struct option_group parser_group = {GROUP(parser_options, config_parser)};

static const struct option cache_options[] = {
    {.name = "size",
     SIZE(config_cache, size, 0, GB(1024)),
     .standard = "64MB",
     .help = "Memory for answers to inputs seen before, byte for byte. 0 turns the cache off."},
    {.name = "ttl",
     DURATION(config_cache, ttl, SECONDS(1), DAYS(365)),
     .standard = "1h",
     .help = "How long an answer may be given again."},
};
static const struct option_group cache_group = {GROUP(cache_options, config_cache)};

static const struct option pricing_options[] = {
    {.name = "cpu_hour_usd",
     USD(config_pricing, cpu_hour, INT64_C(1000) * 1000000000),
     MARKED(config_pricing, has_cpu_hour),
     .standard_said = "unknown",
     .help =
         "What an hour of one core costs, in US dollars. Without it the cost of a request is unknown (null), "
         "which is not zero."},
};
static const struct option_group pricing_group = {GROUP(pricing_options, config_pricing)};

static const struct option share_options[] = {
    {.name = "model",
     MODEL(config_share, model),
     .flags = OPTION_REQUIRED,
     .help = "Which model; without a version the newest one at the time of loading."},
    {.name = "weight",
     PERCENT(config_share, weight),
     MARKED(config_share, has_weight),
     .standard_said = "what the others leave",
     .help = "Its share of the requests. Together they are 100 %."},
};
static const struct option_group share_group = {GROUP(share_options, config_share), .items_max = 16};

static const struct option step_options[] = {
    {.name = "model", MODEL(config_step, model), .help = "Another model, usually a simpler one."},
    {.name = "timeout",
     DURATION(config_step, timeout, MS(1), MINUTES(10)),
     .standard_said = "the endpoint's infer_timeout",
     .help = "How long that model may take."},
    {.name = "rules",
     SCRIPT(config_step, rules, rules_place),
     .help = "A Lua file with `function classify(r) … return label, confidence end`."},
    {.name = "cache",
     ENUM(int, config_step, cache, step_cache),
     .standard = "none",
     .help = "`stale`: the answer to the same input, however old, marked as such."},
    {.name = "review",
     BOOL(config_step, review),
     .standard = "false",
     .help = "`true`: a person decides. Always answers, so it can only be last."},
    {.name = "error",
     BOOL(config_step, error),
     .standard = "false",
     .help = "`true`: a clear 503. Also what happens when every step has failed."},
};
static const struct option_group step_group = {GROUP(step_options, config_step), .items_max = 8,
                                               .check = check_step};

static const struct option endpoint_options[] = {
    {.name = "kind",
     ENUM(enum endpoint_kind, config_endpoint, kind, kinds),
     .standard = "classify",
     .help = "What it does with an input."},
    {.name = "description", TEXT(config_endpoint, description, 1000), .help = "For people: what it is for."},
    {.name = "owner", TEXT(config_endpoint, owner, 200), .help = "Who is asked when it misbehaves."},
    {.name = "accepts",
     SET(config_endpoint, accepts, accepts),
     .standard = "text",
     .help = "What clients may send; one or a list."},
    {.name = "text_max",
     SIZE(config_endpoint, text_max, 1, MB(100)),
     .standard = "100KB",
     .help = "Longest text that a client may send. Beyond it: 400."},
    {.name = "deadline",
     DURATION(config_endpoint, deadline, MS(1), HOURS(1)),
     .standard = "10s",
     .help = "For the whole request; bounds every other wait in it. Beyond it: 504."},
    {.name = "infer_timeout",
     DURATION(config_endpoint, infer_timeout, MS(1), HOURS(1)),
     .standard = "2s",
     .help = "For the model. Beyond it the fallbacks are tried."},
    {.name = "rollout",
     LIST(config_share, config_endpoint, rollout, rollout_count, share_group),
     .flags = OPTION_REQUIRED,
     .help = "Which model versions answer which share of the requests."},
    {.name = "sticky",
     ENUM(enum endpoint_sticky, config_endpoint, sticky, sticky),
     .standard = "key",
     .help = "What keeps a caller with one version: its `key`, the request's `user`, or `none`: each request "
             "is drawn anew."},
    {.name = "rules",
     SCRIPT(config_endpoint, rules, rules_place),
     .help = "Business rules: a Lua file with `function verify(r) … return passed, \"reason\" end`. "
             "Predictions between the two thresholds must pass them."},
    {.name = "fallbacks",
     LIST(config_step, config_endpoint, fallbacks, fallback_count, step_group),
     .help = "What is tried, in order, when the model fails, errs or takes too long."},
    {.name = "keep_inputs",
     ENUM(enum endpoint_keep, config_endpoint, keep_inputs, keep_inputs),
     .standard = "none",
     .help = "Which inputs are stored: `none`, those that go to `review`, or `all`."},
    {.name = "retention",
     DURATION(config_endpoint, retention, HOURS(1), DAYS(3650)),
     .standard = "30d",
     .help = "How long inputs are stored."},
    {.name = "cache",
     BOOL(config_endpoint, cache),
     .standard = "true",
     .help = "Whether the same input may get the same answer again without asking the model."},
    {.name = "cache_ttl",
     DURATION(config_endpoint, cache_ttl, SECONDS(1), DAYS(365)),
     .standard_said = "cache.ttl",
     .help = "How long it may."},
    {.name = "accept_threshold",
     PERCENT(config_endpoint, accept_threshold),
     MARKED(config_endpoint, has_accept_threshold),
     .standard_said = "the version's policy",
     .help = "Predictions at least this confident go straight out."},
    {.name = "review_threshold",
     PERCENT(config_endpoint, review_threshold),
     MARKED(config_endpoint, has_review_threshold),
     .standard_said = "the version's policy",
     .help = "Predictions less confident than this go to a person."},
    {.name = "ocr",
     ENUM(enum endpoint_ocr, config_endpoint, ocr, ocr),
     .standard = "auto",
     .help = "Optical recognition: `auto` where the model needs it, `always`, or `never`."},
    {.name = "rate",
     INTEGER(config_endpoint, rate, 1, 10000000),
     MARKED(config_endpoint, has_rate),
     .standard_said = "limits.rate",
     .unit = "requests/s",
     .help = "Requests per second that one client may send to this endpoint."},
    {.name = "burst",
     INTEGER(config_endpoint, burst, 1, 10000000),
     .standard_said = "2 × rate",
     .unit = "requests",
     .help = "Requests that a client may send to it at once after being quiet."},
};
static const struct option_group endpoint_group = {
    GROUP(endpoint_options, config_endpoint), .items_max = CONFIG_ENDPOINTS_MAX, .check = check_endpoint};

static const struct option root_options[] = {
    {.name = "server",
     SECTION(config_server, config, server, server_group),
     .help = "Where and within which limits requests are taken."},
    {.name = "store",
     SECTION(config_store, config, store, store_group),
     .help = "What is remembered, and where."},
    {.name = "log",
     SECTION(config_log, config, log, log_group),
     .help = "The server's own log: JSON lines on standard error."},
    {.name = "auth", SECTION(config_auth, config, auth, auth_group), .help = "Who may ask."},
    {.name = "limits",
     SECTION(config_limits, config, limits, limits_group),
     .help = "How much one client may ask."},
    {.name = "scan",
     SECTION(config_scan, config, scan, scan_group),
     .help = "Malware scan of files by clamd."},
    {.name = "parser",
     SECTION(config_parser, config, parser, parser_group),
     .help = "The sandboxed processes that decode files."},
    {.name = "cache", SECTION(config_cache, config, cache, cache_group), .help = "The exact cache."},
    {.name = "pricing",
     SECTION(config_pricing, config, pricing, pricing_group),
     .help = "What computing costs."},
    {.name = "endpoints",
     MAP(config_endpoint, config, endpoints, endpoint_count, endpoint_group),
     .help = "The AI functions that clients call, by name (letters, digits, - and _)."},
};
const struct option_group option_root = {GROUP(root_options, config)};

static void join_words(const struct option *o, const char *last, char *text, size_t size) {
    text[0] = '\0';
    for (size_t i = 0; o->words[i]; i++) {
        size_t n = strlen(text);
        const char *between = i == 0 ? "" : o->words[i + 1] ? ", " : last;
        snprintf(text + n, size - n, "%s%s", between, o->words[i]);
    }
}

bool option_range(const struct option *o, char low[VALUE_TEXT_SIZE], char high[VALUE_TEXT_SIZE]) {
    void (*say)(int64_t, char *) = o->type == OPTION_INTEGER    ? value_integer_text
                                   : o->type == OPTION_DURATION ? value_duration_text
                                   : o->type == OPTION_SIZE     ? value_size_text
                                   : o->type == OPTION_USD      ? value_usd_text
                                                                : NULL;
    if (!say)
        return false;
    say(o->min, low);
    say(o->max, high);
    return true;
}

void option_expected(const struct option *o, char text[OPTION_EXPECTED_SIZE]) {
    static const char *const plain[] = {
        [OPTION_BOOL] = "true or false",
        [OPTION_INTEGER] = "an integer",
        [OPTION_DURATION] = "a duration (500ms, 10s, 5m, 24h, 30d)",
        [OPTION_SIZE] = "a size (64KB, 10MB, 1GiB)",
        [OPTION_USD] = "an amount in US dollars",
        [OPTION_PERCENT] = "a share from 0% to 100%, or from 0 to 1",
        [OPTION_ENUM] = "",
        [OPTION_SET] = "one or a list of ",
        [OPTION_STRING] = "a text of one line",
        [OPTION_PATH] = "the path of a file or folder",
        [OPTION_SOCKET] = "unix:/PATH or ADDRESS:PORT",
        [OPTION_SECRET] = "${env:NAME} or ${file:/path}",
        [OPTION_ADDRESSES] = "ADDRESS:PORT with a numeric address (127.0.0.1:8080, [::1]:8080, 0.0.0.0:8080)",
        [OPTION_MODEL] = "NAME or NAME@VERSION (documents@3)",
        [OPTION_SECTION] = "options",
        [OPTION_LIST] = "a list",
        [OPTION_MAP] = "names with options",
    };
    char low[VALUE_TEXT_SIZE], high[VALUE_TEXT_SIZE], words[160] = "";
    if (option_range(o, low, high))
        snprintf(text, OPTION_EXPECTED_SIZE, "%s from %s to %s", plain[o->type], low, high);
    else if (o->type == OPTION_STRING)
        snprintf(text, OPTION_EXPECTED_SIZE, "%s of at most %d bytes", plain[o->type], (int)o->max);
    else {
        if (o->words)
            join_words(o, o->type == OPTION_SET ? " and " : " or ", words, sizeof words);
        snprintf(text, OPTION_EXPECTED_SIZE, "%s%s", plain[o->type], words);
    }
}
