#include "api/oip_reply.h"

#include "../../unit/unit.h"
#include "failing_allocations.h"
#include "failing_json.h"

static const char *const columns[] = {"a", "b"};
static const char body[] =
    "{\"inputs\":[{\"name\":\"x\",\"shape\":[2,2],\"datatype\":\"FP32\",\"data\":[1,2,3,4]}]}";

/* Reads, takes the rows and writes the reply. */
static bool inference(struct arena *arena, struct buf *out, struct error *err) {
    const struct oip_shape shape = {.accepts = ACCEPTS_FEATURES, .columns = columns, .column_count = 2};
    struct oip_row rows[2] = {{.label = STR("one"), .request_id = STR("1")},
                              {.label = STR("two"), .request_id = STR("2")}};
    struct oip_request r;
    if (!oip_request_read(&r, str_from(body), (struct str){0}, &shape, arena, err))
        return false;
    for (size_t i = 0; i < r.row_count; i++) {
        struct request_given row;
        oip_next_row(&r, arena, &row);
        rows[i].failed = row.error.code != ERR_NONE;
        if (rows[i].failed) {
            *err = row.error;
            oip_request_clear(&r);
            return false;
        }
    }
    size_t header;
    const struct oip_reply reply = {&r, STR("m"), STR("1"), STR("id"), rows};
    oip_reply_write(&reply, out, &header);
    oip_request_clear(&r);
    return !out->failed || fail(err, ERR_NO_MEMORY, "the reply");
}

static void an_inference_fails_clearly(void **state) {
    long failures = 0;
    for (bool good = false; !good; failures++) {
        struct error err = {0};
        struct arena *arena = arena_new(1 << 16);
        AUTO_BUF out = BUF_INIT(1 << 16);
        allocations_left = failures;
        good = inference(arena, &out, &err);
        allocations_left = -1;
        if (!good)
            assert_int_equal(err.code, ERR_NO_MEMORY);
        arena_free(arena);
    }
    assert_true(failures > 5);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(an_inference_fails_clearly)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
