/* A tuning with damage: the input's first byte may cut it off and says whether it is one for vectors, then
 * come changes (3 bytes where, 1 byte what); what is left over are two questions. It must be refused, or
 * judge without harm. */
#include "../unit/cache/tunings.h"

#include "base/check.h"

#include <math.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct buf kinds[2] = {BUF_INIT(4 << 20), BUF_INIT(4 << 20)};
    static struct portrait a, b;
    if (!kinds[0].n) {
        write_tuning(&kinds[0], 0.5F, NULL);
        write_tuning_for(&kinds[1], "main/embed", 3, 0.5F, NULL);
    }
    if (size < 2)
        return 0;
    struct buf good = kinds[data[0] >> 1 & 1];
    size_t n = data[0] & 1 ? good.n * data[1] / 256 : good.n, changes = data[0] >> 4, at = 2;
    char *bytes = malloc(n + 1);
    memcpy(bytes, good.p, n);
    for (; n && changes && at + 4 <= size; at += 4, changes--) {
        size_t where = data[at] | (size_t)data[at + 1] << 8 | (size_t)data[at + 2] << 16;
        /* Most of it is rows, in which any byte is good: head and trees get their share. */
        where = where & 1   ? where % n
                : where & 2 ? (where >> 2) % (48 + TUNING_VECTORS_SIZE) % n
                            : n - 1 - (where >> 2) % 88 % n;
        bytes[where] = (char)data[at + 3];
    }
    struct tuning *t;
    struct error err = {0};
    if (tuning_open(&t, (struct str){bytes, n}, &err)) {
        size_t half = at + (size - at) / 2;
        const char *reason;
        tuning_portrait(t, &a, (struct str){(const char *)data + at, half - at});
        tuning_portrait(t, &b, (struct str){(const char *)data + half, size - half});
        float score = tuning_judge(t, &a, &b, 0.7F, &reason);
        CHECK(isnan(score) ? reason != NULL : score >= 0 && score <= 1);
        tuning_unref(t);
    } else
        CHECK(err.code == ERR_ARTEFACT && err.message[0]);
    free(bytes);
    return 0;
}
