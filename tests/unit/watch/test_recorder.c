#include "unit.h"

#include "faulty_disk.h"
#include "folder.h"

#include "base/clock.h"
#include "base/ids.h"
#include "base/json.h"
#include "review/review.h"
#include "store/blobs.h"
#include "store/sql.h"
#include "store/store.h"
#include "watch/recorder.h"
#include "watch/records.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

static struct test_folder folder;
static struct recorder *recorder;
static struct error err;
static struct recorder_options options;

static void start(void) {
    if (!recorder_start(&recorder, &options, &err))
        fail_msg("recorder_start: %s", err.message);
}

static int setup(void **state) {
    folder_make(&folder);
    atomic_store(&faulty_code, SQLITE_OK);
    options = (struct recorder_options){.store_path = folder.path, .loops = 1};
    recorder = NULL;
    return 0;
}

static int teardown(void **state) {
    atomic_store(&faulty_code, SQLITE_OK);
    if (recorder)
        recorder_stop(recorder);
    folder_remove(&folder);
    return 0;
}

static void pause_ms(int ms) {
    struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
    nanosleep(&t, NULL);
}

/* What a waiting client sees. */
struct waiter {
    atomic_int answer; /* 0: none yet, 1: ok, 2: refused */
    int64_t pushed, answered;
};

static void answer(struct event *e, bool ok, void *ctx) {
    struct waiter *w = ctx;
    w->answered = clock_monotonic();
    atomic_store(&w->answer, ok ? 1 : 2);
}

static int wait_answer(struct waiter *w, int most_ms) {
    for (int ms = 0; ms < most_ms && atomic_load(&w->answer) == 0; ms++)
        pause_ms(1);
    return atomic_load(&w->answer);
}

static struct event *make_event(const char *request_id) {
    struct event *e = event_new(2048);
    e->wall_ns = clock_wall();
    e->request_id = event_keep(e, str_from(request_id));
    e->endpoint = STR("documents");
    e->model = STR("documents@1");
    e->prediction = STR("invoice");
    e->confidence = 0.9F;
    e->decision = DECISION_ACCEPTED;
    e->status = 200;
    event_add_stage(e, "infer", 12);
    return e;
}

static void waited_for(struct event *e, struct waiter *w) {
    *w = (struct waiter){.pushed = clock_monotonic()};
    e->committed = answer;
    e->ctx = w;
}

static void add_review(struct event *e) {
    struct review_draft *draft = event_add_review(e);
    id_make(clock_wall(), draft->id);
    draft->reason = STR("low_confidence");
    draft->labels = STR("[{\"label\":\"invoice\",\"confidence\":0.5}]");
    e->decision = DECISION_REVIEW;
}

static void push(struct event *e) {
    if (!recorder_reserve(recorder, 0, &err))
        fail_msg("recorder_reserve: %s", err.message);
    recorder_push(recorder, 0, e);
}

static void wait_committed(uint64_t count) {
    struct recorder_state state;
    for (int ms = 0; ms < 20000; ms++) {
        recorder_state(recorder, &state);
        if (state.committed >= count)
            return;
        pause_ms(1);
    }
    fail_msg("%d of %d committed", (int)state.committed, (int)count);
}

static int64_t number(const char *sql) {
    struct store *s;
    int64_t n;
    assert_true(store_open(&s, folder.path, &err));
    assert_true(sql_number(s, sql, &n, &err));
    store_close(s);
    return n;
}

static void count_one(const struct record *r, void *ctx) {
    ++*(int *)ctx;
}

static int records_of(const char *request_id) {
    struct store *s;
    int count = 0;
    struct record_filter filter = {.request_id = str_from(request_id), .limit = 9};
    assert_true(store_open(&s, folder.path, &err));
    assert_true(records_visit(s, &filter, count_one, &count, &err));
    store_close(s);
    return count;
}

static void an_event_is_there_within_the_flush_time(void **state) {
    start();
    int64_t took = INT64_MAX;
    unsigned tries = 0;
    while (took >= 500 &&
           tries < 20) { /* 25 ms of gathering; the rest is a busy machine's, but not each time */
        int64_t began = clock_monotonic();
        push(make_event("a"));
        wait_committed(++tries);
        took = (clock_monotonic() - began) / NS_PER_MS;
    }
    assert_true(took < 500);
    assert_int_equal(number("SELECT sum(count) FROM event_pages"), tries);
    struct recorder_state s;
    recorder_state(recorder, &s);
    assert_true(s.healthy);
    assert_int_equal(s.queued, 0);
    assert_int_equal(s.lag_us, 0);
}

