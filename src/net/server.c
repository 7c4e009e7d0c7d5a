#include "net/server.h"

#include "base/check.h"
#include "base/clock.h"
#include "net/connection.h"
#include "net/listener.h"
#include "net/tls.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

enum {
    LOOPS_MAX = 256,
    LISTEN_MAX = 16,
    TEXT_MAX = 1 << 20,
};

/* One loop and what the server keeps for it. */
struct shard {
    struct server_loop home;
    struct listener listeners[LISTEN_MAX];
    int sockets[LISTEN_MAX]; /* bound and not yet given to a listener, or -1 */
    struct loop_task start, drain, cut;
};

struct server {
    struct server_shared shared;
    void *ctx;
    struct shard *shards;
    unsigned shard_count;
    unsigned running; /* shards whose loop has a thread */
    uint16_t ports[LISTEN_MAX];
    bool drained;

    pthread_mutex_t lock; /* for what follows */
    pthread_cond_t changed;
    unsigned answered; /* loops that have done what they were asked */
    struct error start_error;
    bool start_failed;
    struct tls_context *tls;
};

struct server_options server_options_default(void) {
    return (struct server_options){
        .head_max = 16384,
        .header_count_max = 100,
        .body_max = 10 << 20,
        .body_total_max = 512 << 20,
        .arena_max = 4 << 20,
        .connections_max = 20000,
        .head_timeout_ms = 10000,
        .body_timeout_ms = 30000,
        .idle_timeout_ms = 75000,
        .write_timeout_ms = 30000,
        .drain_timeout_ms = 30000,
    };
}

/* ---- what connections ask for ---- */

const struct server_shared *server_shared(const struct server *server) {
    return &server->shared;
}

void server_change_connections(struct server *server, int change) {
    atomic_fetch_add_explicit(&server->shared.connections_open, (uint64_t)(int64_t)change,
                              memory_order_relaxed);
}

bool server_charge_body(struct server *server, size_t bytes) {
    uint64_t before = atomic_fetch_add_explicit(&server->shared.body_bytes, bytes, memory_order_relaxed);
    if (before + bytes <= server->shared.options.body_total_max)
        return true;
    server_release_body(server, bytes);
    return false;
}

void server_release_body(struct server *server, size_t bytes) {
    atomic_fetch_sub_explicit(&server->shared.body_bytes, bytes, memory_order_relaxed);
}

struct tls *server_new_tls(struct server *server) {
    pthread_mutex_lock(&server->lock);
    struct tls *tls = tls_new(server->tls);
    pthread_mutex_unlock(&server->lock);
    return tls;
}

/* ---- asking all loops, and waiting for their answers ---- */

static void answer(struct server *server) {
    pthread_mutex_lock(&server->lock);
    server->answered++;
    pthread_cond_signal(&server->changed);
    pthread_mutex_unlock(&server->lock);
}

/* false: not all have answered by then. INT64_MAX waits for ever. */
static bool wait_for_answers(struct server *server, unsigned wanted, int64_t deadline_ns) {
    struct timespec until = {.tv_sec = (time_t)(deadline_ns / NS_PER_SECOND),
                             .tv_nsec = (long)(deadline_ns % NS_PER_SECOND)};
    int result = 0;
    pthread_mutex_lock(&server->lock);
    while (server->answered < wanted && result == 0)
        result = deadline_ns == INT64_MAX ? pthread_cond_wait(&server->changed, &server->lock)
                                          : pthread_cond_timedwait(&server->changed, &server->lock, &until);
    bool all = server->answered >= wanted;
    if (all)
        server->answered = 0;
    pthread_mutex_unlock(&server->lock);
    return all;
}

void server_loop_drained(struct server_loop *home) {
    answer(home->server);
}

/* ---- on the loops ---- */

static bool open_listeners(struct shard *shard, struct error *err) {
    size_t count = shard->home.server->shared.options.listen_count;
    for (size_t i = 0; i < count; i++) {
        int fd = shard->sockets[i];
        shard->sockets[i] = -1;
        if (!listener_open(&shard->listeners[i], &shard->home, fd, err))
            return false;
    }
    return true;
}

static void close_listeners(struct shard *shard) {
    for (size_t i = 0; i < shard->home.server->shared.options.listen_count; i++)
        listener_close(&shard->listeners[i]);
}

static bool prepare(struct server_loop *home, struct error *err) {
    struct server *server = home->server;
    home->in = malloc(READ_BODY_SIZE);
    home->plain = BUF_INIT(READ_BODY_SIZE + 3 * READ_SIZE);
    home->wire = BUF_INIT(TEXT_MAX);
    home->text = BUF_INIT(TEXT_MAX);
    if (!home->in)
        return fail(err, ERR_NO_MEMORY, "no memory for event loop %u", loop_index(home->loop));
    home->service_ctx = server->shared.service->loop_start(server->ctx, home->loop);
    return home->service_ctx ||
           fail(err, ERR_INTERNAL, "the service could not start on event loop %u", loop_index(home->loop));
}

