#include "api/oip_infer.h"

#include "api/oip_reply.h"
#include "base/check.h"
#include "base/clock.h"
#include "models/batcher.h"
#include "pipeline/reply.h"
#include "pipeline/stages/stages.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_AT_ONCE = BATCH_MAX, ROW_ARENA_MAX = 4 << 20, ROW_ID_SIZE = 160 };

/* The loop has others to serve. */
#define SLICE NS_PER_MS

/* A row on its way. */
struct slot {
    struct request *r;   /* NULL: free */
    struct arena *arena; /* of rows but the first; used again */
    struct request_given given;
    size_t row;
};

struct infer {
    struct loop_task task; /* goes on after a slice */
    bool posted;
    struct exchange *x; /* NULL: the client left */
    struct loop_state *loop;
    struct snapshot *snapshot;
    struct oip_target target;
    struct str id;
    struct oip_request in;
    bool read;    /* `in` is there */
    bool driving; /* somebody further up sees to what comes next */
    struct oip_row *rows;
    size_t begun, ended, failed;
    unsigned places;    /* that rows which are not begun have in the recorder's queue */
    struct error error; /* of the first row that failed, or of the whole */
    size_t error_row;
    const struct client *client;
    struct limiter_verdict rate;
    struct slot first, *more; /* `more`: where there are several rows */
    size_t slot_count;
};

static struct slot *slot_at(struct infer *f, size_t i) {
    return i == 0 ? &f->first : &f->more[i - 1];
}

static void infer_free(struct infer *f) {
    for (size_t i = 0; i < f->slot_count; i++)
        arena_free(slot_at(f, i)->arena);
    free(f->more);
    limit_give_back(f->loop, f->places);
    if (f->read)
        oip_request_clear(&f->in);
    snapshot_unref(f->snapshot);
    free(f);
}

static size_t count_of(const struct infer *f) {
    return f->read ? f->in.row_count : 1;
}

/* ---- the reply ---- */

static void reply_headers(struct infer *f, struct reply_headers *h) {
    reply_headers_begin(h, f->id);
    if (f->client && (f->rate.allowed || f->error.code == ERR_RATE_LIMIT))
        reply_headers_rate(h, f->target.endpoint, f->client, &f->rate);
}

/* Ends it: x and f are gone behind this. */
static void answer(struct infer *f, int status, struct reply_headers *h) {
    struct exchange *x = f->x;
    struct buf *out = &f->loop->reply;
    infer_free(f);
    exchange_reply(x, status, h->list, h->count, buf_str(out));
}

static void answer_error(struct infer *f) {
    struct reply_headers h;
    if (count_of(f) > 1)
        fail_within(&f->error, "Row %zu of %zu", f->error_row + 1, count_of(f));
    reply_headers(f, &h);
    reply_headers_error(&h, &f->error);
    buf_clear(&f->loop->reply);
    reply_write_error_oip(&f->loop->reply, &f->error);
    answer(f, error_status(f->error.code), &h);
}

/* Of the row that was asked first and answered by a model. */
static struct str answering_version(const struct infer *f) {
    for (size_t i = 0; i < f->in.row_count; i++)
        if (!f->rows[i].failed && f->rows[i].model.n)
            return oip_version_of(f->rows[i].model);
    return STR("");
}

static void answer_rows(struct infer *f) {
    struct reply_headers h;
    struct buf *out = &f->loop->reply;
    char length[24];
    size_t header_length;
    const struct oip_reply reply = {.request = &f->in,
                                    .model = f->target.name,
                                    .version = answering_version(f),
                                    .request_id = f->id,
                                    .rows = f->rows};
    buf_clear(out);
    oip_reply_write(&reply, out, &header_length);
    if (out->failed) {
        fail(&f->error, ERR_INTERNAL, "The reply is larger than the server allows.");
        answer_error(f);
        return;
    }
    reply_headers(f, &h);
    if (header_length) {
        snprintf(length, sizeof length, "%zu", header_length);
        h.list[0].value = STR("application/octet-stream");
        h.list[h.count++] = (struct http_header){STR("inference-header-content-length"), str_from(length)};
    }
    answer(f, 200, &h);
}