static void events_are_gathered_into_few_commits(void **state) {
    options.flush_ms = 400;
    start();
    push(make_event("first"));
    for (int i = 0; i < 300; i++)
        push(make_event("x"));
    wait_committed(301);
    struct recorder_state s;
    recorder_state(recorder, &s);
    assert_true(s.commits <= 3);
}

static void what_somebody_waits_for_is_committed_at_once(void **state) {
    options.flush_ms = 60000;
    start();
    struct waiter w;
    push(make_event("before"));
    pause_ms(50); /* the recorder now gathers for 30 s */
    struct event *e = make_event("waited");
    waited_for(e, &w);
    push(e);
    assert_int_equal(wait_answer(&w, 20000), 1);
    assert_int_equal(number("SELECT sum(count) FROM event_pages"), 2);

    e = make_event("review");
    add_review(e);
    waited_for(e, &w);
    push(e);
    assert_int_equal(wait_answer(&w, 20000), 1);
    assert_int_equal(number("SELECT count(*) FROM review_items"), 1);
    struct recorder_state s;
    recorder_state(recorder, &s);
    assert_int_equal(s.review_depth, 1);
}

static void stopping_commits_what_is_queued(void **state) {
    options.flush_ms = 60000;
    start();
    for (int i = 0; i < 100; i++)
        push(make_event("x"));
    recorder_stop(recorder);
    recorder = NULL;
    assert_int_equal(number("SELECT sum(count) FROM event_pages"), 100);
}

enum { PRODUCERS = 4, EACH = 3000 };

static void old_records_go_behind_the_backs_of_new_ones(void **state) {
    enum { OLD = 5000 };
    char id[16];
    start();
    for (int i = 0; i < OLD; i++) {
        snprintf(id, sizeof id, "old%d", i);
        push(make_event(id));
    }
    recorder_stop(recorder);
    pause_ms(2);
    options.keep_ns = 1;
    start();
    for (int i = 0; records_of("old4999") > 0; i++) {
        struct waiter w;
        struct event *e = make_event("new");
        waited_for(e, &w);
        push(e);
        assert_int_equal(wait_answer(&w, 20000), 1); /* whatever is being deleted */
        assert_true(i < 2000);
    }
    assert_int_equal(records_of("old0"), 0);
    struct recorder_state s;
    recorder_state(recorder, &s);
    assert_true(s.healthy);
}

static void *produce(void *arg) {
    unsigned loop = (unsigned)(uintptr_t)arg;
    struct error why;
    for (int i = 0; i < EACH; i++) {
        while (!recorder_reserve(recorder, loop, &why)) {
            if (why.code != ERR_OVERLOADED)
                return "refused";
            pause_ms(1);
        }
        if (i % 100 == 0) {
            recorder_release(recorder, loop);
            if (!recorder_reserve(recorder, loop, &why))
                return "the released room was lost";
        }
        char id[32];
        snprintf(id, sizeof id, "%u-%d", loop, i);
        struct event *e = make_event(id);
        if (i % 500 == 0)
            add_review(e);
        recorder_push(recorder, loop, e);
    }
    return NULL;
}

static void many_producers_lose_nothing(void **state) {
    options.loops = PRODUCERS;
    options.queue_length = 64;
    start();
    pthread_t threads[PRODUCERS];
    for (uintptr_t i = 0; i < PRODUCERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, produce, (void *)i), 0);
    for (int i = 0; i < PRODUCERS; i++) {
        void *complaint;
        pthread_join(threads[i], &complaint);
        if (complaint)
            fail_msg("%s", (char *)complaint);
    }
    wait_committed(PRODUCERS * EACH);
    assert_int_equal(number("SELECT sum(count) FROM event_pages"), PRODUCERS * EACH);
    assert_int_equal(number("SELECT count(DISTINCT request_id) FROM request_ids"), PRODUCERS * EACH);
    assert_int_equal(number("SELECT count(*) FROM review_items"), PRODUCERS * EACH / 500);
}

