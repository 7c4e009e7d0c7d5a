#include "store/spend.h"

#include "folder.h"
#include "unit.h"

#include "base/clock.h"
#include "base/hash.h"
#include "store/sql.h"

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define WALL INT64_C(1790000000000000000) /* 2026-09-21 14:13:20 UTC */

struct place {
    struct test_folder folder;
    struct store *store;
    struct spend_journal *journal;
    struct spend_writer *writer;
};
static const struct spend_journal_options small = {.slots = 64, .accounts = 16};

static void open_place(struct place *p) {
    struct error err = {0};
    if (!store_open(&p->store, p->folder.path, &err) ||
        !spend_journal_open(&p->journal, p->store, &small, NULL, &err) ||
        !spend_writer_new(&p->writer, p->store, p->journal, &err))
        fail_msg("%s", err.message);
    spend_journal_name(p->journal, 1, SPEND_GLOBAL, STR(""));
    spend_journal_name(p->journal, 2, SPEND_KEY, STR("acme"));
}

static void close_place(struct place *p) {
    spend_writer_free(p->writer);
    spend_journal_close(p->journal);
    store_close(p->store);
}

static int setup(void **state) {
    static struct place p;
    p = (struct place){0};
    folder_make(&p.folder);
    open_place(&p);
    *state = &p;
    return 0;
}

static int teardown(void **state) {
    struct place *p = *state;
    close_place(p);
    folder_remove(&p->folder);
    return 0;
}

static void crash_and_restart(struct place *p) {
    close_place(p); /* nothing is written at the end that was not there before */
    open_place(p);
}

static uint32_t take(struct place *p) {
    uint32_t slot = spend_slot_take(p->journal, WALL, (uint32_t[SPEND_SCOPES]){1, 0, 0, 2});
    assert_true(slot > 0);
    return slot;
}

static const struct spend_amount ten = {.requests = 1, .tokens = 10, .nanodollars = 700};

static uint32_t settled(struct place *p) {
    uint32_t slot = take(p);
    spend_slot_settle(p->journal, slot, &ten);
    return slot;
}

static void add_row(const struct spend_row *row, void *ctx) {
    struct spend_amount *sum = ctx;
    if (row->scope != SPEND_KEY)
        return;
    assert_str(row->subject, "acme");
    sum->requests += row->amount.requests;
    sum->tokens += row->amount.tokens;
    sum->nanodollars += row->amount.nanodollars;
    sum->unpriced += row->amount.unpriced;
}

static struct spend_amount spent(struct store *s, enum spend_window window) {
    struct spend_amount sum = {0};
    assert_true(spend_visit(s, window, 0, INT64_MAX, add_row, &sum, NULL));
    return sum;
}

static void commit(struct place *p, const uint32_t *slots, size_t count, bool ok) {
    assert_true(store_begin(p->store, false, NULL));
    for (size_t i = 0; i < count; i++)
        assert_true(spend_writer_add(p->writer, slots[i], NULL));
    assert_true(spend_writer_end(p->writer, NULL));
    if (ok) {
        assert_true(store_commit(p->store, NULL));
        spend_writer_committed(p->writer);
    } else {
        store_rollback(p->store);
        spend_writer_forget(p->writer);
    }
}

