#include "cli/server_process.h"

#include "api/service.h"
#include "base/clock.h"
#include "base/log.h"
#include "cli/cli.h"
#include "console/console.h"
#include "pipeline/monitoring.h"
#include "pipeline/review_driver.h"
#include "pipeline/rollouts.h"
#include "pipeline/sessions.h"
#include "pipeline/serving_history.h"
#include "pipeline/shadow.h"
#include "pipeline/upstream_metrics.h"
#include "watch/alerts/alerting.h"
#include "watch/alerts/objective_readings.h"
#include "watch/monitors/monitor_metrics.h"
#include "watch/monitors/monitor_source.h"
#include "watch/forget.h"
#include "watch/tracing.h"
#include "work/pool.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WATCH_MS = 50 }; /* a roll back is in force within twice that */
/* What could not be taken up is tried again after so long, and twice as long each time. */
#define FOLLOW_AGAIN_NS      NS_PER_SECOND
#define FOLLOW_AGAIN_MOST_NS (64 * NS_PER_SECOND)

struct process {
    const struct server_process_options *options;
    const struct config *config; /* that the parts were made from */
    unsigned loops;
    struct store *store; /* the main thread's connection */
    struct work_pool *pool;
    struct metrics *metrics;
    struct exact_cache *cache;
    struct semantic_cache *semantic;
    struct parser_pool *parsers;
    struct scanner *scanner;
    struct spend_journal *journal;
    struct budget *budget;
    struct session_table *sessions;
    struct metrics_window *window;
    struct recorder *recorder;
    struct tracing *tracing;
    struct arms *arms;
    struct rollout_driver *rollouts;
    struct review_driver *reviews;
    struct shadow_runner *shadows;
    struct objective_readings *objectives;
    struct alerting *alerting;
    struct monitors *monitors;
    struct monitoring *monitoring;
    struct engine *engine;
    struct audit_watch *audit;
    struct key_uses *key_uses;
    int64_t forgotten;               /* how many were, when the caches were last cleared */
    bool names_left;                 /* of those that were, perhaps, among the budgets */
    bool behind;                     /* the store holds what could not be taken up */
    int64_t follow_at, follow_pause; /* when it is tried again, monotonic */
    struct server *server;
    atomic_bool serving; /* `server` may be asked from the loops */
    uv_loop_t loop;
    uv_signal_t signals[3];
    uv_timer_t timer;
    bool ending;
};

static uint32_t ms(int64_t ns) {
    int64_t value = ns / NS_PER_MS;
    return value > UINT32_MAX ? UINT32_MAX : (uint32_t)value;
}

static const struct config *load(const struct server_process_options *options) {
    struct config_problems problems = {0};
    const struct config *config = config_load(options->config_path, &options->overrides, &problems);
    config_problems_print(&problems, stderr);
    return config;
}

static struct snapshot *build_snapshot(struct process *p, const struct config *config,
                                       struct snapshot *previous, struct config_problems *problems) {
    struct snapshot_sources from = {.config = config,
                                    .store = p->store,
                                    .pool = p->pool,
                                    .metrics = p->metrics,
                                    .monitors = p->monitors,
                                    .loops = p->loops,
                                    .previous = previous,
                                    .key_uses = p->key_uses};
    return snapshot_build(&from, problems);
}

static bool accepts_files(const struct config *config) {
    for (size_t i = 0; i < config->endpoint_count; i++)
        if (config->endpoints[i].accepts & ACCEPTS_FILE)
            return true;
    return false;
}

static bool make_parsers(struct process *p, struct error *err) {
    const struct config_parser *c = &p->config->parser;
    if (!accepts_files(p->config))
        return true;
    struct parser_pool_options options = {
        .workers = (unsigned)c->workers,
        .queue = (unsigned)c->queue,
        .prewarm = true,
        .defaults = {.max_pages = (size_t)c->max_pages,
                     .max_pixels = (size_t)c->max_pixels,
                     .memory_bytes = (size_t)c->memory,
                     .cpu_seconds = (unsigned)((c->cpu_time + NS_PER_SECOND - 1) / NS_PER_SECOND),
                     .wall_ms = ms(c->timeout)},
    };
    p->parsers = parser_pool_new(&options, err);
    return p->parsers != NULL;
}

