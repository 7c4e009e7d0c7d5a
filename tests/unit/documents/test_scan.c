#include "documents/scan.h"

#include "../unit.h"

#include "base/buf.h"
#include "base/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* A clamd that follows a script, once, for one connection. */
struct fake {
    const char *reply; /* with its NUL, when reply_size counts it */
    size_t reply_size;
    size_t reply_after; /* bytes received before it answers; 0: after the end of the stream */
    bool drip;          /* a byte at a time */
    bool hang;          /* does not answer and does not close until told to */
    int listener, stop[2];
    pthread_t thread;
    bool joined;
    struct buf received; /* the file, taken out of the protocol */
    bool well_formed;    /* command, chunks and terminator were as clamd(8) wants them */
    char address[128], folder[64];
};

static bool read_exactly(int fd, void *out, size_t n) {
    for (size_t at = 0; at < n;) {
        ssize_t got = read(fd, (char *)out + at, n - at);
        if (got <= 0)
            return false;
        at += (size_t)got;
    }
    return true;
}

static void receive_stream(struct fake *f, int fd) {
    char command[10];
    if (!read_exactly(fd, command, sizeof command) || memcmp(command, "zINSTREAM", 10) != 0)
        return;
    for (;;) {
        uint32_t length;
        if (!read_exactly(fd, &length, sizeof length))
            return;
        length = ntohl(length);
        if (length == 0) {
            f->well_formed = true;
            return;
        }
        size_t wanted = f->reply_after && f->reply_after < length ? f->reply_after : length;
        if (!buf_reserve(&f->received, wanted) || !read_exactly(fd, f->received.p + f->received.n, wanted))
            return;
        f->received.n += wanted;
        if (f->reply_after)
            return;
    }
}

static void *fake_run(void *argument) {
    struct fake *f = argument;
    struct pollfd wait[2] = {{.fd = f->listener, .events = POLLIN}, {.fd = f->stop[0], .events = POLLIN}};
    if (poll(wait, 2, 10000) < 1 || !(wait[0].revents & POLLIN))
        return NULL;
    int fd = accept(f->listener, NULL, NULL);
    receive_stream(f, fd);
    size_t step = f->drip ? 1 : f->reply_size;
    for (size_t at = 0; step && at < f->reply_size; at += step) {
        if (send(fd, f->reply + at, step, MSG_NOSIGNAL) < 0)
            break;
        if (f->drip)
            usleep(2000);
    }
    if (f->hang)
        poll(wait + 1, 1, 10000);
    close(fd);
    return NULL;
}

