/* The audit log and forgetting while every allocation fails in turn: each says that memory is out, changes
 * nothing and leaks nothing, and the chain stays whole. */
#include "store/audit.h"
#include "store/sql.h"
#include "watch/forget.h"
#include "watch/spans.h"

#include "../../unit/store/folder.h"
#include "../../unit/unit.h"
#include "until_enough.h"

static struct test_folder folder;
static struct store *store;
static struct error err;

static int setup(void **state) {
    folder_make(&folder);
    return store_open(&store, folder.path, &err) ? 0 : -1;
}

static int teardown(void **state) {
    store_close(store);
    folder_remove(&folder);
    return 0;
}

static bool note(void) {
    if (!store_begin(store, true, &err))
        return false;
    if (history_note(store, "key.created", "x", &err))
        return store_commit(store, &err);
    store_rollback(store);
    return false;
}

static bool verify(void) {
    struct audit_mark at = {0};
    struct audit_flaw flaw = {0};
    bool more;
    return audit_verify(store, &at, 100, &more, &flaw, &err) && !flaw.found;
}

static bool ask(void) {
    AUTO_BUF out = BUF_INIT(8192);
    struct forget_wish wish = {STR("ada"), STR(""), STR("eve"), STR("")};
    return forget_ask(store, &wish, &out, &err);
}

static bool work_off(void) {
    for (bool more = true; more;)
        if (!forget_step(store, &more, &err))
            return false;
    return true;
}

static void without_memory(void **state) {
    struct audit_mark head;
    assert_true(until_enough(note, &err) > 0);
    assert_true(until_enough(verify, &err) > 0);
    assert_true(until_enough(ask, &err) > 0);
    assert_true(until_enough(work_off, &err) > 0);
    assert_true(until_enough(verify, &err) > 0);
    assert_true(audit_head(store, &head, &err));
    assert_int_equal(head.number, 3); /* nothing twice, nothing of what failed */
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(without_memory, setup, teardown)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
