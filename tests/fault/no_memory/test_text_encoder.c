/* A sentence encoder while each allocation of our own fails in turn: packed, opened and run, or refused for
 * want of memory. */
#include "models/text_encoder.h"

#include "../../unit/models/onnx_models.h"
#include "../../unit/unit.h"
#include "models/onnx_runtime.h"

#include "failing_allocations.h"

#define VOCABULARY "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\nc\nstop\nend\nhalt\ncard\nplastic\nchip\n"

static bool use(struct str model, struct error *err) {
    static const struct text_encoder_declaration d = {.tokens = 16};
    struct buf artefact = BUF_INIT(1 << 20);
    struct text_encoder *e = NULL;
    float vector[ENCODER_DIMENSIONS];
    bool good = text_encoder_pack(model, STR(VOCABULARY), &d, &artefact, err) &&
                text_encoder_open(&e, buf_str(&artefact), err) &&
                text_encoder_run(e, STR("stop card"), vector, err);
    text_encoder_unref(e);
    buf_free(&artefact);
    return good;
}

static void an_encoder_works_or_says_that_memory_is_out(void **state) {
    struct error err = {0};
    if (!onnx_runtime_ready(&err)) {
        print_message("skipped: %s\n", err.message);
        skip();
    }
    struct buf model = BUF_INIT(1 << 20);
    onnx_write_encoder(&model);
    long failures = 0;
    for (bool good = false; !good; failures++) {
        allocations_left = failures;
        good = use(buf_str(&model), &err);
        allocations_left = -1;
        if (!good && err.code != ERR_NO_MEMORY)
            fail_msg("allocation %ld: %s", failures, err.message);
    }
    assert_true(failures > 8);
    buf_free(&model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_encoder_works_or_says_that_memory_is_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
