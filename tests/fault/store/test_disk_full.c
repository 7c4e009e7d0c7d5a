/* A real full disk: the store lies on a small tmpfs of its own (a mount namespace of this process; where that
 * is not permitted the test is skipped and says so). Blobs and database both meet the end of it. */
#include "unit.h"

#include "base/clock.h"
#include "store/sql.h"
#include "store/store.h"
#include "watch/recorder.h"
#include "watch/records.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { FILLER = 3 << 20, INPUT = 20000, EVENTS_MAX = 2000 };

static char folder[64] = "/tmp/penstock-disk-XXXXXX";
static bool mounted;
static struct error err;
static struct recorder *recorder;

static void write_text(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd >= 0 && write(fd, text, strlen(text)) < 0)
        print_message("%s: %s\n", path, strerror(errno));
    if (fd >= 0)
        close(fd);
}

/* As root in a mount namespace, else in a user namespace as well. */
static bool own_mounts(void) {
    char map[32];
    unsigned user = geteuid(), group = getegid();
    if (unshare(CLONE_NEWNS) < 0) {
        if (unshare(CLONE_NEWUSER | CLONE_NEWNS) < 0)
            return false;
        write_text("/proc/self/setgroups", "deny");
        snprintf(map, sizeof map, "0 %u 1", user);
        write_text("/proc/self/uid_map", map);
        snprintf(map, sizeof map, "0 %u 1", group);
        write_text("/proc/self/gid_map", map);
    }
    return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
}

static int setup(void **state) {
    if (!mkdtemp(folder))
        return -1;
    mounted = own_mounts() && mount("tmpfs", folder, "tmpfs", 0, "size=6m,mode=0700") == 0;
    return 0;
}

static int teardown(void **state) {
    if (mounted)
        umount2(folder, MNT_DETACH);
    rmdir(folder);
    return 0;
}

static void pause_ms(int ms) {
    struct timespec t = {.tv_nsec = ms * 1000000L};
    nanosleep(&t, NULL);
}

static void make_filler(const char *path) {
    static char zeros[FILLER];
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, zeros, sizeof zeros), sizeof zeros);
    close(fd);
}

static atomic_int answers[EVENTS_MAX]; /* 1: acknowledged, 2: refused */

static void answered(struct event *e, bool ok, void *ctx) {
    atomic_store(&answers[(uintptr_t)ctx], ok ? 1 : 2);
}

static void push(unsigned number, bool waited) {
    static char input[INPUT];
    struct event *e = event_new(INPUT + 256);
    char id[32];
    snprintf(id, sizeof id, "r%u", number);
    snprintf(input, sizeof input, "input of %s", id);
    e->wall_ns = clock_wall();
    e->request_id = event_keep(e, str_from(id));
    e->endpoint = STR("documents");
    e->status = 200;
    e->input = event_keep(e, (struct str){input, sizeof input});
    e->input_type = STR("text/plain");
    e->input_keep_until = e->wall_ns + 3600 * NS_PER_SECOND;
    if (waited) {
        e->committed = answered;
        e->ctx = (void *)(uintptr_t)number;
    }
    recorder_push(recorder, 0, e);
}

/* Pushes until the recorder says that it cannot keep more. */
static unsigned push_until_refused(unsigned from) {
    unsigned number = from;
    int64_t deadline = clock_monotonic() + 30 * NS_PER_SECOND;
    while (number < EVENTS_MAX && clock_monotonic() < deadline) {
        if (!recorder_reserve(recorder, 0, &err)) {
            if (err.code == ERR_STORE)
                return number;
            pause_ms(1);
            continue;
        }
        push(number, number % 2 == 0);
        number++;
        pause_ms(1);
    }
    fail_msg("never refused: %u pushed", number);
    return number;
}

static void wait_health(bool healthy) {
    struct recorder_state s;
    for (int ms = 0; ms < 10000; ms++) {
        recorder_state(recorder, &s);
        if (s.healthy == healthy)
            return;
        pause_ms(1);
    }
    fail_msg("healthy stays %d", !healthy);
}

static void look_at(const struct record *r, void *ctx) {
    *(bool *)ctx = r->input.blob[0] != '\0';
}

static bool is_recorded(struct store *s, unsigned number) {
    char id[32];
    bool whole = false;
    snprintf(id, sizeof id, "r%u", number);
    struct record_filter filter = {.request_id = str_from(id), .limit = 1};
    assert_true(records_visit(s, &filter, look_at, &whole, &err));
    return whole;
}

static void check_records(unsigned count) {
    struct store *s;
    unsigned refused = 0;
    assert_true(store_open(&s, folder, &err));
    for (unsigned i = 0; i < count; i++) {
        int answer = atomic_load(&answers[i]);
        refused += answer == 2;
        assert_true(i % 2 ? answer == 0 : answer != 0);
        if (is_recorded(s, i) != (answer != 2))
            fail_msg("r%u was %s", i, answer == 2 ? "refused and is there" : "promised and is not there");
    }
    store_close(s);
    print_message("%u of %u refused while the disk was full\n", refused, count);
}

static void a_full_disk_refuses_and_recovers(void **state) {
    char filler[96];
    if (!mounted) {
        print_message("a file system of its own is not permitted here (unshare, mount): skipped\n");
        skip();
    }
    snprintf(filler, sizeof filler, "%s/filler", folder);
    struct recorder_options options = {.store_path = folder, .loops = 1};
    assert_true(recorder_start(&recorder, &options, &err));
    make_filler(filler);
    unsigned count = push_until_refused(0);
    assert_true(count > 10);
    if (!strstr(err.message, "the disk is full"))
        fail_msg("the reason is missing: %s", err.message);
    for (int i = 0; i < 5; i++)
        pause_ms(500); /* longer than anybody is made to wait */
    wait_health(false);
    assert_int_equal(unlink(filler), 0);
    wait_health(true);
    for (unsigned more = count + 5; count < more; count++) {
        assert_true(recorder_reserve(recorder, 0, &err));
        push(count, count % 2 == 0);
    }
    recorder_stop(recorder);
    check_records(count);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_full_disk_refuses_and_recovers, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
