#include "net/connection.h"

#include "base/check.h"
#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

enum { SPARE_EXCHANGES = 64 };

static const struct server_shared *shared_of(const struct connection *c) {
    return server_shared(c->home->server);
}

/* ---- live exchanges: recycled with their arenas ---- */

static struct live_exchange *live_exchange_new(struct connection *c) {
    struct server_loop *home = c->home;
    struct live_exchange *live = home->spare_exchanges;
    struct arena *arena;
    if (live) {
        home->spare_exchanges = live->next_spare;
        home->spare_exchange_count--;
        arena = live->x.arena;
    } else {
        live = malloc(sizeof *live);
        arena = arena_new(shared_of(c)->options.arena_max);
        if (!live || !arena) {
            free(live);
            arena_free(arena);
            return NULL;
        }
    }
    *live = (struct live_exchange){.connection = c};
    live->x.arena = arena;
    return live;
}

void live_exchange_free(struct server_loop *home, struct live_exchange *live) {
    if (live->body_charged)
        server_release_body(home->server, live->body_charged);
    buf_free(&live->body);
    buf_free(&live->stream);
    if (home->spare_exchange_count == SPARE_EXCHANGES || home->draining) {
        arena_free(live->x.arena);
        free(live);
        return;
    }
    arena_reset(live->x.arena);
    live->next_spare = home->spare_exchanges;
    home->spare_exchanges = live;
    home->spare_exchange_count++;
}

/* ---- the body ---- */

static void hand_over(struct connection *c) {
    c->phase = PHASE_BUSY;
    shared_of(c)->service->on_request(c->home->service_ctx, &c->live->x);
}

static void refuse_body(struct connection *c, uint64_t max) {
    struct error err;
    fail(&err, ERR_BODY_TOO_LARGE, "the body is larger than %llu bytes", (unsigned long long)max);
    connection_refuse(c, &err);
}

/* Counts what the body's buffer is about to hold. */
static bool charge(struct connection *c, size_t more) {
    struct live_exchange *live = c->live;
    size_t wanted = live->body.n + more;
    if (wanted <= SMALL_BODY || wanted <= live->body_charged)
        return true;
    /* In steps, so that a large body does not touch the shared counter with every read. */
    size_t step = wanted - live->body_charged;
    if (step < 16 * READ_BODY_SIZE)
        step = 16 * READ_BODY_SIZE;
    if (step > live->body.cap - live->body_charged)
        step = live->body.cap - live->body_charged;
    if (step < wanted - live->body_charged || !server_charge_body(c->home->server, step)) {
        struct error err;
        fail(&err, ERR_OVERLOADED, "too many large requests at once; try again later");
        connection_refuse(c, &err);
        return false;
    }
    live->body_charged += step;
    return true;
}

static size_t take_chunks(struct connection *c, struct str bytes) {
    struct live_exchange *live = c->live;
    /* What is content and what framing is not known before; the cap is the decoder's to hold. */
    size_t most = live->body.cap - live->body.n;
    if (!charge(c, bytes.n < most ? bytes.n : most))
        return bytes.n;
    struct error err;
    size_t used = bytes.n;
    switch (chunks_feed(&live->chunks, &live->parser, bytes, &used, &live->body, &err)) {
    case CHUNKS_REFUSED: connection_refuse(c, &err); return bytes.n;
    case CHUNKS_MORE: return bytes.n;
    case CHUNKS_END: break;
    }
    live->x.body = buf_str(&live->body);
    hand_over(c);
    return used;
}

static size_t take_body(struct connection *c, struct str bytes) {
    struct live_exchange *live = c->live;
    if (live->head.chunked)
        return take_chunks(c, bytes);
    size_t missing = (size_t)live->head.content_length - live->body.n;
    size_t take = bytes.n < missing ? bytes.n : missing;
    if (!charge(c, take))
        return bytes.n;
    buf_add(&live->body, bytes.p, take);
    if (live->body.failed) {
        struct error err;
        fail(&err, ERR_NO_MEMORY, "no memory for the request's body");
        connection_refuse(c, &err);
        return bytes.n;
    }
    if (take == missing) {
        live->x.body = buf_str(&live->body);
        hand_over(c);
    }
    return take;
}

