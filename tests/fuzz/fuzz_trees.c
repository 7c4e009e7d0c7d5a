/* The section of trees in an artefact that is otherwise good: the first byte says how many labels, the rest
 * is the section. It must be refused, or answer every row with a label and a confidence. */
#include "models/backend.h"
#include "models/confidence.h"
#include "models/trees.h"

#include "../unit/models/tree_schema.h"
#include "base/check.h"

static void write_artefact(struct buf *out, unsigned labels, struct str trees) {
    static struct buf schema;
    struct error err;
    struct artefact_writer w;
    if (!schema.p) {
        struct tabular t;
        CHECK(tree_schema(&t, &schema, &err));
        tabular_free(&t);
    }
    struct confidence plain = confidence_plain(1, 0);
    artefact_begin(&w, out);
    artefact_section(&w, ARTEFACT_LABELS);
    artefact_u32(out, labels);
    for (unsigned i = 0; i < labels; i++)
        buf_add(out, (char[]){(char)('a' + i), '\0'}, 2);
    artefact_section(&w, ARTEFACT_SCHEMA);
    buf_add_str(out, buf_str(&schema));
    artefact_section(&w, ARTEFACT_CONFIDENCE);
    confidence_write(out, &plain);
    artefact_section(&w, ARTEFACT_TREES);
    buf_add_str(out, trees);
    artefact_end(&w);
    CHECK(!out->failed);
}

static void use(const struct backend *b, struct scratch *s) {
    static const struct feature_value values[][3] = {
        {{.kind = FEATURE_NUMBER, .number = 2},
         {.kind = FEATURE_CATEGORY, .category = 39},
         {.kind = FEATURE_NUMBER}},
        {{.kind = FEATURE_MISSING}, {.kind = FEATURE_MISSING}, {.kind = FEATURE_NUMBER, .number = -1e30}},
        {{.kind = FEATURE_NUMBER, .number = 1e30},
         {.kind = FEATURE_CATEGORY, .category = 0},
         {.kind = FEATURE_NUMBER, .number = 1}}};
    struct model_input rows[ARRAY_COUNT(values)];
    struct model_answer answers[ARRAY_COUNT(values)];
    struct error errors[ARRAY_COUNT(values)];
    size_t labels;
    backend_labels(b, &labels);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
        rows[i] = (struct model_input){.features = values[i], .feature_count = 3};
    CHECK(backend_predict(b, s, rows, ARRAY_COUNT(rows), answers, errors));
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++)
        CHECK(answers[i].label < labels && answers[i].confidence >= 0 && answers[i].confidence <= 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct scratch *scratch;
    struct backend *b;
    struct error err;
    if (!scratch)
        scratch = scratch_new();
    if (size < 1)
        return 0;
    AUTO_BUF artefact = BUF_INIT(64 << 20);
    write_artefact(&artefact, 2 + data[0] % 3, (struct str){(const char *)data + 1, size - 1});
    if (backend_open(&b, "boosted", buf_str(&artefact), &err)) {
        use(b, scratch);
        backend_free(b);
    }
    return 0;
}
