#include "pipeline/upstream.h"

#include "../unit.h"

#include "base/clock.h"

#include <stdio.h>

#define SECOND NS_PER_SECOND
#define START  (1000 * SECOND)

static const struct config *read_config(const char *url) {
    char yaml[500];
    struct config_problems problems = {0};
    snprintf(yaml, sizeof yaml,
             "upstreams: {main: {kind: openai, url: \"%s\", breaker: {open: 1s, open_max: 60s}}}\n"
             "endpoints: {a: {kind: chat, rollout: [{upstream: main, model: m}]}}\n",
             url);
    const struct config *c = config_parse(str_from(yaml), "t.yaml", "/", NULL, &problems);
    if (!c)
        fail_msg("%s", problems.list[0].message);
    return c;
}

static struct upstream *make(const struct config *c, struct upstream *previous) {
    struct error err;
    struct upstream *u = upstream_make(c, &c->upstreams[0], previous, &err);
    if (!u)
        fail_msg("%s", err.message);
    return u;
}

static void what_is_known_of_a_model_lives_as_long_as_its_upstream(void **state) {
    const struct config *first = read_config("http://127.0.0.1:1/v1"),
                        *same = read_config("http://127.0.0.1:1/v1"),
                        *other = read_config("http://127.0.0.1:2/v1");
    struct upstream *u = make(first, NULL), *kept = make(same, u), *changed = make(other, u);
    struct model_experience *m = upstream_model(u, "m");
    assert_ptr_equal(kept, u);
    assert_ptr_equal(upstream_model(kept, "m"), m);
    assert_ptr_not_equal(upstream_model(u, "n"), m);
    assert_ptr_not_equal(changed, u);
    assert_ptr_not_equal(upstream_model(changed, "m"), m);
    upstream_unref(changed);
    upstream_unref(kept);
    upstream_unref(u);
    config_unref(first);
    config_unref(same);
    config_unref(other);
}

static void without_quota_it_is_left_alone_and_later_news_only_extend_that(void **state) {
    const struct config *c = read_config("http://127.0.0.1:1/v1");
    struct upstream *u = make(c, NULL);
    struct model_experience *m = upstream_model(u, "m"), *other = upstream_model(u, "n");
    assert_int_equal(upstream_quota_wait(m, START), 0);
    upstream_has_no_quota(u, m, 5 * SECOND, START);
    assert_int_equal(upstream_quota_wait(m, START), 5 * SECOND);
    assert_int_equal(upstream_quota_wait(m, START + 5 * SECOND), 0);
    upstream_has_no_quota(u, m, 2 * SECOND, START);
    assert_int_equal(upstream_quota_wait(m, START), 5 * SECOND);
    upstream_has_no_quota(u, m, 0, START);
    assert_int_equal(upstream_quota_wait(m, START), 60 * SECOND);
    upstream_has_no_quota(u, m, 86400 * SECOND, START + SECOND);
    assert_int_equal(upstream_quota_wait(m, START), 61 * SECOND);
    assert_int_equal(upstream_quota_wait(other, START), 0);
    upstream_unref(u);
    config_unref(c);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_known_of_a_model_lives_as_long_as_its_upstream),
        cmocka_unit_test(without_quota_it_is_left_alone_and_later_news_only_extend_that),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