/* ---- one row ---- */

static struct slot *slot_of(struct infer *f, const struct request *r) {
    for (size_t i = 0; i < f->slot_count; i++)
        if (slot_at(f, i)->r == r)
            return slot_at(f, i);
    return NULL;
}

static void note_failure(struct infer *f, const struct error *err, size_t row) {
    if (f->failed++ == 0 || row < f->error_row) {
        f->error = *err;
        f->error_row = row;
    }
}

static const struct model_version *version_that_answered(const struct request *r) {
    const struct endpoint *e = r->endpoint;
    if (r->version && r->outcome.model.p == r->version->reference)
        return r->version;
    for (unsigned i = 0; i < e->step_count; i++)
        if (e->steps[i].target.version && r->outcome.model.p == e->steps[i].target.version->reference)
            return e->steps[i].target.version;
    return NULL;
}

/* A version's labels live in the snapshot; what rules said lies in the row's memory. */
static bool keep_labels(struct infer *f, const struct request *r, struct oip_row *row) {
    const struct outcome *o = &r->outcome;
    const struct model_version *v = version_that_answered(r);
    bool good = true;
    for (unsigned i = 0; i < o->label_count; i++) {
        row->labels[i] = o->labels[i];
        row->classes[i] = -1;
        for (size_t k = 0; v && row->classes[i] < 0 && k < v->label_count; k++)
            if (o->labels[i].label.p == v->labels[k])
                row->classes[i] = (int)k;
        if (!v)
            good = good && (row->labels[i].label = arena_copy(f->x->arena, o->labels[i].label)).p;
    }
    row->label_count = o->label_count;
    row->label = v ? o->prediction : arena_copy(f->x->arena, o->prediction);
    return good && row->label.p;
}

static bool keep_answer(struct infer *f, const struct request *r, struct oip_row *row, struct error *err) {
    const struct outcome *o = &r->outcome;
    row->decision = o->decision;
    row->model = o->model;
    row->confidence = o->answered ? o->confidence : -1;
    row->label = STR("");
    bool good = !o->answered || keep_labels(f, r, row);
    row->review_id =
        o->decision == DECISION_REVIEW ? arena_copy(f->x->arena, str_from(o->review_id)) : STR("");
    return (good && row->review_id.p) || fail(err, ERR_NO_MEMORY, "Out of memory for this request's rows.");
}

static void keep_failure(struct infer *f, const struct error *err, size_t index) {
    struct oip_row *row = f->rows ? &f->rows[index] : NULL;
    note_failure(f, err, index);
    if (!row)
        return;
    row->failed = true;
    row->decision = DECISION_REJECTED;
    row->error = arena_copy(f->x->arena, str_from(err->message));
    if (!row->error.p)
        row->error = str_from(error_name(err->code));
}

static void go_on(struct infer *f);

static void row_answered(struct request *r) {
    struct infer *f = r->owner;
    struct slot *slot = slot_of(f, r);
    struct error err = r->error;
    if (slot->row == 0) {
        f->client = r->client;
        f->rate = r->rate;
    }
    if (r->failed || !keep_answer(f, r, &f->rows[slot->row], &err))
        keep_failure(f, &err, slot->row);
    f->ended++;
    slot->r = NULL;
    if (!f->driving)
        go_on(f);
}

/* ---- all rows ---- */

/* "ID.0", "ID.1", … where there are several; ID alone otherwise. */
static bool name_rows(struct infer *f, struct error *err) {
    struct arena *arena = f->x->arena;
    char text[ROW_ID_SIZE];
    f->rows = arena_zalloc(arena, f->in.row_count * sizeof(*f->rows));
    for (size_t i = 0; f->rows && i < f->in.row_count; i++) {
        int n = snprintf(text, sizeof text, "%.*s.%zu", STR_ARG(f->id), i);
        f->rows[i].request_id =
            f->in.row_count == 1 ? f->id : arena_copy(arena, (struct str){text, (size_t)n});
        if (!f->rows[i].request_id.p)
            f->rows = NULL;
    }
    return f->rows || fail(err, ERR_NO_MEMORY, "Out of memory for this request's rows.");
}

