/* The sandbox as a hostile decoder would find it: each probe runs inside a real worker process. */
#include "documents/parser_process.h"

#include "../unit.h"

#include "base/clock.h"
#include "documents/parser/probe.h"
#include "documents/poppler.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

static const atomic_bool never = false;
static int wake;

static const struct document_limits limits = {.memory_bytes = (size_t)512 * 1024 * 1024, .cpu_seconds = 1};

static struct patience wait_ms(unsigned ms) {
    return (struct patience){
        .until = clock_monotonic() + ms * NS_PER_MS, .wake = wake, .cancelled = &never, .allowed_ms = ms};
}

static const char *parser_program(void) {
    const char *program = getenv("PENSTOCK_PARSER");
    assert_non_null(program);
    return program;
}

static void start(struct parser_process *process) {
    struct patience patience = wait_ms(60000);
    struct error err = {0};
    if (!parser_process_start(process, parser_program(), limits.memory_bytes, SANDBOX_REQUIRED, &patience,
                              &err))
        fail_msg("%s", err.message);
}

static bool probe(struct parser_process *process, enum probe what, unsigned ms, struct parser_answer *answer,
                  enum parser_end *end, struct error *err) {
    struct frame_request request = {
        .magic = FRAME_MAGIC, .kind = FRAME_PROBE, .want = what, .cpu_seconds = 1};
    struct patience patience = wait_ms(ms);
    return parser_process_ask(process, &request, STR(""), &patience, answer, end, err);
}

static void what_a_decoder_may_not_do_is_refused(void **state) {
    (void)state;
    static const enum probe refused[] = {PROBE_WRITE_FILE, PROBE_READ_FILE, PROBE_EXECUTABLE_MEMORY,
                                         PROBE_RAISE_LIMIT};
    struct parser_process process = {0};
    start(&process);
    for (size_t i = 0; i < ARRAY_COUNT(refused); i++) {
        struct parser_answer answer;
        struct error err = {0};
        enum parser_end end;
        if (!probe(&process, refused[i], 30000, &answer, &end, &err))
            fail_msg("probe %d: %s", (int)refused[i], err.message);
        assert_memory_equal(answer.message, "refused", 7);
        parser_answer_free(&answer);
    }
    parser_process_stop(&process);
}

static void what_only_an_attacker_does_ends_the_process(void **state) {
    (void)state;
    static const enum probe fatal[] = {PROBE_SOCKET, PROBE_EXEC, PROBE_FORK};
    for (size_t i = 0; i < ARRAY_COUNT(fatal); i++) {
        struct parser_process process = {0};
        struct parser_answer answer;
        struct error err = {0};
        enum parser_end end;
        start(&process);
        assert_false(probe(&process, fatal[i], 30000, &answer, &end, &err));
        assert_int_equal(end, PARSER_CRASHED);
        assert_int_equal(err.code, ERR_DOCUMENT_UNREADABLE);
        assert_non_null(strstr(err.message, "forbidden"));
        assert_int_equal(process.pid, 0);
    }
}

static void expect_end(enum probe what, unsigned ms, enum parser_end expected, enum error_code code) {
    struct parser_process process = {0};
    struct parser_answer answer;
    struct error err = {0};
    enum parser_end end;
    start(&process);
    int64_t began = clock_monotonic();
    assert_false(probe(&process, what, ms, &answer, &end, &err));
    assert_int_equal(end, expected);
    assert_int_equal(err.code, code);
    assert_true(clock_monotonic() - began < (int64_t)(ms + 20000) * NS_PER_MS);
    assert_int_equal(process.pid, 0);
}

static void a_memory_bomb_is_stopped_by_the_limit(void **state) {
    (void)state;
    expect_end(PROBE_EAT_MEMORY, 60000, PARSER_OUT_OF_MEMORY, ERR_DOCUMENT_TOO_COMPLEX);
}

static void an_endless_loop_is_stopped_by_the_processor_limit(void **state) {
    (void)state;
    expect_end(PROBE_LOOP, 60000, PARSER_OUT_OF_MEMORY, ERR_DOCUMENT_TOO_COMPLEX);
}

static void a_hang_is_stopped_by_the_clock(void **state) {
    (void)state;
    expect_end(PROBE_HANG, 300, PARSER_LATE, ERR_DOCUMENT_TIMEOUT);
}

static void a_crash_is_told_as_such(void **state) {
    (void)state;
    expect_end(PROBE_CRASH, 30000, PARSER_CRASHED, ERR_DOCUMENT_UNREADABLE);
}

static void a_process_that_died_between_jobs_is_noticed(void **state) {
    (void)state;
    struct parser_process process = {0};
    start(&process);
    assert_true(parser_process_idle(&process));
    assert_int_equal(kill(process.pid, SIGKILL), 0);
    for (int i = 0; i < 2000 && parser_process_idle(&process); i++)
        usleep(1000);
    assert_false(parser_process_idle(&process));
    parser_process_stop(&process);
    assert_false(parser_process_idle(&process));
}

