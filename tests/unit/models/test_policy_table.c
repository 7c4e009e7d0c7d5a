#include "../unit.h"

#include "models/policy.h"

static bool read_text(struct policy *p, const char *text, struct error *err) {
    yyjson_doc *doc = json_parse(str_from(text), err);
    assert_non_null(doc);
    bool ok = policy_read(p, yyjson_doc_get_root(doc), 2, err);
    yyjson_doc_free(doc);
    return ok;
}

#define CERTIFICATE(wanted, share, table)                                                                    \
    "{\"accept\":0.8,\"review\":0.7,\"certificate\":{\"wanted\":\"" wanted "\",\"wanted_share\":" share      \
    ",\"error_most\":0.018,\"rows_certifying\":1000,\"reviewed\":200,\"table\":" table "}}"
#define ROW(accept, review, reviewed, most)                                                                  \
    "{\"accept\":" accept ",\"review\":" review ",\"rows\":1000,\"reviewed\":" reviewed                      \
    ",\"error_most\":" most "}"
#define TABLE                                                                                                \
    "[" ROW("0", "0", "0", "0.09") "," ROW("0.75", "0.4", "50", "0.05") "," ROW(                             \
        "0.85", "0.6", "100", "0.03") "," ROW("0.95", "0.9", "300", "0.01") "]"

static const struct policy_table_row *move(const struct policy *p, double bound, double accept,
                                           double review) {
    const struct policy_table_row own = {.accept = accept, .review = review};
    return policy_table_move(&p->table, bound, accept > 0 ? &own : NULL);
}

static void test_the_fewest_reviews_within_the_bound(void **state) {
    struct policy p;
    struct error err = {0};
    assert_true(read_text(&p, CERTIFICATE("error", "0.02", TABLE), &err));
    assert_int_equal(p.table.count, 5);
    assert_true(p.table.promised == 0.02 && p.table.rows[0].reviewed == 0.2);
    assert_null(move(&p, -1, 0, 0)); /* the version's own pair is the best that keeps 2 % */
    assert_ptr_equal(move(&p, 0.03, 0, 0), &p.table.rows[3]);
    assert_ptr_equal(move(&p, 0.08, 0, 0), &p.table.rows[2]);
    assert_ptr_equal(move(&p, 0.09, 0, 0), &p.table.rows[1]); /* nobody looks at anything */
    assert_null(move(&p, 0.01, 0, 0));                        /* more reviews are no relief */
}

static void test_a_pair_from_elsewhere_gives_way_to_what_lies_below_it(void **state) {
    struct policy p;
    struct error err = {0};
    assert_true(read_text(&p, CERTIFICATE("error", "0.02", TABLE), &err));
    assert_ptr_equal(move(&p, -1, 0.99, 0.99), &p.table.rows[0]);
    assert_ptr_equal(move(&p, 0.01, 0.99, 0.99), &p.table.rows[4]);
    assert_ptr_equal(move(&p, 0.03, 0.99, 0.99), &p.table.rows[3]);
    assert_null(move(&p, -1, 0.8, 0.7));    /* the same */
    assert_null(move(&p, 0.03, 0.99, 0.5)); /* above it in one of the two */
}

/* Where a share of reviews was wanted, the errors that came of it are what is kept. */
static void test_what_a_share_of_reviews_promised(void **state) {
    struct policy p;
    struct error err = {0};
    assert_true(read_text(&p, CERTIFICATE("review", "0.2", TABLE), &err));
    assert_true(p.table.promised == 0.018);
    assert_null(move(&p, -1, 0, 0));
}

static void test_a_certificate_without_a_table(void **state) {
    struct policy p;
    struct error err = {0};
    assert_true(read_text(&p, "{\"accept\":0.5,\"review\":0.5,\"certificate\":{}}", &err));
    assert_int_equal(p.table.count, 1);
    assert_null(move(&p, 1, 0, 0));
    assert_ptr_equal(move(&p, -1, 0.9, 0.9), &p.table.rows[0]);
    assert_true(read_text(&p, "{\"accept\":0.5,\"review\":0.5}", &err));
    assert_int_equal(p.table.count, 0);
    assert_null(move(&p, -1, 0.9, 0.9));
}

static void test_rows_that_are_none_are_refused(void **state) {
    static const char *const bad[] = {
        CERTIFICATE("error", "0.02", "{}"),
        CERTIFICATE("error", "0.02", "[5]"),
        CERTIFICATE("error", "7", TABLE),
        CERTIFICATE("error", "0.02", "[" ROW("0.4", "0.5", "1", "0.1") "]"), /* review above accept */
        CERTIFICATE("error", "0.02", "[" ROW("0.4", "0.4", "1001", "0.1") "]"),
        CERTIFICATE("error", "0.02", "[" ROW("0.4", "0.4", "-1", "0.1") "]"),
        CERTIFICATE("error", "0.02", "[" ROW("0.4", "0.4", "1", "1.1") "]"),
        CERTIFICATE("error", "0.02", "[" ROW("\"a\"", "0.4", "1", "0.1") "]"),
        CERTIFICATE("error", "0.02", "[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1]"),
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct policy p;
        struct error err = {0};
        if (read_text(&p, bad[i], &err))
            fail_msg("taken: %s", bad[i]);
        assert_int_equal(err.code, ERR_ARTEFACT);
        assert_non_null(strstr(err.message, "calibrate again"));
        assert_int_equal(p.table.count, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_fewest_reviews_within_the_bound),
        cmocka_unit_test(test_a_pair_from_elsewhere_gives_way_to_what_lies_below_it),
        cmocka_unit_test(test_what_a_share_of_reviews_promised),
        cmocka_unit_test(test_a_certificate_without_a_table),
        cmocka_unit_test(test_rows_that_are_none_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
