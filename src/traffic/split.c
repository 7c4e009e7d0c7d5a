#include "traffic/split.h"

#include "base/hash.h"
#include "base/ids.h"

static double to_unit(uint64_t bits) {
    return (double)(bits >> 11) * 0x1p-53;
}

double split_point(struct str endpoint, struct str caller) {
    return to_unit(hash64(caller, hash64(endpoint, 0)));
}

double split_random_point(void) {
    uint64_t bits;
    random_bytes(&bits, sizeof bits);
    return to_unit(bits);
}

unsigned split_choose(const double *weights, unsigned count, double point) {
    double upto = 0;
    for (unsigned i = 0; i + 1 < count; i++) {
        upto += weights[i];
        if (point < upto)
            return i;
    }
    return count - 1;
}
