/* Any bytes as a rules script: it loads or says why not, and a call ends within its bounds. */
#include "base/check.h"
#include "models/rules.h"

#include <math.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
    const struct script_limits limits = {.instructions = 20000, .memory = 1 << 20};
    const struct rules_label label = {STR("refund"), 0.7};
    const struct rules_facts facts = {.text = STR("I want my money back"),
                                      .prediction = STR("refund"),
                                      .confidence = 0.7,
                                      .labels = &label,
                                      .label_count = 1,
                                      .ocr_confidence = NAN};
    struct error err = {0};
    struct script *script =
        script_new((struct str){(const char *)bytes, n}, "fuzz.lua", "verify", &limits, &err);
    if (!script) {
        CHECK(err.code && err.message[0] && str_is_utf8(str_from(err.message), NULL));
        return 0;
    }
    for (int i = 0; i < 2; i++) {
        bool passed;
        char reason[RULES_REASON_SIZE];
        if (rules_verify(script, &facts, &passed, reason, &err))
            CHECK(str_is_utf8(str_from(reason), NULL));
        else
            CHECK(err.code == ERR_MODEL && err.message[0] && str_is_utf8(str_from(err.message), NULL));
        CHECK(script_memory(script) <= limits.memory);
    }
    script_free(script);
    return 0;
}
