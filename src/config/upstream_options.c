/* What an upstream may say, and a budget. */
#include "config/option_table.h"

static const char *const kinds[] = {"openai", "anthropic", "simulator", NULL};

static const char *const scopes[] = {"all", "client", "key", "user", NULL};
static const char *const windows[] = {"minute", "hour", "day", "month", "ever", NULL};

static const struct option budget_options[] = {
    {.name = "scope",
     ENUM(enum config_budget_scope, config_budget, scope, scopes),
     .standard = "client",
     .help = "Who shares it: `all` requests, those of a `client`, of one `key`, or of a `user` (the "
             "request's own)."},
    {.name = "name",
     TEXT(config_budget, name, 200),
     .help = "Which client or user (\"CLIENT/USER\"); without it each has a budget of this size. It goes "
             "before one "
             "without a name."},
    {.name = "per",
     ENUM(enum config_budget_window, config_budget, per, windows),
     .standard = "day",
     .help = "In which time, by the calendar in UTC."},
    {.name = "usd",
     USD(config_budget, usd, INT64_C(1000000) * 1000000000),
     MARKED(config_budget, has_usd),
     .help = "Money. Calls whose price is not known are refused where this limits them."},
    {.name = "tokens",
     INTEGER(config_budget, tokens, 0, INT64_MAX / 4),
     MARKED(config_budget, has_tokens),
     .unit = "tokens",
     .help = "Of input and output together."},
    {.name = "requests",
     INTEGER(config_budget, requests, 0, INT64_MAX / 4),
     MARKED(config_budget, has_requests),
     .unit = "requests",
     .help = "Answered ones."},
};
const struct option_group option_budget = {GROUP(budget_options, config_budget), .items_max = 1000,
                                           .check = check_budget};

static const struct option retry_options[] = {
    {.name = "attempts",
     INTEGER(config_retry, attempts, 1, 10),
     .standard = "3",
     .unit = "calls",
     .help = "Calls for one request, the first included, before the next model is asked."},
    {.name = "base",
     DURATION(config_retry, base, MS(1), MINUTES(1)),
     .standard = "100ms",
     .help = "The first pause is drawn from nothing to this, each later one from twice as much."},
    {.name = "max",
     DURATION(config_retry, max, MS(1), MINUTES(10)),
     .standard = "10s",
     .help = "Longest pause."},
    {.name = "budget",
     PERCENT(config_retry, budget),
     .standard = "20%",
     .help = "Most retries, as a share of the requests: when an upstream is down, retries must not double "
             "its load. Ten per second are possible in any case."},
};
static const struct option_group retry_group = {GROUP(retry_options, config_retry)};

static const struct option breaker_options[] = {
    {.name = "errors",
     PERCENT(config_breaker, errors),
     .standard = "50%",
     .help = "Share of failed calls from which on the upstream is left alone."},
    {.name = "minimum",
     INTEGER(config_breaker, minimum, 1, 1000000),
     .standard = "20",
     .unit = "calls",
     .help = "Calls in the window before that share is judged."},
    {.name = "window",
     DURATION(config_breaker, window, SECONDS(1), MINUTES(10)),
     .standard = "10s",
     .help = "How far back calls count."},
    {.name = "slow",
     DURATION(config_breaker, slow, 0, HOURS(1)),
     .standard = "0s",
     .help = "A call whose first byte takes longer counts as failed. 0s: none does."},
    {.name = "open",
     DURATION(config_breaker, open, MS(10), HOURS(1)),
     .standard = "2s",
     .help = "How long it is left alone before a call tries again; doubled while that fails."},
    {.name = "open_max",
     DURATION(config_breaker, open_max, MS(10), HOURS(1)),
     .standard = "1m",
     .help = "Longest."},
};
static const struct option_group breaker_group = {GROUP(breaker_options, config_breaker)};

static const struct option upstream_options[] = {
    {.name = "kind",
     ENUM(enum upstream_kind, config_upstream, kind, kinds),
     .flags = OPTION_REQUIRED,
     .help = "What it speaks: `openai` (also vLLM, llama.cpp, Ollama and others), `anthropic`, or "
             "`simulator`, which "
             "answers by itself, without a model, for trying things out."},
    {.name = "url",
     TEXT(config_upstream, url, 2000),
     .help = "Where it is, with the beginning of its paths: `https://api.example.com/v1`."},
    {.name = "key",
     SECRET(config_upstream, key),
     .help = "Its key. Sent as it wants it: `authorization: Bearer`, or `x-api-key`."},
    {.name = "ca",
     EXISTING(config_upstream, ca),
     .help = "PEM file of the authorities that its certificate is checked against, instead of the system's."},
    {.name = "verify",
     BOOL(config_upstream, verify),
     .standard = "true",
     .help = "Whether its certificate is checked."},
    {.name = "responses",
     BOOL(config_upstream, responses),
     .standard = "false",
     .help =
         "Of `openai`: whether it has /responses too. Without it requests to /v1/responses are translated."},
    {.name = "connect_timeout",
     DURATION(config_upstream, connect_timeout, MS(1), MINUTES(5)),
     .standard = "2s",
     .help = "For name, connection and TLS together."},
    {.name = "first_byte_timeout",
     DURATION(config_upstream, first_byte_timeout, MS(1), HOURS(1)),
     .standard = "60s",
     .help = "From the request to the reply's first byte."},
    {.name = "idle_timeout",
     DURATION(config_upstream, idle_timeout, MS(1), HOURS(1)),
     .standard = "30s",
     .help = "Between two pieces of a reply."},
    {.name = "timeout",
     DURATION(config_upstream, timeout, MS(1), HOURS(1)),
     .standard = "5m",
     .help = "For one call as a whole."},
    {.name = "concurrency",
     INTEGER(config_upstream, concurrency, 1, 1000000),
     .standard = "1024",
     .unit = "calls",
     .help = "Calls at the same time."},
    {.name = "queue",
     INTEGER(config_upstream, queue, 0, 1000000),
     .standard = "1024",
     .unit = "calls",
     .help = "Calls that may wait for one to end. Beyond it, or where the wait would be too long: 503."},
    {.name = "retry",
     SECTION(config_retry, config_upstream, retry, retry_group),
     .help = "When it fails in a way that may pass."},
    {.name = "breaker",
     SECTION(config_breaker, config_upstream, breaker, breaker_group),
     .help = "When it fails so often that it is left alone for a while."},
};
const struct option_group option_upstream = {GROUP(upstream_options, config_upstream),
                                             .items_max = CONFIG_UPSTREAMS_MAX, .check = check_upstream};
