/* A model artefact with damage: the input is a list of changes (3 bytes where, 1 byte what) to a small
 * good artefact (of texts, of numbers, or of pages with their looks), and its first byte may cut it off. It
 * must be refused, or answer without harm. */
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

/* More pages than texts: below a few dozen nothing is said of how they look. */
enum { LOOKS = 8, PAGES = 60 };
enum kind { TEXTS, NUMBERS, PAGES_TOO, KINDS };

struct few_rows {
    struct row_reader reader;
    enum kind kind;
    size_t at;
    float looks[LOOKS];
};

static enum row_status next(struct row_reader *reader, struct training_row *row, struct error *err) {
    struct few_rows *r = CONTAINER_OF(reader, struct few_rows, reader);
    if (r->at == (r->kind == PAGES_TOO ? PAGES : ARRAY_COUNT(rows)))
        return ROW_END;
    size_t at = r->at++;
    *row = rows[at % ARRAY_COUNT(rows)];
    if (r->kind == NUMBERS) {
        row->text = (struct str){NULL, 0};
        row->cells = cells[at % ARRAY_COUNT(cells)];
    }
    if (r->kind == PAGES_TOO) {
        for (size_t i = 0; i < LOOKS; i++)
            r->looks[i] = (float)((at * 7 + i * at * at) % 11) / 22 + (at % 6 < 3 && i < 3 ? 0.5F : 0);
        row->visual = r->looks;
        row->visual_count = LOOKS;
    }
    return ROW_GOOD;
}

static struct buf make(enum kind kind) {
    struct few_rows r = {
        .reader = {.next = next, .columns = columns, .column_count = kind == NUMBERS ? 2 : 0}, .kind = kind};
    struct fit_options fit = fit_defaults(ARRAY_COUNT(rows));
    struct train_options o = {.name = "fuzz", .folds = 2, .threads = 1, .fit = &fit};
    struct trained trained;
    struct error err = {0};
    fit.hidden.units = 16;
    fit.hidden.passes = 2;
    CHECK(learn_train(&o, &r.reader, &trained, &err));
    CHECK(trained.has_visual == (kind == PAGES_TOO));
    struct buf artefact = trained.artefact;
    trained.artefact = (struct buf){0};
    trained_free(&trained);
    return artefact;
}

static void use(const struct backend *b, struct scratch *s) {
    static const struct feature_value values[2] = {{.kind = FEATURE_NUMBER, .number = 2},
                                                   {.kind = FEATURE_CATEGORY}};
    static const float looks[LOOKS] = {0.1F, 0.9F, 0, 1, 0.5F, 0.4F, 0.3F, 0.2F};
    const struct model_input inputs[] = {
        {.text = STR("my card xyzzy transfer transfer")},
        {.features = values, .feature_count = 2},
        {.text = STR("my card"), .visual = looks, .visual_count = LOOKS, .ocr_confidence = 0.5F}};
    struct model_answer answers[ARRAY_COUNT(inputs) + 1];
    struct error errors[ARRAY_COUNT(inputs)];
    size_t labels;
    backend_labels(b, &labels);
    if (backend_predict_visual(b, s, looks, LOOKS, &answers[ARRAY_COUNT(inputs)]))
        CHECK(answers[ARRAY_COUNT(inputs)].label < labels);
    for (size_t i = 0; i < ARRAY_COUNT(inputs); i++)
        if (backend_predict(b, s, &inputs[i], 1, &answers[i], &errors[i])) {
            CHECK(answers[i].label < labels);
            for (size_t k = 0; k < answers[i].top_count; k++)
                CHECK(answers[i].top[k].label < labels);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct buf good[KINDS];
    static struct scratch *scratch;
    if (!scratch) {
        for (enum kind kind = 0; kind < KINDS; kind++)
            good[kind] = make(kind);
        scratch = scratch_new();
    }
    if (size < 4)
        return 0;
    const struct buf *from = &good[(data[0] >> 2) % KINDS];
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
