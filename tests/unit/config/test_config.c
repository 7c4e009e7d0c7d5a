#include "base/buf.h"
#include "base/clock.h"
#include "config/config.h"
#include "config/reference.h"

#include "../unit.h"

#include <sys/stat.h>
#include <unistd.h>

/* A folder with the files that configurations refer to. */
static char folder[] = "/tmp/penstock-config-XXXXXX";

static void write_file(const char *name, const char *text) {
    char path[200];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static int make_folder(void **state) {
    if (!mkdtemp(folder))
        return -1;
    write_file("refunds.lua", "function verify(r) return true end\n");
    write_file("certificate.pem", "x");
    write_file("key.pem", "x");
    write_file("password", "hunter2hunter2\n");
    return 0;
}

static int remove_folder(void **state) {
    const char *names[] = {"refunds.lua", "certificate.pem", "key.pem", "password", "penstock.yaml"};
    char path[200];
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        unlink(path);
    }
    return rmdir(folder);
}

static const struct config *good(const char *yaml) {
    struct config_problems problems = {0};
    const struct config *c = config_parse(str_from(yaml), "t.yaml", folder, NULL, &problems);
    if (!c)
        fail_msg("refused: %s", problems.list[0].message);
    assert_int_equal(problems.count, 0);
    return c;
}

/* Refused with exactly this many problems, the first of which is `first`. */
static void bad(const char *yaml, size_t count, const char *first) {
    struct config_problems problems = {0};
    const struct config *c = config_parse(str_from(yaml), "t.yaml", folder, NULL, &problems);
    config_unref(c);
    if (c)
        fail_msg("accepted, expected: %s", first);
    if (strcmp(problems.list[0].message, first) != 0)
        fail_msg("\n  got      %s\n  expected %s", problems.list[0].message, first);
    if (problems.count != count)
        fail_msg("%zu problems, the last: %s", problems.count, problems.list[problems.count - 1].message);
}

static void has_the_documented_defaults(void **state) {
    const struct config *c = config_default();
    assert_non_null(c);
    assert_int_equal(c->server.listen_count, 1);
    assert_string_equal(c->server.listen[0].text, "127.0.0.1:8080");
    assert_true(c->server.listen[0].loopback);
    assert_int_equal(c->server.head_max, 16000);
    assert_int_equal(c->server.body_max, 10000000);
    assert_int_equal(c->server.head_timeout, 10 * NS_PER_SECOND);
    assert_null(c->server.tls.certificate);
    assert_string_equal(c->store.path, "penstock-data");
    assert_int_equal(c->store.flush, 50 * NS_PER_MS);
    assert_int_equal(c->log.level, LOG_INFO);
    assert_true(c->log.requests);
    assert_true(c->auth.required);
    assert_int_equal(c->limits.rate, 100);
    assert_int_equal(c->limits.burst, 200);
    assert_null(c->scan.clamd);
    assert_int_equal(c->parser.max_pixels, 40000000);
    assert_false(c->pricing.has_cpu_hour);
    assert_int_equal(c->endpoint_count, 0);
    config_unref(c);
}

static void reads_the_example_of_the_reference(void **state) {
    struct config_problems problems = {0};
    const struct config *c = config_parse(config_example(), "example", folder, NULL, &problems);
    assert_non_null(c);
    assert_int_equal(c->server.listen_count, 2);
    assert_string_equal(c->server.listen[1].host, "::");
    assert_int_equal(c->pricing.cpu_hour, 42000000);
    assert_true(c->pricing.has_cpu_hour);
    assert_string_equal(c->scan.clamd, "unix:/run/clamav/clamd.ctl");
    const struct config_endpoint *e = config_endpoint_named(c, STR("documents"));
    assert_non_null(e);
    assert_null(config_endpoint_named(c, STR("document")));
    assert_int_equal(e->accepts, ACCEPTS_FILE | ACCEPTS_TEXT);
    assert_int_equal(e->rollout_count, 2);
    assert_string_equal(e->rollout[1].target.model.name, "documents");
    assert_int_equal(e->rollout[1].target.model.version, 4);
    assert_float_equal(e->rollout[1].weight, 0.1, 1e-12);
    assert_int_equal(e->rollout[1].target.model.place.line, 16);
    assert_int_equal(e->fallback_count, 3);
    assert_int_equal(e->fallbacks[0].kind, STEP_MODEL);
    assert_int_equal(e->fallbacks[0].timeout, 300 * NS_PER_MS);
    assert_int_equal(e->fallbacks[1].kind, STEP_CACHE);
    assert_int_equal(e->fallbacks[2].kind, STEP_REVIEW);
    assert_int_equal(e->keep_inputs, KEEP_REVIEW);
    config_unref(c);
}