/* Always there, since a reload may bring budgets. */
static bool make_budget(struct process *p, struct error *err) {
    static const struct spend_journal_options standard = {0};
    uint64_t recovered = 0;
    if (!spend_journal_open(&p->journal, p->store, &standard, &recovered, err))
        return false;
    if (recovered)
        log_event(LOG_INFO, "budget.recovered", "%llu charges of the run before were billed",
                  (unsigned long long)recovered);
    return budget_new(&p->budget, p->journal, p->store, clock_wall(), err);
}

/* What needs nothing but memory and threads. */
static bool make_tables(struct process *p, struct error *err) {
    const struct config *c = p->config;
    p->pool = work_pool_new(0);
    p->metrics = metrics_new(p->loops);
    if (c->cache.size)
        p->cache = exact_cache_new((size_t)c->cache.size);
    if (c->cache.size)
        p->semantic = semantic_cache_new((size_t)c->cache.size);
    p->sessions = sessions_new();
    p->window = p->metrics ? metrics_window_new(p->metrics, clock_monotonic()) : NULL;
    p->audit = audit_watch_new();
    p->key_uses = key_uses_new();
    bool good = !(!p->pool || !p->window || !p->sessions || !p->audit || !p->key_uses ||
                  (c->cache.size && (!p->cache || !p->semantic)));
    return good || fail(err, ERR_NO_MEMORY, "out of memory, or no threads to be had");
}

static struct alert_retention alert_retention_of(const struct config_store *c) {
    return (struct alert_retention){
        .ended = c->alert_retention, .silences = c->silence_retention, .messages = c->message_retention};
}

static bool start_tracing(struct process *p, struct error *err) {
    const struct config_telemetry *c = &p->config->telemetry;
    struct tracing_options options = {.url = c->otlp,
                                      .header = c->header,
                                      .ca = c->ca,
                                      .version = PENSTOCK_VERSION,
                                      .format =
                                          c->encoding == TELEMETRY_PROTOBUF ? &span_protobuf : &span_json};
    return !c->otlp || tracing_start(&p->tracing, &options, err);
}

static bool make_parts(struct process *p, struct error *err) {
    const struct config *c = p->config;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    p->loops = c->server.loops ? (unsigned)c->server.loops : cores > 0 ? (unsigned)cores : 1;
    if (!store_open(&p->store, c->store.path, err))
        return false;
    if (!make_tables(p, err) || !make_parsers(p, err))
        return false;
    if (c->scan.clamd && !(p->scanner = scanner_new(str_from(c->scan.clamd), err)))
        return false;
    if (!make_budget(p, err))
        return false;
    p->arms = arms_new();
    p->rollouts = p->arms ? rollout_driver_new(p->store, p->arms) : NULL;
    p->shadows = p->arms ? shadow_runner_new(p->arms) : NULL;
    p->monitors = monitors_new();
    p->reviews = review_driver_new(p->store);
    if (!p->rollouts || !p->shadows || !p->monitors || !p->reviews)
        return fail(err, ERR_NO_MEMORY, "out of memory");
    if (!start_tracing(p, err))
        return false;
    struct recorder_options recorder = {.tracing = p->tracing,
                                        .journal = p->journal,
                                        .arms = p->arms,
                                        .monitors = p->monitors,
                                        .store_path = c->store.path,
                                        .loops = p->loops,
                                        .queue_length = (unsigned)c->store.queue,
                                        .flush_ms = ms(c->store.flush),
                                        .keep_ns = c->store.retention,
                                        .keep_reviews_ns = c->store.review_retention,
                                        .keep_feedback_ns = c->store.feedback_retention,
                                        .keep_alerts = alert_retention_of(&c->store),
                                        .log_requests = c->log.requests};
    if (!recorder_start(&p->recorder, &recorder, err))
        return false;
    p->monitoring = monitoring_new(p->monitors, p->metrics, p->recorder, p->store);
    return p->monitoring || fail(err, ERR_NO_MEMORY, "out of memory");
}