static void a_full_queue_pushes_back(void **state) {
    options.queue_length = 8;
    start();
    for (int i = 0; i < 8; i++)
        assert_true(recorder_reserve(recorder, 0, &err));
    assert_false(recorder_reserve(recorder, 0, &err));
    assert_int_equal(err.code, ERR_OVERLOADED);
    assert_true(err.retry_after_ms > 0);
    recorder_release(recorder, 0);
    assert_true(recorder_reserve(recorder, 0, &err));
    for (int i = 0; i < 8; i++)
        recorder_push(recorder, 0, make_event("x"));
    wait_committed(8);
    assert_true(recorder_reserve(recorder, 0, &err));
    recorder_release(recorder, 0);
}

static void wait_health(bool healthy) {
    struct recorder_state s;
    for (int ms = 0; ms < 60000; ms++) {
        recorder_state(recorder, &s);
        if (s.healthy == healthy)
            return;
        pause_ms(1);
    }
    fail_msg("healthy stays %d", !healthy);
}

static double cpu_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The disk stops working with `code`: nothing is lost that nobody waits for, who waits is told in time, new
 * requests are refused with the reason, and all by itself everything goes on afterwards. */
static void outage(int code, const char *reason) {
    start();
    push(make_event("before"));
    wait_committed(1);
    assert_true(recorder_reserve(recorder, 0, &err)); /* requests under way when it happens */
    assert_true(recorder_reserve(recorder, 0, &err));
    assert_true(recorder_reserve(recorder, 0, &err));
    atomic_store(&faulty_code, code);
    struct waiter w;
    struct event *waited = make_event("waited"), *review = make_event("review");
    waited_for(waited, &w);
    add_review(review);
    recorder_push(recorder, 0, make_event("patient"));
    recorder_push(recorder, 0, waited);
    recorder_push(recorder, 0, review);
    wait_health(false);
    assert_false(recorder_reserve(recorder, 0, &err));
    assert_int_equal(err.code, ERR_STORE);
    assert_true(err.retry_after_ms > 0);
    if (!strstr(err.message, reason))
        fail_msg("the reason is missing: %s", err.message);
    assert_null(strstr(err.message, folder.path)); /* clients read this */
    double cpu = cpu_seconds();
    assert_int_equal(wait_answer(&w, 20000), 2);
    assert_true(w.answered - w.pushed >= 2 * NS_PER_SECOND);
    assert_true(cpu_seconds() - cpu < 1.2); /* of two seconds; this thread's own waiting included */
    struct recorder_state s;
    recorder_state(recorder, &s);
    assert_int_equal(s.queued, 2);
    assert_true(s.lag_us >= 2000000);
    int64_t seconds = 1 + (clock_monotonic() - w.pushed) / NS_PER_SECOND;
    assert_true(s.failed_commits >= 3 && s.failed_commits <= 7 * (uint64_t)seconds);
    assert_int_equal(number("SELECT sum(count) FROM event_pages"), 1);

    atomic_store(&faulty_code, SQLITE_OK);
    wait_health(true);
    wait_committed(3);
    push(make_event("after"));
    wait_committed(4);
    assert_int_equal(records_of("patient"), 1);
    assert_int_equal(records_of("waited"), 0);
    assert_int_equal(number("SELECT count(*) FROM review_items WHERE request_id = 'review'"), 1);
}

static void a_full_disk_is_survived(void **state) {
    outage(SQLITE_FULL, "the disk is full");
}

static void a_failing_disk_is_survived(void **state) {
    outage(SQLITE_IOERR_WRITE, "cannot be written");
}

static void stopping_on_a_full_disk_ends(void **state) {
    start();
    assert_true(recorder_reserve(recorder, 0, &err));
    assert_true(recorder_reserve(recorder, 0, &err));
    atomic_store(&faulty_code, SQLITE_FULL);
    struct waiter w;
    struct event *waited = make_event("waited");
    waited_for(waited, &w);
    recorder_push(recorder, 0, waited);
    recorder_push(recorder, 0, make_event("lost"));
    int64_t began = clock_monotonic();
    recorder_stop(recorder);
    recorder = NULL;
    assert_true(clock_monotonic() - began < 30 * NS_PER_SECOND);
    assert_int_equal(atomic_load(&w.answer), 2);
}

