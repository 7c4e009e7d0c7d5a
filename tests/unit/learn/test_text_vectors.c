#include "learn/text_vectors.h"

#include "../net/client_calls.h"
#include "../unit.h"

#include <signal.h>
#include <stdio.h>

enum { TEXTS = 5 };
static const struct str texts[TEXTS] = {STR("a"), STR("b"), STR("c"), STR("d"), STR("e")};
static struct text_vectors vectors;
static struct error err;

#define REPLY(status, length, body)                                                                          \
    "HTTP/1.1 " status "\r\nContent-Type: application/json\r\nContent-Length: " length "\r\n\r\n" body
/* Of two texts, and of the one that is left. */
#define TWO                                                                                                  \
    REPLY("200 OK", "66", "{\"data\":[{\"embedding\":[0,2]},{\"embedding\":[1,0]}],\"usage\":{\"a\":1}}")
#define ONE REPLY("200 OK", "58", "{\"data\":[{\"embedding\":[3,4]}],\"usage\":{\"prompt_tokens\":4}}")

static bool fetch(const struct step *script, unsigned calls, struct retry_options retry) {
    const struct step *const scripts[] = {script, script, script, script};
    struct scripted_server server;
    char url[64];
    struct str path;
    scripted_server_start(&server, scripts, ARRAY_COUNT(scripts), NULL);
    snprintf(url, sizeof url, "http://127.0.0.1:%u/v1", server.port);
    const struct http_origin_options options = {.url = str_from(url)};
    struct text_vectors_source from = {.name = "main/small",
                                       .path = "/v1/embeddings",
                                       .authorization = "Bearer x",
                                       .model = STR("small"),
                                       .connect_ns = 10 * NS_PER_SECOND,
                                       .first_byte_ns = 10 * NS_PER_SECOND,
                                       .idle_ns = 10 * NS_PER_SECOND,
                                       .timeout_ns = 10 * NS_PER_SECOND,
                                       .retry = retry,
                                       .calls = calls,
                                       .batch = 2};
    text_vectors_free(&vectors);
    assert_true(http_origin_new(&from.origin, &options, &path, &err));
    bool good = text_vectors_fetch(&vectors, &from, texts, TEXTS, &err);
    http_origin_unref(from.origin);
    scripted_server_stop(&server);
    scripted_server_free(&server);
    return good;
}

static const struct retry_options once = {.attempts = 1},
                                  thrice = {
                                      .attempts = 3, .base_ns = 1, .max_ns = 1, .budget_per_second = 10};

static void assert_all_there(void) {
    assert_int_equal(vectors.count, TEXTS);
    assert_int_equal(vectors.dimensions, 2);
    assert_float_equal(text_vectors_cosine(&vectors, 0, 2), 1, 0.001);
    assert_float_equal(text_vectors_cosine(&vectors, 0, 1), 0, 0.001);
    assert_float_equal(text_vectors_cosine(&vectors, 4, 1), 0.6, 0.01);
    assert_float_equal(text_vectors_cosine(&vectors, 4, 0), 0.8, 0.01);
}

static void texts_are_asked_for_in_batches(void **state) {
    const struct step script[] = {{STEP_READ}, {STEP_SEND, TWO}, {STEP_READ}, {STEP_SEND, TWO},
                                  {STEP_READ}, {STEP_SEND, ONE}, {STEP_HANG}};
    assert_true(fetch(script, 1, once));
    assert_all_there();
    assert_int_equal(vectors.tokens, -1); /* not all replies said it */
}

static void what_may_pass_is_asked_again(void **state) {
    const struct step script[] = {{STEP_READ}, {STEP_SEND, REPLY("503 Busy", "2", "{}")},
                                  {STEP_READ}, {STEP_SEND, REPLY("200 OK", "7", "{\"data\"")},
                                  {STEP_READ}, {STEP_SEND, TWO},
                                  {STEP_READ}, {STEP_SEND, TWO},
                                  {STEP_READ}, {STEP_SEND, ONE},
                                  {STEP_HANG}};
    assert_true(fetch(script, 1, thrice));
    assert_all_there();
}

static void assert_refused(const struct step *script, unsigned calls, const char *why) {
    assert_false(fetch(script, calls, thrice));
    if (!strstr(err.message, why) || !strstr(err.message, "main/small"))
        fail_msg("\"%s\" says nothing of \"%s\"", err.message, why);
    assert_null(vectors.values);
}

static void what_does_not_pass_ends_all_calls(void **state) {
    const struct step failing[] = {{STEP_READ}, {STEP_SEND, REPLY("500 No", "2", "{}")}, {STEP_AGAIN}};
    assert_refused(failing, 1, "it answered 500");
    assert_refused(failing, 3, "it answered 500");
    const struct step closing[] = {{STEP_READ}, {STEP_END}};
    assert_refused(closing, 2, "closed");
    const struct step garbage[] = {{STEP_READ}, {STEP_SEND, REPLY("200 OK", "2", "{}")}, {STEP_AGAIN}};
    assert_refused(garbage, 2, "0 vectors for 2 texts");
    const struct step growing[] = {
        {STEP_READ},
        {STEP_SEND, TWO},
        {STEP_READ},
        {STEP_SEND, REPLY("200 OK", "54", "{\"data\":[{\"embedding\":[1,2,3]},{\"embedding\":[1,2,3]}]}")},
        {STEP_HANG}};
    assert_refused(growing, 1, "vectors of 2 and of 3 dimensions");
}

static void nonsense_is_not_asked_for(void **state) {
    const struct text_vectors_source from = {.batch = 0};
    assert_false(text_vectors_fetch(&vectors, &from, texts, TEXTS, &err));
    assert_int_equal(err.code, ERR_USAGE);
    text_vectors_free(&vectors);
}

int main(void) {
    signal(SIGPIPE, SIG_IGN);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_asked_for_in_batches),
        cmocka_unit_test(what_may_pass_is_asked_again),
        cmocka_unit_test(what_does_not_pass_ends_all_calls),
        cmocka_unit_test(nonsense_is_not_asked_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