static void fills_an_endpoint_from_defaults_and_sections(void **state) {
    const struct config *c = good("cache: {ttl: 2h}\n"
                                  "endpoints:\n"
                                  "  support:\n"
                                  "    rollout: [{model: support}]\n"
                                  "    infer_timeout: \"250ms\"\n"
                                  "    rules: refunds.lua\n"
                                  "    rate: 10\n"
                                  "    accept_threshold: 90%\n"
                                  "    fallbacks: [{model: small@1}, {rules: refunds.lua}, {error: true}]\n");
    const struct config_endpoint *e = &c->endpoints[0];
    char path[200];
    snprintf(path, sizeof path, "%s/refunds.lua", folder);
    assert_string_equal(e->name, "support");
    assert_int_equal(e->accepts, ACCEPTS_TEXT);
    assert_float_equal(e->rollout[0].weight, 1, 0);
    assert_int_equal(e->rollout[0].target.model.version, 0);
    assert_string_equal(e->rules, path);
    assert_int_equal(e->rules_place.line, 6);
    assert_int_equal(e->rules_place.column, 12);
    assert_int_equal(e->fallbacks[0].timeout, 250 * NS_PER_MS);
    assert_string_equal(e->fallbacks[1].rules, path);
    assert_int_equal(e->fallbacks[2].kind, STEP_ERROR);
    assert_int_equal(e->cache_ttl, 7200 * NS_PER_SECOND);
    assert_true(e->cache);
    assert_int_equal(e->burst, 20);
    assert_true(e->has_accept_threshold);
    assert_false(e->has_review_threshold);
    assert_int_equal(e->retention, INT64_C(30) * 86400 * NS_PER_SECOND);
    config_unref(c);
}

static void one_share_gets_what_the_others_leave(void **state) {
    const struct config *c = good("endpoints: {e: {rollout: [{model: a@1, weight: 5%}, {model: a@2}]}}");
    assert_float_equal(c->endpoints[0].rollout[1].weight, 0.95, 1e-12);
    config_unref(c);
}

static void accepts_anchors_quotes_comments_and_empty_sections(void **state) {
    const struct config *c = good("# hello\nserver:\nlog: ~\n'limits': {\"rate\": '20k'}\nendpoints:\n"
                                  "  a: &a\n    rollout: &r [{model: x@1}]\n  b: *a\n  c: {rollout: *r}\n");
    assert_int_equal(c->limits.rate, 20000);
    assert_int_equal(c->endpoint_count, 3);
    assert_string_equal(c->endpoints[1].name, "b");
    assert_string_equal(c->endpoints[2].rollout[0].target.model.name, "x");
    config_unref(c);
    config_unref(good(""));
    config_unref(good("---\n# nothing\n"));
}

