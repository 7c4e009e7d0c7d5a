#include "base/str.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static char lower(char c) {
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

int str_compare(struct str a, struct str b) {
    size_t n = a.n < b.n ? a.n : b.n;
    int difference = n ? memcmp(a.p, b.p, n) : 0;
    return difference ? difference : (a.n > b.n) - (a.n < b.n);
}

bool str_eq_nocase(struct str a, struct str b) {
    if (str_eq(a, b)) /* mostly they do not differ in case either */
        return true;
    if (a.n != b.n)
        return false;
    for (size_t i = 0; i < a.n; i++)
        if (lower(a.p[i]) != lower(b.p[i]))
            return false;
    return true;
}

bool str_starts(struct str s, struct str prefix) {
    return s.n >= prefix.n && str_eq((struct str){s.p, prefix.n}, prefix);
}

bool str_ends(struct str s, struct str suffix) {
    return s.n >= suffix.n && str_eq((struct str){s.p + s.n - suffix.n, suffix.n}, suffix);
}

struct str str_trim(struct str s) {
    while (s.n > 0 && (s.p[0] == ' ' || s.p[0] == '\t'))
        s = (struct str){s.p + 1, s.n - 1};
    while (s.n > 0 && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}

size_t str_find(struct str s, struct str needle) {
    if (needle.n == 0)
        return 0;
    if (s.n < needle.n)
        return SIZE_MAX;
    const char *hit = memmem(s.p, s.n, needle.p, needle.n);
    return hit ? (size_t)(hit - s.p) : SIZE_MAX;
}

size_t str_find_char(struct str s, char c) {
    const char *hit = s.n ? memchr(s.p, c, s.n) : NULL;
    return hit ? (size_t)(hit - s.p) : SIZE_MAX;
}

enum { BLOCK = 16 };

/* A block at a time, which compilers turn into a few vector instructions. */
static inline void look_for_control(const char *p, unsigned char found[BLOCK]) {
    for (size_t i = 0; i < BLOCK; i++) {
        unsigned char c = (unsigned char)p[i];
        found[i] |= (unsigned char)((c < 0x20) | (c == 0x7f));
    }
}

bool str_has_control(struct str s) {
    unsigned char found[BLOCK] = {0}, all = 0;
    char padded[BLOCK];
    if (s.n < BLOCK) {
        memset(padded, ' ', sizeof padded);
        if (s.n > 0)
            memcpy(padded, s.p, s.n);
        s = (struct str){padded, sizeof padded};
    }
    for (size_t i = 0; i + BLOCK < s.n; i += BLOCK)
        look_for_control(s.p + i, found);
    look_for_control(s.p + s.n - BLOCK, found);
    for (size_t i = 0; i < BLOCK; i++)
        all |= found[i];
    return all != 0;
}

size_t str_count_control(struct str s) {
    enum { BLOCKS = 255 }; /* a byte counts so many */
    size_t count = 0, i = 0;
    while (i + BLOCK <= s.n) {
        unsigned char found[BLOCK] = {0};
        for (size_t blocks = 0; blocks < BLOCKS && i + BLOCK <= s.n; blocks++, i += BLOCK)
            for (size_t k = 0; k < BLOCK; k++) {
                unsigned char c = (unsigned char)s.p[i + k];
                found[k] = (unsigned char)(found[k] + ((c < 0x20) | (c == 0x7f)));
            }
        for (size_t k = 0; k < BLOCK; k++)
            count += found[k];
    }
    for (; i < s.n; i++)
        count += (unsigned char)s.p[i] < 0x20 || s.p[i] == 0x7f;
    return count;
}

struct str str_split(struct str *rest, char separator) {
    size_t at = str_find_char(*rest, separator);
    struct str head = str_slice(*rest, 0, at == SIZE_MAX ? rest->n : at);
    *rest = at == SIZE_MAX ? (struct str){rest->p + rest->n, 0} : str_slice(*rest, at + 1, rest->n);
    return head;
}

bool str_to_u64(struct str s, uint64_t *out) {
    uint64_t value = 0;
    if (s.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9')
            return false;
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (uint64_t)(s.p[i] - '0'), &value))
            return false;
    }
    *out = value;
    return true;
}