static void a_required_layer_that_is_missing_refuses_to_start(void **state) {
    (void)state;
    struct parser_process process = {0};
    struct patience patience = wait_ms(60000);
    struct error err = {0};
    const unsigned no_such_layer = 1U << 30;
    assert_false(parser_process_start(&process, parser_program(), limits.memory_bytes, no_such_layer,
                                      &patience, &err));
    assert_non_null(strstr(err.message, "cannot be isolated"));
}

/* Runs any program where poppler's would run. Returns its exit status, -1 when it was killed. */
static int run_in_sandbox(const char *const *arguments, struct buf *output, unsigned *layers) {
    char sandbox[4096];
    struct error err = {0};
    struct patience patience = wait_ms(60000);
    struct poppler_outcome outcome;
    snprintf(sandbox, sizeof sandbox, "%s", parser_program());
    strcpy(strrchr(sandbox, '/') + 1, "penstock-sandbox");
    int input = poppler_input(STR("the document"), &err);
    assert_true(input >= 0);
    struct poppler_run run = {.sandbox = sandbox,
                              .input = input,
                              .arguments = arguments,
                              .required_layers = SANDBOX_REQUIRED,
                              .limits = &limits,
                              .patience = &patience};
    bool ok = poppler_run(&run, output, &outcome, &err);
    close(input);
    *layers = outcome.layers;
    return ok ? outcome.exit_status : -1;
}

static void a_program_sees_its_document_and_no_other_file(void **state) {
    (void)state;
    static const char *const cat[] = {"/usr/bin/cat", NULL};
    static const char *const passwd[] = {"/usr/bin/cat", "/etc/passwd", NULL};
    struct buf output = BUF_INIT(4096);
    unsigned layers;
    assert_int_equal(run_in_sandbox(cat, &output, &layers), 0);
    assert_str(buf_str(&output), "the document");
    buf_clear(&output);
    int status = run_in_sandbox(passwd, &output, &layers);
    /* Where the kernel grants no mount namespace the layer is reported as missing, and files are readable. */
    if (layers & SANDBOX_FILES_READ_ONLY) {
        assert_int_not_equal(status, 0);
        assert_int_equal(output.n, 0);
    }
    buf_free(&output);
}

static void a_program_cannot_write_fork_or_start_another(void **state) {
    (void)state;
    static const char *const touch[] = {"/usr/bin/touch", "/tmp/penstock-probe", NULL};
    static const char *const dd[] = {"/usr/bin/dd", "of=/tmp/penstock-probe", NULL};
    static const char *const env[] = {"/usr/bin/env", "/usr/bin/true", NULL};
    static const char *const shell[] = {"/bin/sh", "-c", "/usr/bin/true; /usr/bin/true", NULL};
    static const char *const *const attempts[] = {touch, dd, env, shell};
    static const char *const harmless[] = {"/usr/bin/true", NULL};
    struct buf nothing = BUF_INIT(16);
    unsigned on;
    assert_int_equal(run_in_sandbox(harmless, &nothing, &on), 0);
    for (size_t i = 0; i < ARRAY_COUNT(attempts); i++) {
        struct buf output = BUF_INIT(4096);
        unsigned layers;
        assert_int_not_equal(run_in_sandbox(attempts[i], &output, &layers), 0);
        buf_free(&output);
    }
    assert_int_not_equal(access("/tmp/penstock-probe", F_OK), 0);
}

static void output_ends_at_its_cap(void **state) {
    (void)state;
    static const char *const yes[] = {"/usr/bin/yes", NULL};
    struct buf output = BUF_INIT(100000);
    unsigned layers;
    (void)run_in_sandbox(yes, &output, &layers);
    assert_int_equal(output.n, 100000);
    buf_free(&output);
}

static int set_up(void **state) {
    (void)state;
    wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return wake < 0;
}

static int tear_down(void **state) {
    (void)state;
    return close(wake);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_a_decoder_may_not_do_is_refused),
        cmocka_unit_test(what_only_an_attacker_does_ends_the_process),
        cmocka_unit_test(a_memory_bomb_is_stopped_by_the_limit),
        cmocka_unit_test(an_endless_loop_is_stopped_by_the_processor_limit),
        cmocka_unit_test(a_hang_is_stopped_by_the_clock),
        cmocka_unit_test(a_crash_is_told_as_such),
        cmocka_unit_test(a_process_that_died_between_jobs_is_noticed),
        cmocka_unit_test(a_required_layer_that_is_missing_refuses_to_start),
        cmocka_unit_test(a_program_sees_its_document_and_no_other_file),
        cmocka_unit_test(a_program_cannot_write_fork_or_start_another),
        cmocka_unit_test(output_ends_at_its_cap),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