static void names_what_is_wrong_and_the_nearest_right_name(void **state) {
    bad("server:\n  lisen: 1.2.3.4:80\n", 1,
        "t.yaml:2:3: server: unknown option \"lisen\"; did you mean \"listen\"?");
    bad("sever: {}\n", 1, "t.yaml:1:1: unknown option \"sever\"; did you mean \"server\"?");
    bad("rate: 5\n", 1, "t.yaml:1:1: unknown option \"rate\" here; there is limits.rate");
    bad("bananas: 5\n", 1,
        "t.yaml:1:1: unknown option \"bananas\"; `penstock config reference` lists all of them");
    bad("log: {level: warning}\n", 1,
        "t.yaml:1:14: log.level: \"warning\" is not debug, info, warn or error; did you mean \"warn\"?");
    bad("server:\n  loops: many\n", 1,
        "t.yaml:2:10: server.loops: \"many\" is not an integer from 0 to 1024");
    bad("server:\n  idle_timeout: 10\n", 1,
        "t.yaml:2:17: server.idle_timeout: \"10\" is not a duration (500ms, 10s, 5m, 24h, 30d) from 10ms to "
        "1h");
    bad("server:\n  body_max: 2GB\n", 1,
        "t.yaml:2:13: server.body_max: \"2GB\" is not a size (64KB, 10MB, 1GiB) from 1KB to 1GB");
    bad("log:\n  requests: yes\n", 1, "t.yaml:2:13: log.requests: \"yes\" is not true or false");
    bad("log:\n  requests:\n", 1, "t.yaml:2:12: log.requests: no value; expected true or false");
    bad("log:\n  requests: [true]\n", 1,
        "t.yaml:2:13: log.requests: a list stands here; expected true or false");
    bad("log: [a]\n", 1, "t.yaml:1:6: log: expected options (name: value), one per line, indented below it");
    bad("limits: {rate: 1, rate: 2}\n", 1, "t.yaml:1:19: limits: \"rate\" is given twice (first on line 1)");
    bad("- a\n- b\n", 1, "t.yaml:1:1: expected options (name: value), such as \"server:\"");
    bad("server: {listen: [127.0.0.1:1, example.com:80]}\n", 1,
        "t.yaml:1:32: server.listen: \"example.com:80\" is not ADDRESS:PORT with a numeric address "
        "(127.0.0.1:8080, [::1]:8080, 0.0.0.0:8080)");
}

static void checks_what_spans_options(void **state) {
    bad("endpoints:\n  e:\n    rollout:\n    - {model: a@1, weight: 50%}\n    - {model: a@2, weight: 40%}\n",
        1, "t.yaml:4:5: endpoints.e: rollout: the weights sum to 90 %; expected 100 %");
    bad("endpoints: {e: {rollout: [{model: a}, {model: b}]}}", 1,
        "t.yaml:1:26: endpoints.e: rollout: only one model may be without \"weight\" (it gets what the "
        "others "
        "leave)");
    bad("endpoints: {e: {rollout: [{model: a, weight: 50%}, {model: a, weight: 50%}]}}", 1,
        "t.yaml:1:60: endpoints.e: rollout: \"a\" is there twice; name each version once");
    bad("endpoints: {e: {owner: x}}", 1, "t.yaml:1:16: endpoints.e: \"rollout\" is missing; expected a list");
    bad("endpoints: {e: {rollout: []}}", 1,
        "t.yaml:1:16: endpoints.e: \"rollout\" is missing; expected a list such as [{model: e}]");
    bad("endpoints: {e: {rollout: [{weight: 100%}]}}", 1,
        "t.yaml:1:27: endpoints.e.rollout[0]: \"model\" is missing; expected NAME or NAME@VERSION "
        "(documents@3)");
    bad("endpoints: {e: {rollout: [{model: a@0}]}}", 1,
        "t.yaml:1:35: endpoints.e.rollout[0].model: \"a@0\" is not NAME or NAME@VERSION (documents@3)");
    bad("endpoints: {e: {rollout: [{model: a}], fallbacks: [{model: b, review: true}]}}", 1,
        "t.yaml:1:52: endpoints.e.fallbacks[0]: several kinds of step in one; expected exactly one of model: "
        "NAME@VERSION, rules: FILE, cache: stale, review: true, text: TEXT, error: true");
    bad("endpoints: {e: {rollout: [{model: a}], fallbacks: [{review: true}, {cache: stale}]}}", 1,
        "t.yaml:1:51: endpoints.e: fallbacks: nothing can come after \"review: true\", which always answers; "
        "make "
        "it the last step");
    bad("endpoints: {e: {rollout: [{model: a}], infer_timeout: 1m}}", 1,
        "t.yaml:1:55: endpoints.e: infer_timeout is longer than the endpoint's deadline");
    bad("endpoints: {'a b': {rollout: [{model: a}]}}", 1,
        "t.yaml:1:13: endpoints: \"a b\" is not a name; use 1 to 64 letters, digits, - and _");
    bad("endpoints: {a: {rollout: [{model: a}]}, a: {rollout: [{model: a}]}}", 1,
        "t.yaml:1:41: endpoints: \"a\" is given twice");
    bad("server: {tls: {certificate: certificate.pem}}", 1,
        "t.yaml:1:15: server.tls: \"certificate\" needs \"key\" beside it");
}

