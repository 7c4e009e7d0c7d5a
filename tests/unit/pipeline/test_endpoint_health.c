#include "pipeline/endpoint_health.h"

#include "../unit.h"

#include "base/clock.h"

#define NOW (1000 * NS_PER_SECOND)

static int some_backend; /* only looked at for being there */

static struct model_version good = {.reference = "m@1", .backend = (struct backend *)(void *)&some_backend},
                            broken = {.reference = "m@2", .load_error = {.message = "it is gone"}};

static struct endpoint_health look(const struct endpoint *e, const struct metrics_sums *s) {
    struct endpoint_health h;
    endpoint_health(e, s, true, NOW, &h);
    return h;
}

static void assert_health(const struct endpoint_health *h, enum health health, const char *reason) {
    assert_string_equal(health_name(h->health), health_name(health));
    if (reason && (h->reason_count == 0 || !strstr(h->reasons[0], reason)))
        fail_msg("no \"%s\" in \"%s\"", reason, h->reason_count ? h->reasons[0] : "");
    assert_true((h->reason_count > 0) == (health != HEALTH_OK));
}

static void requests_say_how_it_goes(void **state) {
    struct share share = {.version = &good};
    struct endpoint e = {.shares = &share, .share_count = 1};
    static const struct {
        uint64_t requests, errors, fallbacks;
        enum health health;
        const char *reason;
    } cases[] = {{0, 0, 0, HEALTH_UNKNOWN, "no requests"},
                 {19, 0, 0, HEALTH_UNKNOWN, "only 19"},
                 {19, 19, 0, HEALTH_UNKNOWN, "only 19"}, /* too few to tell */
                 {20, 0, 0, HEALTH_OK, NULL},
                 {1000, 49, 0, HEALTH_OK, NULL},
                 {1000, 50, 0, HEALTH_DEGRADED, "5 % of the requests"},
                 {1000, 500, 0, HEALTH_DOWN, "mostly model_unavailable"},
                 {1000, 0, 150, HEALTH_OK, NULL},
                 {1000, 0, 151, HEALTH_DEGRADED, "15 % of the requests of the last minutes took a fallback"}};
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct metrics_sums s = {.requests = cases[i].requests,
                                 .server_errors = cases[i].errors,
                                 .fallbacks = cases[i].fallbacks,
                                 .errors = {[ERR_MODEL] = cases[i].errors, [ERR_WRONG_KEY] = 900}};
        struct endpoint_health h = look(&e, &s);
        assert_health(&h, cases[i].health, cases[i].reason);
    }
}

static void a_version_that_did_not_load(void **state) {
    struct share both[] = {{.version = &good}, {.version = &broken}}, none[] = {{.version = &broken}};
    struct step review = {.kind = STEP_REVIEW}, model = {.kind = STEP_MODEL, .target = {.version = &broken}};
    struct metrics_sums s = {.requests = 100};
    struct endpoint e = {.shares = both, .share_count = 2};
    struct endpoint_health h = look(&e, &s);
    assert_health(&h, HEALTH_DEGRADED, "m@2 did not load: it is gone");
    e = (struct endpoint){.shares = none, .share_count = 1};
    h = look(&e, &s);
    assert_health(&h, HEALTH_DOWN, "m@2 did not load");
    e.steps = &review;
    e.step_count = 1;
    h = look(&e, &s);
    assert_health(&h, HEALTH_DEGRADED, "m@2");
    e.steps = &model;
    h = look(&e, &s);
    assert_health(&h, HEALTH_DOWN, "m@2");
}

static void a_store_that_takes_nothing_is_down(void **state) {
    struct share share = {.version = &good};
    struct endpoint e = {.shares = &share, .share_count = 1};
    struct metrics_sums s = {.requests = 100};
    struct endpoint_health h;
    endpoint_health(&e, &s, false, NOW, &h);
    assert_health(&h, HEALTH_DOWN, "cannot be recorded");
}

static void more_reasons_than_there_is_room_for(void **state) {
    struct share many[9];
    struct metrics_sums s = {.requests = 100, .server_errors = 100, .fallbacks = 100};
    for (size_t i = 0; i < ARRAY_COUNT(many); i++)
        many[i] = (struct share){.version = &broken};
    struct endpoint e = {.shares = many, .share_count = ARRAY_COUNT(many)};
    struct endpoint_health h = look(&e, &s);
    assert_int_equal(h.reason_count, HEALTH_REASONS);
    assert_string_equal(health_name(h.health), "down");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_say_how_it_goes),
        cmocka_unit_test(a_version_that_did_not_load),
        cmocka_unit_test(a_store_that_takes_nothing_is_down),
        cmocka_unit_test(more_reasons_than_there_is_room_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
