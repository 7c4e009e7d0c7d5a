#include "net/client.h"

#include "base/check.h"
#include "base/clock.h"
#include "net/client_connection.h"

#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

enum {
    IDLE_MAX = 2048,            /* kept connections of one origin in one loop */
    IDLE_MS = 30000,            /* how long one is kept */
    ADDRESSES_VALID_MS = 30000, /* how long a name's addresses are believed */
    ADDRESS_MS = 2000           /* most time for one that does not answer, where there are others */
};

const char *http_failure_name(enum http_failure failure) {
    static const char *const names[] = {
        [HTTP_FAILURE_DNS] = "dns",
        [HTTP_FAILURE_CONNECT] = "connect",
        [HTTP_FAILURE_TLS] = "tls",
        [HTTP_FAILURE_TIMEOUT_CONNECT] = "timeout_connect",
        [HTTP_FAILURE_TIMEOUT_FIRST_BYTE] = "timeout_first_byte",
        [HTTP_FAILURE_TIMEOUT_IDLE] = "timeout_idle",
        [HTTP_FAILURE_TIMEOUT_TOTAL] = "timeout_total",
        [HTTP_FAILURE_CLOSED] = "closed",
        [HTTP_FAILURE_BAD_RESPONSE] = "bad_response",
        [HTTP_FAILURE_TOO_LARGE] = "too_large",
        [HTTP_FAILURE_NO_MEMORY] = "no_memory",
    };
    return names[failure];
}

/* ---- clients and pools ---- */

struct http_client *http_client_new(struct loop *loop) {
    struct http_client *client = calloc(1, sizeof *client);
    char *in = malloc(CLIENT_READ_SIZE);
    if (!client || !in) {
        free(client);
        free(in);
        return NULL;
    }
    client->loop = loop;
    client->in = in;
    client->idle_ms = IDLE_MS;
    client->plain = BUF_INIT(SIZE_MAX / 2);
    client->text = BUF_INIT(SIZE_MAX / 2);
    return client;
}

/* A lookup runs on a thread of libuv's and cannot always be stopped, so it outlives a pool that went. */
struct resolution {
    uv_getaddrinfo_t request;
    struct pool *pool; /* NULL: nobody waits any more */
};

static void pool_free(struct pool *pool) {
    struct pool **at = &pool->client->pools;
    while (*at != pool)
        at = &(*at)->next;
    *at = pool->next;
    if (pool->resolution) {
        pool->resolution->pool = NULL;
        uv_cancel((uv_req_t *)&pool->resolution->request);
    }
    http_origin_unref(pool->origin);
    free(pool);
}

/* One that nobody uses stays for its addresses, until its origin is nobody else's either. */
static bool is_forgotten(const struct pool *pool) {
    return pool->users == 0 && atomic_load(&pool->origin->refs) == 1;
}

void pool_leave(struct pool *pool) {
    CHECK(pool->users > 0);
    pool->users--;
    if (is_forgotten(pool))
        pool_free(pool);
}

/* Those whose origin a new configuration left out after they had been used last. */
static void free_forgotten(struct http_client *client) {
    for (struct pool *pool = client->pools, *next; pool; pool = next) {
        next = pool->next;
        if (is_forgotten(pool))
            pool_free(pool);
    }
}

static struct pool *pool_of(struct http_client *client, struct http_origin *origin) {
    struct pool *pool = client->pools;
    while (pool && pool->origin != origin)
        pool = pool->next;
    if (pool)
        return pool;
    free_forgotten(client);
    if (!(pool = calloc(1, sizeof *pool)))
        return NULL;
    pool->client = client;
    pool->origin = http_origin_ref(origin);
    pool->next = client->pools;
    client->pools = pool;
    if (origin->address.ss_family) {
        pool->addresses[0] = origin->address;
        pool->address_lengths[0] = origin->address_length;
        pool->address_count = 1;
        pool->addresses_until_ns = INT64_MAX;
    }
    return pool;
}

