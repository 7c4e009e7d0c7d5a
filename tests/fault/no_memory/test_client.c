#include "../../unit/net/client_calls.h"

#include "../../unit/unit.h"
#include "failing_allocations.h"

#include <signal.h>

static const struct step replies[] = {
    {STEP_READ},
    {STEP_SEND,
     "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"},
    {STEP_AGAIN}};

static void run_without_memory(struct calls *c, struct attempt *a, long allocations) {
    attempt_init(c, a);
    a->discard = true; /* the test's own buffer would fail as well */
    allocations_left = allocations;
    attempt_start(c, a);
    attempt_finish(c, a);
    allocations_left = -1;
}

static void a_call_fails_clearly_and_the_next_works(void **state) {
    long failures = 0;
    for (bool good = false; !good; failures++) {
        const struct step *scripts[] = {replies, replies, replies};
        struct calls c;
        calls_start(&c, scripts, 3);
        struct attempt a, b;
        run_without_memory(&c, &a, failures);
        good = a.ends;
        if (!good)
            assert_int_equal(a.failure, HTTP_FAILURE_NO_MEMORY);
        run_without_memory(&c, &b, -1);
        assert_int_equal(b.ends, 1);
        assert_int_equal(b.body_bytes, 2);
        calls_free(&c);
    }
    assert_true(failures > 3);
}

static void a_client_is_made_whole_or_not_at_all(void **state) {
    struct error err;
    struct loop *loop = loop_new(0, &err);
    long failures = 0;
    for (struct http_client *client = NULL; !client; failures++) {
        allocations_left = failures;
        client = http_client_new(loop);
        allocations_left = -1;
        http_client_free(client);
    }
    assert_int_equal(failures, 3);
    loop_free(loop);
}

int main(void) {
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_fails_clearly_and_the_next_works),
        cmocka_unit_test(a_client_is_made_whole_or_not_at_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
