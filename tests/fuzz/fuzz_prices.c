/* A price list of any bytes: either it is refused with a reason, or every price in it reckons: never below
 * nothing, never above the worst case that budgets reserve. */
#include "base/check.h"
#include "chat/prices.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct error err = {0};
    struct str text = {(const char *)data, size};
    struct price_table *t = price_table_parse(text, "fuzz.json", &err);
    if (!t) {
        CHECK(err.code != ERR_NONE && err.message[0]);
        return 0;
    }
    static const struct str models[] = {{"a", 1}, {"gpt-4o", 6}, {"x/claude", 8}};
    for (size_t i = 0; i < ARRAY_COUNT(models); i++) {
        const struct price *p = price_find(t, models[i]);
        for (int64_t n = 1; p && n < 2000000; n *= 7) {
            struct chat_usage u = {
                .input = n, .cached_input = n / 3, .cache_write = n / 4, .output = n, .reasoning = n / 2};
            int64_t cost = price_cost(p, &u), worst = price_worst(p, n, n);
            CHECK(cost >= COST_UNKNOWN && worst >= COST_UNKNOWN && (cost == COST_UNKNOWN || cost <= worst));
        }
    }
    price_table_unref(t);
    return 0;
}
