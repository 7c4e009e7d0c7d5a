/* A model artefact with damage: the input is a list of changes (3 bytes where, 1 byte what) to a small
 * good artefact, and its first byte may cut it off. It must be refused, or answer without harm. */
#include "learn/train.h"
#include "models/backend.h"

#include "base/check.h"

#include <stdlib.h>
#include <string.h>

static struct training_row rows[] = {
    {.text = {"card lost abroad", 16}, .label = {"card", 4}},
    {.text = {"my card is gone", 15}, .label = {"card", 4}},
    {.text = {"a new card please", 17}, .label = {"card", 4}},
    {.text = {"transfer money home", 19}, .label = {"transfer", 8}},
    {.text = {"wire transfer late", 18}, .label = {"transfer", 8}},
    {.text = {"my transfer failed", 18}, .label = {"transfer", 8}},
};
static const char *const columns[] = {"age", "colour"};
static const struct str cells[][2] = {
    {{"1", 1}, {"red", 3}}, {{"2", 1}, {"red", 3}}, {{"3", 1}, {"blue", 4}}};

static enum row_status next(struct row_reader *r, struct training_row *row, struct error *err) {
    static size_t at;
    if (at == ARRAY_COUNT(rows)) {
        at = 0;
        return ROW_END;
    }
    *row = rows[at];
    if (r->column_count) {
        row->text = (struct str){NULL, 0};
        row->cells = cells[at % ARRAY_COUNT(cells)];
    }
    at++;
    return ROW_GOOD;
}

static struct buf make(bool tabular) {
    struct row_reader reader = {.next = next, .columns = columns, .column_count = tabular ? 2 : 0};
    struct fit_options fit = fit_defaults(ARRAY_COUNT(rows));
    struct train_options o = {.name = "fuzz", .folds = 2, .threads = 1, .fit = &fit};
    struct trained trained;
    struct error err = {0};
    fit.hidden.units = 16;
    fit.hidden.passes = 2;
    CHECK(learn_train(&o, &reader, &trained, &err));
    struct buf artefact = trained.artefact;
    trained.artefact = (struct buf){0};
    trained_free(&trained);
    return artefact;
}

static void use(const struct backend *b, struct scratch *s) {
    static const struct feature_value values[2] = {{.kind = FEATURE_NUMBER, .number = 2},
                                                   {.kind = FEATURE_CATEGORY}};
    struct model_input inputs[2] = {{.text = STR("my card xyzzy transfer transfer")},
                                    {.features = values, .feature_count = 2}};
    struct model_answer answers[2];
    struct error errors[2];
    size_t labels;
    backend_labels(b, &labels);
    for (int i = 0; i < 2; i++)
        if (backend_predict(b, s, &inputs[i], 1, &answers[i], &errors[i])) {
            CHECK(answers[i].label < labels);
            for (size_t k = 0; k < answers[i].top_count; k++)
                CHECK(answers[i].top[k].label < labels);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct buf good[2];
    static struct scratch *scratch;
    if (!scratch) {
        good[0] = make(false);
        good[1] = make(true);
        scratch = scratch_new();
    }
    if (size < 4)
        return 0;
    const struct buf *from = &good[data[0] & 1];
    size_t n = data[0] & 2 ? from->n * data[1] / 256 : from->n;
    char *bytes = malloc(n + 1);
    memcpy(bytes, from->p, n);
    for (size_t i = 2; n && i + 4 <= size; i += 4)
        bytes[(data[i] | data[i + 1] << 8 | (size_t)data[i + 2] << 16) % n] = (char)data[i + 3];
    struct backend *b;
    struct error err;
    if (backend_open(&b, "linear", (struct str){bytes, n}, &err)) {
        use(b, scratch);
        backend_free(b);
    }
    free(bytes);
    return 0;
}