static void one_bad_event_does_not_hold_up_the_others(void **state) {
    options.flush_ms = 200;
    start();
    struct waiter good, bad;
    struct event *first = make_event("first"), *twin = make_event("twin"), *last = make_event("last");
    add_review(first);
    add_review(twin);
    memcpy(twin->review->id, first->review->id, sizeof twin->review->id); /* its key is taken */
    waited_for(twin, &bad);
    waited_for(last, &good);
    push(make_event("plain"));
    push(first);
    push(twin);
    push(last);
    assert_int_equal(wait_answer(&good, 5000), 1);
    assert_int_equal(wait_answer(&bad, 5000), 2);
    assert_int_equal(number("SELECT sum(count) FROM event_pages"), 3);
    assert_int_equal(records_of("twin"), 0);
    struct recorder_state s;
    recorder_state(recorder, &s);
    assert_true(s.healthy);
}

static void it_recovers_with_nothing_left_to_write(void **state) {
    start();
    assert_true(recorder_reserve(recorder, 0, &err));
    atomic_store(&faulty_code, SQLITE_FULL);
    struct waiter w;
    struct event *e = make_event("waited");
    waited_for(e, &w);
    recorder_push(recorder, 0, e);
    assert_int_equal(wait_answer(&w, 20000), 2);
    struct recorder_state s;
    pause_ms(300);
    recorder_state(recorder, &s);
    assert_false(s.healthy);
    assert_int_equal(s.queued, 0);
    atomic_store(&faulty_code, SQLITE_OK);
    wait_health(true);
    push(make_event("after"));
    wait_committed(1);
}

struct test_job {
    struct store_job job;
    const char *sql;
    bool succeed;
    atomic_int result; /* 1 ok, 2 not */
    enum error_code code;
};

static bool run_job(struct store_job *job, struct store *store, struct error *why) {
    struct test_job *t = CONTAINER_OF(job, struct test_job, job);
    return sql_exec(store, t->sql, why) && (t->succeed || fail(why, ERR_CONFLICT, "It is taken."));
}

static void job_done(struct store_job *job, bool ok, const struct error *why) {
    struct test_job *t = CONTAINER_OF(job, struct test_job, job);
    t->code = ok ? ERR_NONE : why->code;
    atomic_store(&t->result, ok ? 1 : 2);
}

static struct test_job make_job(const char *sql, bool succeed) {
    return (struct test_job){.job = {.run = run_job, .done = job_done}, .sql = sql, .succeed = succeed};
}

static int wait_job(struct test_job *t) {
    for (int ms = 0; ms < 20000 && atomic_load(&t->result) == 0; ms++)
        pause_ms(1);
    return atomic_load(&t->result);
}

static void jobs_run_inside_the_commit_each_on_its_own(void **state) {
    options.flush_ms = 60000;
    start();
    struct test_job good = make_job("INSERT INTO stage_names VALUES (77, 'good')", true),
                    bad = make_job("INSERT INTO stage_names VALUES (78, 'bad')", false),
                    wrong = make_job("INSERT INTO nowhere VALUES (1)", true),
                    read = make_job("SELECT sum(count) FROM event_pages", true);
    push(make_event("beside"));
    assert_true(recorder_submit(recorder, &good.job, &err));
    assert_true(recorder_submit(recorder, &bad.job, &err));
    assert_true(recorder_submit(recorder, &wrong.job, &err));
    assert_true(recorder_submit_read(recorder, &read.job, &err));
    assert_int_equal(wait_job(&good), 1);
    assert_int_equal(wait_job(&bad), 2);
    assert_int_equal(bad.code, ERR_CONFLICT);
    assert_int_equal(wait_job(&wrong), 2);
    assert_int_equal(wait_job(&read), 1);
    assert_int_equal(number("SELECT count(*) FROM stage_names WHERE id = 77"), 1);
    assert_int_equal(number("SELECT count(*) FROM stage_names WHERE id = 78"), 0);
    assert_int_equal(number("SELECT sum(count) FROM event_pages"), 1);
}

static void a_job_on_a_full_disk_is_refused(void **state) {
    start();
    wait_health(true);
    atomic_store(&faulty_code, SQLITE_FULL);
    struct test_job job = make_job("INSERT INTO stage_names VALUES (77, 'good')", true);
    assert_true(recorder_submit(recorder, &job.job, &err));
    assert_int_equal(wait_job(&job), 2);
    assert_int_equal(job.code, ERR_STORE);
    atomic_store(&faulty_code, SQLITE_OK);
    wait_health(true);
    assert_int_equal(number("SELECT count(*) FROM stage_names WHERE id = 77"), 0);
}

