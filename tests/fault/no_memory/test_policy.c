/* Calibrating a version while memory runs out: an error that says so, and nothing leaks. */
#include "learn/policy_version.h"
#include "learn/train.h"

#include "../../unit/unit.h"
#include "failing_allocations.h"
#include "failing_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS = 400 };

/* Three of four questions name their subject; the fourth says nothing, and its label is chance. */
struct questions {
    struct row_reader reader;
    size_t at, from;
    char text[64];
};

static enum row_status next(struct row_reader *r, struct training_row *row, struct error *err) {
    struct questions *q = (struct questions *)(void *)r;
    if (q->at == ROWS)
        return ROW_END;
    size_t i = q->from + q->at++;
    const char *subject = i % 4 == 3 ? "please help" : i % 2 ? "my card is lost" : "the transfer is late";
    bool card = i % 4 == 3 ? i / 4 % 2 : i % 2;
    snprintf(q->text, sizeof q->text, "%s %zu", subject, i);
    *row = (struct training_row){
        .text = str_from(q->text), .label = card ? STR("card") : STR("transfer"), .source = STR("questions")};
    return ROW_GOOD;
}

static void keep(struct row_reader *r) {}

static struct questions questions_from(size_t from) {
    return (struct questions){.reader = {.next = next, .free = keep}, .from = from};
}

static bool calibrate(const struct model_version *v, const char *manifest, struct error *err) {
    struct questions q = questions_from(10000);
    struct policy_rules rules = {0};
    struct policy_rows rows;
    struct calibrated_policy p;
    struct policy_wanted wanted = {.share = 0.4, .confidence = 0.95};
    if (!policy_rows_read(&rows, v, &q.reader, &rules, err))
        return false;
    bool ok = policy_calibrate(&p, v, manifest, &rows, &wanted, err);
    if (ok)
        assert_true(p.policy.reliability && p.manifest.n > 0 && p.certificate.caught_least > 0.4);
    calibrated_policy_free(&p);
    policy_rows_free(&rows);
    return ok;
}

static void a_version_is_calibrated_or_memory_is_said_to_be_out(void **state) {
    struct questions q = questions_from(0);
    struct fit_options fit = fit_defaults(ROWS);
    fit.hidden.units = 16;
    fit.hidden.passes = 6;
    struct train_options o = {.name = "questions", .threads = 1, .folds = 3, .fit = &fit};
    struct trained t;
    struct error err = {0};
    struct model_version v = {.reference = "questions@1"};
    long failures = 0;
    assert_true(learn_train(&o, &q.reader, &t, &err));
    assert_true(backend_open(&v.backend, "linear", buf_str(&t.artefact), &err));
    v.blob.bytes = buf_str(&t.artefact);
    v.labels = backend_labels(v.backend, &v.label_count);
    const char *manifest = buf_terminated(&t.manifest) ? t.manifest.p : "";
    for (;; failures += failures < 60 ? 1 : 41) {
        err = (struct error){0};
        allocations_left = failures;
        bool ok = calibrate(&v, manifest, &err);
        allocations_left = -1;
        if (ok)
            break;
        if (err.code != ERR_NO_MEMORY)
            fail_msg("after %ld allocations: %s", failures, err.message);
    }
    assert_true(failures > 10);
    backend_free(v.backend);
    trained_free(&t);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_version_is_calibrated_or_memory_is_said_to_be_out)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