/* The usual small body, which came in the same read as its head. */
static bool body_is_here(const struct live_exchange *live, struct str behind) {
    return !live->head.chunked && live->head.content_length <= SMALL_BODY &&
           live->head.content_length <= behind.n;
}

static size_t start_body(struct connection *c, struct str behind, size_t body_max) {
    struct live_exchange *live = c->live;
    const struct http_head *head = &live->head;
    if (head->content_length > body_max) {
        refuse_body(c, body_max);
        return 0;
    }
    if (body_is_here(live, behind)) {
        size_t n = (size_t)head->content_length;
        if (n)
            live->x.body = arena_copy(live->x.arena, (struct str){behind.p, n});
        if (live->x.body.p || !n) {
            live->x.body_at_once = true;
            hand_over(c);
            return n;
        }
    }
    live->body.cap = head->chunked ? body_max : (size_t)head->content_length;
    c->phase = PHASE_BODY;
    if (head->expects_continue && behind.n == 0 && !connection_send_interim(c, 100))
        return 0;
    connection_set_phase(c, PHASE_BODY, c->home->now_ns + shared_of(c)->options.body_timeout_ms * NS_PER_MS);
    return 0;
}

/* ---- the head ---- */

static void fill_exchange(struct connection *c, struct live_exchange *live) {
    const struct http_head *head = &live->head;
    struct arena *arena = live->x.arena;
    live->x = (struct exchange){
        .method = head->method,
        .method_name = head->method_name,
        .target = head->target,
        .path = head->path,
        .query = head->query,
        .headers = head->headers,
        .header_count = head->header_count,
        .body = STR(""),
        .arena = arena,
        .loop = c->home->loop,
        .started_ns = c->started_ns,
        .peer = {c->peer, c->peer_length},
        .peer_is_loopback = c->loopback,
        .tls = c->tls != NULL,
    };
}

/* Asks the service; returns how many bytes behind the head were used. */
static size_t ask(struct connection *c, struct str behind) {
    const struct server_shared *shared = shared_of(c);
    size_t body_max = shared->options.body_max;
    count_up(&c->home->requests_total);
    c->phase = PHASE_ASKING;
    struct live_exchange *live = c->live;
    if (!shared->service->on_head(c->home->service_ctx, &live->x, &body_max)) {
        CHECK(c->live != live); /* it has replied */
        return 0;
    }
    CHECK(c->live == live);
    live->accepted = true;
    return start_body(c, behind, body_max);
}

static size_t begin(struct connection *c, struct str bytes) {
    struct error err;
    struct live_exchange *live = live_exchange_new(c);
    if (!live) {
        fail(&err, ERR_NO_MEMORY, "no memory for another request");
        connection_refuse(c, &err);
        return bytes.n;
    }
    c->live = live;
    size_t n = c->scan.length;
    struct str head = arena_copy(live->x.arena, (struct str){bytes.p, n});
    if (!head.p)
        fail(&err, ERR_NO_MEMORY, "no memory for the request's head");
    if (!head.p || !http_head_parse(head, &c->scan, shared_of(c)->options.header_count_max, live->x.arena,
                                    &live->parser, &live->head, &err)) {
        connection_refuse(c, &err);
        return bytes.n;
    }
    fill_exchange(c, live);
    return n + ask(c, str_slice(bytes, n, bytes.n));
}

