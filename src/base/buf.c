#include "base/buf.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void buf_free(struct buf *b) {
    free(b->p);
    *b = (struct buf){.cap = b->cap};
}

void buf_cleanup(struct buf *b) {
    buf_free(b);
}

void buf_clear(struct buf *b) {
    b->n = 0;
    b->failed = false;
}

bool buf_grow(struct buf *b, size_t more) {
    if (b->failed || more > b->cap - b->n) {
        b->failed = true;
        return false;
    }
    size_t wanted = b->n + more;
    size_t room = b->room ? b->room : 256;
    while (room < wanted)
        room = room > SIZE_MAX / 2 ? wanted : room * 2;
    if (room > b->cap && b->cap >= wanted)
        room = b->cap;
    char *p = realloc(b->p, room);
    if (!p) {
        b->failed = true;
        return false;
    }
    b->p = p;
    b->room = room;
    return true;
}

void buf_printf(struct buf *b, const char *format, ...) {
    va_list args;
    va_start(args, format);
    va_list again;
    va_copy(again, args);
    int wanted = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (wanted >= 0 && buf_reserve(b, (size_t)wanted + 1)) {
        vsnprintf(b->p + b->n, (size_t)wanted + 1, format, again);
        b->n += (size_t)wanted;
    }
    va_end(again);
}

void buf_add_u64(struct buf *b, uint64_t value) {
    char digits[20];
    size_t n = sizeof digits;
    do {
        digits[--n] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    buf_add(b, digits + n, sizeof digits - n);
}

void buf_add_fixed(struct buf *b, double value, int decimals) {
    enum { DIGITS_MAX = 19, DECIMALS_MAX = 9 };
    static const int powers[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000, 1000000000};
    if (!isfinite(value) || decimals < 0 || decimals > DECIMALS_MAX)
        value = 0, decimals = 0;
    double size = fabs(value);
    if (size >= 9e9) {
        buf_printf(b, "%.*f", decimals, value);
        return;
    }
    if (!buf_reserve(b, sizeof "-." + DIGITS_MAX))
        return;
    /* Below 9e18. By way of a signed number, since that conversion is one instruction. */
    uint64_t scaled = (uint64_t)(int64_t)(size * powers[decimals] + 0.5);
    if (value < 0 && scaled)
        b->p[b->n++] = '-';
    /* By constants where it matters: a division by a variable takes ten times as long. */
    uint64_t whole = decimals == 4   ? scaled / 10000
                     : decimals == 3 ? scaled / 1000
                                     : scaled / (uint64_t)powers[decimals];
    uint32_t rest = (uint32_t)(scaled - whole * (uint64_t)powers[decimals]);
    if (whole < 10)
        b->p[b->n++] = (char)('0' + whole);
    else
        buf_add_u64(b, whole);
    if (decimals == 0)
        return;
    char *at = b->p + b->n;
    *at = '.';
    b->n += 1 + (size_t)decimals;
    for (int i = decimals; i > 0; i--, rest /= 10)
        at[i] = (char)('0' + rest % 10);
}

void buf_consume(struct buf *b, size_t n) {
    if (n > b->n)
        n = b->n;
    if (n < b->n)
        memmove(b->p, b->p + n, b->n - n);
    b->n -= n;
}

char *buf_terminated(struct buf *b) {
    if (!buf_reserve(b, 1))
        return NULL;
    b->p[b->n] = '\0';
    return b->p;
}

struct str buf_str(const struct buf *b) {
    return (struct str){b->p ? b->p : "", b->n};
}