static void the_depth_follows_other_programs(void **state) {
    start();
    struct waiter w;
    struct event *e = make_event("r");
    char id[ID_SIZE];
    add_review(e);
    memcpy(id, e->review->id, sizeof id);
    waited_for(e, &w);
    push(e);
    assert_int_equal(wait_answer(&w, 20000), 1);
    struct store *s;
    AUTO_BUF out = BUF_INIT(65536);
    assert_true(store_open(&s, folder.path, &err));
    assert_true(review_resolve(s, str_from(id), STR("invoice"), STR("bob"), &out, &err));
    store_close(s);
    struct recorder_state now = {.review_depth = 1};
    for (int ms = 0; ms < 5000 && now.review_depth; ms++) {
        pause_ms(1);
        recorder_state(recorder, &now);
    }
    assert_int_equal(now.review_depth, 0);
}

static void a_kept_input_is_there_before_its_row(void **state) {
    start();
    struct waiter w;
    struct event *e = make_event("r");
    e->input = event_keep(e, STR("the text"));
    e->input_type = STR("text/plain");
    e->input_keep_until = clock_wall() + 3600 * NS_PER_SECOND;
    add_review(e);
    waited_for(e, &w);
    push(e);
    assert_int_equal(wait_answer(&w, 20000), 1);
    struct store *s;
    AUTO_BUF out = BUF_INIT(65536);
    assert_true(store_open(&s, folder.path, &err));
    assert_true(review_list(s, &(struct review_filter){0}, &out, &err));
    assert_non_null(strstr(buf_terminated(&out), "\"text\":\"the text\""));
    store_close(s);
}

/* Standard error is a file, or a pipe, while `run` runs. */
static int redirect(int to) {
    int saved = dup(STDERR_FILENO);
    dup2(to, STDERR_FILENO);
    return saved;
}

static void restore(int saved) {
    dup2(saved, STDERR_FILENO);
    close(saved);
}

static void a_line_is_logged_for_each_request(void **state) {
    char path[256], text[65536];
    snprintf(path, sizeof path, "%s/log", folder.path);
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600), saved = redirect(file);
    options.log_requests = true;
    start();
    struct event *e = make_event("with \"quotes\"\n");
    push(e);
    push(make_event("second"));
    wait_committed(2);
    recorder_stop(recorder);
    recorder = NULL;
    restore(saved);
    ssize_t n = pread(file, text, sizeof text - 1, 0);
    close(file);
    assert_true(n > 0);
    struct str rest = {text, (size_t)n}, line = str_split(&rest, '\n');
    yyjson_doc *doc = json_parse(line, &err);
    assert_non_null(doc);
    yyjson_val *root = yyjson_doc_get_root(doc);
    assert_str(json_str_of(yyjson_obj_get(root, "event")), "request");
    assert_str(json_str_of(yyjson_obj_get(root, "level")), "info");
    assert_str(json_str_of(yyjson_obj_get(root, "request_id")), "with \"quotes\"\n");
    assert_int_equal(json_str_of(yyjson_obj_get(root, "time")).n, 24);
    yyjson_doc_free(doc);
    doc = json_parse(str_split(&rest, '\n'), &err);
    assert_non_null(doc);
    yyjson_doc_free(doc);
    assert_int_equal(rest.n, 0);
}

static void a_log_that_nobody_reads_stops_nothing(void **state) {
    int pipes[2];
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    int saved = redirect(pipes[1]);
    options.log_requests = true;
    start();
    for (int i = 0; i < 2000; i++)
        push(make_event("x"));
    wait_committed(2000);
    struct waiter w;
    struct event *e = make_event("after");
    waited_for(e, &w);
    push(e);
    int seen = wait_answer(&w, 10000);
    recorder_stop(recorder);
    recorder = NULL;
    restore(saved);
    close(pipes[0]);
    close(pipes[1]);
    assert_int_equal(seen, 1);
}

enum { ACKS_BEFORE_KILL = 200 };

static void write_ack(struct event *e, bool ok, void *ctx) {
    char line[33] = {0};
    if (!ok)
        return;
    snprintf(line, sizeof line, "%.*s", STR_ARG(e->request_id));
    if (write((int)(intptr_t)ctx, line, 32) != 32)
        _exit(1);
}

