#include "chat/embedding.h"

#include "../unit.h"
#include "base/json.h"

#include <stdio.h>

static struct embeddings read;
static struct error err;

static bool reads(const char *body, size_t count) {
    embeddings_clear(&read);
    err = (struct error){0};
    return embeddings_read(str_from(body), count, &read, &err);
}

static void assert_refused(const char *body, size_t count, const char *why) {
    assert_false(reads(body, count));
    assert_int_equal(err.code, ERR_UPSTREAM);
    if (!strstr(err.message, why))
        fail_msg("\"%s\" says nothing of \"%s\"", err.message, why);
    assert_null(read.values);
}

#define ONE(numbers) "{\"data\":[{\"index\":0,\"embedding\":" numbers "}]}"

static void vectors_come_in_the_order_of_their_texts(void **state) {
    assert_true(
        reads("{\"object\":\"list\",\"data\":[{\"index\":1,\"embedding\":[0,1e-3,-2]},"
              "{\"index\":0,\"embedding\":[1,2.5,3]}],\"usage\":{\"prompt_tokens\":7,\"total_tokens\":7}}",
              2));
    assert_int_equal(read.count, 2);
    assert_int_equal(read.dimensions, 3);
    assert_int_equal(read.tokens, 7);
    static const float wanted[] = {1, 2.5F, 3, 0, 1e-3F, -2};
    for (size_t i = 0; i < ARRAY_COUNT(wanted); i++)
        assert_float_equal(read.values[i], wanted[i], 1e-9);
    assert_true(reads("{\"data\":[{\"embedding\":[1]},{\"embedding\":[2]}]}", 2));
    assert_float_equal(read.values[1], 2, 0);
    assert_int_equal(read.tokens, -1);
    embeddings_clear(&read);
}

static void what_is_no_vector_is_refused_and_said(void **state) {
    assert_refused("", 1, "not JSON");
    assert_refused("[1,2]", 1, "0 vectors for 1 text");
    assert_refused("{\"data\":[]}", 1, "0 vectors for 1 text");
    assert_refused("{\"data\":[{\"embedding\":[1]}]}", 2, "1 vectors for 2 texts");
    assert_refused(ONE("[]"), 1, "0 dimensions");
    assert_refused(ONE("\"AACAPwAAAEA=\""), 1, "0 dimensions");
    assert_refused(ONE("[0,0,0]"), 1, "only zeros");
    assert_refused(ONE("[1,null]"), 1, "finite number at 1");
    assert_refused(ONE("[1,\"2\"]"), 1, "finite number at 1");
    assert_refused(ONE("[1,1e39]"), 1, "finite number at 1");
    assert_refused(ONE("[1,1e999]"), 1, "not JSON");
    assert_refused(ONE("[1,NaN]"), 1, "not JSON");
    assert_refused("{\"data\":[{\"embedding\":[1,2]},{\"embedding\":[1]}]}", 2, "2 and 1 dimensions");
    assert_refused("{\"data\":[{\"embedding\":[1]},{\"embedding\":7}]}", 2, "as vector 1");
    assert_refused("{\"data\":[{\"index\":0,\"embedding\":[1]},{\"index\":0,\"embedding\":[1]}]}", 2,
                   "numbers");
    assert_refused("{\"data\":[{\"index\":2,\"embedding\":[1]}]}", 1, "numbers");
    assert_refused("{\"data\":[{\"index\":-1,\"embedding\":[1]}]}", 1, "numbers");
    assert_refused("{\"data\":[7]}", 1, "0 dimensions");
}

static void too_many_dimensions_are_refused(void **state) {
    AUTO_BUF body = BUF_INIT(1 << 20);
    for (int n = EMBEDDING_DIMENSIONS_MAX; n <= EMBEDDING_DIMENSIONS_MAX + 1; n++) {
        buf_clear(&body);
        buf_printf(&body, "{\"data\":[{\"embedding\":[1");
        for (int i = 1; i < n; i++)
            buf_printf(&body, ",%d", i);
        buf_printf(&body, "]}]}");
        if (n == EMBEDDING_DIMENSIONS_MAX)
            assert_true(reads(buf_terminated(&body), 1));
        else
            assert_refused(buf_terminated(&body), 1, "4097 dimensions");
    }
}

static void a_request_asks_for_numbers(void **state) {
    AUTO_BUF body = BUF_INIT(4096);
    const struct str texts[] = {STR("say \"hi\""), STR("two")};
    embedding_request_write(&body, STR("small"), texts, 2);
    assert_string_equal(buf_terminated(&body), "{\"model\":\"small\",\"input\":[\"say \\\"hi\\\"\",\"two\"],"
                                               "\"encoding_format\":\"float\"}");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vectors_come_in_the_order_of_their_texts),
        cmocka_unit_test(what_is_no_vector_is_refused_and_said),
        cmocka_unit_test(too_many_dimensions_are_refused),
        cmocka_unit_test(a_request_asks_for_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