#define UPSTREAM "upstreams: {main: {kind: openai, url: 'http://127.0.0.1:1/v1'}}\n"

static void reads_chats(void **state) {
    struct config_problems problems = {0};
    const struct config *c = config_parse(
        STR(UPSTREAM "endpoints:\n  a:\n    kind: chat\n    rollout: [{upstream: main, model: 'org/m:8b'}]\n"
                     "    fallbacks: [{text: Sorry.}]\n"),
        "t.yaml", folder, NULL, &problems);
    config_problems_print(&problems, stderr);
    assert_non_null(c);
    const struct config_upstream *u = config_upstream_named(c, STR("main"));
    assert_non_null(u);
    assert_int_equal(u->connect_timeout, 2 * NS_PER_SECOND);
    assert_int_equal(u->breaker.minimum, 20);
    assert_string_equal(c->endpoints[0].rollout[0].target.model.text, "org/m:8b");
    assert_null(c->endpoints[0].rollout[0].target.model.name);
    assert_int_equal(c->endpoints[0].deadline, 300 * NS_PER_SECOND);
    assert_int_equal(c->endpoints[0].fallbacks[0].kind, STEP_TEXT);
    config_unref(c);
}

static void checks_chats(void **state) {
    bad("upstreams: {a: {kind: openai}}", 1,
        "t.yaml:1:16: upstreams.a: \"url\" is missing; expected one such as https://api.example.com/v1");
    bad("upstreams: {a: {kind: openai, url: 'http://me@x/'}}", 1,
        "t.yaml:1:36: upstreams.a: \"http://me@x/\" is not http://HOST[:PORT]/PATH or "
        "https://HOST[:PORT]/PATH, without user, query and fragment");
    bad("upstreams: {a: {kind: simulator, url: 'http://x'}}", 1,
        "t.yaml:1:16: upstreams.a: a simulator answers by itself and has neither \"url\" nor \"key\"");
    bad(UPSTREAM "endpoints: {e: {kind: chat, rollout: [{model: m, upstream: maim}]}}", 1,
        "t.yaml:2:60: there is no upstream \"maim\"; did you mean \"main\"?");
    bad(UPSTREAM "endpoints: {e: {kind: chat, rollout: [{model: m}]}}", 1,
        "t.yaml:2:47: endpoints.e.rollout[0].model: \"m\" needs \"upstream: NAME\" beside it: which API has "
        "that model?");
    bad(UPSTREAM "endpoints: {e: {rollout: [{model: m, upstream: main}]}}", 1,
        "t.yaml:2:48: endpoints.e.rollout[0].upstream: an endpoint of the kind classify asks models of the "
        "registry; an upstream's are for \"kind: chat\" and \"kind: embed\"");
    bad("endpoints: {e: {rollout: [{model: m}], output: {check: true}}}", 1,
        "t.yaml:1:48: endpoints.e: \"output\" is for endpoints of the kind chat");
    bad(UPSTREAM
        "endpoints: {e: {kind: chat, rollout: [{model: m, upstream: main}], fallbacks: [{review: true}]}}",
        1,
        "t.yaml:2:79: endpoints.e: fallbacks: \"review: true\" is for endpoints of the kind classify only: "
        "nobody waits for a chat's answer that long");
    bad(UPSTREAM "endpoints: {e: {kind: chat, rollout: [{model: m, upstream: main}], context: {on_limit: "
                 "drop_oldest}}}",
        1, "t.yaml:2:77: endpoints.e.context: \"on_limit\" needs \"window\" beside it");
}

static void checks_whose_vectors_are_compared(void **state) {
    static const char chat[] = UPSTREAM "endpoints: {e: {kind: chat, rollout: [{model: m, upstream: main}], "
                                        "semantic_cache: faq, semantic_vectors: {upstream: main, model: "
                                        "'org/small:1'}}}";
    const struct config *c = good(chat);
    assert_string_equal(c->endpoints[0].semantic_vectors.target.upstream.text, "main");
    assert_string_equal(c->endpoints[0].semantic_vectors.target.model.text, "org/small:1");
    assert_int_equal(c->endpoints[0].semantic_vectors.timeout, 300 * NS_PER_MS);
    config_unref(c);
    c = good(UPSTREAM
             "endpoints: {e: {kind: chat, rollout: [{model: m, upstream: main}], semantic_cache: faq}}");
    assert_null(c->endpoints[0].semantic_vectors.target.model.text);
    config_unref(c);
    c = good(UPSTREAM
             "endpoints: {e: {kind: chat, rollout: [{model: m, upstream: main}], semantic_cache: faq, "
             "semantic_vectors: {model: small@3}}}");
    assert_string_equal(c->endpoints[0].semantic_vectors.target.model.name, "small");
    assert_int_equal(c->endpoints[0].semantic_vectors.target.model.version, 3);
    config_unref(c);
}

