#include "unit.h"

#include "folder.h"

#include "base/clock.h"
#include "store/sql.h"
#include "watch/cost_days.h"

#include <stdio.h>

#define DAY (86400 * NS_PER_SECOND)
/* 2026-01-30 */
#define START (INT64_C(20483) * DAY)

static struct test_folder folder;
static struct store *store;
static struct cost_days *costs;
static struct error err;

static int setup(void **state) {
    folder_make(&folder);
    costs = cost_days_new();
    return costs && store_open(&store, folder.path, &err) ? 0 : -1;
}

static int teardown(void **state) {
    cost_days_free(costs);
    store_close(store);
    folder_remove(&folder);
    return 0;
}

static void note(int64_t at, const char *endpoint, const char *client, int64_t cost) {
    struct event *e = event_new(0);
    e->wall_ns = at;
    e->endpoint = str_from(endpoint);
    e->client = str_from(client);
    e->model = STR("m@1");
    e->cost_nanodollars = cost;
    cost_days_note(costs, e);
    event_free(e);
}

static void list(const struct cost_row *row, void *ctx) {
    char *text = ctx, time[CLOCK_TEXT_SIZE];
    clock_format(row->start, time);
    sprintf(text + strlen(text), "%.*s %.10s %d/%d %lld; ", STR_ARG(row->name), time, (int)row->requests,
            (int)row->unpriced, (long long)row->nanodollars);
}

static void assert_rows(enum cost_kind kind, bool monthly, const char *expected) {
    char text[4000] = "";
    assert_true(cost_days_visit(store, kind, monthly, START, START + 40 * DAY, list, text, &err));
    assert_string_equal(text, expected);
}

static void what_was_noted_is_added_up_by_day_and_by_month(void **state) {
    note(START, "a", "ann", 100);
    note(START + DAY - 1, "a", "bob", 20);
    assert_true(cost_days_write(costs, store, &err));
    note(START, "a", "ann", EVENT_COST_UNKNOWN);
    note(START + DAY, "b", "ann", 3);
    note(START + 5 * DAY, "a", "", 4);
    note(START, "", "ann", 1000); /* reached no endpoint */
    assert_true(cost_days_write(costs, store, &err));
    assert_true(cost_days_write(costs, store, &err)); /* nothing is written twice */
    assert_rows(COST_ALL, false, " 2026-01-30 3/1 120;  2026-01-31 1/0 3;  2026-02-04 1/0 4; ");
    assert_rows(COST_ALL, true, " 2026-01-01 4/1 123;  2026-02-01 1/0 4; ");
    assert_rows(COST_ENDPOINT, false, "a 2026-01-30 3/1 120; a 2026-02-04 1/0 4; b 2026-01-31 1/0 3; ");
    assert_rows(COST_ENDPOINT, true, "a 2026-01-01 3/1 120; a 2026-02-01 1/0 4; b 2026-01-01 1/0 3; ");
    assert_rows(
        COST_CLIENT, false,
        "ann 2026-01-30 2/1 100; ann 2026-01-31 1/0 3; bob 2026-01-30 1/0 20; none 2026-02-04 1/0 4; ");
    assert_rows(COST_MODEL, true, "m@1 2026-01-01 4/1 123; m@1 2026-02-01 1/0 4; ");
}

static void a_client_that_is_forgotten_is_nobody(void **state) {
    int64_t rows = 0;
    note(START, "a", "ann", 100);
    note(START, "a", "bob", 20);
    note(START + DAY, "b", "ann", 3);
    assert_true(cost_days_write(costs, store, &err));
    assert_true(cost_days_forget(store, "ann", &rows, &err));
    assert_int_equal(rows, 2);
    assert_rows(COST_CLIENT, false,
                "bob 2026-01-30 1/0 20; forgotten 2026-01-30 1/0 100; forgotten 2026-01-31 1/0 3; ");
    assert_true(cost_days_forget(store, "bob", &rows, &err));
    assert_true(cost_days_forget(store, "bob", &rows, &err));
    assert_true(cost_days_forget(store, "forgotten", &rows, &err));
    assert_int_equal(rows, 3);
    assert_rows(COST_CLIENT, false, "forgotten 2026-01-30 2/0 120; forgotten 2026-01-31 1/0 3; ");
    assert_rows(COST_ALL, true, " 2026-01-01 3/0 123; ");
    assert_rows(COST_ENDPOINT, true, "a 2026-01-01 2/0 120; b 2026-01-01 1/0 3; ");
}

static void what_cannot_be_written_stays(void **state) {
    note(START, "a", "ann", 100);
    assert_true(sql_exec(store, "ALTER TABLE cost_days RENAME TO gone", &err));
    assert_false(cost_days_write(costs, store, &err));
    assert_true(sql_exec(store, "ALTER TABLE gone RENAME TO cost_days", &err));
    note(START, "a", "ann", 1);
    assert_true(cost_days_write(costs, store, &err));
    assert_rows(COST_ENDPOINT, false, "a 2026-01-30 2/0 101; ");
}

/* A hundred thousand clients between two writes: no more memory, and no cost is lost. */
static void what_there_is_no_room_for_is_called_other(void **state) {
    char client[16];
    for (int i = 0; i < 100000; i++) {
        snprintf(client, sizeof client, "client-%d", i);
        note(START, "a", client, 1);
    }
    assert_true(cost_days_write(costs, store, &err));
    assert_rows(COST_ALL, false, " 2026-01-30 100000/0 100000; ");
    assert_rows(COST_ENDPOINT, false, "a 2026-01-30 255/0 255; other 2026-01-30 99745/0 99745; ");
    note(START, "a", "client-99999", 1);
    assert_true(cost_days_write(costs, store, &err));
    assert_rows(COST_ENDPOINT, false, "a 2026-01-30 256/0 256; other 2026-01-30 99745/0 99745; ");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_was_noted_is_added_up_by_day_and_by_month, setup, teardown),
        cmocka_unit_test_setup_teardown(a_client_that_is_forgotten_is_nobody, setup, teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_written_stays, setup, teardown),
        cmocka_unit_test_setup_teardown(what_there_is_no_room_for_is_called_other, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
