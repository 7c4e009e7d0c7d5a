/* Policies: the score's fit, and that what a certificate says holds, over many draws from a known truth. */
#include "../unit.h"

#include "learn/policy_bound.h"
#include "learn/policy_fit.h"
#include "learn/random.h"
#include "learn/trained_rows.h"

#include <math.h>
#include <stdlib.h>

/* Scores are uniform and calibrated: a row of score s is right with probability s. So of the rows above t the
 * share (1 - t) / 2 is wrong, and rows below t are the share t. */
static struct policy_case *draw(size_t count, uint64_t seed) {
    struct policy_case *cases = calloc(count, sizeof *cases);
    struct random random = random_from(seed);
    for (size_t i = 0; i < count; i++) {
        float score = (float)(random_u32(&random) >> 8) * 0x1p-24f,
              luck = (float)(random_u32(&random) >> 8) * 0x1p-24f;
        cases[i] = (struct policy_case){
            .score = score, .own = score, .wrong = luck >= score, .certify = i % 2, .passed = luck < 0.5f};
    }
    return cases;
}

enum { DRAWS = 200 };

/* A promise at 95 % may break in 5 % of the draws; 10 % of 200 is three standard errors above that. */
static void test_error_promises_hold(void **state) {
    size_t promised = 0, broken = 0;
    for (uint64_t seed = 1; seed <= DRAWS; seed++) {
        struct policy_case *cases = draw(2000, seed);
        struct policy_wanted wanted = {.by_error = true, .share = 0.2, .confidence = 0.95};
        struct policy_certificate c;
        struct error err;
        if (policy_choose(&c, cases, 2000, &wanted, &err)) {
            promised++;
            broken += (1 - c.accept) / 2 > 0.2;
            assert_true(c.accept == c.review && c.error_most <= 0.2 && c.searched > 1);
        }
        free(cases);
    }
    assert_true(promised > DRAWS / 2);
    assert_true(broken <= promised * 10 / 100);
}

/* Whichever row of the table is taken, also one that was looked for: all of its bounds hold together. */
static void test_the_table_s_bounds_hold_together(void **state) {
    size_t made = 0, broken = 0;
    for (uint64_t seed = 1; seed <= DRAWS; seed++) {
        struct policy_case *cases = draw(2000, seed);
        struct policy_wanted wanted = {.share = 0.12, .confidence = 0.95};
        struct policy_certificate c;
        struct error err;
        bool holds = true;
        if (!policy_choose(&c, cases, 2000, &wanted, &err)) {
            free(cases);
            continue;
        }
        made++;
        assert_int_equal(c.table_count, POLICY_PAIRS);
        assert_true(c.table[0].accept == 0 && c.table[0].measured.reviewed == 0);
        for (size_t i = 0; i < c.table_count; i++) {
            const struct policy_pair *row = &c.table[i];
            assert_true(i == 0 || row->measured.reviewed > row[-1].measured.reviewed);
            assert_true(row->error_most < 0.6); /* and says something */
            holds &= (1 - row->accept) / 2 <= row->error_most;
        }
        broken += !holds;
        free(cases);
    }
    assert_true(made > DRAWS / 2);
    assert_true(broken <= made * 10 / 100);
}

static void test_review_promises_hold(void **state) {
    size_t promised = 0, over = 0, uncaught = 0;
    for (uint64_t seed = 1; seed <= DRAWS; seed++) {
        struct policy_case *cases = draw(2000, seed);
        struct policy_wanted wanted = {.share = 0.12, .confidence = 0.95};
        struct policy_certificate c;
        struct error err;
        if (policy_choose(&c, cases, 2000, &wanted, &err)) {
            double t = c.review, caught = 1 - (1 - t) * (1 - t); /* of all errors, those below t */
            promised++;
            over += t > 0.12;
            uncaught += caught < c.caught_least;
            assert_true(t > 0.06); /* and the margin is no excuse for reviewing next to nothing */
            assert_int_equal(c.searched, 1);
        }
        free(cases);
    }
    assert_true(promised > DRAWS / 2);
    assert_true(over <= promised * 10 / 100);
    assert_true(uncaught <= promised * 10 / 100);
}

/* Rules that pass only right answers let a wider band go out, and more errors be caught for the same reviews.
 */