bool str_to_double(struct str s, double *out) {
    char text[64];
    if (s.n == 0 || s.n >= sizeof text)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!strchr("0123456789+-.eE", s.p[i]) || s.p[i] == '\0')
            return false;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    char *end;
    double value = strtod(text, &end);
    if (*end != '\0' || !isfinite(value))
        return false;
    *out = value;
    return true;
}

/* Length of the well-formed sequence at p, or 0. Table 3-7 of the Unicode standard. */
static size_t utf8_sequence(const unsigned char *p, size_t left) {
    unsigned char a = p[0];
    if (a < 0x80)
        return 1;
    size_t need = a >= 0xC2 && a <= 0xDF ? 2 : (a & 0xF0) == 0xE0 ? 3 : a >= 0xF0 && a <= 0xF4 ? 4 : 0;
    if (need == 0 || left < need)
        return 0;
    unsigned char low = a == 0xE0 ? 0xA0 : a == 0xF0 ? 0x90 : 0x80;
    unsigned char high = a == 0xED ? 0x9F : a == 0xF4 ? 0x8F : 0xBF;
    if (p[1] < low || p[1] > high)
        return 0;
    for (size_t i = 2; i < need; i++)
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    return need;
}

bool str_is_utf8(struct str s, size_t *bad_at) {
    const unsigned char *p = (const unsigned char *)s.p;
    size_t i = 0;
    while (i < s.n) {
        uint64_t word;
        if (s.n - i >= 8 && (memcpy(&word, p + i, 8), (word & UINT64_C(0x8080808080808080)) == 0)) {
            i += 8;
            continue;
        }
        size_t step = utf8_sequence(p + i, s.n - i);
        if (step == 0) {
            if (bad_at)
                *bad_at = i;
            return false;
        }
        i += step;
    }
    return true;
}

void str_put(struct str s, char *to, size_t size) {
    size_t n = s.n < size ? s.n : size - 1;
    if (n)
        memcpy(to, s.p, n);
    to[n] = '\0';
}

char *str_dup(struct str s) {
    char *copy = malloc(s.n + 1);
    if (!copy)
        return NULL;
    if (s.n)
        memcpy(copy, s.p, s.n);
    copy[s.n] = '\0';
    return copy;
}

bool str_eq_constant_time(struct str a, struct str b) {
    if (a.n != b.n)
        return false;
    volatile uint64_t difference = 0;
    size_t i = 0;
    for (uint64_t x, y; i + sizeof x <= a.n; i += sizeof x) {
        memcpy(&x, a.p + i, sizeof x);
        memcpy(&y, b.p + i, sizeof y);
        difference |= x ^ y;
    }
    for (; i < a.n; i++)
        difference |= (unsigned char)(a.p[i] ^ b.p[i]);
    return difference == 0;
}

enum { NEAREST_MAX = 64 };

static size_t edit_distance(struct str a, struct str b) {
    size_t row[NEAREST_MAX + 1];
    for (size_t j = 0; j <= b.n; j++)
        row[j] = j;
    for (size_t i = 1; i <= a.n; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.n; j++) {
            size_t best = diagonal + (lower(a.p[i - 1]) != lower(b.p[j - 1]));
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[b.n];
}

const char *str_nearest(struct str wanted, const char *const *names, size_t count) {
    const char *nearest = NULL;
    size_t least = SIZE_MAX;
    if (wanted.n == 0 || wanted.n > NEAREST_MAX)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        struct str name = str_from(names[i]);
        if (name.n > NEAREST_MAX)
            continue;
        size_t distance = edit_distance(wanted, name);
        size_t longer = name.n > wanted.n ? name.n : wanted.n;
        if (distance < least && distance * 5 <= longer * 2) {
            least = distance;
            nearest = names[i];
        }
    }
    return nearest;
}