static void fake_listen(struct fake *f, bool tcp) {
    union {
        struct sockaddr any;
        struct sockaddr_un un;
        struct sockaddr_in in;
    } a = {.any = {.sa_family = tcp ? AF_INET : AF_UNIX}};
    socklen_t size = tcp ? sizeof a.in : sizeof a.un;
    if (tcp) {
        a.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    } else {
        strcpy(f->folder, "/tmp/penstock-scan-XXXXXX");
        assert_non_null(mkdtemp(f->folder));
        snprintf(a.un.sun_path, sizeof a.un.sun_path, "%s/clamd", f->folder);
        snprintf(f->address, sizeof f->address, "unix:%s/clamd", f->folder);
    }
    f->listener = socket(a.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_return_code(bind(f->listener, &a.any, size), errno);
    assert_return_code(listen(f->listener, 4), errno);
    assert_return_code(getsockname(f->listener, &a.any, &size), errno);
    if (tcp)
        snprintf(f->address, sizeof f->address, "127.0.0.1:%d", ntohs(a.in.sin_port));
}

static void fake_start(struct fake *f, bool tcp) {
    f->received = BUF_INIT(64 << 20);
    assert_return_code(pipe2(f->stop, O_CLOEXEC), errno);
    fake_listen(f, tcp);
    assert_int_equal(pthread_create(&f->thread, NULL, fake_run, f), 0);
}

static void fake_join(struct fake *f) {
    if (f->joined)
        return;
    assert_int_equal(write(f->stop[1], "", 1), 1);
    pthread_join(f->thread, NULL);
    f->joined = true;
}

static void fake_stop(struct fake *f) {
    fake_join(f);
    close(f->listener);
    close(f->stop[0]);
    close(f->stop[1]);
    if (f->folder[0]) {
        unlink(f->address + strlen("unix:"));
        rmdir(f->folder);
    }
    buf_free(&f->received);
}

struct answer {
    int calls;
    enum scan_verdict verdict;
    char detail[512];
    int64_t at;
};

static void keep_answer(void *ctx, enum scan_verdict verdict, const char *detail) {
    struct answer *a = ctx;
    a->calls++;
    a->verdict = verdict;
    a->at = clock_monotonic();
    snprintf(a->detail, sizeof a->detail, "%s", detail);
}

/* One scan from start to end on a loop of its own. */
static struct answer scan(const char *address, struct str bytes, int timeout_ms) {
    struct error err;
    struct scanner *scanner = scanner_new(str_from(address), &err);
    assert_non_null(scanner);
    uv_loop_t loop;
    assert_int_equal(uv_loop_init(&loop), 0);
    struct answer a = {0};
    struct scan *handle;
    assert_true(scan_start(scanner, &loop, bytes, clock_monotonic() + timeout_ms * NS_PER_MS, keep_answer, &a,
                           &handle, &err));
    assert_int_equal(a.calls, 0);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&loop), 0);
    scanner_free(scanner);
    assert_int_equal(a.calls, 1);
    return a;
}

static struct answer scan_with(struct fake *f, struct str bytes) {
    fake_start(f, false);
    return scan(f->address, bytes, 5000);
}

static const struct str small = STR("some bytes of a file\0with a NUL");

#define REPLY(text) .reply = text "", .reply_size = sizeof text
#define RAW(text)   .reply = text "", .reply_size = sizeof text - 1

static void says_clean_only_for_an_exact_ok(void **state) {
    struct fake f = {REPLY("stream: OK")};
    struct answer a = scan_with(&f, small);
    assert_int_equal(a.verdict, SCAN_VERDICT_CLEAN);
    assert_string_equal(a.detail, "");
    fake_stop(&f);

    const struct fake others[] = {
        {REPLY("stream: OK ")},
        {REPLY("stream: ok")},
        {REPLY(" stream: OK")},
        {REPLY("OK")},
        {REPLY("")},
        {REPLY("stream: OK\n")},
        {REPLY("stream: OKstream: OK")},
        {REPLY("1: stream: OK")},
        {REPLY("stream: OK\0stream: OK")},
        {REPLY("UNKNOWN COMMAND")},
        {REPLY("stream: FOUND")},
        {REPLY("stream:  FOUND")},
        {RAW("stream: OK")},
        {RAW("stream: OK\n")},
        {RAW("")},
    };
    for (size_t i = 0; i < ARRAY_COUNT(others); i++) {
        f = others[i];
        a = scan_with(&f, small);
        if (a.verdict != SCAN_VERDICT_UNAVAILABLE)
            fail_msg("reply %zu, \"%s\", was taken for verdict %d", i, f.reply, a.verdict);
        fake_stop(&f);
    }
}

static void sends_the_file_whole_by_unix_and_tcp(void **state) {
    size_t n = 9 << 20;
    char *big = malloc(n);
    for (size_t i = 0; i < n; i++)
        big[i] = (char)(i * 7 + i / 4096);
    for (int tcp = 0; tcp < 2; tcp++) {
        struct fake f = {REPLY("stream: OK")};
        fake_start(&f, tcp);
        struct answer a = scan(f.address, (struct str){big, n}, 10000);
        assert_int_equal(a.verdict, SCAN_VERDICT_CLEAN);
        fake_join(&f);
        assert_true(f.well_formed);
        assert_true(str_eq(buf_str(&f.received), (struct str){big, n}));
        fake_stop(&f);
    }
    free(big);
}

