#include "unit.h"

#include "folder.h"

#include "base/clock.h"
#include "base/ids.h"
#include "store/sql.h"
#include "watch/records.h"

#include <stdio.h>

enum { RECORDS = 3000 };

static struct test_folder folder;
static struct store *store;
static struct error err;
static int64_t wall, monotonic, step; /* step: what a look at the monotonic clock moves it by */

static int64_t test_wall(void) {
    return wall;
}

static int64_t test_monotonic(void) {
    return monotonic += step;
}

static void add(struct record_writer *w, unsigned i) {
    char id[ID_SIZE], client[16];
    int64_t row;
    struct event *e = event_new(256);
    wall += NS_PER_SECOND;
    id_make(wall, id);
    snprintf(client, sizeof client, "client-%u", i % 7);
    e->wall_ns = wall;
    e->request_id = event_keep(e, str_from(id));
    e->endpoint = i % 3 ? STR("tickets") : STR("documents");
    e->client = event_keep(e, i == 1234 ? STR("rare") : str_from(client));
    e->model = i % 2 ? STR("tickets@1") : STR("tickets@12");
    e->decision = i % 100 ? DECISION_ACCEPTED : DECISION_REJECTED;
    e->status = i % 100 ? 200 : 500 + (int)(i / 100 % 4);
    e->total_us = i;
    assert_true(record_insert(w, e, &row, &err));
    event_free(e);
}

/* Commits of many sizes. */
static int setup(void **state) {
    static const struct clock_source source = {test_monotonic, test_wall};
    struct record_writer *w;
    clock_replace(&source);
    wall = INT64_C(1795000000) * NS_PER_SECOND;
    monotonic = step = 0;
    folder_make(&folder);
    if (!store_open(&store, folder.path, &err) || !record_writer_new(&w, store, &err))
        return -1;
    for (unsigned i = 0, n = 1; i < RECORDS; n = n * 3 % 401 + 1) {
        if (!store_begin(store, false, &err))
            return -1;
        for (unsigned end = i + n; i < end && i < RECORDS; i++)
            add(w, i);
        if (!record_writer_end(w, &err) || !store_commit(store, &err))
            return -1;
    }
    record_writer_free(w);
    return 0;
}

static int teardown(void **state) {
    store_close(store);
    folder_remove(&folder);
    clock_replace(NULL);
    return 0;
}

struct found {
    unsigned count, order[RECORDS]; /* by the number that is in total_us */
};

static void note(const struct record *r, void *ctx) {
    struct found *f = ctx;
    assert_true(f->count < RECORDS);
    f->order[f->count++] = r->event->total_us;
}

/* Goes on until the end; returns how many calls that took. */
static unsigned search(struct record_filter filter, int64_t allowed, struct found *f) {
    unsigned calls = 0;
    int64_t next = 0;
    f->count = 0;
    do {
        filter.before = next;
        assert_true(records_search(store, &filter, monotonic + allowed, note, f, &next, &err));
        calls++;
        assert_true(calls < 2 * RECORDS);
    } while (next);
    return calls;
}

static bool wanted_rare(unsigned i) {
    return i == 1234;
}
static bool wanted_client(unsigned i) {
    return i % 7 == 3 && i != 1234;
}
static bool wanted_model(unsigned i) {
    return i % 2;
}
static bool wanted_failed(unsigned i) {
    return i % 100 == 0;
}
static bool wanted_status(unsigned i) {
    return i % 100 == 0 && i / 100 % 4 == 3;
}
static bool wanted_both(unsigned i) {
    return i % 3 == 0 && i % 7 == 3 && i != 1234;
}

/* However often it is broken off, each comes once, the newest first. */
static void assert_all(const struct record_filter *filter, bool (*wanted)(unsigned i)) {
    static struct found f;
    static const int64_t allowed[] = {1000000, 3, 0};
    for (size_t a = 0; a < ARRAY_COUNT(allowed); a++) {
        unsigned at = 0;
        step = 1;
        search(*filter, allowed[a], &f);
        for (unsigned i = RECORDS; i-- > 0;)
            if (wanted(i)) {
                assert_true(at < f.count);
                assert_int_equal(f.order[at++], i);
            }
        assert_int_equal(at, f.count);
    }
}

static void each_question_finds_what_it_asks_for(void **state) {
    static const unsigned limits[] = {1, 7, RECORDS};
    for (size_t i = 0; i < ARRAY_COUNT(limits); i++) {
        unsigned limit = limits[i];
        assert_all(&(struct record_filter){.limit = limit, .client = STR("rare")}, wanted_rare);
        assert_all(&(struct record_filter){.limit = limit, .client = STR("client-3")}, wanted_client);
        assert_all(&(struct record_filter){.limit = limit, .model = STR("tickets@1")}, wanted_model);
        assert_all(&(struct record_filter){.limit = limit, .decisions = 1 << DECISION_REJECTED},
                   wanted_failed);
        assert_all(&(struct record_filter){.limit = limit, .status_least = 500, .status_most = 599},
                   wanted_failed);
        assert_all(&(struct record_filter){.limit = limit, .status_least = 503, .status_most = 503},
                   wanted_status);
        assert_all(
            &(struct record_filter){.limit = limit, .client = STR("client-3"), .endpoint = STR("documents")},
            wanted_both);
    }
}

static void a_search_ends_with_its_time_and_says_where(void **state) {
    static struct found f;
    struct record_filter filter = {.limit = 10, .client = STR("nobody")};
    int64_t next;
    step = 1;
    assert_true(records_search(store, &filter, monotonic + 3, note, &f, &next, &err));
    assert_int_equal(f.count, 0);
    assert_true(next > 0);
    int64_t first = next;
    filter.before = next;
    assert_true(records_search(store, &filter, monotonic + 3, note, &f, &next, &err));
    assert_true(next > 0 && next < first);
    assert_true(search((struct record_filter){.limit = 10, .client = STR("nobody")}, 3, &f) > 3);
    assert_int_equal(search((struct record_filter){.limit = 10, .client = STR("nobody")}, 1000000, &f), 1);
}

static void a_range_of_time_is_kept_to(void **state) {
    static struct found f;
    int64_t from = wall - 100 * NS_PER_SECOND, to = wall - 50 * NS_PER_SECOND;
    assert_int_equal(search((struct record_filter){.limit = 1000, .from = from, .to = to}, 1000000, &f), 1);
    assert_int_equal(f.count, 50);
    assert_int_equal(f.order[0], RECORDS - 1 - 51);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_question_finds_what_it_asks_for),
        cmocka_unit_test(a_search_ends_with_its_time_and_says_where),
        cmocka_unit_test(a_range_of_time_is_kept_to),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