static bool make_engine(struct process *p) {
    struct config_problems problems = {0};
    struct snapshot *first = build_snapshot(p, p->config, NULL, &problems);
    config_problems_print(&problems, stderr);
    if (!first)
        return false;
    struct engine_parts parts = {.recorder = p->recorder,
                                 .metrics = p->metrics,
                                 .monitors = p->monitors,
                                 .cache = p->cache,
                                 .semantic = p->semantic,
                                 .parsers = p->parsers,
                                 .scanner = p->scanner,
                                 .pool = p->pool,
                                 .budget = p->budget,
                                 .sessions = p->sessions,
                                 .arms = p->arms,
                                 .window = p->window,
                                 .audit = p->audit,
                                 .shadows = p->shadows,
                                 .loops = p->loops};
    p->engine = engine_new(&parts, first);
    if (!p->engine) {
        snapshot_unref(first);
        return false;
    }
    /* Before the first request comes, so that none is missed, and so that there is something to read. */
    monitoring_adopt(p->monitoring, first);
    monitoring_tick(p->monitoring, first);
    return true;
}

static double parser_restarts(void *ctx) {
    struct parser_pool_stats stats = {0};
    struct process *p = ctx;
    if (p->parsers)
        parser_pool_stats(p->parsers, &stats);
    return (double)stats.restarts;
}

static double connections(void *ctx) {
    struct process *p = ctx;
    return atomic_load(&p->serving) ? (double)server_counts(p->server).connections_open : 0;
}

static double cache_bytes(void *ctx) {
    struct process *p = ctx;
    struct exact_cache_state state = {0};
    if (p->cache)
        exact_cache_state(p->cache, &state);
    return (double)state.bytes;
}

static double audit_verified(void *ctx) {
    struct audit_watch_state state;
    audit_watch_state(((struct process *)ctx)->audit, &state);
    return (double)state.head.number;
}

static double audit_broken(void *ctx) {
    struct audit_watch_state state;
    audit_watch_state(((struct process *)ctx)->audit, &state);
    return state.flaw.found;
}

static struct tracing_counts spans(void *ctx) {
    struct tracing_counts counts = {0};
    struct process *p = ctx;
    if (p->tracing)
        tracing_counts(p->tracing, &counts);
    return counts;
}

static double spans_exported(void *ctx) {
    return (double)spans(ctx).exported;
}

static double spans_dropped(void *ctx) {
    return (double)spans(ctx).dropped;
}

static double spans_failed(void *ctx) {
    return (double)spans(ctx).failed;
}

static void add_metrics(struct process *p) {
    const struct metrics_source sources[] = {
        {"penstock_parser_restarts_total", "Parser processes that were replaced.", METRICS_COUNTER,
         parser_restarts, p},
        {"penstock_http_connections", "Open connections.", METRICS_GAUGE, connections, p},
        {"penstock_cache_bytes", "Memory that the exact cache holds.", METRICS_GAUGE, cache_bytes, p},
        {"penstock_spans_exported_total", "Spans that the collector took.", METRICS_COUNTER, spans_exported,
         p},
        {"penstock_spans_dropped_total", "Spans that found the buffer full.", METRICS_COUNTER, spans_dropped,
         p},
        {"penstock_spans_failed_total", "Spans that the collector did not take.", METRICS_COUNTER,
         spans_failed, p},
        {"penstock_audit_rows", "Rows of the audit log that were good when it was last verified.",
         METRICS_GAUGE, audit_verified, p},
        {"penstock_audit_broken", "1: somebody wrote into the audit log.", METRICS_GAUGE, audit_broken, p},
    };
    for (size_t i = 0; i < ARRAY_COUNT(sources); i++)
        metrics_add_source(p->metrics, &sources[i]);
    metrics_add_writer(p->metrics, upstream_metrics_write, p->engine);
    metrics_add_writer(p->metrics, shadow_metrics_write, p->engine);
    metrics_add_writer(p->metrics, monitor_metrics_write, p->monitors);
    metrics_add_writer(p->metrics, review_driver_metrics, p->reviews);
    metrics_set_recorder(p->metrics, p->recorder);
    metrics_set_version(p->metrics, PENSTOCK_VERSION);
}