static size_t take_head(struct connection *c, struct str bytes) {
    bool fresh = c->phase == PHASE_IDLE;
    if (fresh) {
        c->started_ns = c->home->now_ns;
        c->scan = (struct head_scan){0};
    }
    const struct server_options *o = &shared_of(c)->options;
    struct error err;
    switch (head_scan(&c->scan, bytes, o->head_max, &err)) {
    case HEAD_WHOLE: return begin(c, bytes);
    case HEAD_REFUSED: connection_refuse(c, &err); return bytes.n;
    case HEAD_PARTIAL: break;
    }
    if (fresh)
        connection_set_phase(c, PHASE_HEAD, c->started_ns + o->head_timeout_ms * NS_PER_MS);
    return 0;
}

/* ---- bytes in ---- */

static size_t take_skipped(struct connection *c, struct str bytes) {
    size_t take = bytes.n < c->skip_left ? bytes.n : (size_t)c->skip_left;
    c->skip_left -= take;
    if (c->skip_left == 0)
        connection_set_idle(c);
    return take;
}

static size_t take_lingering(struct connection *c, struct str bytes) {
    c->skip_left += bytes.n;
    if (c->skip_left > LINGER_BYTES)
        connection_close(c);
    return bytes.n;
}

/* Returns how many bytes were used. What is left is part of a head, or waits for the reply before it. */
static size_t consume(struct connection *c, struct str bytes) {
    size_t used = 0;
    unsigned heads = 0;
    bool stuck = false;
    c->consuming = true;
    while (used < bytes.n && !stuck) {
        struct str rest = str_slice(bytes, used, bytes.n);
        size_t step = 0;
        c->unread = rest.n;
        switch ((enum phase)c->phase) {
        case PHASE_IDLE:
        case PHASE_HEAD:
            if (heads++ < PIPELINE_RUN)
                step = take_head(c, rest);
            else /* goes on when the others have had their turn */
                connection_set_phase(c, PHASE_IDLE, c->home->now_ns);
            break;
        case PHASE_BODY: step = take_body(c, rest); break;
        case PHASE_SKIP: step = take_skipped(c, rest); break;
        case PHASE_LINGER: step = take_lingering(c, rest); break;
        default: break;
        }
        used += step;
        stuck = step == 0;
    }
    c->consuming = false;
    return used;
}

static void hold(struct connection *c, struct str bytes) {
    buf_add_str(&c->held, bytes);
    if (c->held.failed)
        connection_lost(c);
}

static void consume_held(struct connection *c) {
    size_t used = consume(c, buf_str(&c->held));
    if (c->phase == PHASE_CLOSED)
        return;
    buf_consume(&c->held, used);
    if (c->held.n == 0)
        buf_free(&c->held);
}

void connection_input(struct connection *c, struct str bytes) {
    if (c->held.n) {
        hold(c, bytes);
        if (c->phase != PHASE_CLOSED)
            consume_held(c);
        return;
    }
    size_t used = consume(c, bytes);
    if (c->phase != PHASE_CLOSED && used < bytes.n)
        hold(c, str_slice(bytes, used, bytes.n));
}

void connection_resume(struct connection *c) {
    if (c->held.n)
        consume_held(c);
    if (c->ended && c->phase != PHASE_CLOSED)
        connection_input_ended(c);
}

void connection_input_ended(struct connection *c) {
    struct error err;
    c->ended = true;
    switch ((enum phase)c->phase) {
    case PHASE_ASKING:
    case PHASE_BUSY:
    case PHASE_STREAM:
    case PHASE_WRITE: break; /* it may still want its reply */
    case PHASE_HEAD:
        fail(&err, ERR_BAD_REQUEST, "the request ends within its head");
        connection_refuse(c, &err);
        break;
    case PHASE_BODY:
        fail(&err, ERR_BAD_REQUEST, "the request ends within its body");
        connection_refuse(c, &err);
        break;
    case PHASE_IDLE:
        if (c->held.n)
            break; /* requests sent ahead; their turn comes */
        connection_close(c);
        break;
    default: connection_close(c); break;
    }
}
