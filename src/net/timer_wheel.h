/* Deadlines by the thousand: a hierarchical timing wheel (Varghese and Lauck, 1987) with a tick of one
 * millisecond. Arming and disarming take constant time; moving a deadline later, the usual case, is one
 * store, since a timer whose slot comes up early is put back. A plain structure without a clock or a thread;
 * loop.h joins it with both. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* 64^7 ms are 139 years. */
enum { WHEEL_LEVELS = 7, WHEEL_SLOTS = 64 };

/* Lies inside its owner's structure. Zero it, set `fire`. */
struct loop_timer {
    void (*fire)(struct loop_timer *timer); /* not armed any more when called; may arm again */
    int64_t deadline_ns;                    /* meaningful while armed */
    struct loop_timer *next;                /* these four are the wheel's */
    struct loop_timer **link;
    int64_t slot_tick;
    uint16_t slot;
};

struct timer_wheel {
    struct loop_timer *slots[WHEEL_LEVELS][WHEEL_SLOTS];
    uint64_t occupied[WHEEL_LEVELS]; /* bit s: slots[level][s] is not empty */
    int64_t origin_ns;
    int64_t tick;    /* milliseconds since origin; everything up to and with it has fired */
    int64_t horizon; /* where wheel_advance is heading, else the same as tick */
};

void wheel_init(struct timer_wheel *w, int64_t now_ns);
void wheel_arm(struct timer_wheel *w, struct loop_timer *t, int64_t deadline_ns);
void wheel_disarm(struct timer_wheel *w, struct loop_timer *t);
bool wheel_is_armed(const struct loop_timer *t);

/* Fires what is due at now_ns. Timers may arm and disarm timers, their own included; what they arm is fired
 * by a later call at the earliest, so that this one ends. */
void wheel_advance(struct timer_wheel *w, int64_t now_ns);

/* When wheel_advance is needed next, or INT64_MAX. Never later than one tick after the first deadline. */
int64_t wheel_next_ns(const struct timer_wheel *w);
