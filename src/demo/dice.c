#include "demo/dice.h"

#include "base/check.h"

uint64_t dice_roll(struct dice *d) {
    uint64_t z = d->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

unsigned dice_below(struct dice *d, unsigned n) {
    CHECK(n > 0);
    return (unsigned)(((dice_roll(d) >> 32) * n) >> 32);
}

int dice_between(struct dice *d, int low, int high) {
    return low + (int)dice_below(d, (unsigned)(high - low + 1));
}

bool dice_chance(struct dice *d, unsigned percent) {
    return dice_below(d, 100) < percent;
}

double dice_unit(struct dice *d) {
    return (double)(dice_roll(d) >> 11) * 0x1p-53;
}

double dice_real(struct dice *d, double low, double high) {
    return low + (high - low) * dice_unit(d);
}

double dice_bell(struct dice *d) {
    double sum = -6;
    for (int i = 0; i < 12; i++)
        sum += dice_unit(d);
    return sum;
}

const char *dice_pick(struct dice *d, const char *const *list, size_t count) {
    return list[dice_below(d, (unsigned)count)];
}