static bool add_slots(struct infer *f, struct error *err) {
    size_t count = f->in.row_count < ROWS_AT_ONCE ? f->in.row_count : ROWS_AT_ONCE;
    f->more = calloc(count, sizeof(*f->more));
    if (!f->more)
        return fail(err, ERR_NO_MEMORY, "Out of memory for this request's rows.");
    f->slot_count = count;
    return true;
}

static struct request *new_row(struct infer *f, struct slot *slot) {
    if (!slot->arena)
        slot->arena = arena_new(ROW_ARENA_MAX);
    if (!slot->arena)
        return NULL;
    arena_reset(slot->arena);
    oip_next_row(&f->in, slot->arena, &slot->given);
    return request_new_part(f->loop, f->x,
                            &(struct request_part){.snapshot = f->snapshot,
                                                   .endpoint = f->target.endpoint,
                                                   .pinned = f->target.pinned,
                                                   .arena = slot->arena,
                                                   .id = f->rows[f->begun].request_id,
                                                   .wall_ns = clock_wall(),
                                                   .started_ns = clock_monotonic(),
                                                   .answered = row_answered,
                                                   .owner = f,
                                                   .admitted = true});
}

static void begin_row(struct infer *f, struct slot *slot) {
    struct error err;
    slot->row = f->begun;
    slot->r = new_row(f, slot);
    f->begun++;
    if (!slot->r) {
        fail(&err, ERR_NO_MEMORY, "Out of memory for this row.");
        keep_failure(f, &err, slot->row);
        f->ended++;
        return;
    }
    f->places--;
    struct request *r = slot->r;
    r->given = &slot->given;
    if (request_start(r))
        request_body(r);
}

static bool rows_alone(const struct infer *f) {
    return oip_wants(&f->in, OIP_ERROR);
}

/* Rows that nobody would be told of are not begun. */
static bool more_to_begin(const struct infer *f) {
    return f->begun < count_of(f) && f->read && (f->failed == 0 || rows_alone(f));
}

static bool too_late(struct infer *f) {
    struct error err;
    int64_t limit = f->target.endpoint->config->deadline;
    if (clock_monotonic() < f->x->started_ns + limit)
        return false;
    fail(&err, ERR_DEADLINE, "The request passed its deadline of %lld ms before this row was begun.",
         (long long)(limit / NS_PER_MS));
    while (f->begun < count_of(f)) {
        keep_failure(f, &err, f->begun++);
        f->ended++;
    }
    return true;
}

/* True: everything is begun that will be, or all places are taken. False: the slice is over. */
static bool begin_rows(struct infer *f) {
    int64_t end = clock_monotonic() + SLICE;
    while (more_to_begin(f)) {
        struct slot *slot = slot_of(f, NULL);
        if (!slot || too_late(f))
            return true;
        begin_row(f, slot);
        if (clock_monotonic() >= end)
            return !more_to_begin(f);
    }
    return true;
}

static void go_on(struct infer *f) {
    f->driving = true;
    bool waits = begin_rows(f);
    f->driving = false;
    if (!waits && !f->posted) {
        f->posted = true;
        loop_post(f->loop->loop, &f->task);
    }
    if (f->posted || f->ended < f->begun)
        return;
    if (f->failed && (!f->read || !rows_alone(f) || f->failed == count_of(f)))
        answer_error(f);
    else
        answer_rows(f);
}

static void next_slice(struct loop_task *task) {
    struct infer *f = CONTAINER_OF(task, struct infer, task);
    f->posted = false;
    if (f->x)
        go_on(f);
    else
        infer_free(f);
}

/* ---- from the head on ---- */