static void names_the_signature(void **state) {
    struct fake f = {REPLY("stream: Win.Test.EICAR_HDB-1 FOUND"), .drip = true};
    struct answer a = scan_with(&f, small);
    assert_int_equal(a.verdict, SCAN_VERDICT_FOUND);
    assert_string_equal(a.detail, "Win.Test.EICAR_HDB-1");
    fake_stop(&f);
    /* A name is clamd's own text, but it ends up in logs. */
    f = (struct fake){REPLY("stream: a\nb\x1b[31m\xff FOUND")};
    a = scan_with(&f, small);
    assert_int_equal(a.verdict, SCAN_VERDICT_FOUND);
    assert_string_equal(a.detail, "a?b?[31m?");
    fake_stop(&f);
}

static void passes_on_why_clamd_could_not(void **state) {
    struct fake f = {REPLY("stream: Can't allocate memory ERROR")};
    struct answer a = scan_with(&f, small);
    assert_int_equal(a.verdict, SCAN_VERDICT_UNAVAILABLE);
    assert_string_equal(a.detail, "clamd said: stream: Can't allocate memory ERROR");
    fake_stop(&f);
}

/* Answers in the middle of the file: the size limit's text is heard; a yes is not believed. */
static void hears_an_answer_that_comes_early(void **state) {
    size_t n = 24 << 20;
    char *big = calloc(1, n);
    struct fake f = {REPLY("INSTREAM size limit exceeded. ERROR"), .reply_after = 65536};
    struct answer a = scan_with(&f, (struct str){big, n});
    assert_int_equal(a.verdict, SCAN_VERDICT_UNAVAILABLE);
    assert_string_equal(a.detail, "clamd said: INSTREAM size limit exceeded. ERROR");
    fake_stop(&f);
    f = (struct fake){REPLY("stream: OK"), .reply_after = 65536, .hang = true};
    a = scan_with(&f, (struct str){big, n});
    assert_int_equal(a.verdict, SCAN_VERDICT_UNAVAILABLE);
    assert_string_equal(a.detail, "clamd answered before it had the whole file");
    fake_stop(&f);
    free(big);
}

static void bounds_a_long_answer(void **state) {
    char flood[65536];
    memset(flood, 'x', sizeof flood);
    struct fake f = {.reply = flood, .reply_size = sizeof flood, .hang = true};
    struct answer a = scan_with(&f, small);
    assert_int_equal(a.verdict, SCAN_VERDICT_UNAVAILABLE);
    assert_non_null(strstr(a.detail, "longer"));
    fake_stop(&f);
}

static void gives_up_at_the_deadline(void **state) {
    const struct fake silent[] = {{.hang = true}, {RAW("stream: O"), .hang = true}};
    for (size_t i = 0; i < ARRAY_COUNT(silent); i++) {
        struct fake f = silent[i];
        fake_start(&f, i == 0);
        int64_t start = clock_monotonic();
        struct answer a = scan(f.address, small, 120);
        assert_int_equal(a.verdict, SCAN_VERDICT_UNAVAILABLE);
        assert_non_null(strstr(a.detail, "deadline"));
        assert_true(a.at - start >= 119 * NS_PER_MS);
        assert_true(a.at - start < 60000 * NS_PER_MS);
        fake_stop(&f);
    }
}

static void says_when_nobody_is_there(void **state) {
    struct answer a = scan("unix:/nonexistent/clamd.ctl", small, 5000);
    assert_int_equal(a.verdict, SCAN_VERDICT_UNAVAILABLE);
    assert_string_equal(a.detail, "connecting to clamd: no such file or directory");
    struct fake f = {0};
    fake_start(&f, true);
    char address[sizeof f.address];
    strcpy(address, f.address);
    fake_stop(&f);
    a = scan(address, small, 5000);
    assert_int_equal(a.verdict, SCAN_VERDICT_UNAVAILABLE);
    assert_string_equal(a.detail, "connecting to clamd: connection refused");
    a = scan("[::1]:1", small, 5000);
    assert_int_equal(a.verdict, SCAN_VERDICT_UNAVAILABLE);
}