static void windows_are_the_calendar_s(void **state) {
    char text[CLOCK_TEXT_SIZE];
    static const char *const starts[] = {"2026-09-21T14:13:00.000Z", "2026-09-21T14:00:00.000Z",
                                         "2026-09-21T00:00:00.000Z", "2026-09-01T00:00:00.000Z",
                                         "1970-01-01T00:00:00.000Z"};
    static const char *const ends[] = {"2026-09-21T14:14:00.000Z", "2026-09-21T15:00:00.000Z",
                                       "2026-09-22T00:00:00.000Z", "2026-10-01T00:00:00.000Z"};
    for (enum spend_window w = 0; w < SPEND_WINDOWS; w++) {
        clock_format(spend_window_start(w, WALL), text);
        assert_string_equal(text, starts[w]);
        assert_int_equal(spend_window_start(w, spend_window_start(w, WALL)), spend_window_start(w, WALL));
        if (w == SPEND_TOTAL)
            continue;
        clock_format(spend_window_end(w, WALL), text);
        assert_string_equal(text, ends[w]);
        assert_int_equal(spend_window_start(w, spend_window_end(w, WALL)), spend_window_end(w, WALL));
        assert_int_equal(spend_window_start(w, spend_window_end(w, WALL) - 1), spend_window_start(w, WALL));
    }
    clock_format(spend_window_end(SPEND_MONTH, INT64_C(1797000000000000000)), text); /* December */
    assert_string_equal(text, "2027-01-01T00:00:00.000Z");
}

static void what_is_committed_is_in_every_window_once(void **state) {
    struct place *p = *state;
    uint32_t slots[] = {settled(p), settled(p), settled(p)};
    commit(p, slots, 3, true);
    for (enum spend_window w = 0; w < SPEND_WINDOWS; w++) {
        assert_int_equal(spent(p->store, w).requests, 3);
        assert_int_equal(spent(p->store, w).tokens, 30);
        assert_int_equal(spent(p->store, w).nanodollars, 2100);
    }
    crash_and_restart(p);
    assert_int_equal(spent(p->store, SPEND_TOTAL).requests, 3);
}

static void what_is_settled_survives_and_is_billed_once(void **state) {
    struct place *p = *state;
    settled(p);
    settled(p);
    crash_and_restart(p);
    assert_int_equal(spent(p->store, SPEND_TOTAL).requests, 2);
    assert_int_equal(spent(p->store, SPEND_MINUTE).nanodollars, 1400);
    crash_and_restart(p);
    assert_int_equal(spent(p->store, SPEND_TOTAL).requests, 2);
}

static void a_crash_around_the_commit_bills_once(void **state) {
    struct place *p = *state;
    /* Rolled back, and then the end. */
    commit(p, (uint32_t[]){settled(p)}, 1, false);
    crash_and_restart(p);
    assert_int_equal(spent(p->store, SPEND_TOTAL).requests, 1);
    /* The end between the commit and the freeing of the slot; another slot was in no commit. */
    uint32_t slot = settled(p);
    settled(p);
    assert_true(store_begin(p->store, false, NULL));
    assert_true(spend_writer_add(p->writer, slot, NULL) && spend_writer_end(p->writer, NULL));
    assert_true(store_commit(p->store, NULL));
    crash_and_restart(p);
    assert_int_equal(spent(p->store, SPEND_TOTAL).requests, 3);
    /* The end before the commit. */
    slot = settled(p);
    assert_true(store_begin(p->store, false, NULL));
    assert_true(spend_writer_add(p->writer, slot, NULL) && spend_writer_end(p->writer, NULL));
    store_rollback(p->store);
    crash_and_restart(p);
    assert_int_equal(spent(p->store, SPEND_TOTAL).requests, 4);
}

static void a_charge_that_was_given_up_goes_with_the_next_transaction(void **state) {
    struct place *p = *state;
    spend_writer_keep(p->writer, settled(p));
    commit(p, NULL, 0, false);
    assert_int_equal(spent(p->store, SPEND_TOTAL).requests, 0);
    commit(p, (uint32_t[]){settled(p)}, 1, true);
    assert_int_equal(spent(p->store, SPEND_TOTAL).requests, 2);
    commit(p, NULL, 0, true);
    assert_int_equal(spent(p->store, SPEND_TOTAL).requests, 2);
    assert_false(spend_journal_in_use(p->journal, 2));
}