static struct infer *infer_new(struct loop_state *loop, struct exchange *x, struct str id) {
    struct infer *f = calloc(1, sizeof *f);
    if (!f)
        return NULL;
    f->task.run = next_slice;
    f->x = x;
    f->loop = loop;
    f->id = id;
    f->snapshot = snapshot_ref(loop->snapshot);
    f->slot_count = 1;
    return f;
}

static bool refused_head(struct infer *f, struct error *err) {
    struct str coding = exchange_header(f->x, STR("content-encoding"));
    if (coding.p && !str_eq_nocase(coding, STR("identity")))
        return !fail_at(err, ERR_BAD_REQUEST, "content-encoding",
                        "The body is sent as \"%.*s\"; send it without compression.",
                        STR_ARG(str_slice(coding, 0, 40)));
    return !oip_find(f->snapshot, f->x->path, f->x->arena, &f->target, err);
}

/* The first row begins at the head, so that nobody without a key, or over his rate, has his body read. */
bool infer_start(struct infer **out, struct loop_state *loop, struct exchange *x, struct str id, int64_t now,
                 size_t *body_max) {
    struct error err;
    const struct client *client;
    struct infer *f = infer_new(loop, x, id);
    bool good = f || fail(&err, ERR_NO_MEMORY, "Out of memory for this request.");
    good = good &&
           authenticate(&(struct authentication){f->snapshot, loop->parts->sessions, x, USE_PREDICT},
                        ROLE_CLIENT, &client, &err) &&
           !refused_head(f, &err);
    if (good) {
        f->first.r = request_new_part(loop, x,
                                      &(struct request_part){.snapshot = f->snapshot,
                                                             .endpoint = f->target.endpoint,
                                                             .pinned = f->target.pinned,
                                                             .arena = x->arena,
                                                             .id = id,
                                                             .wall_ns = now,
                                                             .started_ns = x->started_ns,
                                                             .answered = row_answered,
                                                             .owner = f});
        good = f->first.r || fail(&err, ERR_NO_MEMORY, "Out of memory for this request.");
    }
    if (!good) {
        if (f)
            infer_free(f);
        reply_error(x, &err, id, &loop->reply);
        return false;
    }
    f->begun = 1;
    f->driving = true;
    bool waits = request_start(f->first.r);
    f->driving = false;
    if (!waits) {
        answer_error(f);
        return false;
    }
    *body_max = (size_t)f->snapshot->config->server.body_max;
    *out = f;
    return true;
}

/* False: the first row is to say why. */
static bool read_body(struct infer *f, struct request *first, struct error *err) {
    struct oip_shape shape;
    struct exchange *x = f->x;
    if (!oip_shape_of(&f->target, x->arena, &shape, err) ||
        !oip_request_read(&f->in, x->body, exchange_header(x, STR("inference-header-content-length")), &shape,
                          x->arena, err))
        return false;
    f->read = true;
    if (!name_rows(f, err) || !add_slots(f, err))
        return false;
    unsigned more = (unsigned)f->in.row_count - 1;
    if (more && !limit_more(first, more)) {
        *err = first->error;
        return false;
    }
    f->places = more;
    first->id = f->rows[0].request_id;
    return true;
}

void infer_body(struct infer *f) {
    struct slot *slot = &f->first;
    struct error err;
    if (read_body(f, slot->r, &err)) {
        oip_next_row(&f->in, f->x->arena, &slot->given);
    } else {
        if (f->read)
            oip_request_clear(&f->in);
        f->read = false;
        f->rows = NULL;
        slot->given = (struct request_given){.error = err};
    }
    slot->r->given = &slot->given;
    f->driving = true;
    request_body(slot->r);
    go_on(f);
}

void infer_gone(struct infer *f) {
    for (size_t i = 0; i < f->slot_count; i++)
        if (slot_at(f, i)->r)
            request_cancel(slot_at(f, i)->r);
    f->x = NULL;
    if (!f->posted)
        infer_free(f);
}
