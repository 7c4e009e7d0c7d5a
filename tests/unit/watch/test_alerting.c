/* The threads: a store that stays locked is told to people without the store, and what fires is told once it
 * can be written again. */
#include "unit.h"

#include "folder.h"

#include "base/clock.h"
#include "watch/alerts/alerting.h"
#include "watch/alerts/outbox.h"

#include <arpa/inet.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

/* A webhook that says 200 and counts what it is told by a word in it. */
struct hook {
    int socket;
    unsigned port;
    pthread_t thread;
    atomic_uint pages, ends, openings;
};

static void answer(struct hook *h, int client) {
    char text[65536];
    size_t n = 0;
    ssize_t got;
    while (n + 1 < sizeof text && (got = read(client, text + n, sizeof text - 1 - n)) > 0) {
        n += (size_t)got;
        text[n] = '\0';
        if (strstr(text, "\r\n\r\n") && text[n - 1] == '}')
            break;
    }
    text[n] = '\0';
    bool paged = strstr(text, "\"monitor\":\"alerting\"") != NULL;
    bool over = strstr(text, "\"notice\":\"resolved\"") != NULL;
    atomic_fetch_add(paged && over ? &h->ends : paged ? &h->pages : &h->openings, 1);
    static const char reply[] = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    if (write(client, reply, sizeof reply - 1) < 0)
        perror("write");
    close(client);
}

static void *hook_main(void *arg) {
    struct hook *h = arg;
    for (int client; (client = accept(h->socket, NULL, NULL)) >= 0;)
        answer(h, client);
    return NULL;
}

static void hook_start(struct hook *h) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof address;
    h->socket = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(h->socket, (struct sockaddr *)(void *)&address, n), 0);
    assert_int_equal(listen(h->socket, 8), 0);
    assert_int_equal(getsockname(h->socket, (struct sockaddr *)(void *)&address, &n), 0);
    h->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&h->thread, NULL, hook_main, h), 0);
}

static void hook_stop(struct hook *h) {
    shutdown(h->socket, SHUT_RDWR);
    pthread_join(h->thread, NULL);
    close(h->socket);
}

static void read_one(void *ctx, const struct config *config, int64_t elapsed_ns,
                     void (*take)(void *take_ctx, const struct reading *r), void *take_ctx) {
    take(take_ctx, &(struct reading){.endpoint = "shop",
                                     .monitor = "cost",
                                     .part = "",
                                     .state = READING_BREACHED,
                                     .value = 2,
                                     .expected = NAN,
                                     .limit = 1,
                                     .unit = "usd",
                                     .detail = ""});
}

static bool within(atomic_uint *count, unsigned wanted) {
    for (int i = 0; i < 600 && atomic_load(count) < wanted; i++)
        nanosleep(&(struct timespec){.tv_nsec = 50 * NS_PER_MS}, NULL);
    return atomic_load(count) >= wanted;
}

static void a_locked_store_is_told_and_loses_nothing(void **state) {
    struct test_folder folder;
    struct hook hook = {0};
    struct config_problems problems = {0};
    struct store *other;
    struct alerting *alerting;
    struct error err;
    char yaml[600], url[64];
    hook_start(&hook);
    folder_make(&folder);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", hook.port);
    setenv("TEST_ALERTING_HOOK", url, 1);
    snprintf(yaml, sizeof yaml,
             "store: {path: /nowhere}\nupstreams: {main: {kind: simulator}}\n"
             "endpoints: {shop: {kind: chat, rollout: [{upstream: main, model: a}]}}\n"
             "alerts: {interval: 50ms, group_wait: 0s, receivers: {all: {kind: webhook, url: "
             "\"${env:TEST_ALERTING_HOOK}\"}}}\n");
    const struct config *config = config_parse(str_from(yaml), "test.yaml", "", NULL, &problems);
    assert_non_null(config);
    assert_true(store_open(&other, folder.path, &err));
    assert_true(store_begin(other, false, &err));
    struct alerting_options options = {
        .store_path = folder.path, .config = config, .sources = {{read_one, NULL}}, .source_count = 1};
    assert_true(alerting_start(&alerting, &options, &err));
    assert_true(within(&hook.pages, 1));
    assert_int_equal(atomic_load(&hook.openings), 0);
    store_rollback(other);
    assert_true(within(&hook.openings, 1));
    assert_true(within(&hook.ends, 1));
    alerting_stop(alerting);
    assert_int_equal(atomic_load(&hook.pages), 1);
    assert_int_equal(atomic_load(&hook.ends), 1);
    assert_int_equal(atomic_load(&hook.openings), 1);
    store_close(other);
    config_unref(config);
    folder_remove(&folder);
    hook_stop(&hook);
}

/* Of two servers on one store only one judges and tells; the other takes over. */
static void one_of_two_tells(void **state) {
    struct test_folder folder;
    struct hook hook = {0};
    struct config_problems problems = {0};
    struct alerting *both[2];
    struct error err;
    char url[64];
    static const char yaml[] =
        "store: {path: /nowhere}\nupstreams: {main: {kind: simulator}}\n"
        "endpoints: {shop: {kind: chat, rollout: [{upstream: main, model: a}]}}\n"
        "alerts: {interval: 50ms, group_wait: 0s, repeat: 5s, receivers: {all: {kind: webhook, url: "
        "\"${env:TEST_ALERTING_HOOK}\"}}}\n";
    hook_start(&hook);
    folder_make(&folder);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/", hook.port);
    setenv("TEST_ALERTING_HOOK", url, 1);
    const struct config *config = config_parse(str_from(yaml), "test.yaml", "", NULL, &problems);
    assert_non_null(config);
    struct alerting_options options = {
        .store_path = folder.path, .config = config, .sources = {{read_one, NULL}}, .source_count = 1};
    for (int i = 0; i < 2; i++)
        assert_true(alerting_start(&both[i], &options, &err));
    assert_true(within(&hook.openings, 1));
    nanosleep(&(struct timespec){.tv_nsec = 500 * NS_PER_MS}, NULL);
    assert_int_equal(atomic_load(&hook.openings), 1);
    alerting_stop(both[0]);
    assert_true(within(&hook.openings, 2)); /* repeated, by the other or by the one that had begun */
    alerting_stop(both[1]);
    config_unref(config);
    folder_remove(&folder);
    hook_stop(&hook);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_locked_store_is_told_and_loses_nothing),
        cmocka_unit_test(one_of_two_tells),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