void pool_keep(struct client_connection *c) {
    struct pool *pool = c->pool;
    if (pool->idle_count == IDLE_MAX) {
        client_connection_close(c);
        return;
    }
    c->state = CONNECTION_IDLE;
    c->next = pool->idle;
    c->link = &pool->idle;
    if (c->next)
        c->next->link = &c->next;
    pool->idle = c;
    pool->idle_count++;
    loop_timer_arm(pool->client->loop, &c->timer, clock_recent() + pool->client->idle_ms * NS_PER_MS);
    client_connection_watch(c);
}

/* ---- names ---- */

static void take_addresses(struct pool *pool, const struct addrinfo *list) {
    pool->address_count = 0;
    for (; list && pool->address_count < ADDRESSES_MAX; list = list->ai_next) {
        if (list->ai_addrlen > sizeof pool->addresses[0])
            continue;
        memcpy(&pool->addresses[pool->address_count], list->ai_addr, list->ai_addrlen);
        pool->address_lengths[pool->address_count++] = list->ai_addrlen;
    }
    pool->addresses_until_ns = clock_monotonic() + ADDRESSES_VALID_MS * NS_PER_MS;
}

static void connect_call(struct http_call *call, unsigned first);
static void defer(struct http_call *call, enum http_failure failure, const char *detail);

/* Nobody is called back from here: what they do might be to wait for this name again. */
static void resolved(uv_getaddrinfo_t *request, int status, struct addrinfo *list) {
    struct resolution *resolution = CONTAINER_OF(request, struct resolution, request);
    struct pool *pool = resolution->pool;
    free(resolution);
    if (pool) {
        (void)loop_begin_event(pool->client->loop);
        pool->resolution = NULL;
        if (status == 0)
            take_addresses(pool, list);
        while (pool->waiting) {
            struct http_call *call = pool->waiting;
            pool->waiting = call->next;
            call->next = NULL;
            if (status == 0 && pool->address_count)
                connect_call(call, 0);
            else
                defer(call, HTTP_FAILURE_DNS, status ? uv_strerror(status) : "it has no address");
        }
    }
    uv_freeaddrinfo(list);
}

static bool start_resolution(struct pool *pool) {
    struct resolution *resolution = pool->resolution;
    if (resolution)
        return true;
    resolution = calloc(1, sizeof *resolution);
    if (!resolution)
        return false;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
    resolution->pool = pool;
    if (uv_getaddrinfo(loop_uv(pool->client->loop), &resolution->request, resolved, pool->origin->host,
                       pool->origin->port, &hints) != 0) {
        free(resolution);
        return false;
    }
    pool->resolution = resolution;
    return true;
}

static void stop_waiting(struct http_call *call) {
    struct http_call **at = &call->pool->waiting;
    while (*at && *at != call)
        at = &(*at)->next;
    if (*at)
        *at = call->next;
    call->next = NULL;
}

void http_client_free(struct http_client *client) {
    if (!client)
        return;
    while (client->pools) {
        struct pool *pool = client->pools;
        CHECK(!pool->waiting);
        pool->users++;
        while (pool->idle)
            client_connection_close(pool->idle);
        CHECK(pool->users == 1);
        pool_free(pool);
    }
    buf_free(&client->plain);
    buf_free(&client->text);
    free(client->in);
    free(client);
}

/* ---- calls ---- */

/* The next wait, within the deadline of the whole. */
static void wait_for(struct http_call *call, int64_t from_ns, int64_t wait_ns) {
    int64_t at = wait_ns > INT64_MAX - from_ns ? INT64_MAX : from_ns + wait_ns;
    call->wait_ends_ns = at < call->deadline_ns ? at : call->deadline_ns;
    loop_timer_arm(call->client->loop, &call->timer, call->wait_ends_ns);
}

static void leave(struct http_call *call) {
    loop_timer_disarm(call->client->loop, &call->timer);
    struct pool *pool = call->pool;
    call->pool = NULL;
    if (pool)
        pool_leave(pool);
}

