#include "traffic/route.h"

#include "base/check.h"
#include "base/hash.h"

#include <math.h>

#define LAST 1e18 /* added to the keys of targets without weight */

struct ranked {
    unsigned index;
    double key; /* smaller comes first: exponential with the weight as its rate */
    bool no_cost;
    int64_t cost;
};

static double key_of(const struct route_target *t, uint64_t seed) {
    uint64_t bits = hash64_u64(seed ^ hash64_u64(t->id));
    double unit = ((double)(bits >> 11) + 0.5) * 0x1p-53;
    return t->weight > 0 ? -log(unit) / t->weight : LAST - log(unit);
}

static bool comes_before(const struct ranked *a, const struct ranked *b) {
    if (a->no_cost != b->no_cost)
        return b->no_cost;
    if (a->cost != b->cost)
        return a->cost < b->cost;
    return a->key < b->key;
}

static void insert(struct ranked *list, unsigned count, struct ranked item) {
    for (; count > 0 && comes_before(&item, &list[count - 1]); count--)
        list[count] = list[count - 1];
    list[count] = item;
}

/* Expected wait at a target if this call joins those under way. One that nobody has tried counts as quick as
 * the other, so that it is tried, and not by everybody at once. */
static double load_of(const struct route_target *t, const struct route_target *other, int64_t now) {
    int64_t average = t->latency ? latency_average(t->latency, now) : 0;
    if (average == 0 && other->latency)
        average = latency_average(other->latency, now);
    uint32_t running = t->latency ? atomic_load_explicit(&t->latency->running, memory_order_relaxed) : 0;
    return (double)(average > 0 ? average : 1) * (running + 1.0);
}

static void prefer_quicker(const struct route_target *targets, unsigned *order, int64_t now) {
    const struct route_target *a = &targets[order[0]], *b = &targets[order[1]];
    if (b->weight <= 0 || load_of(b, a, now) >= load_of(a, b, now))
        return;
    unsigned first = order[0];
    order[0] = order[1];
    order[1] = first;
}

unsigned route_order(enum route_by by, const struct route_target *targets, unsigned count, uint64_t seed,
                     int64_t now, unsigned order[ROUTE_MAX]) {
    CHECK(count <= ROUTE_MAX);
    struct ranked list[ROUTE_MAX];
    unsigned there = 0;
    for (unsigned i = 0; i < count; i++) {
        if (!targets[i].available)
            continue;
        struct ranked item = {.index = i, .key = key_of(&targets[i], seed)};
        if (by == ROUTE_BY_COST) {
            item.no_cost = targets[i].cost < 0;
            item.cost = item.no_cost ? 0 : targets[i].cost;
        }
        insert(list, there++, item);
    }
    for (unsigned i = 0; i < there; i++)
        order[i] = list[i].index;
    if (by == ROUTE_BY_LATENCY && there >= 2)
        prefer_quicker(targets, order, now);
    return there;
}

bool route_prefer(unsigned *order, unsigned count, unsigned target) {
    unsigned at = 0;
    while (at < count && order[at] != target)
        at++;
    if (at == count)
        return false;
    for (; at > 0; at--)
        order[at] = order[at - 1];
    order[0] = target;
    return true;
}
