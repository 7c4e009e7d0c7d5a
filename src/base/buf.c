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
    static const double powers[] = {1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};
    if (!isfinite(value) || decimals < 0 || decimals > 9)
        value = 0, decimals = 0;
    if (fabs(value) >= 9e9) {
        buf_printf(b, "%.*f", decimals, value);
        return;
    }
    uint64_t scaled = (uint64_t)(fabs(value) * powers[decimals] + 0.5);
    bool negative = value < 0 && scaled;
    char digits[24];
    size_t n = sizeof digits;
    for (int i = 0; i <= decimals || scaled; i++) {
        if (i == decimals && decimals > 0)
            digits[--n] = '.';
        digits[--n] = (char)('0' + scaled % 10);
        scaled /= 10;
    }
    if (negative)
        digits[--n] = '-';
    buf_add(b, digits + n, sizeof digits - n);
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
