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
        cmocka_unit_test(an_answer_outside_the_labels_is_an_error),
        cmocka_unit_test(an_artefact_of_nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
