#include "models/batcher.h"

#include "../unit.h"

#include "base/clock.h"
#include "models/rules_backend.h"

#include <pthread.h>
#include <stdatomic.h>

static const char source[] = "function labels() end\n"
                             "function classify(r)\n"
                             "  if r.text == 'poison' then error('cannot read this') end\n"
                             "  if r.text == 'strange' then return 'unheard of', 0.9 end\n"
                             "  if r.text:find('refund', 1, true) then return 'billing', 0.9 end\n"
                             "  return 'other', 0.6\n"
                             "end\n";
static const char *const labels[] = {"other", "billing"};
static struct backend *backend;
static struct work_pool *pool;
static struct buf artefact = BUF_INIT(1 << 20);

static int set_up(void **state) {
    struct error err;
    if (!rules_backend_pack(str_from(source), "test.lua", labels, 2, &artefact, &err) ||
        !backend_open(&backend, "rules", buf_str(&artefact), &err))
        return -1;
    pool = work_pool_new(2);
    return pool ? 0 : -1;
}

static int tear_down(void **state) {
    work_pool_free(pool);
    backend_free(backend);
    buf_free(&artefact);
    return 0;
}

static atomic_int answered;

static void count_done(struct batch_row *row) {
    atomic_fetch_add(&answered, 1);
}

static void wait_for(int wanted) {
    int64_t deadline = clock_monotonic() + 30 * NS_PER_SECOND;
    while (atomic_load(&answered) < wanted)
        assert_true(clock_monotonic() < deadline);
}

static struct batch_row row_of(const char *text) {
    return (struct batch_row){
        .input.text = str_from(text), .deadline = clock_monotonic() + 30 * NS_PER_SECOND, .done = count_done};
}

static void a_poisonous_row_fails_alone(void **state) {
    enum { ROWS = 600 };
    static struct batch_row rows[ROWS];
    struct batcher *b = batcher_new(pool, backend);
    struct error err;
    atomic_store(&answered, 0);
    for (int i = 0; i < ROWS; i++) {
        rows[i] = row_of(i % 7 == 3 ? "poison" : i % 2 ? "refund please" : "hello");
        assert_true(batcher_submit(b, &rows[i], &err));
    }
    wait_for(ROWS);
    for (int i = 0; i < ROWS; i++) {
        if (i % 7 == 3) {
            assert_int_equal(rows[i].error.code, ERR_MODEL);
            continue;
        }
        assert_int_equal(rows[i].error.code, ERR_NONE);
        assert_int_equal(rows[i].answer.label, i % 2);
    }
    batcher_free(b);
}

static void a_row_past_its_deadline_is_not_predicted(void **state) {
    struct batcher *b = batcher_new(pool, backend);
    struct error err;
    struct batch_row row = row_of("hello");
    row.deadline = clock_monotonic() - 1;
    atomic_store(&answered, 0);
    assert_true(batcher_submit(b, &row, &err));
    wait_for(1);
    assert_int_equal(row.error.code, ERR_DEADLINE);
    batcher_free(b);
}

/* ---- a model that waits at a gate, and notes how many rows it was given ---- */

static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool open, reached;
    unsigned calls, rows, most;
} gate = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static bool predict_at_gate(const struct backend *b, struct scratch *s, const struct model_input *rows,
                            size_t count, struct model_answer *answers, struct error *row_errors) {
    pthread_mutex_lock(&gate.lock);
    gate.reached = true;
    gate.calls++;
    gate.rows += (unsigned)count;
    gate.most = count > gate.most ? (unsigned)count : gate.most;
    pthread_cond_broadcast(&gate.changed);
    while (!gate.open)
        pthread_cond_wait(&gate.changed, &gate.lock);
    pthread_mutex_unlock(&gate.lock);
    for (size_t i = 0; i < count; i++) {
        answers[i] = (struct model_answer){.label = (unsigned)rows[i].text.n};
        row_errors[i].code = ERR_NONE;
    }
    return true;
}

