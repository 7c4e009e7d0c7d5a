/* What a lookup in the semantic cache costs: µs of CPU, one thread, a partition of 100, 1,000 and 4,000
 * questions, eight candidates looked at a second time, none accepted. Prints "QUESTIONS MICROSECONDS" for
 * each. */
#include "../tests/unit/cache/tunings.h"
#include "cache/semantic.h"

#include <stdio.h>
#include <time.h>

enum { LOOKUPS = 2000 };

static double cpu_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void question(char *text, size_t size, unsigned i) {
    static const char *const things[] = {"card", "transfer", "account", "payment", "refund", "limit", "fee"};
    static const char *const asks[] = {"how do i change", "why was", "when will", "where can i see",
                                       "who pays for"};
    snprintf(text, size, "%s my %s after the %s of word%c%c%c", asks[i % 5], things[i % 7], things[i / 7 % 7],
             'a' + (int)(i % 26), 'a' + (int)(i / 26 % 26), 'a' + (int)(i / 676 % 26));
}

int main(void) {
    static const unsigned sizes[] = {100, 1000, 4000};
    static char value[1024];
    static const unsigned char partition[32];
    struct tuning *t = make_tuning(2, NULL); /* nobody shares twice its words */
    char text[128];
    if (!t)
        return 1;
    for (size_t k = 0; k < ARRAY_COUNT(sizes); k++) {
        struct semantic_cache *c = semantic_cache_new(256 << 20);
        struct semantic_query q = {.tenant = STR("bench"), .partition = partition};
        size_t used, refused = 0;
        if (!c)
            return 1;
        for (unsigned i = 0; i < sizes[k]; i++) {
            question(text, sizeof text, i);
            q.text = str_from(text);
            semantic_cache_put(c, &q, STR("an answer"), INT64_MAX);
        }
        double start = cpu_us();
        for (unsigned i = 0; i < LOOKUPS; i++) {
            question(text, sizeof text, i + 20000);
            q.text = str_from(text);
            refused += semantic_cache_get(c, t, &q, 1, value, sizeof value, &used, NULL) == SEMANTIC_REFUSED;
        }
        printf("%u %.1f\n", sizes[k], (cpu_us() - start) / LOOKUPS);
        semantic_cache_free(c);
        if (refused < LOOKUPS)
            return 1;
    }
    tuning_unref(t);
    return 0;
}
