#include "unit.h"

#include "api/oip_reply.h"

static struct buf out;
static size_t header;

static int setup(void **state) {
    out = BUF_INIT(1 << 16);
    return 0;
}

static int teardown(void **state) {
    buf_free(&out);
    return 0;
}

static const struct oip_row rows[] = {
    {.request_id = {"id.0", 4},
     .label = {"cat", 3},
     .confidence = 0.75F,
     .decision = DECISION_ACCEPTED,
     .model = {"pets@2", 6},
     .review_id = {"", 0},
     .labels = {{{"cat", 3}, 0.75F}, {{"dog", 3}, 0.25F}},
     .classes = {4, 0},
     .label_count = 2},
    {.request_id = {"id.1", 4}, .failed = true, .error = {"too long", 8}, .decision = DECISION_REJECTED},
    {.request_id = {"id.2", 4},
     .label = {"", 0},
     .confidence = -1,
     .decision = DECISION_REVIEW,
     .model = {"", 0},
     .review_id = {"r1", 2}},
};

static const char *written(const struct oip_wanted *wanted, unsigned count, size_t row_count) {
    struct oip_request request = {.wanted_count = count, .row_count = row_count};
    memcpy(request.wanted, wanted, count * sizeof(*wanted));
    const struct oip_reply reply = {&request, STR("pets"), STR("2"), STR("id"), rows};
    buf_clear(&out);
    oip_reply_write(&reply, &out, &header);
    return buf_terminated(&out);
}

static void json_has_an_element_for_each_row(void **state) {
    const struct oip_wanted wanted[] = {{OIP_LABEL},   {OIP_CONFIDENCE}, {OIP_PROBABILITIES},
                                        {OIP_CLASSES}, {OIP_DECISION},   {OIP_REVIEW_ID},
                                        {OIP_ERROR},   {OIP_REQUEST_ID}};
    assert_string_equal(
        written(wanted, 8, 3),
        "{\"model_name\":\"pets\",\"model_version\":\"2\",\"parameters\":{\"request_id\":\"id\"},\"outputs\":"
        "["
        "{\"name\":\"label\",\"datatype\":\"BYTES\",\"shape\":[3],\"data\":[\"cat\",\"\",\"\"]},"
        "{\"name\":\"confidence\",\"datatype\":\"FP32\",\"shape\":[3],\"data\":[0.75,-1,-1]},"
        "{\"name\":\"probabilities\",\"datatype\":\"FP32\",\"shape\":[3,2],\"data\":[0.75,0.25,0,0,0,0]},"
        "{\"name\":\"classes\",\"datatype\":\"BYTES\",\"shape\":[3,2],\"data\":[\"cat\",\"dog\",\"\",\"\","
        "\"\",\"\"]},"
        "{\"name\":\"decision\",\"datatype\":\"BYTES\",\"shape\":[3],\"data\":[\"accepted\",\"rejected\","
        "\"review\"]},"
        "{\"name\":\"review_id\",\"datatype\":\"BYTES\",\"shape\":[3],\"data\":[\"\",\"\",\"r1\"]},"
        "{\"name\":\"error\",\"datatype\":\"BYTES\",\"shape\":[3],\"data\":[\"\",\"too long\",\"\"]},"
        "{\"name\":\"request_id\",\"datatype\":\"BYTES\",\"shape\":[3],\"data\":[\"id.0\",\"id.1\",\"id.2\"]}"
        "]}");
    assert_int_equal(header, 0);
}

static void one_row_says_its_decision(void **state) {
    const struct oip_wanted wanted[] = {{OIP_LABEL}};
    assert_non_null(
        strstr(written(wanted, 1, 1),
               "\"parameters\":{\"request_id\":\"id\",\"decision\":\"accepted\",\"model\":\"pets@2\"}"));
}

static void binary_lies_behind_the_json_in_order(void **state) {
    const struct oip_wanted wanted[] = {{OIP_CONFIDENCE, true}, {OIP_DECISION, false}, {OIP_LABEL, true}};
    static const char behind[] = "\0\0\x40\x3f\0\0\x80\xbf\3\0\0\0cat\0\0\0\0";
    written(wanted, 3, 2);
    assert_int_equal(out.n - header, sizeof behind - 1);
    assert_memory_equal(out.p + header, behind, sizeof behind - 1);
    out.p[header] = '\0';
    assert_int_equal(header > 0 && out.p[header - 1] == '}', 1);
    assert_non_null(strstr(out.p, "\"shape\":[2],\"parameters\":{\"binary_data_size\":8}}"));
    assert_non_null(strstr(out.p, "\"shape\":[2],\"parameters\":{\"binary_data_size\":11}}"));
    assert_non_null(strstr(out.p, "\"data\":[\"accepted\",\"rejected\"]"));
}

static void classes_are_given_with_their_places(void **state) {
    const struct oip_wanted both[] = {{OIP_PROBABILITIES, false, 5}}, one[] = {{OIP_PROBABILITIES, false, 1}};
    assert_non_null(strstr(written(both, 1, 2),
                           "\"datatype\":\"BYTES\",\"shape\":[2,2],\"data\":[\"0.75:4:cat\","
                           "\"0.25:0:dog\",\"\",\"\"]"));
    assert_non_null(strstr(written(one, 1, 1), "\"shape\":[1,1],\"data\":[\"0.75:4:cat\"]"));
}

static void what_does_not_fit_is_no_reply(void **state) {
    const struct oip_wanted wanted[] = {{OIP_LABEL, true}};
    out = BUF_INIT(64);
    written(wanted, 1, 1);
    assert_true(out.failed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(json_has_an_element_for_each_row, setup, teardown),
        cmocka_unit_test_setup_teardown(one_row_says_its_decision, setup, teardown),
        cmocka_unit_test_setup_teardown(binary_lies_behind_the_json_in_order, setup, teardown),
        cmocka_unit_test_setup_teardown(classes_are_given_with_their_places, setup, teardown),
        cmocka_unit_test_setup_teardown(what_does_not_fit_is_no_reply, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