static void test_rules_make_a_band(void **state) {
    struct policy_case *cases = draw(4000, 7);
    struct policy_wanted wanted = {.share = 0.3, .confidence = 0.95};
    struct policy_certificate plain, banded;
    struct error err;
    for (size_t i = 0; i < 4000; i++) {
        cases[i].wrong &= i % 8 < 2;
        cases[i].passed = !cases[i].wrong;
    }
    assert_true(policy_choose(&plain, cases, 4000, &wanted, &err));
    assert_true(plain.accept == plain.review);
    wanted.has_rules = true;
    assert_true(policy_choose(&banded, cases, 4000, &wanted, &err));
    assert_true(banded.accept > banded.review);
    assert_true(banded.measured.caught > plain.measured.caught);
    assert_true((double)banded.measured.reviewed <= 0.33 * (double)banded.measured.rows);
    free(cases);
}

static void refuse(const struct policy_case *cases, size_t count, struct policy_wanted wanted,
                   const char *said) {
    struct policy_certificate c;
    struct error err = {0};
    assert_false(policy_choose(&c, cases, count, &wanted, &err));
    assert_int_equal(err.code, ERR_DATA);
    if (!strstr(err.message, said))
        fail_msg("\"%s\" does not say \"%s\"", err.message, said);
}

static void test_what_cannot_be_carried_is_refused(void **state) {
    struct policy_case *cases = draw(2000, 3);
    struct policy_wanted error = {.by_error = true, .share = 0.05, .confidence = 0.95},
                         review = {.share = 0.12, .confidence = 0.95};
    refuse(cases, 60, review, "expected 50 of each");
    refuse(cases, 200, (struct policy_wanted){.share = 0.01, .confidence = 0.95}, "takes 299 rows");
    refuse(cases, 300, (struct policy_wanted){.by_error = true, .share = 0.01, .confidence = 0.95},
           "without a single error");
    refuse(cases, 2000, (struct policy_wanted){.by_error = true, .share = 0.001, .confidence = 0.95}, "");
    for (size_t i = 0; i < 2000; i++) /* a score that knows nothing */
        cases[i].wrong = i / 2 % 10 == 0;
    refuse(cases, 2000, review, "blindly does as well");
    refuse(cases, 2000, error, "");
    free(cases);
}

static void test_risk_counts_the_least_sure(void **state) {
    const struct policy_case cases[] = {{.score = 0.1f, .own = 0.9f, .wrong = true, .certify = true},
                                        {.score = 0.8f, .own = 0.2f, .certify = true},
                                        {.score = 0.5f, .own = 0.8f, .wrong = true},
                                        {.score = 0.9f, .own = 0.7f, .wrong = true, .certify = true}};
    struct policy_measure m;
    float threshold;
    assert_true(policy_risk(&m, &threshold, cases, 4, 0.34, false));
    assert_int_equal(m.rows, 3);
    assert_int_equal(m.errors, 2);
    assert_int_equal(m.caught, 1);
    assert_true(threshold == 0.8f);
    assert_true(policy_risk(&m, &threshold, cases, 4, 0.34, true));
    assert_int_equal(m.caught, 0);
}

/* Answers whose confidence is worth little, and an OCR confidence that tells. */
static struct policy_rows made_rows(size_t count, bool tells, uint64_t seed) {
    struct policy_rows rows = {.rows = calloc(count, sizeof *rows.rows), .count = count};
    struct random random = random_from(seed);
    for (size_t i = 0; i < count; i++) {
        float confidence = 0.5f + (float)(random_u32(&random) >> 9) * 0x1p-24f;
        bool blurred = random_below(&random, 5) == 0;
        float right = tells ? (blurred ? 0.3f : 0.97f) : confidence;
        rows.rows[i] = (struct policy_row){
            .answer = {.confidence = confidence,
                       .top = {{0, confidence}, {1, 1 - confidence}},
                       .top_count = 2},
            .facts = {.text_bytes = 50, .ocr_confidence = blurred ? 0.2f : 0.9f},
            .wrong = (float)(random_u32(&random) >> 8) * 0x1p-24f >= right,
        };
    }
    return rows;
}