#define CHAT "endpoints: {e: {kind: chat, rollout: [{model: m, upstream: main}], "

static void checks_where_vectors_come_from(void **state) {
    bad(UPSTREAM CHAT "semantic_vectors: {upstream: main, model: small}}}", 1,
        "t.yaml:2:86: endpoints.e: \"semantic_vectors\" needs \"semantic_cache: NAME\" beside it");
    bad(UPSTREAM CHAT "semantic_cache: faq, semantic_vectors: {upstream: main}}}", 1,
        "t.yaml:2:107: endpoints.e.semantic_vectors: \"upstream\" needs \"model\" beside it");
    bad(UPSTREAM CHAT "semantic_cache: faq, semantic_vectors: {model: 'org/small'}}}", 1,
        "t.yaml:2:115: endpoints.e.semantic_vectors: \"org/small\" is not NAME or NAME@VERSION of the "
        "registry; "
        "one of an upstream needs \"upstream\" beside it");
    bad(UPSTREAM CHAT "semantic_vectors: {model: small}}}", 1,
        "t.yaml:2:86: endpoints.e: \"semantic_vectors\" needs \"semantic_cache: NAME\" beside it");
    bad(UPSTREAM CHAT "semantic_cache: faq, semantic_vectors: {upstream: maim, model: small}}}", 1,
        "t.yaml:2:118: there is no upstream \"maim\"; did you mean \"main\"?");
    bad("upstreams: {main: {kind: simulator}}\n" CHAT
        "semantic_cache: faq, semantic_vectors: {upstream: main, model: small}}}",
        1,
        "t.yaml:2:118: semantic_vectors: upstream \"main\" makes no embeddings; expected one of kind openai");
    bad(UPSTREAM "endpoints: {e: {kind: embed, rollout: [{model: m, upstream: main}], semantic_vectors: "
                 "{upstream: main, model: small}}}",
        2, "t.yaml:2:87: endpoints.e: \"semantic_vectors\" is for endpoints of the kind chat");
}

/* An option of an answer that nothing would heed. */
static void checks_what_answers_must_look_like(void **state) {
    bad(UPSTREAM CHAT "output: {repair: false}}}", 1,
        "t.yaml:2:85: endpoints.e.output: \"repair\" needs \"schema\" or \"check: true\" beside it");
    bad(UPSTREAM CHAT "output: {send_schema: never}}}", 1,
        "t.yaml:2:90: endpoints.e.output: \"send_schema\" needs \"schema: FILE\" beside it");
    bad(UPSTREAM CHAT "output: {samples: 3}}}", 1,
        "t.yaml:2:86: endpoints.e.output: \"samples\" is for confidence: agreement");
    bad(UPSTREAM CHAT "output: {confidence_field: label}}}", 1,
        "t.yaml:2:95: endpoints.e.output: \"confidence_field\" is for confidence: logprobs");
    bad(UPSTREAM CHAT "output: {on_review: withhold}}}", 1,
        "t.yaml:2:88: endpoints.e.output: on_review: withhold needs \"confidence: logprobs\" or "
        "\"agreement\" "
        "beside it");
    bad(UPSTREAM CHAT "output: {confidence: logprobs}, review_threshold: 90%}}", 1,
        "t.yaml:2:118: endpoints.e: review_threshold is above accept_threshold (85 % where a chat names "
        "none); "
        "no prediction could be between them");
    bad(UPSTREAM CHAT "accept_threshold: 90%}}", 1,
        "t.yaml:2:86: endpoints.e: \"accept_threshold\" needs to know how sure an answer is: say \"output: "
        "{confidence: logprobs}\" or agreement");
}