/* Before the server starts: what is shown at /metrics must not come and go. */
static bool make_alerting(struct process *p, struct error *err) {
    struct alerting_options options = {
        .store_path = p->config->store.path, .config = p->config, .recorder = p->recorder};
    p->objectives = objective_readings_new(p->metrics, p->recorder, p->store);
    if (!p->objectives)
        return fail(err, ERR_NO_MEMORY, "out of memory");
    options.sources[options.source_count++] = objective_readings_source(p->objectives);
    options.sources[options.source_count++] = monitor_source(p->monitors);
    if (!alerting_start(&p->alerting, &options, err))
        return false;
    metrics_add_writer(p->metrics, alerting_metrics, p->alerting);
    return true;
}

static struct tls_files tls_files_of(const struct config_server *c) {
    return (struct tls_files){c->tls.certificate, c->tls.key, c->tls.key_password};
}

static bool start_server(struct process *p, struct error *err) {
    const struct config_server *c = &p->config->server;
    const char **listen = calloc(c->listen_count, sizeof(*listen));
    if (!listen)
        return fail(err, ERR_NO_MEMORY, "out of memory");
    for (size_t i = 0; i < c->listen_count; i++)
        listen[i] = c->listen[i].text;
    struct server_options options = server_options_default();
    options.listen = listen;
    options.listen_count = c->listen_count;
    options.loops = p->loops;
    options.head_max = (size_t)c->head_max;
    options.body_max = (size_t)c->body_max;
    options.body_total_max = (size_t)c->body_total_max;
    options.connections_max = (unsigned)c->connections_max;
    options.head_timeout_ms = ms(c->head_timeout);
    options.body_timeout_ms = ms(c->body_timeout);
    options.idle_timeout_ms = ms(c->idle_timeout);
    options.write_timeout_ms = ms(c->write_timeout);
    options.drain_timeout_ms = ms(c->drain_timeout);
    options.tls = tls_files_of(c);
    add_metrics(p);
    console_add_routes();
    bool started = server_start(&p->server, &options, &api_service, p->engine, err);
    free(listen);
    atomic_store(&p->serving, started);
    return started;
}

static void announce(const struct process *p) {
    const struct config_server *c = &p->config->server;
    for (size_t i = 0; i < c->listen_count; i++) {
        const char *host = c->listen[i].host[0] ? c->listen[i].host : "0.0.0.0";
        bool six = strchr(host, ':') != NULL;
        log_event(LOG_INFO, "server.listening", "listening on %s://%s%s%s:%u",
                  c->tls.certificate ? "https" : "http", six ? "[" : "", host, six ? "]" : "",
                  server_port(p->server, i));
    }
    if (!p->config->auth.required)
        log_event(LOG_WARN, "auth.off",
                  "authentication is off: whoever reaches this machine's loopback may call");
    if (accepts_files(p->config) && !p->scanner)
        log_event(LOG_WARN, "scan.off",
                  "no malware scanner is configured (scan.clamd): files are recorded as not "
                  "scanned");
}