static double score_of(const struct policy *p, float confidence, float ocr) {
    struct model_answer a = {
        .confidence = confidence, .top = {{0, confidence}, {1, 1 - confidence}}, .top_count = 2};
    struct policy_facts facts = {50, ocr};
    return (double)policy_score(p, &a, &facts);
}

static void test_a_term_that_tells_is_used(void **state) {
    struct policy p = {0};
    struct policy_rows rows = made_rows(2000, true, 5);
    struct error err;
    assert_true(policy_fit(&p, &rows, &err));
    assert_true(p.fitted);
    assert_true(score_of(&p, 0.9f, 0.2f) < 0.5);
    assert_true(score_of(&p, 0.6f, 0.9f) > 0.85);
    policy_rows_free(&rows);
}

static void test_terms_that_do_not_tell_leave_the_confidence(void **state) {
    for (uint64_t seed = 1; seed <= 10; seed++) {
        struct policy p = {0};
        struct policy_rows rows = made_rows(1000, false, seed);
        struct error err;
        assert_true(policy_fit(&p, &rows, &err));
        assert_true(p.fitted);
        assert_true(fabs(score_of(&p, 0.75f, 0.9f) - 0.75) < 0.08);
        assert_true(fabs(score_of(&p, 0.75f, 0.9f) - score_of(&p, 0.75f, 0.2f)) < 0.08);
        policy_rows_free(&rows);
    }
}

static void test_too_few_errors_fit_nothing(void **state) {
    struct policy p = {0};
    struct policy_rows rows = made_rows(40, true, 2);
    struct error err;
    assert_true(policy_fit(&p, &rows, &err));
    assert_false(p.fitted);
    policy_rows_free(&rows);
}

static void test_reliability_is_drawn_to_the_mean(void **state) {
    const char *labels[] = {"a", "b", "c"};
    struct policy p = {0};
    struct error err;
    yyjson_doc *doc = json_parse(STR("{\"metrics\":{\"accuracy\":0.9,\"labels\":["
                                     "{\"label\":\"a\",\"answered\":1000,\"precision\":0.99},"
                                     "{\"label\":\"b\",\"answered\":1000,\"precision\":0.8},"
                                     "{\"label\":\"c\",\"answered\":1,\"precision\":1}]}}"),
                                 &err);
    assert_true(policy_learn_reliability(&p, yyjson_doc_get_root(doc), labels, 3, &err));
    yyjson_doc_free(doc);
    assert_true(p.reliability[0] > p.reliability[2] && p.reliability[2] > p.reliability[1]);
    policy_free(&p);
}

static void test_trained_rows_are_known_again(void **state) {
    struct data_row rows[] = {{.identity = 11}, {.identity = 22}, {.identity = 33}};
    struct dataset d = {.rows = rows, .count = 3};
    const uint32_t chosen[] = {2, 0};
    struct buf bytes = BUF_INIT(1 << 16);
    struct artefact_writer w;
    struct trained_rows trained;
    struct error err;
    artefact_begin(&w, &bytes);
    assert_true(trained_rows_write(&w, &d, chosen, 2, &err));
    artefact_end(&w);
    assert_true(trained_rows_read(&trained, buf_str(&bytes), &err));
    assert_true(trained_rows_has(&trained, &rows[0]) && trained_rows_has(&trained, &rows[2]));
    assert_false(trained_rows_has(&trained, &rows[1]));
    assert_true(trained_rows_read(&trained, STR("function classify(r)"), &err));
    assert_false(trained_rows_has(&trained, &rows[0]));
    buf_free(&bytes);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_error_promises_hold),
        cmocka_unit_test(test_the_table_s_bounds_hold_together),
        cmocka_unit_test(test_review_promises_hold),
        cmocka_unit_test(test_rules_make_a_band),
        cmocka_unit_test(test_what_cannot_be_carried_is_refused),
        cmocka_unit_test(test_risk_counts_the_least_sure),
        cmocka_unit_test(test_a_term_that_tells_is_used),
        cmocka_unit_test(test_terms_that_do_not_tell_leave_the_confidence),
        cmocka_unit_test(test_too_few_errors_fit_nothing),
        cmocka_unit_test(test_reliability_is_drawn_to_the_mean),
        cmocka_unit_test(test_trained_rows_are_known_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