static void finds_names_that_lead_nowhere(void **state) {
    char expected[400];
    snprintf(expected, sizeof expected,
             "t.yaml:1:47: endpoints.e.rules: there is no file %s/refund.lua; did you mean \"refunds.lua\"?",
             folder);
    bad("endpoints: {e: {rollout: [{model: a}], rules: refund.lua}}", 1, expected);
    bad("endpoints: {e: {rollout: [{model: a}], rules: /no/such/file}}", 1,
        "t.yaml:1:47: endpoints.e.rules: /no/such/file cannot be read: No such file or directory");
    snprintf(expected, sizeof expected, "t.yaml:1:47: endpoints.e.rules: %s/. is not a file", folder);
    bad("endpoints: {e: {rollout: [{model: a}], rules: .}}", 1, expected);
}

static void opens_the_door_only_on_loopback(void **state) {
    config_unref(
        good("auth: {required: false}\nserver: {listen: ['127.0.0.1:1', '[::1]:1', localhost:2]}\n"));
    bad("server: {listen: ['127.0.0.1:1', '*:1']}\nauth: {required: false}\n", 1,
        "t.yaml:2:7: auth.required: false is possible only where every listen address is loopback, and *:1 "
        "is not; "
        "make keys with `penstock keys create`");
}

static void the_command_line_overrides_listen_before_the_checks(void **state) {
    struct config_problems problems = {0};
    struct config_overrides overrides = {.listen = "127.0.0.1:9,[::1]:9"};
    struct str yaml = STR("server: {listen: '*:1'}\nauth: {required: false}\n");
    const struct config *c = config_parse(yaml, "t.yaml", folder, &overrides, &problems);
    assert_non_null(c);
    assert_int_equal(c->server.listen_count, 2);
    assert_int_equal(c->server.listen[0].port, 9);
    config_unref(c);
    overrides.listen = "0.0.0.0:9";
    assert_null(config_parse(STR("auth: {required: false}"), "t.yaml", folder, &overrides, &problems));
    assert_non_null(strstr(problems.list[0].message, "0.0.0.0:9 is not"));
    problems = (struct config_problems){0};
    overrides.listen = "nonsense";
    assert_null(config_parse(STR(""), "t.yaml", folder, &overrides, &problems));
    assert_non_null(strstr(problems.list[0].message, "--listen: \"nonsense\" is not ADDRESS:PORT"));
}

static const char with_password[] = "server:\n  tls:\n    certificate: certificate.pem\n    key: key.pem\n"
                                    "    key_password: ";

static void secret_case(const char *value, const char *expected) {
    AUTO_BUF yaml = BUF_INIT(4096);
    buf_printf(&yaml, "%s%s\n", with_password, value);
    struct config_problems problems = {0};
    const struct config *c = config_parse(buf_str(&yaml), "t.yaml", folder, NULL, &problems);
    if (expected[0] != '!') {
        assert_non_null(c);
        assert_string_equal(c->server.tls.key_password, expected);
    } else {
        assert_null(c);
        if (!strstr(problems.list[0].message, expected + 1))
            fail_msg("got %s", problems.list[0].message);
    }
    config_unref(c);
}

static void secrets_come_from_the_environment_or_files(void **state) {
    char text[200];
    setenv("PENSTOCK_TEST_SECRET", "from-env", 1);
    secret_case("${env:PENSTOCK_TEST_SECRET}", "from-env");
    snprintf(text, sizeof text, "${file:%s/password}", folder);
    secret_case(text, "hunter2hunter2");
    unsetenv("PENSTOCK_TEST_SECRET");
    secret_case("${env:PENSTOCK_TEST_SECRET}", "!PENSTOCK_TEST_SECRET is not set");
    secret_case("${file:/no/such/file}", "!/no/such/file cannot be read");
    secret_case("${file:relative}", "!expected the whole path");
    secret_case("${env:}", "!not the name of an environment variable");
    bad("log: {level: '${env:HOME}'}", 1,
        "t.yaml:1:14: log.level: ${env:…} and ${file:…} stand for secrets only; write the value itself");
}

static void a_plain_secret_is_refused_and_never_shown(void **state) {
    AUTO_BUF yaml = BUF_INIT(4096);
    buf_printf(&yaml, "%s%s\n", with_password, "s3cret-s3cret");
    struct config_problems problems = {0};
    assert_null(config_parse(buf_str(&yaml), "t.yaml", folder, NULL, &problems));
    assert_int_equal(problems.count, 1);
    assert_non_null(strstr(problems.list[0].message, "a secret is never written here"));
    assert_null(strstr(problems.list[0].message, "s3cret"));
}