static void run_start(struct loop_task *task) {
    struct shard *shard = CONTAINER_OF(task, struct shard, start);
    struct server *server = shard->home.server;
    struct error err;
    if (!prepare(&shard->home, &err)) {
        pthread_mutex_lock(&server->lock);
        server->start_error = err;
        server->start_failed = true;
        pthread_mutex_unlock(&server->lock);
    }
    answer(server);
}

/* Once every loop is prepared, so that no request meets a half-started server. */
static void run_accept(struct loop_task *task) {
    struct shard *shard = CONTAINER_OF(task, struct shard, start);
    struct server *server = shard->home.server;
    struct error err;
    if (!open_listeners(shard, &err)) {
        pthread_mutex_lock(&server->lock);
        server->start_error = err;
        server->start_failed = true;
        pthread_mutex_unlock(&server->lock);
    }
    answer(server);
}

static void run_drain(struct loop_task *task) {
    struct shard *shard = CONTAINER_OF(task, struct shard, drain);
    struct server_loop *home = &shard->home;
    close_listeners(shard);
    home->draining = true;
    home->now_ns = clock_monotonic();
    for (struct connection *c = home->connections; c; c = c->next)
        connection_drain(c);
    if (home->connection_count == 0)
        server_loop_drained(home);
}

static void free_spares(struct server_loop *home) {
    while (home->spare_exchanges) {
        struct live_exchange *live = home->spare_exchanges;
        home->spare_exchanges = live->next_spare;
        arena_free(live->x.arena);
        free(live);
    }
    home->spare_exchange_count = 0;
}

static void run_cut(struct loop_task *task) {
    struct shard *shard = CONTAINER_OF(task, struct shard, cut);
    struct server_loop *home = &shard->home;
    home->draining = false; /* nobody waits for server_loop_drained any more */
    close_listeners(shard);
    while (home->connections)
        connection_lost(home->connections);
    free_spares(home);
    const struct http_service *service = home->server->shared.service;
    if (home->service_ctx && service->loop_stop)
        service->loop_stop(home->service_ctx);
    home->service_ctx = NULL;
}

static void post_all(struct server *server, size_t task_offset, void (*run)(struct loop_task *)) {
    for (unsigned i = 0; i < server->running; i++) {
        struct loop_task *task = (void *)((char *)&server->shards[i] + task_offset);
        task->run = run;
        loop_post(server->shards[i].home.loop, task);
    }
}

/* ---- starting ---- */

static void raise_file_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static unsigned available_cores(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
        return (unsigned)CPU_COUNT(&set);
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (unsigned)n : 1;
}

static bool check_options(const struct server_options *o, struct error *err) {
    if (o->listen_count == 0 || o->listen_count > LISTEN_MAX)
        return fail(err, ERR_CONFIG, "the server needs 1 to %d listen addresses, not %zu", LISTEN_MAX,
                    o->listen_count);
    if (o->loops > LOOPS_MAX)
        return fail(err, ERR_CONFIG, "the server runs at most %d loops, not %u", LOOPS_MAX, o->loops);
    if (o->head_max < 256 || o->head_max > 64000)
        return fail(err, ERR_CONFIG, "the largest request head is 256 to 64000 bytes, not %zu", o->head_max);
    if (o->arena_max < o->head_max + SMALL_BODY + o->header_count_max * sizeof(struct http_header))
        return fail(err, ERR_CONFIG, "a request's arena of %zu bytes does not hold its head", o->arena_max);
    if (!o->tls.certificate != !o->tls.key)
        return fail(err, ERR_CONFIG, "TLS needs both a certificate file and a key file");
    return true;
}