static void reservations_are_released_and_streams_kept(void **state) {
    struct place *p = *state;
    take(p);
    uint32_t stream = take(p);
    spend_slot_progress(p->journal, stream, &(struct spend_amount){.requests = 1, .tokens = 3});
    spend_slot_progress(p->journal, stream,
                        &(struct spend_amount){.requests = 1, .tokens = 5, .unpriced = 1});
    spend_slot_free(p->journal, settled(p));
    crash_and_restart(p);
    assert_int_equal(spent(p->store, SPEND_TOTAL).requests, 1);
    assert_int_equal(spent(p->store, SPEND_TOTAL).tokens, 5);
    assert_int_equal(spent(p->store, SPEND_TOTAL).unpriced, 1);
}

static void slots_end_and_come_back(void **state) {
    struct place *p = *state;
    uint32_t slots[64];
    for (int i = 0; i < 64; i++)
        slots[i] = take(p);
    assert_int_equal(spend_slot_take(p->journal, WALL, (uint32_t[SPEND_SCOPES]){0}), 0);
    assert_true(spend_journal_in_use(p->journal, 2));
    for (int i = 0; i < 64; i++)
        spend_slot_free(p->journal, slots[i]);
    assert_false(spend_journal_in_use(p->journal, 2));
    for (int i = 0; i < 64; i++)
        take(p);
}

static void journal_path(struct place *p, char path[256]) {
    snprintf(path, 256, "%s/spend.journal.0", p->folder.path);
}

static void after_a_restart_of_the_machine_the_journal_is_left_aside(void **state) {
    struct place *p = *state;
    char path[256];
    settled(p);
    close_place(p);
    journal_path(p, path);
    int fd = open(path, O_RDWR);
    assert_int_equal(pwrite(fd, "another", 7, 20), 7);
    close(fd);
    open_place(p);
    assert_int_equal(spent(p->store, SPEND_TOTAL).requests, 0);
}

static void a_damaged_journal_does_no_harm(void **state) {
    struct place *p = *state;
    char path[256];
    journal_path(p, path);
    for (uint64_t seed = 0; seed < 100; seed++) {
        settled(p);
        close_place(p);
        int fd = open(path, O_RDWR);
        for (uint64_t i = 0; i < 20; i++) {
            uint64_t dice = hash64_u64(seed * 100 + i);
            unsigned char byte = (unsigned char)(dice >> 32);
            off_t at = seed % 4 == 0 ? (off_t)(dice % 64) : (off_t)(4096 + dice % (64 * 64 + 16 * 128));
            assert_int_equal(pwrite(fd, &byte, 1, at), 1);
        }
        if (seed % 10 == 9)
            assert_int_equal(ftruncate(fd, (off_t)(hash64_u64(seed) % 9000)), 0);
        close(fd);
        open_place(p);
    }
}

static void two_processes_have_a_journal_each(void **state) {
    struct place *p = *state;
    struct place other = {.folder = p->folder};
    settled(p);
    open_place(&other);
    assert_int_equal(spend_journal_index(other.journal), 1);
    settled(&other);
    close_place(&other);
    assert_int_equal(spent(p->store, SPEND_TOTAL).requests, 0);
    crash_and_restart(p); /* finds what the other left as well */
    assert_int_equal(spent(p->store, SPEND_TOTAL).requests, 2);
}

static void many_accounts_and_minutes_fit_one_transaction(void **state) {
    struct place *p = *state;
    assert_true(store_begin(p->store, false, NULL));
    for (int i = 0; i < 2000; i += 50) {
        uint32_t slots[50];
        for (int k = 0; k < 50; k++) {
            slots[k] = spend_slot_take(p->journal, WALL + (i + k) * 60 * NS_PER_SECOND,
                                       (uint32_t[SPEND_SCOPES]){1, 0, 0, 2});
            spend_slot_settle(p->journal, slots[k], &ten);
            assert_true(spend_writer_add(p->writer, slots[k], NULL));
        }
        assert_true(spend_writer_end(p->writer, NULL));
        spend_writer_committed(p->writer);
    }
    assert_true(store_commit(p->store, NULL));
    assert_int_equal(spent(p->store, SPEND_TOTAL).requests, 2000);
    assert_int_equal(spent(p->store, SPEND_MINUTE).requests, 2000);
    assert_true(spend_prune(p->store, WALL + 2 * INT64_C(86400) * NS_PER_SECOND, NULL));
    assert_true(spent(p->store, SPEND_MINUTE).requests < 1000);
    assert_int_equal(spent(p->store, SPEND_HOUR).requests, 2000);
    assert_int_equal(spent(p->store, SPEND_DAY).requests, 2000);
}