static void reports_all_problems_in_the_files_order_up_to_a_cap(void **state) {
    struct config_problems problems = {0};
    struct str yaml = STR("server: {loops: x, lisen: y}\nlog: {level: z}\nendpoints: {e: {owner: o}}\n");
    assert_null(config_parse(yaml, "t.yaml", folder, NULL, &problems));
    assert_int_equal(problems.count, 4);
    assert_false(problems.more);
    for (size_t i = 1; i < problems.count; i++)
        assert_true(problems.list[i - 1].place.line <= problems.list[i].place.line);
    AUTO_BUF many = BUF_INIT(4096);
    for (int i = 0; i < 50; i++)
        buf_printf(&many, "wrong%d: 1\n", i);
    problems = (struct config_problems){0};
    assert_null(config_parse(buf_str(&many), "t.yaml", folder, NULL, &problems));
    assert_int_equal(problems.count, CONFIG_PROBLEMS_MAX);
    assert_true(problems.more);
}

static void refuses_yaml_that_is_not_a_configuration(void **state) {
    bad("server:\n\tloops: 1\n", 1, "t.yaml:2:1: a tab where YAML wants spaces; indent with spaces");
    bad("a: b\n---\nc: d\n", 1,
        "t.yaml:2:1: a second document (---); the configuration is one document in one file");
    bad("log: {requests: !!bool true}\n", 1,
        "t.yaml:1:17: the tag \"tag:yaml.org,2002:bool\" is not wanted here; write the plain value");
    bad("a: *nothing\n", 1, "t.yaml:1:4: not valid YAML: found undefined alias");
    bad("a: \xff\n", 1, "t.yaml:1:4: a byte that is not UTF-8; save the file as UTF-8");
    bad("[[[[[[[[[[[[[[[[[[[[", 1, "t.yaml:1:17: nested deeper than 16 levels");
    bad("log: {level: \"a\\0b\"}\n", 1, "t.yaml:1:14: log.level: \"a?b\" is not debug, info, warn or error");
    bad("server: {listen: 127.0.0.1:1\nlog: {}\n", 1,
        "t.yaml:2:4: not valid YAML: did not find expected ',' or '}' (while parsing a flow mapping that "
        "starts on "
        "line 1)");
}

static void oversized_and_bombs_cost_nothing(void **state) {
    int64_t start = clock_monotonic();
    struct config_problems problems = {0};
    AUTO_BUF text = BUF_INIT(4 << 20);
    while (text.n <= CONFIG_FILE_MAX)
        buf_add_str(&text, STR("# comment comment comment\n"));
    assert_null(config_parse(buf_str(&text), "t.yaml", folder, NULL, &problems));
    assert_non_null(strstr(problems.list[0].message, "larger than"));
    /* billion laughs */
    buf_clear(&text);
    buf_add_str(&text, STR("a: &a0 [x,x,x,x,x,x,x,x,x]\n"));
    for (int i = 1; i < 14; i++)
        buf_printf(&text, "b%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n", i, i, i - 1, i - 1, i - 1,
                   i - 1, i - 1, i - 1, i - 1, i - 1);
    buf_add_str(&text, STR("endpoints: {e: {rollout: *a13, accepts: *a13, fallbacks: *a13}}\n"));
    problems = (struct config_problems){0};
    assert_null(config_parse(buf_str(&text), "t.yaml", folder, NULL, &problems));
    /* an alias inside what it names */
    problems = (struct config_problems){0};
    assert_null(config_parse(STR("endpoints: &e {e: {rollout: [*e], fallbacks: *e}, f: *e}\n"), "t.yaml",
                             folder, NULL, &problems));
    /* many anchors would be searched one by one */
    buf_clear(&text);
    for (int i = 0; text.n < 900000; i++)
        buf_printf(&text, "- &a%d x\n", i);
    problems = (struct config_problems){0};
    assert_null(config_parse(buf_str(&text), "t.yaml", folder, NULL, &problems));
    assert_non_null(strstr(problems.list[0].message, "more than 200 anchors"));
    assert_true(clock_monotonic() - start < 60 * NS_PER_SECOND);
}

