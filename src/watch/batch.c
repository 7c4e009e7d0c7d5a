#include "watch/batch.h"

#include "base/clock.h"
#include "base/log.h"
#include "store/blobs.h"
#include "store/sql.h"
#include "store/store.h"
#include "watch/review_record.h"
#include "watch/tracing.h"

enum { CHUNK = 1024, LOG_CAP = 4 << 20, SYNC_EACH_MAX = 4 };

void batch_init(struct batch *b, struct store *store, struct record_writer *writer, bool log_requests) {
    *b = (struct batch){.store = store,
                        .writer = writer,
                        .log_requests = log_requests,
                        .log = {.lines = BUF_INIT(LOG_CAP)},
                        .last = &b->first};
}

static struct event *unlink_first(struct batch *b) {
    struct event *e = b->first;
    b->first = e->next;
    if (!b->first)
        b->last = &b->first;
    b->count--;
    b->urgent -= batch_is_urgent(e);
    return e;
}

void batch_free(struct batch *b) {
    while (b->first)
        event_free(unlink_first(b));
    spend_writer_free(b->spend);
    cost_days_free(b->costs);
    buf_free(&b->log.lines);
}

void batch_add(struct batch *b, struct event *e) {
    e->next = NULL;
    *b->last = e;
    b->last = &e->next;
    b->count++;
    b->urgent += batch_is_urgent(e);
}

static void trace(struct batch *b, const struct event *e) {
    if (UNLIKELY(e->traced) && b->tracing)
        tracing_add(b->tracing, e);
}

static void rest_after(struct batch *b, size_t event) {
    if (pace_tired(&b->pace, event))
        pace_rest(&b->pace);
}

/* The client of an event that is given up is told so: the log line says the same. */
static void refuse(struct batch *b, struct event *e, const struct error *why) {
    e->status = error_status(ERR_STORE);
    e->error_code = str_from(error_name(ERR_STORE));
    e->error_message = str_from(why->message);
    e->review = NULL;
    if (b->spend && e->spend_slot) /* it was spent all the same */
        spend_writer_keep(b->spend, e->spend_slot);
    if (b->log_requests)
        event_log_add(&b->log, e);
    trace(b, e);
    if (e->committed)
        e->committed(e, false, e->ctx);
    event_give_back(e);
}

static void acknowledge(struct batch *b, struct event *e) {
    b->reviews += e->review != NULL;
    if (b->costs)
        cost_days_note(b->costs, e);
    if (b->log_requests)
        event_log_add(&b->log, e);
    trace(b, e);
    if (e->committed)
        e->committed(e, true, e->ctx);
    event_give_back(e);
}

static bool keep_input(struct batch *b, struct event *e, bool sync, struct error *err) {
    return e->input.n == 0 || e->input_blob[0] ||
           (sync ? blob_put : blob_put_unsynced)(store_inputs_folder(b->store), e->input, e->input_blob, err);
}

static bool insert(struct batch *b, struct event *e, struct error *err) {
    int64_t row;
    return record_insert(b->writer, e, &row, err) && (!e->review || review_insert(b->store, e, row, err)) &&
           (!b->spend || !e->spend_slot || spend_writer_add(b->spend, e->spend_slot, err));
}

struct job_result {
    bool ok;
    struct error err;
};

/* False when the transaction is lost with it. */
static bool run_job(struct store *s, struct store_job *job, struct job_result *result, struct error *err) {
    if (!store_begin(s, true, err))
        return false;
    result->ok = job->run(job, s, &result->err);
    if (!result->ok)
        store_rollback(s);
    else if (!store_commit(s, err))
        return false;
    return store_in_transaction(s) || fail(err, ERR_STORE, "%s", result->err.message);
}

/* The events and jobs of one transaction. *culprit: the event that can never be written. */
static bool fill_transaction(struct batch *b, size_t count, struct store_job *jobs,
                             struct job_result *results, size_t *culprit, struct error *err) {
    struct event *e = b->first;
    for (size_t i = 0; i < count; i++, e = e->next) {
        if (!insert(b, e, err)) {
            if (err->code == ERR_DATA)
                *culprit = i;
            return false;
        }
        rest_after(b, i);
    }
    if (!record_writer_end(b->writer, err) || (b->spend && !spend_writer_end(b->spend, err)))
        return false;
    for (; jobs; jobs = jobs->next)
        if (!run_job(b->store, jobs, results++, err))
            return false;
    return true;
}

