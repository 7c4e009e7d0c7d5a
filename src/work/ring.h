/* A bounded queue of pointers from one thread to one other: no locks, no allocation after its making.
 * Each side writes only its own cache line. The order of one push and a later look at another atomic
 * (is the consumer asleep?) is kept for both sides: positions are stored and read with seq_cst there,
 * so a producer and a consumer that each write, then read the other's word, cannot both miss it. */
#pragma once

#include "base/attributes.h"

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

enum { CACHE_LINE = 64 };

struct ring {
    void **slots;
    size_t mask;
    alignas(CACHE_LINE) atomic_size_t tail; /* pushes so far; the producer's */
    size_t seen_head;                       /* the producer's last look at head */
    alignas(CACHE_LINE) atomic_size_t head; /* pops so far; the consumer's */
};

/* Room for at least `least` pointers (a power of two). False when memory is out. */
static inline bool ring_init(struct ring *r, size_t least) {
    size_t room = 2;
    while (room < least)
        room *= 2;
    *r = (struct ring){.slots = calloc(room, sizeof *r->slots), .mask = room - 1};
    return r->slots != NULL;
}

static inline void ring_free(struct ring *r) {
    free(r->slots);
    r->slots = NULL;
}

/* How many wait. Exact for neither side while the other works; never more than were there at once. */
static inline size_t ring_used(struct ring *r) {
    size_t head = atomic_load_explicit(&r->head, memory_order_acquire);
    size_t tail = atomic_load_explicit(&r->tail, memory_order_acquire);
    return tail - head <= r->mask + 1 ? tail - head : r->mask + 1;
}

/* The producer's: at most how many wait. Looks at the consumer's line only when its own knowledge says
 * that `enough` or more do. */
static inline size_t ring_used_at_most(struct ring *r, size_t enough) {
    size_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
    if (tail - r->seen_head >= enough)
        r->seen_head = atomic_load_explicit(&r->head, memory_order_acquire);
    return tail - r->seen_head;
}

/* The producer's. False when full. */
static inline bool ring_push(struct ring *r, void *item) {
    size_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
    if (ring_used_at_most(r, r->mask + 1) > r->mask)
        return false;
    r->slots[tail & r->mask] = item;
    atomic_store_explicit(&r->tail, tail + 1, memory_order_seq_cst);
    return true;
}

/* The consumer's. NULL when empty. */
static inline void *ring_pop(struct ring *r) {
    size_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
    if (head == atomic_load_explicit(&r->tail, memory_order_seq_cst))
        return NULL;
    void *item = r->slots[head & r->mask];
    atomic_store_explicit(&r->head, head + 1, memory_order_release);
    return item;
}

/* The consumer's. What ring_pop would give. */
static inline void *ring_peek(struct ring *r) {
    size_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
    return head == atomic_load_explicit(&r->tail, memory_order_acquire) ? NULL : r->slots[head & r->mask];
}