/* A batcher whose one thread stands at the gate with one row. */
static struct batcher *batcher_at_gate(struct work_pool *one, struct batch_row *row) {
    static const struct backend_ops ops = {.name = "gate", .predict = predict_at_gate};
    static const struct backend waiting = {&ops};
    struct batcher *b = batcher_new(one, &waiting);
    struct error err;
    atomic_store(&answered, 0);
    gate.open = gate.reached = false;
    gate.calls = gate.rows = gate.most = 0;
    *row = row_of("");
    assert_true(batcher_submit(b, row, &err));
    pthread_mutex_lock(&gate.lock);
    while (!gate.reached)
        pthread_cond_wait(&gate.changed, &gate.lock);
    pthread_mutex_unlock(&gate.lock);
    return b;
}

static void open_gate(void) {
    pthread_mutex_lock(&gate.lock);
    gate.open = true;
    pthread_cond_broadcast(&gate.changed);
    pthread_mutex_unlock(&gate.lock);
}

static void more_rows_than_a_batch_are_split(void **state) {
    enum { ROWS = 3 * BATCH_MAX + 5 };
    static struct batch_row rows[ROWS + 1];
    struct work_pool *one = work_pool_new(1);
    struct batcher *b = batcher_at_gate(one, &rows[ROWS]);
    char text[ROWS];
    struct error err;
    memset(text, 'x', sizeof text);
    for (size_t i = 0; i < ROWS; i++) {
        rows[i] = row_of("");
        rows[i].input.text = (struct str){text, i};
        assert_true(batcher_submit(b, &rows[i], &err));
    }
    open_gate();
    wait_for(ROWS + 1);
    assert_int_equal(gate.most, BATCH_MAX);
    assert_int_equal(gate.calls, 1 + 4);
    assert_int_equal(gate.rows, ROWS + 1);
    for (size_t i = 0; i < ROWS; i++)
        assert_int_equal(rows[i].answer.label, i);
    batcher_free(b);
    work_pool_free(one);
}

static void a_full_queue_refuses_and_loses_nothing(void **state) {
    static struct batch_row rows[BATCHER_QUEUE_MAX + 1], refused;
    struct work_pool *one = work_pool_new(1);
    struct batcher *b = batcher_at_gate(one, &rows[BATCHER_QUEUE_MAX]);
    struct error err = {0};
    for (size_t i = 0; i < BATCHER_QUEUE_MAX; i++) {
        rows[i] = row_of("");
        assert_true(batcher_submit(b, &rows[i], &err));
    }
    refused = row_of("");
    assert_false(batcher_submit(b, &refused, &err));
    assert_int_equal(err.code, ERR_OVERLOADED);
    assert_true(error_retryable(err.code));
    open_gate();
    wait_for(BATCHER_QUEUE_MAX + 1);
    assert_true(batcher_submit(b, &refused, &err));
    wait_for(BATCHER_QUEUE_MAX + 2);
    assert_int_equal(gate.rows, BATCHER_QUEUE_MAX + 2);
    batcher_free(b);
    work_pool_free(one);
}

static void an_answer_outside_the_labels_is_an_error(void **state) {
    struct scratch *s = scratch_new();
    struct model_input input = {.text = STR("strange")};
    struct model_answer answer;
    struct error err;
    assert_false(backend_predict(backend, s, &input, 1, &answer, &err));
    assert_int_equal(err.code, ERR_MODEL);
    assert_non_null(strstr(err.message, "unheard of"));
    scratch_free(s);
}

static void an_artefact_of_nonsense_is_refused(void **state) {
    static const char *const bad[] = {"",
                                      "{}",
                                      "[1]",
                                      "{\"labels\":[],\"source\":\"\"}",
                                      "{\"labels\":[1],\"source\":\"\"}",
                                      "{\"labels\":[\"a\"],\"source\":\"function classify(\"}",
                                      "{\"labels\":[\"a\"],\"source\":\"x = 1\"}",
                                      "{\"labels\":[\"a\"]}"};
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        struct backend *opened;
        struct error err;
        assert_false(backend_open(&opened, "rules", str_from(bad[i]), &err));
        assert_int_equal(err.code, ERR_ARTEFACT);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_poisonous_row_fails_alone),
        cmocka_unit_test(a_row_past_its_deadline_is_not_predicted),
        cmocka_unit_test(more_rows_than_a_batch_are_split),
        cmocka_unit_test(a_full_queue_refuses_and_loses_nothing),
        cmocka_unit_test(an_answer_outside_the_labels_is_an_error),
        cmocka_unit_test(an_artefact_of_nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