static struct server *new_server(const struct server_options *o, unsigned loops) {
    struct server *server = calloc(1, sizeof *server);
    struct shard *shards = calloc(loops, sizeof *shards);
    if (!server || !shards) {
        free(server);
        free(shards);
        return NULL;
    }
    server->shared.options = *o;
    server->shards = shards;
    server->shard_count = loops;
    for (unsigned i = 0; i < loops; i++) {
        shards[i].home.server = server;
        for (size_t k = 0; k < LISTEN_MAX; k++)
            shards[i].sockets[k] = shards[i].listeners[k].fd = -1;
    }
    pthread_mutex_init(&server->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&server->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return server;
}

static bool bind_all(struct server *server, struct error *err) {
    const struct server_options *o = &server->shared.options;
    for (size_t k = 0; k < o->listen_count; k++)
        for (unsigned i = 0; i < server->shard_count; i++) {
            int fd = listener_bind(o->listen[k], server->ports[k], &server->ports[k], err);
            if (fd < 0)
                return false;
            server->shards[i].sockets[k] = fd;
        }
    return true;
}

static bool run_loops(struct server *server, struct error *err) {
    for (unsigned i = 0; i < server->shard_count; i++) {
        struct loop *loop = loop_new(i, err);
        if (!loop)
            return false;
        server->shards[i].home.loop = loop;
        if (!loop_run(loop, err))
            return false;
        server->running++;
    }
    return true;
}

static bool ask_all_to_start(struct server *server, void (*run)(struct loop_task *), struct error *err) {
    post_all(server, offsetof(struct shard, start), run);
    wait_for_answers(server, server->running, INT64_MAX);
    if (!server->start_failed)
        return true;
    if (err)
        *err = server->start_error;
    return false;
}

static bool start(struct server *server, struct error *err) {
    const struct server_options *o = &server->shared.options;
    if (o->tls.certificate) {
        server->tls = tls_context_new(&o->tls, err);
        if (!server->tls)
            return false;
    }
    return bind_all(server, err) && run_loops(server, err) && ask_all_to_start(server, run_start, err);
}

bool server_start(struct server **out, const struct server_options *options,
                  const struct http_service *service, void *ctx, struct error *err) {
    if (!check_options(options, err))
        return false;
    raise_file_limit();
    struct server *server = new_server(options, options->loops ? options->loops : available_cores());
    if (!server)
        return fail(err, ERR_NO_MEMORY, "no memory for the server");
    server->shared.service = service;
    server->ctx = ctx;
    bool started = start(server, err);
    server->shared.options.listen = NULL; /* the caller's own */
    *out = server;                        /* before the first request, whose handler may ask for counts */
    if (started && ask_all_to_start(server, run_accept, err))
        return true;
    *out = NULL;
    server_stop(server);
    return false;
}

/* ---- running ---- */

uint16_t server_port(const struct server *server, size_t i) {
    CHECK(i < server->shared.options.listen_count);
    return server->ports[i];
}

unsigned server_loop_count(const struct server *server) {
    return server->shard_count;
}

struct loop *server_loop(const struct server *server, unsigned index) {
    CHECK(index < server->shard_count);
    return server->shards[index].home.loop;
}

bool server_reload_tls(struct server *server, const struct tls_files *files, struct error *err) {
    if (!server->tls)
        return fail(err, ERR_CONFIG, "the server was started without TLS; switching it on needs a restart");
    struct tls_context *fresh = tls_context_new(files, err);
    if (!fresh)
        return false;
    pthread_mutex_lock(&server->lock);
    struct tls_context *before = server->tls;
    server->tls = fresh;
    pthread_mutex_unlock(&server->lock);
    tls_context_free(before);
    return true;
}

struct server_counts server_counts(const struct server *server) {
    struct server_counts counts = {
        .connections_open = atomic_load_explicit(&server->shared.connections_open, memory_order_relaxed),
        .body_bytes_held = atomic_load_explicit(&server->shared.body_bytes, memory_order_relaxed),
    };
    for (unsigned i = 0; i < server->shard_count; i++) {
        const struct server_loop *home = &server->shards[i].home;
        counts.connections_total += atomic_load_explicit(&home->connections_total, memory_order_relaxed);
        counts.requests_total += atomic_load_explicit(&home->requests_total, memory_order_relaxed);
        counts.refused_total += atomic_load_explicit(&home->refused_total, memory_order_relaxed);
    }
    return counts;
}

/* ---- ending ---- */

bool server_drain(struct server *server) {
    if (server->drained)
        return true;
    server->drained = true;
    post_all(server, offsetof(struct shard, drain), run_drain);
    int64_t deadline = clock_monotonic() + server->shared.options.drain_timeout_ms * NS_PER_MS;
    bool all = wait_for_answers(server, server->running, deadline);
    return all;
}

static void free_shard(struct shard *shard) {
    struct server_loop *home = &shard->home;
    for (size_t k = 0; k < LISTEN_MAX; k++)
        if (shard->sockets[k] >= 0)
            close(shard->sockets[k]);
    loop_free(home->loop);
    while (home->spare_connections) {
        struct connection *c = home->spare_connections;
        home->spare_connections = c->next;
        free(c);
    }
    free_spares(home);
    free(home->in);
    buf_free(&home->plain);
    buf_free(&home->wire);
    buf_free(&home->text);
}

void server_stop(struct server *server) {
    if (!server)
        return;
    post_all(server, offsetof(struct shard, cut), run_cut);
    for (unsigned i = 0; i < server->running; i++)
        loop_stop(server->shards[i].home.loop);
    for (unsigned i = 0; i < server->shard_count; i++)
        free_shard(&server->shards[i]);
    tls_context_free(server->tls);
    pthread_cond_destroy(&server->changed);
    pthread_mutex_destroy(&server->lock);
    free(server->shards);
    free(server);
}