static bool same_text(const char *a, const char *b) {
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_addresses(const struct config_server *a, const struct config_server *b) {
    if (a->listen_count != b->listen_count)
        return false;
    for (size_t i = 0; i < a->listen_count; i++)
        if (!same_text(a->listen[i].text, b->listen[i].text))
            return false;
    return true;
}

static bool same_limits(const struct config_server *a, const struct config_server *b) {
    const int64_t now[] = {a->loops,           a->head_max,      a->body_total_max,
                           a->connections_max, a->head_timeout,  a->body_timeout,
                           a->idle_timeout,    a->write_timeout, a->drain_timeout};
    const int64_t then[] = {b->loops,           b->head_max,      b->body_total_max,
                            b->connections_max, b->head_timeout,  b->body_timeout,
                            b->idle_timeout,    b->write_timeout, b->drain_timeout};
    return memcmp(now, then, sizeof now) == 0;
}

static bool same_store(const struct config_store *a, const struct config_store *b) {
    return same_text(a->path, b->path) && a->flush == b->flush && a->queue == b->queue;
}

static bool same_telemetry(const struct config_telemetry *a, const struct config_telemetry *b) {
    return same_text(a->otlp, b->otlp) && same_text(a->header, b->header) && same_text(a->ca, b->ca) &&
           a->encoding == b->encoding;
}

/* Options that only a restart can change; names the first that differs, or NULL. */
static const char *needs_restart(const struct config *a, const struct config *b) {
    const struct {
        bool same;
        const char *name;
    } fixed[] = {
        {same_addresses(&a->server, &b->server), "server.listen"},
        {same_limits(&a->server, &b->server), "a limit or timeout of server"},
        {!a->server.tls.certificate == !b->server.tls.certificate, "server.tls"},
        {same_store(&a->store, &b->store), "store"},
        {same_telemetry(&a->telemetry, &b->telemetry), "telemetry.otlp, header, ca or encoding"},
        {same_text(a->scan.clamd, b->scan.clamd), "scan.clamd"},
        {memcmp(&a->parser, &b->parser, sizeof a->parser) == 0, "parser"},
        {accepts_files(a) == accepts_files(b), "whether any endpoint accepts files"},
        {a->cache.size == b->cache.size, "cache.size"},
        {a->log.requests == b->log.requests, "log.requests"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(fixed); i++)
        if (!fixed[i].same)
            return fixed[i].name;
    return NULL;
}

/* Whoever cannot write down what it does still does it. */
static void note_serving(struct process *p, const struct snapshot *now, const char *why) {
    struct error err;
    if (!serving_note(p->store, now, why, &err))
        log_event(LOG_WARN, "history.failed", "What serves from now on is not in the history. %s",
                  err.message);
}

/* All or nothing: whatever is wrong, the running configuration stays as it is. */
static bool reload(struct process *p, const struct config *next) {
    struct config_problems problems = {0};
    struct error err;
    const char *fixed = needs_restart(p->config, next);
    if (fixed) {
        log_event(LOG_ERROR, "config.refused", "%s changed, which needs a restart; nothing was changed",
                  fixed);
        return false;
    }
    struct tls_files tls = tls_files_of(&next->server);
    struct snapshot *previous = engine_snapshot(p->engine);
    struct snapshot *snapshot = build_snapshot(p, next, previous, &problems);
    snapshot_unref(previous);
    for (size_t i = 0; i < problems.count; i++)
        log_event(LOG_ERROR, "config.problem", "%s", problems.list[i].message);
    if (!snapshot)
        return false;
    if (next->server.tls.certificate && !server_reload_tls(p->server, &tls, &err)) {
        log_event(LOG_ERROR, "config.refused", "%s; nothing was changed", err.message);
        snapshot_unref(snapshot);
        return false;
    }
    snapshot_ref(snapshot);
    engine_publish(p->engine, snapshot);
    note_serving(p, snapshot, "reload");
    monitoring_adopt(p->monitoring, snapshot);
    snapshot_unref(snapshot);
    recorder_keep(p->recorder, next->store.retention);
    recorder_keep_said(p->recorder, next->store.review_retention, next->store.feedback_retention);
    const struct alert_retention alerts = alert_retention_of(&next->store);
    recorder_keep_alerts(p->recorder, &alerts);
    return true;
}

static void reload_from_file(struct process *p) {
    struct config_problems problems = {0};
    const struct config *next = config_load(p->options->config_path, &p->options->overrides, &problems);
    for (size_t i = 0; i < problems.count; i++)
        log_event(LOG_ERROR, "config.problem", "%s", problems.list[i].message);
    if (next && reload(p, next)) {
        log_event(LOG_INFO, "config.reloaded", "%s is in force", p->options->config_path);
        log_set_level(next->log.level);
        alerting_configure(p->alerting, next);
        config_unref(p->config);
        p->config = next;
        p->behind = false;
        return;
    }
    log_event(LOG_ERROR, "config.refused",
              "the configuration was not reloaded; the one before stays in force");
    config_unref(next);
}

/* What keys were used for goes into the history once an hour, and what is there is verified. */
static void audit(struct process *p) {
    static _Atomic int64_t said;
    struct error err;
    int64_t now = clock_monotonic();
    if (!key_uses_note(p->key_uses, p->store, clock_wall(), p->ending, &err) &&
        log_is_due(&said, now, 60 * NS_PER_SECOND))
        log_event(LOG_WARN, "history.failed", "What keys were used for is not yet in the history. %s",
                  err.message);
    audit_watch_tick(p->audit, p->store, now);
}

/* Caches do not know whose answers they hold. */
static void clear_caches(struct process *p) {
    int64_t forgotten = p->forgotten;
    struct error err;
    if (!forget_finished(p->store, &forgotten, &err)) {
        log_event(LOG_WARN, "forget.unknown", "Whether somebody was forgotten could not be read. %s",
                  err.message);
        return;
    }
    if (forgotten == p->forgotten)
        return;
    p->forgotten = forgotten;
    p->names_left = true;
    if (p->cache)
        exact_cache_clear(p->cache);
    if (p->semantic)
        semantic_cache_clear(p->semantic);
    log_event(LOG_INFO, "cache.cleared", "The caches are empty, since somebody was forgotten");
}

/* Takes up what the store holds now. A store that is locked for long, or short of memory, is no reason to
 * miss it for good. */
static void follow(struct process *p, bool changed) {
    int64_t now = clock_monotonic();
    if (!changed && (!p->behind || now < p->follow_at))
        return;
    p->behind = !reload(p, p->config);
    if (p->behind && !changed && p->follow_pause < FOLLOW_AGAIN_MOST_NS)
        p->follow_pause *= 2;
    else if (changed)
        p->follow_pause = FOLLOW_AGAIN_NS;
    p->follow_at = now + p->follow_pause;
    clear_caches(p);
}

static void clear_names(struct process *p) {
    static _Atomic int64_t said;
    struct error err;
    if (p->names_left && !budget_forget(p->budget, p->store, &p->names_left, &err) &&
        log_is_due(&said, clock_monotonic(), 60 * NS_PER_SECOND))
        log_event(LOG_WARN, "forget.names", "Names of who was forgotten stay among the budgets for now. %s",
                  err.message);
}

/* Rollouts go on; then keys, versions and rollouts that these or the command line wrote. */
static void watch(uv_timer_t *timer) {
    struct process *p = timer->data;
    metrics_window_tick(p->window, clock_monotonic());
    bool rolled = rollout_driver_tick(p->rollouts, p->config);
    struct snapshot *s = engine_snapshot(p->engine);
    review_driver_tick(p->reviews, s);
    snapshot_unref(s);
    follow(p, store_changed(p->store) || rolled);
    clear_names(p);
    audit(p);
    s = engine_snapshot(p->engine);
    monitoring_tick(p->monitoring, s);
    snapshot_unref(s);
}

static void on_signal(uv_signal_t *signal, int number) {
    struct process *p = signal->data;
    if (number == SIGHUP) {
        reload_from_file(p);
        return;
    }
    p->ending = true;
    uv_stop(&p->loop);
}

/* From before anybody can know that the server is there: whoever asks it to end then, or to reload, is heard
 * once it runs. */
static void take_signals(struct process *p) {
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
    for (size_t i = 0; i < ARRAY_COUNT(numbers); i++) {
        uv_signal_init(&p->loop, &p->signals[i]);
        p->signals[i].data = p;
        uv_signal_start(&p->signals[i], on_signal, numbers[i]);
    }
}

/* A second one ends the program at once. */
static void leave_signals(struct process *p) {
    for (size_t i = 0; i < ARRAY_COUNT(p->signals); i++)
        uv_close((uv_handle_t *)&p->signals[i], NULL);
    uv_run(&p->loop, UV_RUN_DEFAULT);
}

static void run_until_signal(struct process *p) {
    uv_timer_init(&p->loop, &p->timer);
    p->timer.data = p;
    uv_timer_start(&p->timer, watch, WATCH_MS, WATCH_MS);
    while (!p->ending)
        uv_run(&p->loop, UV_RUN_DEFAULT);
    uv_close((uv_handle_t *)&p->timer, NULL);
}

static void end_monitoring(struct process *p) {
    struct snapshot *s = engine_snapshot(p->engine);
    monitoring_end(p->monitoring, s);
    snapshot_unref(s);
}

static void end(struct process *p) {
    if (p->engine)
        engine_set_draining(p->engine);
    if (p->server) {
        log_event(LOG_INFO, "server.draining", "answering what is running, accepting nothing new");
        if (!server_drain(p->server))
            log_event(LOG_WARN, "server.cut", "some requests did not end within drain_timeout and were cut");
    }
    /* What other threads still do for requests comes back to the loops, so these end last. */
    parser_pool_free(p->parsers);
    if (p->engine && !engine_wait_idle(p->engine, clock_monotonic() + 10 * NS_PER_SECOND))
        log_event(LOG_ERROR, "server.unclean", "some background work did not end");
    server_stop(p->server);
    alerting_stop(p->alerting);
    objective_readings_free(p->objectives);
    if (p->engine)
        end_monitoring(p);
    recorder_stop(p->recorder);
    tracing_stop(p->tracing);
    p->ending = true;
    monitoring_free(p->monitoring);
    if (p->engine)
        audit(p);
    rollout_driver_free(p->rollouts);
    review_driver_free(p->reviews);
    shadow_runner_free(p->shadows);
    arms_free(p->arms);
    monitors_free(p->monitors);
    engine_free(p->engine);
    sessions_free(p->sessions);
    audit_watch_free(p->audit);
    key_uses_free(p->key_uses);
    budget_free(p->budget);
    spend_journal_close(p->journal);
    work_pool_free(p->pool);
    scanner_free(p->scanner);
    exact_cache_free(p->cache);
    semantic_cache_free(p->semantic);
    metrics_window_free(p->window);
    metrics_free(p->metrics);
    store_close(p->store);
    config_unref(p->config);
}

int server_process_run(const struct server_process_options *options) {
    struct process p = {.options = options};
    struct error err;
    int code = EXIT_FAILED;
    signal(SIGPIPE, SIG_IGN);
    /* Where the log is a pipe, a reader that is slow for a moment should not cost lines: 1 MB instead of 64
     * KB. */
    fcntl(STDERR_FILENO, F_SETPIPE_SZ, 1 << 20);
    p.config = load(options);
    if (!p.config)
        return EXIT_USAGE;
    log_set_level(p.config->log.level);
    uv_loop_init(&p.loop);
    if (!make_parts(&p, &err)) {
        log_event(LOG_ERROR, "server.start_failed", "%s", err.message);
    } else if (!make_engine(&p)) {
        code = EXIT_USAGE;
    } else if (!make_alerting(&p, &err)) {
        log_event(LOG_ERROR, "server.start_failed", "%s", err.message);
    } else if (take_signals(&p), !start_server(&p, &err)) {
        leave_signals(&p);
        log_event(LOG_ERROR, "server.start_failed", "%s", err.message);
    } else {
        announce(&p);
        if (!forget_finished(p.store, &p.forgotten, &err))
            p.forgotten = 0; /* then the first reload clears what little there is */
        struct snapshot *first = engine_snapshot(p.engine);
        note_serving(&p, first, "start");
        snapshot_unref(first);
        run_until_signal(&p);
        leave_signals(&p);
        code = EXIT_DONE;
    }
    end(&p);
    uv_loop_close(&p.loop);
    if (code == EXIT_DONE)
        log_event(LOG_INFO, "server.ended", "ended cleanly");
    return code;
}
