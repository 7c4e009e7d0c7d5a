/* A growing byte buffer with a cap. Writing past the cap, or out of memory, marks the buffer failed;
 * later writes do nothing, so a writer checks once, at the end. One owner; one thread at a time. */
#pragma once

#include "base/str.h"

#include <string.h>

struct buf {
    char *p;
    size_t n;
    size_t room; /* allocated */
    size_t cap;  /* most it may ever hold */
    bool failed;
};

#define BUF_INIT(most) ((struct buf){.cap = (most)})

void buf_free(struct buf *b);
void buf_clear(struct buf *b); /* keeps the memory, forgets content and failure */

/* Room for `more` bytes at b->p + b->n; false marks the buffer failed. */
bool buf_grow(struct buf *b, size_t more);
static inline bool buf_reserve(struct buf *b, size_t more) {
    return LIKELY(!b->failed && more <= b->room - b->n) || buf_grow(b, more);
}

/* Inline, since replies and log lines are made of hundreds of these. */
static inline void buf_add(struct buf *b, const void *bytes, size_t n) {
    if (n == 0 || !buf_reserve(b, n))
        return;
    memcpy(b->p + b->n, bytes, n);
    b->n += n;
}
static inline void buf_add_str(struct buf *b, struct str s) {
    buf_add(b, s.p, s.n);
}
static inline void buf_add_char(struct buf *b, char c) {
    if (buf_reserve(b, 1))
        b->p[b->n++] = c;
}
void buf_printf(struct buf *b, const char *format, ...) PRINTF_LIKE(2, 3);
void buf_add_u64(struct buf *b, uint64_t value);
/* `value` with `decimals` digits behind the point (0..9); NaN and infinities become 0. */
void buf_add_fixed(struct buf *b, double value, int decimals);

/* Drops the first n bytes. */
void buf_consume(struct buf *b, size_t n);

/* The content followed by a NUL that is not counted, or NULL when failed. */
char *buf_terminated(struct buf *b);
struct str buf_str(const struct buf *b);

void buf_cleanup(struct buf *b);
#define AUTO_BUF __attribute__((cleanup(buf_cleanup))) struct buf
