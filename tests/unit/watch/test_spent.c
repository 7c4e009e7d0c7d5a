/* What requests spent is in the store with the commit of their events, once, whatever happens to the commit.
 */
#include "unit.h"

#include "faulty_disk.h"
#include "folder.h"

#include "base/clock.h"
#include "store/spend.h"
#include "watch/recorder.h"

#include <stdatomic.h>
#include <time.h>

static struct test_folder folder;
static struct store *store;
static struct spend_journal *journal;
static struct recorder *recorder;
static struct error err;

static void start(uint64_t *recovered) {
    if (!store_open(&store, folder.path, &err) || !spend_journal_open(&journal, store, NULL, recovered, &err))
        fail_msg("%s", err.message);
    spend_journal_name(journal, 1, SPEND_KEY, STR("acme"));
    const struct recorder_options options = {.store_path = folder.path, .loops = 1, .journal = journal};
    if (!recorder_start(&recorder, &options, &err))
        fail_msg("%s", err.message);
}

static void stop(void) {
    recorder_stop(recorder);
    spend_journal_close(journal);
    store_close(store);
}

static int setup(void **state) {
    folder_make(&folder);
    atomic_store(&faulty_code, SQLITE_OK);
    start(NULL);
    return 0;
}

static int teardown(void **state) {
    atomic_store(&faulty_code, SQLITE_OK);
    stop();
    folder_remove(&folder);
    return 0;
}

static void pause_ms(int ms) {
    nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L}, NULL);
}

static void note_answer(struct event *e, bool ok, void *ctx) {
    atomic_store((atomic_int *)ctx, ok ? 1 : 2);
}

static void push(const char *request_id, int64_t cost, atomic_int *answer) {
    for (int tries = 0; !recorder_reserve(recorder, 0, &err); tries++) {
        assert_true(tries < 20000); /* after a failure: until it has found out that all is well again */
        pause_ms(1);
    }
    struct event *e = event_new(512);
    assert_non_null(e);
    e->wall_ns = clock_wall();
    e->request_id = event_keep(e, str_from(request_id));
    e->endpoint = STR("assistant");
    e->status = 200;
    e->spend_slot = spend_slot_take(journal, e->wall_ns, (uint32_t[SPEND_SCOPES]){[SPEND_KEY] = 1});
    assert_true(e->spend_slot > 0);
    spend_slot_settle(journal, e->spend_slot, &(struct spend_amount){.requests = 1, .nanodollars = cost});
    e->committed = answer ? note_answer : NULL;
    e->ctx = answer;
    recorder_push(recorder, 0, e);
}

static void add(const struct spend_row *row, void *ctx) {
    *(int64_t *)ctx += row->amount.nanodollars;
}

static int64_t total(void) {
    int64_t sum = 0;
    assert_true(spend_visit(store, SPEND_TOTAL, 0, 1, add, &sum, &err));
    return sum;
}

static void wait_until_free(void) {
    for (int ms = 0; spend_journal_in_use(journal, 1); ms++) {
        assert_true(ms < 20000);
        pause_ms(1);
    }
}

static void a_commit_bills_its_events(void **state) {
    uint64_t recovered;
    for (int i = 0; i < 3000; i++) {
        char id[32];
        snprintf(id, sizeof id, "request-%d", i);
        push(id, i, NULL);
    }
    wait_until_free();
    assert_int_equal(total(), 3000 * 2999 / 2);
    stop();
    start(&recovered);
    assert_int_equal(recovered, 0);
    assert_int_equal(total(), 3000 * 2999 / 2);
}

static void what_a_refused_event_spent_comes_with_the_next_commit(void **state) {
    atomic_int refused = 0, taken = 0;
    push("first", 1, &taken);
    while (!atomic_load(&taken))
        pause_ms(1);
    atomic_store(&faulty_code, SQLITE_FULL);
    push("second", 10, &refused);
    while (!atomic_load(&refused))
        pause_ms(1);
    assert_int_equal(atomic_load(&refused), 2);
    assert_int_equal(total(), 1);
    atomic_store(&faulty_code, SQLITE_OK);
    push("third", 100, &taken);
    wait_until_free();
    assert_int_equal(total(), 111);
}

static void what_no_commit_took_is_billed_at_the_next_start(void **state) {
    uint64_t recovered;
    atomic_int refused = 0;
    atomic_store(&faulty_code, SQLITE_FULL);
    push("only", 7, &refused);
    while (!atomic_load(&refused))
        pause_ms(1);
    stop();
    atomic_store(&faulty_code, SQLITE_OK);
    start(&recovered);
    assert_int_equal(recovered, 1);
    assert_int_equal(total(), 7);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_commit_bills_its_events, setup, teardown),
        cmocka_unit_test_setup_teardown(what_a_refused_event_spent_comes_with_the_next_commit, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_no_commit_took_is_billed_at_the_next_start, setup, teardown),
    };
    faulty_disk_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