static void a_file_lives_as_long_as_its_references(void **state) {
    struct config_problems problems = {0};
    char path[200];
    write_file("penstock.yaml", "store: {path: data}\n");
    snprintf(path, sizeof path, "%s/penstock.yaml", folder);
    const struct config *c = config_load(path, NULL, &problems);
    assert_non_null(c);
    assert_ptr_equal(config_ref(c), c);
    config_unref(c);
    char expected[200];
    snprintf(expected, sizeof expected, "%s/data", folder);
    assert_string_equal(c->store.path, expected);
    config_unref(c);
    assert_null(config_load("/no/such/penstock.yaml", NULL, &problems));
    assert_string_equal(problems.list[0].message,
                        "/no/such/penstock.yaml: cannot be read: No such file or directory");
    problems = (struct config_problems){0};
    assert_null(config_load(folder, NULL, &problems));
    assert_non_null(strstr(problems.list[0].message, "Is a directory"));
}

static void higher_floors_can_name_a_line(void **state) {
    const struct config *c = good("endpoints:\n  e:\n    rollout:\n    - model: a@7\n");
    struct config_problems problems = {0};
    config_problem(&problems, c, &c->endpoints[0].rollout[0].target.model.place,
                   "there is no version %d of %s", 7, "a");
    assert_string_equal(problems.list[0].message, "t.yaml:4:14: there is no version 7 of a");
    config_unref(c);
}

static void the_reference_knows_every_option_and_is_whole(void **state) {
    AUTO_BUF text = BUF_INIT(1 << 20);
    config_reference(&text);
    assert_non_null(buf_terminated(&text));
    assert_non_null(strstr(text.p, "| `head_timeout` | duration | `10s` | 10ms to 10m |"));
    assert_non_null(strstr(text.p, "## endpoints.NAME.fallbacks[]"));
    assert_non_null(strstr(text.p, "| `burst` | integer | 2 × rate | 1 to 10M requests |"));
    assert_non_null(strstr(text.p, "## server.tls"));
}

static void the_page_in_docs_is_this_reference(void **state) {
    AUTO_BUF text = BUF_INIT(1 << 20);
    static char page[1 << 20];
    config_reference(&text);
    FILE *file = fopen(REFERENCE_PAGE, "r");
    assert_non_null(file);
    size_t n = fread(page, 1, sizeof page, file);
    fclose(file);
    if (!str_eq(buf_str(&text), (struct str){page, n}))
        fail_msg("docs/configuration.md is old; write `penstock config reference` into it");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(has_the_documented_defaults),
        cmocka_unit_test(reads_the_example_of_the_reference),
        cmocka_unit_test(fills_an_endpoint_from_defaults_and_sections),
        cmocka_unit_test(one_share_gets_what_the_others_leave),
        cmocka_unit_test(accepts_anchors_quotes_comments_and_empty_sections),
        cmocka_unit_test(names_what_is_wrong_and_the_nearest_right_name),
        cmocka_unit_test(checks_what_spans_options),
        cmocka_unit_test(reads_chats),
        cmocka_unit_test(checks_chats),
        cmocka_unit_test(checks_what_answers_must_look_like),
        cmocka_unit_test(checks_whose_vectors_are_compared),
        cmocka_unit_test(checks_where_vectors_come_from),
        cmocka_unit_test(finds_names_that_lead_nowhere),
        cmocka_unit_test(opens_the_door_only_on_loopback),
        cmocka_unit_test(the_command_line_overrides_listen_before_the_checks),
        cmocka_unit_test(secrets_come_from_the_environment_or_files),
        cmocka_unit_test(a_plain_secret_is_refused_and_never_shown),
        cmocka_unit_test(reports_all_problems_in_the_files_order_up_to_a_cap),
        cmocka_unit_test(refuses_yaml_that_is_not_a_configuration),
        cmocka_unit_test(oversized_and_bombs_cost_nothing),
        cmocka_unit_test(a_file_lives_as_long_as_its_references),
        cmocka_unit_test(higher_floors_can_name_a_line),
        cmocka_unit_test(the_reference_knows_every_option_and_is_whole),
        cmocka_unit_test(the_page_in_docs_is_this_reference),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