/* A process that settles, commits and rolls back as fast as it can, and is killed at any moment: what it had
 * acknowledged is there afterwards, once. */
struct witness {
    _Atomic int64_t acknowledged, coming;
};

static void spend_until_killed(struct place *p, struct witness *w, uint64_t seed) {
    uint32_t pending[16];
    size_t count = 0;
    for (uint64_t i = 0;; i++) {
        uint64_t dice = hash64_u64(seed + i);
        int64_t cost = (int64_t)(dice % 1000);
        uint32_t slot = take(p);
        atomic_store(&w->coming, cost);
        spend_slot_settle(p->journal, slot, &(struct spend_amount){.requests = 1, .nanodollars = cost});
        atomic_store(&w->acknowledged, atomic_load(&w->acknowledged) + cost);
        atomic_store(&w->coming, 0);
        pending[count++] = slot;
        if (count < 16 && dice >> 32 & 3)
            continue;
        bool ok = (dice >> 40 & 3) != 0 || count == 16;
        commit(p, pending, count, ok);
        count = ok ? 0 : count;
    }
}

static void nothing_acknowledged_is_lost_or_billed_twice_by_kill(void **state) {
    struct place *p = *state;
    struct witness *w = mmap(NULL, sizeof *w, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(w, MAP_FAILED);
    close_place(p);
    int64_t before = 0;
    for (uint64_t round = 0; round < 25; round++) {
        atomic_store(&w->acknowledged, 0);
        atomic_store(&w->coming, 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            open_place(p);
            spend_until_killed(p, w, round << 32);
        }
        while (atomic_load(&w->acknowledged) == 0 && waitpid(child, NULL, WNOHANG) == 0)
            usleep(100);
        assert_true(atomic_load(&w->acknowledged) > 0);
        usleep((useconds_t)(hash64_u64(round) % 20000));
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, NULL, 0), child);
        open_place(p);
        int64_t total = spent(p->store, SPEND_TOTAL).nanodollars;
        close_place(p);
        int64_t acknowledged = before + atomic_load(&w->acknowledged);
        if (total != acknowledged && total != acknowledged + atomic_load(&w->coming))
            fail_msg("round %d: %lld in the store, %lld acknowledged", (int)round, (long long)total,
                     (long long)acknowledged);
        before = total;
    }
    munmap(w, sizeof *w);
    open_place(p);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_are_the_calendar_s),
        cmocka_unit_test_setup_teardown(what_is_committed_is_in_every_window_once, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_settled_survives_and_is_billed_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_crash_around_the_commit_bills_once, setup, teardown),
        cmocka_unit_test_setup_teardown(a_charge_that_was_given_up_goes_with_the_next_transaction, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(reservations_are_released_and_streams_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(slots_end_and_come_back, setup, teardown),
        cmocka_unit_test_setup_teardown(after_a_restart_of_the_machine_the_journal_is_left_aside, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(a_damaged_journal_does_no_harm, setup, teardown),
        cmocka_unit_test_setup_teardown(two_processes_have_a_journal_each, setup, teardown),
        cmocka_unit_test_setup_teardown(many_accounts_and_minutes_fit_one_transaction, setup, teardown),
        cmocka_unit_test_setup_teardown(nothing_acknowledged_is_lost_or_billed_twice_by_kill, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