static void never_calls_an_empty_file_clean(void **state) {
    struct answer a = scan("unix:/nonexistent/clamd.ctl", STR(""), 5000);
    assert_int_equal(a.verdict, SCAN_VERDICT_UNAVAILABLE);
    assert_non_null(strstr(a.detail, "empty"));
}

static void cancels_without_an_answer(void **state) {
    for (int rounds = 0; rounds < 3; rounds++) {
        struct fake f = {.hang = true};
        fake_start(&f, false);
        struct error err;
        struct scanner *scanner = scanner_new(str_from(f.address), &err);
        uv_loop_t loop;
        assert_int_equal(uv_loop_init(&loop), 0);
        size_t n = 4 << 20;
        char *bytes = calloc(1, n);
        struct answer a = {0};
        struct scan *handle;
        assert_true(scan_start(scanner, &loop, (struct str){bytes, n}, clock_monotonic() + 5 * NS_PER_SECOND,
                               keep_answer, &a, &handle, &err));
        for (int turn = 0; turn < rounds; turn++)
            uv_run(&loop, UV_RUN_NOWAIT);
        scan_cancel(handle);
        free(bytes); /* ASan sees whoever still reads it */
        uv_run(&loop, UV_RUN_DEFAULT);
        assert_int_equal(uv_loop_close(&loop), 0);
        assert_int_equal(a.calls, 0);
        scanner_free(scanner);
        fake_stop(&f);
    }
}

static void refuses_what_is_no_address(void **state) {
    const char *const bad[] = {"",         "unix:",      "localhost:3310",  "127.0.0.1",   "127.0.0.1:0",
                               "::1:3310", "1.2.3:3310", "127.0.0.1:65536", "[]:3310",     "[::1]3310",
                               ":3310",    "clamd.ctl",  "127.0.0.1:+1",    "[1.2.3.4]:1", "/run/clamd"};
    struct error err;
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        if (scanner_new(str_from(bad[i]), &err))
            fail_msg("\"%s\" was taken for an address", bad[i]);
        assert_int_equal(err.code, ERR_CONFIG);
    }
    char path[256] = "unix:/";
    memset(path + 6, 'p', 120);
    assert_null(scanner_new(str_from(path), &err));
    assert_non_null(strstr(err.message, "107"));
}

/* The real clamd, with a database of one signature: EICAR's test string, which is put together here so that
 * no scanner takes this file for it. */
static const char eicar_head[] = "X5O!P%@AP[4\\PZX54(P^)7CC)7}$",
                  eicar_tail[] = "EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*";

static void write_file(const char *folder, const char *name, const char *text) {
    char path[160];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *out = fopen(path, "w");
    assert_non_null(out);
    assert_true(fputs(text, out) >= 0);
    assert_int_equal(fclose(out), 0);
}

static void prepare_clamd(char folder[64]) {
    strcpy(folder, "/tmp/penstock-clamd-XXXXXX");
    assert_non_null(mkdtemp(folder));
    char text[1024], path[128];
    snprintf(path, sizeof path, "%s/db", folder);
    assert_return_code(mkdir(path, 0700), errno);
    int n = snprintf(text, sizeof text, "Penstock.Test.Eicar:0:0:");
    for (const char *p = eicar_head; *p; p++)
        n += snprintf(text + n, sizeof text - (size_t)n, "%02x", (unsigned char)*p);
    for (const char *p = eicar_tail; *p; p++)
        n += snprintf(text + n, sizeof text - (size_t)n, "%02x", (unsigned char)*p);
    strcat(text, "\n");
    write_file(path, "test.ndb", text);
    snprintf(text, sizeof text,
             "LocalSocket %s/clamd.ctl\nDatabaseDirectory %s/db\nForeground yes\nLogFile %s/log\n"
             "StreamMaxLength 1M\nMaxThreads 2\n",
             folder, folder, folder);
    write_file(folder, "clamd.conf", text);
}

