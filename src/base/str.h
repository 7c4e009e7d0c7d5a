/* A view of bytes that somebody else owns: (pointer, length), not terminated. A view borrows and is
 * never stored beyond the life of what it looks at. Plain values; any thread. */
#pragma once

#include "base/attributes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
    const char *p;
    size_t n;
};

#define STR(literal) ((struct str){"" literal, sizeof(literal) - 1})
/* For printf: "%.*s", STR_ARG(s) */
#define STR_ARG(s) (int)(s).n, (s).p

static inline struct str str_from(const char *terminated) { /* NULL gives the empty view */
    return terminated ? (struct str){terminated, strlen(terminated)} : (struct str){"", 0};
}
static inline bool str_eq(struct str a, struct str b) {
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}
/* The order of their bytes: below 0, 0 or above. */
int str_compare(struct str a, struct str b);
bool str_eq_nocase(struct str a, struct str b); /* ASCII letters only, as HTTP wants */
bool str_starts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
struct str str_trim(struct str s); /* spaces and tabs at both ends */
/* Ends beyond the view are moved to its end. */
static inline struct str str_slice(struct str s, size_t from, size_t to) {
    if (to > s.n)
        to = s.n;
    if (from > to)
        from = to;
    return (struct str){s.p + from, to - from};
}

/* Index of the first occurrence, or SIZE_MAX. */
size_t str_find(struct str s, struct str needle);
size_t str_find_char(struct str s, char c);

/* Splits at the first `separator`: returns what is before it and moves *rest behind it. When there is
 * none, returns all of *rest and leaves *rest empty. */
struct str str_split(struct str *rest, char separator);

/* Decimal digits only, the whole view, no sign, no overflow. */
bool str_to_u64(struct str s, uint64_t *out) MUST_USE;
/* A finite decimal number, the whole view. */
bool str_to_double(struct str s, double *out) MUST_USE;

/* Valid UTF-8 (RFC 3629: no overlong forms, no surrogates, at most U+10FFFF)? *bad_at, when not NULL,
 * receives the offset of the first bad byte. */
bool str_is_utf8(struct str s, size_t *bad_at);

/* Is there a byte below 0x20 (a tab counts) or 0x7f? */
bool str_has_control(struct str s);
size_t str_count_control(struct str s); /* such bytes */

/* A terminated copy in `to`, cut where it does not fit. */
void str_put(struct str s, char *to, size_t size);
/* A malloc'ed, terminated copy, or NULL when memory is out. */
char *str_dup(struct str s) MUST_USE;

/* Compares without leaking through time where the difference is. Lengths are not secret. */
bool str_eq_constant_time(struct str a, struct str b);

/* The nearest of `count` names to `wanted` by edit distance, or NULL when none is near. For "did you mean".
 */
const char *str_nearest(struct str wanted, const char *const *names, size_t count);