static _Noreturn void record_until_killed(int out) {
    start();
    for (unsigned i = 0;; i++) {
        while (!recorder_reserve(recorder, 0, &err))
            pause_ms(1);
        char id[32];
        snprintf(id, sizeof id, "r%u", i);
        struct event *e = make_event(id);
        e->committed = write_ack;
        e->ctx = (void *)(intptr_t)out;
        if (i % 3 == 0)
            add_review(e);
        recorder_push(recorder, 0, e);
        if (i % 16 == 0)
            pause_ms(1);
    }
}

static bool read_all(int fd, char *to, size_t n) {
    while (n > 0) {
        ssize_t got = read(fd, to, n);
        if (got <= 0)
            return false;
        to += got;
        n -= (size_t)got;
    }
    return true;
}

struct found {
    int count;
    char review[ID_SIZE];
};

static void look_at(const struct record *r, void *ctx) {
    struct found *found = ctx;
    found->count++;
    if (r->event->review)
        memcpy(found->review, r->event->review->id, ID_SIZE);
}

static void count_reviewed(const struct record *r, void *ctx) {
    *(int64_t *)ctx += r->event->review != NULL;
}

static void what_was_acknowledged_survives_a_kill(void **state) {
    int pipes[2];
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    pid_t child = fork();
    if (child == 0)
        record_until_killed(pipes[1]);
    close(pipes[1]);
    static char acks[100000][32];
    size_t count = 0;
    while (count < ARRAY_COUNT(acks) && read_all(pipes[0], acks[count], 32))
        if (++count == ACKS_BEFORE_KILL)
            kill(child, SIGKILL);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    close(pipes[0]);
    assert_true(count >= ACKS_BEFORE_KILL);

    struct store *s;
    assert_true(store_open(&s, folder.path, &err));
    for (size_t i = 0; i < count; i++) {
        struct record_filter filter = {.request_id = str_from(acks[i]), .limit = 9};
        struct found found = {0};
        assert_true(records_visit(s, &filter, look_at, &found, &err));
        if (found.count != 1)
            fail_msg("%s was acknowledged and is there %d times", acks[i], found.count);
        if (found.review[0] == '\0')
            continue;
        sqlite3_stmt *q = sql_statement(s, "SELECT 1 FROM review_items WHERE id = ?", &err);
        bool row;
        sql_bind_str(q, 1, str_from(found.review));
        assert_true(sql_step(s, q, &row, &err));
        assert_true(row);
        sql_end(q);
    }
    int64_t items, events = 0;
    assert_true(sql_number(s, "SELECT count(*) FROM review_items", &items, &err));
    assert_true(
        records_visit(s, &(struct record_filter){.limit = UINT32_MAX}, count_reviewed, &events, &err));
    assert_int_equal(items, events);
    store_close(s);
}

int main(void) {
    faulty_disk_install();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_acknowledged_survives_a_kill, setup, teardown),
        cmocka_unit_test_setup_teardown(an_event_is_there_within_the_flush_time, setup, teardown),
        cmocka_unit_test_setup_teardown(events_are_gathered_into_few_commits, setup, teardown),
        cmocka_unit_test_setup_teardown(what_somebody_waits_for_is_committed_at_once, setup, teardown),
        cmocka_unit_test_setup_teardown(stopping_commits_what_is_queued, setup, teardown),
        cmocka_unit_test_setup_teardown(old_records_go_behind_the_backs_of_new_ones, setup, teardown),
        cmocka_unit_test_setup_teardown(many_producers_lose_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_queue_pushes_back, setup, teardown),
        cmocka_unit_test_setup_teardown(a_full_disk_is_survived, setup, teardown),
        cmocka_unit_test_setup_teardown(a_failing_disk_is_survived, setup, teardown),
        cmocka_unit_test_setup_teardown(stopping_on_a_full_disk_ends, setup, teardown),
        cmocka_unit_test_setup_teardown(it_recovers_with_nothing_left_to_write, setup, teardown),
        cmocka_unit_test_setup_teardown(one_bad_event_does_not_hold_up_the_others, setup, teardown),
        cmocka_unit_test_setup_teardown(jobs_run_inside_the_commit_each_on_its_own, setup, teardown),
        cmocka_unit_test_setup_teardown(a_job_on_a_full_disk_is_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(the_depth_follows_other_programs, setup, teardown),
        cmocka_unit_test_setup_teardown(a_kept_input_is_there_before_its_row, setup, teardown),
        cmocka_unit_test_setup_teardown(a_line_is_logged_for_each_request, setup, teardown),
        cmocka_unit_test_setup_teardown(a_log_that_nobody_reads_stops_nothing, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