static bool must_last(const struct event *e) {
    return e->review && e->review->kind != REVIEW_AUDIT;
}

static bool commit_chunk(struct batch *b, size_t count, struct store_job *jobs, struct job_result *results,
                         size_t *culprit, struct error *err) {
    /* A review item is kept until somebody has seen it, power failure or not, and so is its input. */
    bool durable = jobs != NULL;
    size_t inputs = 0;
    struct event *e = b->first;
    for (size_t i = 0; i < count; i++, e = e->next) {
        durable |= must_last(e);
        inputs += must_last(e) && e->input.n > 0;
    }
    /* Few are synced one by one, since the file system's own sync waits for what all others wrote too. */
    bool each = inputs <= SYNC_EACH_MAX;
    e = b->first;
    for (size_t i = 0; i < count; i++, e = e->next)
        if (!keep_input(b, e, each && must_last(e), err))
            return false;
    if (inputs && !each && !blob_sync(store_inputs_folder(b->store), err))
        return false;
    if (!store_begin(b->store, durable, err))
        return false;
    if (fill_transaction(b, count, jobs, results, culprit, err))
        return store_commit(b->store, err);
    store_rollback(b->store);
    return false;
}

/* Must not happen, and must not hold up all others when it does. */
static void refuse_culprit(struct batch *b, size_t at, const struct error *why) {
    struct event **link = &b->first;
    for (size_t i = 0; i < at; i++)
        link = &(*link)->next;
    struct event *e = *link;
    *link = e->next;
    if (!e->next)
        b->last = link;
    b->count--;
    b->urgent -= batch_is_urgent(e);
    log_event(LOG_ERROR, "recorder.refused", "The record of request %.*s cannot be written: %s",
              STR_ARG(e->request_id), why->message);
    refuse(b, e, why);
}

static void finish_jobs(struct store_job *jobs, const struct job_result *results, const struct error *lost) {
    while (jobs) {
        struct store_job *next = jobs->next; /* done may free the job */
        if (lost)
            jobs->done(jobs, false, lost);
        else
            jobs->done(jobs, results->ok, results->ok ? NULL : &results->err);
        results++;
        jobs = next;
    }
}

static void acknowledge_chunk(struct batch *b, size_t count, struct store_job *jobs,
                              const struct job_result *results) {
    b->commits++;
    b->committed += count;
    if (b->spend)
        spend_writer_committed(b->spend);
    for (size_t i = 0; i < count; i++) {
        acknowledge(b, unlink_first(b));
        rest_after(b, i);
    }
    for (struct store_job *job = jobs; job; job = job->next)
        b->jobs++;
    finish_jobs(jobs, results, NULL);
    event_log_flush(&b->log);
}

bool batch_commit(struct batch *b, struct store_job *jobs, struct error *err) {
    while (b->count > 0 || jobs) {
        b->pace.hurried = jobs || batch_hurries(b);
        struct job_result results[BATCH_JOBS_MAX];
        size_t count = b->count < CHUNK ? b->count : CHUNK, culprit = SIZE_MAX;
        for (size_t i = 0; jobs && i < BATCH_JOBS_MAX; i++)
            results[i] = (struct job_result){0};
        if (commit_chunk(b, count, jobs, results, &culprit, err)) {
            acknowledge_chunk(b, count, jobs, results);
            jobs = NULL;
            continue;
        }
        record_writer_forget(b->writer);
        if (b->spend)
            spend_writer_forget(b->spend);
        if (culprit == SIZE_MAX) {
            finish_jobs(jobs, results, err);
            return false;
        }
        refuse_culprit(b, culprit, err);
    }
    return true;
}

bool batch_probe(struct batch *b, struct error *err) {
    if (!store_begin(b->store, true, err))
        return false;
    sqlite3_stmt *q = sql_statement(b->store, "UPDATE heartbeat SET at = ?", err);
    if (q)
        sql_bind_int(q, 1, clock_wall());
    if (q && sql_run(b->store, q, err))
        return store_commit(b->store, err);
    store_rollback(b->store);
    return false;
}

void batch_give_up(struct batch *b, int64_t pushed_before, const struct error *why) {
    struct event **link = &b->first;
    while (*link) {
        struct event *e = *link;
        if (!e->committed || e->pushed_ns >= pushed_before) {
            link = &e->next;
            continue;
        }
        *link = e->next;
        b->count--;
        b->urgent--;
        refuse(b, e, why);
    }
    b->last = link;
    event_log_flush(&b->log);
}
