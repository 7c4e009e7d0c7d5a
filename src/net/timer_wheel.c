#include "net/timer_wheel.h"

#include "base/clock.h"

#include <stddef.h>
#include <string.h>

enum { SLOT_BITS = 6, SLOT_MASK = WHEEL_SLOTS - 1 };

static const int64_t tick_max = (INT64_C(1) << (SLOT_BITS * WHEEL_LEVELS)) - 1;

void wheel_init(struct timer_wheel *w, int64_t now_ns) {
    memset(w, 0, sizeof *w);
    w->origin_ns = now_ns;
}

/* The first tick at which the deadline is over. */
static int64_t tick_of(const struct timer_wheel *w, int64_t deadline_ns) {
    if (deadline_ns <= w->origin_ns)
        return 0;
    uint64_t since = (uint64_t)deadline_ns - (uint64_t)w->origin_ns;
    int64_t tick = (int64_t)((since + NS_PER_MS - 1) / NS_PER_MS);
    return tick < tick_max ? tick : tick_max;
}

static void unlink_timer(struct timer_wheel *w, struct loop_timer *t) {
    *t->link = t->next;
    if (t->next)
        t->next->link = t->link;
    t->link = NULL;
    unsigned level = t->slot / WHEEL_SLOTS, slot = t->slot % WHEEL_SLOTS;
    if (!w->slots[level][slot])
        w->occupied[level] &= ~(UINT64_C(1) << slot);
}

/* The level is that of the highest digit (base 64) in which `tick` and now differ. So each level only holds
 * slots ahead of now, and all of a lower level come before any of a higher one. */
static void insert_timer(struct timer_wheel *w, struct loop_timer *t, int64_t tick) {
    uint64_t difference = (uint64_t)(tick ^ w->tick);
    unsigned level = (unsigned)(63 - __builtin_clzll(difference)) / SLOT_BITS;
    unsigned slot = (unsigned)(tick >> (SLOT_BITS * level)) & SLOT_MASK;
    struct loop_timer **head = &w->slots[level][slot];
    t->slot_tick = tick;
    t->slot = (uint16_t)(level * WHEEL_SLOTS + slot);
    t->next = *head;
    t->link = head;
    if (t->next)
        t->next->link = &t->next;
    *head = t;
    w->occupied[level] |= UINT64_C(1) << slot;
}

void wheel_arm(struct timer_wheel *w, struct loop_timer *t, int64_t deadline_ns) {
    t->deadline_ns = deadline_ns;
    int64_t tick = tick_of(w, deadline_ns);
    if (tick <= w->horizon)
        tick = w->horizon + 1;
    if (t->link) {
        if (tick >= t->slot_tick)
            return;
        unlink_timer(w, t);
    }
    insert_timer(w, t, tick);
}

void wheel_disarm(struct timer_wheel *w, struct loop_timer *t) {
    if (t->link)
        unlink_timer(w, t);
}

bool wheel_is_armed(const struct loop_timer *t) {
    return t->link != NULL;
}

/* The first occupied slot and the tick at which it begins; false when there is none. */
static bool first_slot(const struct timer_wheel *w, unsigned *level, unsigned *slot, int64_t *tick) {
    for (unsigned l = 0; l < WHEEL_LEVELS; l++) {
        if (!w->occupied[l])
            continue;
        unsigned s = (unsigned)__builtin_ctzll(w->occupied[l]);
        int64_t above = w->tick >> (SLOT_BITS * (l + 1)) << (SLOT_BITS * (l + 1));
        *level = l;
        *slot = s;
        *tick = above | (int64_t)s << (SLOT_BITS * l);
        return true;
    }
    return false;
}

static void empty_slot(struct timer_wheel *w, unsigned level, unsigned slot) {
    struct loop_timer *due = w->slots[level][slot];
    w->slots[level][slot] = NULL;
    w->occupied[level] &= ~(UINT64_C(1) << slot);
    due->link = &due;
    while (due) {
        struct loop_timer *t = due;
        unlink_timer(w, t);
        int64_t tick = tick_of(w, t->deadline_ns);
        if (tick > w->tick)
            insert_timer(w, t, tick);
        else
            t->fire(t);
    }
}

void wheel_advance(struct timer_wheel *w, int64_t now_ns) {
    int64_t now = now_ns <= w->origin_ns ? 0 : (now_ns - w->origin_ns) / NS_PER_MS;
    if (now <= w->tick)
        return;
    w->horizon = now;
    unsigned level, slot;
    int64_t tick;
    while (first_slot(w, &level, &slot, &tick) && tick <= now) {
        w->tick = tick;
        empty_slot(w, level, slot);
    }
    w->tick = now;
}

int64_t wheel_next_ns(const struct timer_wheel *w) {
    unsigned level, slot;
    int64_t tick;
    return first_slot(w, &level, &slot, &tick) ? w->origin_ns + tick * NS_PER_MS : INT64_MAX;
}
