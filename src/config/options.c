#include "config/options.h"

#include "config/option_table.h"
#include "config/values.h"

#include <string.h>

static const char *const log_levels[] = {"debug", "info", "warn", "error", NULL};
static const char *const scan_unavailable[] = {"reject", "allow", NULL};

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
    {.name = "retention",
     DURATION(config_store, retention, HOURS(1), DAYS(3650)),
     .standard = "30d",
     .help = "How long records of requests are kept. Review items stay, and inputs that are kept have their "
             "endpoint's own `retention`."},
    {.name = "review_retention",
     DURATION(config_store, review_retention, 0, DAYS(3650)),
     .standard = "0s",
     .help = "How long review items are kept after they were decided, with what people said of them. 0s: for "
             "good. Open ones always stay."},
    {.name = "feedback_retention",
     DURATION(config_store, feedback_retention, 0, DAYS(3650)),
     .standard = "0s",
     .help = "How long feedback is kept. 0s: for good."},
    {.name = "alert_retention",
     DURATION(config_store, alert_retention, 0, DAYS(3650)),
     .standard = "400d",
     .help = "How long alerts that ended and incidents that are resolved are kept, with their timelines. 0s: "
             "for good. "
             "What people did about them stays in the history."},
    {.name = "silence_retention",
     DURATION(config_store, silence_retention, 0, DAYS(3650)),
     .standard = "400d",
     .help = "How long silences are kept after they are over. 0s: for good."},
    {.name = "message_retention",
     DURATION(config_store, message_retention, 0, DAYS(3650)),
     .standard = "400d",
     .help = "How long messages about alerts are kept that were taken or given up. 0s: for good."},
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

static const char *const telemetry_encodings[] = {"json", "protobuf", NULL};
static const struct option telemetry_options[] = {
    {.name = "otlp",
     TEXT(config_telemetry, otlp, 2000),
     .help = "Where traces go: a collector's URL for OTLP over HTTP, whole, such as "
             "`http://127.0.0.1:4318/v1/traces`. Without one they go nowhere."},
    {.name = "header",
     SECRET(config_telemetry, header),
     .help = "A header for the collector, `name: value`, such as `authorization: Bearer …`."},
    {.name = "ca",
     EXISTING(config_telemetry, ca),
     .help =
         "PEM file of the authorities that the collector's certificate is checked against, instead of the "
         "system's."},
    {.name = "encoding",
     ENUM(enum telemetry_encoding, config_telemetry, encoding, telemetry_encodings),
     .standard = "json",
     .help = "How they are written down. Collectors take both; `protobuf` is a third of the bytes."},
    {.name = "sample",
     PERCENT(config_telemetry, sample),
     .standard = "1%",
     .help = "Share of the requests that are traced, of those whose caller sends no `traceparent`; with one, "
             "the caller decides. Requests that fail with 5xx always are."},
};
static const struct option_group telemetry_group = {GROUP(telemetry_options, config_telemetry),
                                                    .check = check_telemetry};

static const struct option auth_options[] = {
    {.name = "required",
     BOOL(config_auth, required),
     .standard = "true",
     .help = "Whether requests need a key (`penstock keys create`). `false` is possible only where every "
             "listen address is loopback."},
    {.name = "session_idle",
     DURATION(config_auth, session_idle, SECONDS(1), DAYS(30)),
     .standard = "1h",
     .help = "How long who signed in at the console stays so without a call."},
    {.name = "session_lifetime",
     DURATION(config_auth, session_lifetime, SECONDS(1), DAYS(30)),
     .standard = "12h",
     .help = "How long who signed in at the console stays so in any case."},
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
    {.name = "models",
     SCRIPT(config_pricing, models, models_place),
     .help = "JSON file with what language models cost per token, in the form of the community's list. A "
             "model that "
             "it does not have has no known price."},
};
static const struct option_group pricing_group = {GROUP(pricing_options, config_pricing)};

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
    {.name = "telemetry",
     SECTION(config_telemetry, config, telemetry, telemetry_group),
     .help = "Traces for a collector (docs/telemetry.md)."},
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
    {.name = "budgets",
     LIST(config_budget, config, budgets, budget_count, option_budget),
     .help = "Limits of what language models may use: reserved before a call, settled after it, kept over "
             "restarts."},
    {.name = "alerts",
     SECTION(config_alerts, config, alerts, option_alerts),
     .help = "Who is told what goes wrong, and when."},
    {.name = "upstreams",
     MAP(config_upstream, config, upstreams, upstream_count, option_upstream),
     .help = "APIs of language models, by name."},
    {.name = "endpoints",
     MAP(config_endpoint, config, endpoints, endpoint_count, option_endpoint),
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