static void tell_failure(struct http_call *call, enum http_failure failure, const char *detail) {
    static const char *const what[] = {
        [HTTP_FAILURE_DNS] = "its name leads nowhere",
        [HTTP_FAILURE_CONNECT] = "no connection",
        [HTTP_FAILURE_TLS] = "no TLS connection",
        [HTTP_FAILURE_TIMEOUT_CONNECT] = "no connection within its time",
        [HTTP_FAILURE_TIMEOUT_FIRST_BYTE] = "no reply within its time",
        [HTTP_FAILURE_TIMEOUT_IDLE] = "the reply stopped coming",
        [HTTP_FAILURE_TIMEOUT_TOTAL] = "the reply was not whole within its time",
        [HTTP_FAILURE_CLOSED] = "the connection was closed before the reply was whole",
        [HTTP_FAILURE_BAD_RESPONSE] = "what it sent is not HTTP",
        [HTTP_FAILURE_TOO_LARGE] = "its reply is too large",
        [HTTP_FAILURE_NO_MEMORY] = "out of memory",
    };
    struct error err;
    bool late = failure >= HTTP_FAILURE_TIMEOUT_CONNECT && failure <= HTTP_FAILURE_TIMEOUT_TOTAL;
    fail(&err,
         late                                ? ERR_DEADLINE
         : failure == HTTP_FAILURE_NO_MEMORY ? ERR_NO_MEMORY
                                             : ERR_UPSTREAM,
         "%s: %s%s%s%s", call->origin->name, what[failure], detail ? " (" : "", detail ? detail : "",
         detail ? ")" : "");
    leave(call);
    call->events->on_fail(call, failure, &err);
}

static void on_time(struct loop_timer *timer) {
    struct http_call *call = CONTAINER_OF(timer, struct http_call, timer);
    if (call->deferred) {
        call->deferred = false;
        tell_failure(call, call->deferred_failure, call->deferred_detail);
        return;
    }
    enum http_failure failure = call->wait_ends_ns >= call->deadline_ns ? HTTP_FAILURE_TIMEOUT_TOTAL
                                : !call->connected_ns                   ? HTTP_FAILURE_TIMEOUT_CONNECT
                                : !call->replied_ns                     ? HTTP_FAILURE_TIMEOUT_FIRST_BYTE
                                                                        : HTTP_FAILURE_TIMEOUT_IDLE;
    if (call->connection)
        client_connection_close(call->connection);
    else
        stop_waiting(call);
    call->connection = NULL;
    tell_failure(call, failure, NULL);
}

/* For where nobody may be told yet, as inside http_call_start. `detail` is static. */
static void defer(struct http_call *call, enum http_failure failure, const char *detail) {
    call->deferred = true;
    call->deferred_failure = failure;
    call->deferred_detail = detail;
    loop_timer_arm(call->client->loop, &call->timer, clock_monotonic());
}

static void start_connecting(struct http_call *call) {
    struct pool *pool = call->pool;
    call->connected_ns = 0;
    call->reused = false;
    wait_for(call, clock_recent(), call->connect_ns);
    if (pool->address_count && pool->addresses_until_ns > clock_recent()) {
        connect_call(call, 0);
    } else if (start_resolution(pool)) {
        call->next = pool->waiting;
        pool->waiting = call;
    } else {
        defer(call, HTTP_FAILURE_NO_MEMORY, NULL);
    }
}

/* Addresses that do not answer share the time, but for the last, which has all that is left. */
static int64_t attempt_ends(const struct http_call *call, unsigned address) {
    unsigned left = call->pool->address_count - address;
    if (left == 1)
        return INT64_MAX;
    int64_t now = clock_monotonic(), share = (call->wait_ends_ns - now) / left;
    return now + (share < ADDRESS_MS * NS_PER_MS ? share : ADDRESS_MS * NS_PER_MS);
}

