/* A few intents of banking77: accuracy on rows held out by hand, and unsureness about the other intents,
 * which training never sees. */
#include "../unit.h"

#include "learn/evaluate.h"
#include "learn/train.h"
#include "made_rows.h"

#include <stdio.h>

static const char *const intents[] = {"activate_my_card", "age_limit",    "apple_pay_or_google_pay",
                                      "atm_support",      "card_arrival", "card_swallowed",
                                      "change_pin",       "exchange_rate"};

static bool chosen(struct str label) {
    for (size_t i = 0; i < ARRAY_COUNT(intents); i++)
        if (str_eq(str_from(intents[i]), label))
            return true;
    return false;
}

struct sample {
    struct training_row train[2000], test[2000];
    size_t train_count, test_count;
};

static void copy_row(struct training_row *to, const struct training_row *from) {
    *to = (struct training_row){.text = from->text, .label = from->label, .source = STR("banking77")};
    to->text.p = str_dup(from->text);
    to->label.p = str_dup(from->label);
}

/* Every fifth row of the chosen intents, and every tenth of the others, is for testing. */
static bool read_sample(struct sample *s) {
    char path[1024];
    struct error err = {0};
    if (!shared_data())
        return false;
    snprintf(path, sizeof path, "%s/banking77/train.csv", shared_data());
    struct row_reader *reader = csv_rows_open(path, &(struct csv_rows_options){0}, &err);
    if (!reader)
        return false;
    struct training_row row;
    for (size_t i = 0; reader->next(reader, &row, &err) == ROW_GOOD; i++) {
        bool ours = chosen(row.label);
        if (ours && i % 5)
            copy_row(&s->train[s->train_count++], &row);
        else if (ours || i % 10 == 0)
            copy_row(&s->test[s->test_count++], &row);
    }
    row_reader_free(reader);
    return true;
}

static void free_rows(struct training_row *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        free((char *)rows[i].text.p);
        free((char *)rows[i].label.p);
    }
}

static void test_few_intents(void **state) {
    struct sample *s = calloc(1, sizeof *s);
    if (!read_sample(s)) {
        free(s);
        print_message("banking77 is not there (PENSTOCK_SHARED_DATA): skipped\n");
        skip();
    }
    struct fit_options fit = fit_defaults(s->train_count);
    fit.hidden.passes = 12;
    fit.hidden.units = 32;
    struct train_options o = {.name = "few", .folds = 3, .fit = &fit};
    struct trained trained;
    struct evaluation e;
    struct error err = {0};
    struct backend *b;
    struct made_rows *train = made_rows_over(s->train, s->train_count);
    struct made_rows *test = made_rows_over(s->test, s->test_count);
    assert_true(learn_train(&o, &train->reader, &trained, &err));
    assert_true(backend_open(&b, "linear", buf_str(&trained.artefact), &err));
    assert_true(learn_evaluate(&e, b, &test->reader, 0.85, 0.60, &err));
    print_message("accuracy %.4f (cross-validated %.4f), AUROC %.4f, strange ones sure %.4f\n",
                  e.quality.accuracy, trained.quality.accuracy, e.auroc, e.unknown_accepted);
    assert_true(e.quality.rows > 100 && e.unknown_labels > 500);
    assert_true(e.quality.accuracy > 0.95);
    assert_true(trained.quality.ece < 0.06);
    assert_true(e.auroc > 0.93);
    /* The strange ones are customers of the same bank, in the same words: the hardest kind. */
    assert_true(e.unknown_accepted < 0.4);
    assert_true(e.unknown_reviewed > 0.5);
    evaluation_free(&e);
    backend_free(b);
    trained_free(&trained);
    row_reader_free(&train->reader);
    row_reader_free(&test->reader);
    free_rows(s->train, s->train_count);
    free_rows(s->test, s->test_count);
    free(s);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_few_intents)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