static pid_t start_clamd(const char *program, const char *folder) {
    char conf[96], control[96];
    snprintf(conf, sizeof conf, "%s/clamd.conf", folder);
    snprintf(control, sizeof control, "%s/clamd.ctl", folder);
    pid_t pid = fork();
    if (pid == 0) {
        int nowhere = open("/dev/null", O_RDWR);
        dup2(nowhere, 1);
        dup2(nowhere, 2);
        execl(program, "clamd", "-c", conf, (char *)NULL);
        _exit(127);
    }
    for (int i = 0; i < 600; i++) {
        struct stat st;
        if (stat(control, &st) == 0)
            return pid;
        if (waitpid(pid, NULL, WNOHANG) != 0)
            break;
        usleep(50000);
    }
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    fail_msg("clamd did not come up; see %s/log", folder);
    return -1;
}

static void stop_clamd(pid_t pid, const char *folder) {
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    static const char *const files[] = {"db/test.ndb", "db", "clamd.conf", "clamd.ctl", "log", ""};
    for (size_t i = 0; i < ARRAY_COUNT(files); i++) {
        char path[160];
        snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        remove(path);
    }
}

static void agrees_with_the_real_clamd(void **state) {
    const char *program = "/usr/sbin/clamd";
    if (access(program, X_OK) != 0) {
        print_message("skipped: clamd is not installed\n");
        skip();
    }
    char folder[64], address[128], eicar[128];
    prepare_clamd(folder);
    pid_t pid = start_clamd(program, folder);
    snprintf(address, sizeof address, "unix:%s/clamd.ctl", folder);
    snprintf(eicar, sizeof eicar, "%s%s", eicar_head, eicar_tail);
    struct answer clean = scan(address, small, 20000);
    struct answer found = scan(address, str_from(eicar), 20000);
    size_t n = 3 << 20;
    char *big = calloc(1, n);
    struct answer large = scan(address, (struct str){big, n}, 20000);
    free(big);
    kill(pid, SIGSTOP);
    struct answer stopped = scan(address, small, 200);
    kill(pid, SIGCONT);
    struct answer again = scan(address, small, 20000);
    stop_clamd(pid, folder);
    struct answer gone = scan(address, small, 20000);
    assert_int_equal(clean.verdict, SCAN_VERDICT_CLEAN);
    assert_int_equal(found.verdict, SCAN_VERDICT_FOUND);
    assert_string_equal(found.detail, "Penstock.Test.Eicar.UNOFFICIAL");
    assert_int_equal(large.verdict, SCAN_VERDICT_UNAVAILABLE);
    assert_string_equal(large.detail, "clamd said: INSTREAM size limit exceeded. ERROR");
    assert_int_equal(stopped.verdict, SCAN_VERDICT_UNAVAILABLE);
    assert_int_equal(again.verdict, SCAN_VERDICT_CLEAN);
    assert_int_equal(gone.verdict, SCAN_VERDICT_UNAVAILABLE);
}

int main(void) {
    signal(SIGPIPE, SIG_IGN); /* as the server does */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_clean_only_for_an_exact_ok),
        cmocka_unit_test(sends_the_file_whole_by_unix_and_tcp),
        cmocka_unit_test(names_the_signature),
        cmocka_unit_test(passes_on_why_clamd_could_not),
        cmocka_unit_test(hears_an_answer_that_comes_early),
        cmocka_unit_test(bounds_a_long_answer),
        cmocka_unit_test(gives_up_at_the_deadline),
        cmocka_unit_test(says_when_nobody_is_there),
        cmocka_unit_test(never_calls_an_empty_file_clean),
        cmocka_unit_test(cancels_without_an_answer),
        cmocka_unit_test(refuses_what_is_no_address),
        cmocka_unit_test(agrees_with_the_real_clamd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