static void connect_call(struct http_call *call, unsigned first) {
    int error = ECONNREFUSED;
    for (unsigned i = first; i < call->pool->address_count; i++) {
        error = connection_start(call->pool, call, i, attempt_ends(call, i));
        if (!error)
            return;
    }
    if (call->pool->addresses_until_ns != INT64_MAX)
        call->pool->addresses_until_ns = 0; /* ask for the name again next time */
    defer(call, error == ENOMEM ? HTTP_FAILURE_NO_MEMORY : HTTP_FAILURE_CONNECT,
          uv_strerror(uv_translate_sys_error(error)));
}

void call_try_next_address(struct http_call *call, unsigned address, int error) {
    struct pool *pool = call->pool;
    if (address + 1 < pool->address_count) {
        connect_call(call, address + 1);
        return;
    }
    if (pool->addresses_until_ns != INT64_MAX)
        pool->addresses_until_ns = 0;
    call_failed(call, HTTP_FAILURE_CONNECT, uv_strerror(uv_translate_sys_error(error)));
}

void pool_prefer_address(struct pool *pool, unsigned address) {
    if (address == 0 || address >= pool->address_count)
        return;
    struct sockaddr_storage a = pool->addresses[0];
    socklen_t length = pool->address_lengths[0];
    pool->addresses[0] = pool->addresses[address];
    pool->address_lengths[0] = pool->address_lengths[address];
    pool->addresses[address] = a;
    pool->address_lengths[address] = length;
}

void call_failed(struct http_call *call, enum http_failure failure, const char *detail) {
    bool stale = failure == HTTP_FAILURE_CLOSED && call->reused && !call->replied_ns && !call->retried;
    if (stale) {
        call->retried = true;
        start_connecting(call);
    } else if (call->starting) {
        defer(call, failure, detail);
    } else {
        tell_failure(call, failure, detail);
    }
}

/* While paused nothing is read, so nobody can say that nothing comes. */
static void wait_for_reply(struct http_call *call, int64_t from_ns) {
    int64_t wait_ns = call->replied_ns ? call->idle_ns : call->first_byte_ns;
    wait_for(call, from_ns, call->paused ? INT64_MAX : wait_ns);
}

void call_connected(struct http_call *call) {
    call->connected_ns = clock_recent();
    wait_for_reply(call, call->connected_ns);
}

void call_heard(struct http_call *call) {
    int64_t now = clock_recent();
    if (!call->replied_ns)
        call->replied_ns = now;
    wait_for_reply(call, now);
}

void call_ended(struct http_call *call) {
    leave(call);
    call->events->on_end(call);
}

void http_call_start(struct http_client *client, struct http_call *call) {
    call->client = client;
    call->started_ns = clock_recent();
    call->timer = (struct loop_timer){.fire = on_time};
    call->pool = pool_of(client, call->origin);
    if (!call->pool) {
        defer(call, HTTP_FAILURE_NO_MEMORY, NULL);
        return;
    }
    call->pool->users++;
    call->starting = true;
    struct client_connection *kept = call->pool->idle;
    call->reused = kept != NULL;
    if (kept)
        connection_use(kept, call);
    else
        start_connecting(call);
    call->starting = false;
}

void http_call_cancel(struct http_call *call) {
    if (!call->pool && !call->deferred)
        return;
    if (call->connection)
        client_connection_close(call->connection);
    else if (call->pool)
        stop_waiting(call);
    call->connection = NULL;
    call->deferred = false;
    leave(call);
}

static void change_pause(struct http_call *call, bool paused) {
    if (!call->pool || call->paused == paused)
        return;
    call->paused = paused;
    if (!call->connected_ns || call->deferred)
        return;
    wait_for_reply(call, clock_monotonic());
    if (call->connection)
        client_connection_watch(call->connection);
}

void http_call_pause(struct http_call *call) {
    change_pause(call, true);
}

void http_call_resume(struct http_call *call) {
    change_pause(call, false);
}

bool http_call_may_have_acted(const struct http_call *call) {
    return call->connected_ns || call->retried;
}
