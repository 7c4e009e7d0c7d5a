#include "net/query.h"

#include <string.h>

static int hex_value(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool needs_decoding(struct str s, bool plus_is_space) {
    return memchr(s.p, '%', s.n) || (plus_is_space && memchr(s.p, '+', s.n));
}

/* Length of what was written to `out`, or SIZE_MAX. */
static size_t decode(struct str s, bool plus_is_space, char *out, struct error *err) {
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '+' && plus_is_space)
            c = ' ';
        else if (c == '%') {
            int high = i + 2 < s.n ? hex_value(s.p[i + 1]) : -1;
            int low = i + 2 < s.n ? hex_value(s.p[i + 2]) : -1;
            if (high < 0 || low < 0) {
                fail(err, ERR_BAD_REQUEST,
                     "a %% in the request target is not followed by two hexadecimal digits");
                return SIZE_MAX;
            }
            c = (char)(high << 4 | low);
            i += 2;
        }
        out[n++] = c;
    }
    return n;
}

bool percent_decode(struct str text, bool plus_is_space, struct arena *arena, struct str *decoded,
                    struct error *err) {
    struct str result = text;
    if (text.n && needs_decoding(text, plus_is_space)) {
        char *out = arena_alloc(arena, text.n);
        if (!out)
            return fail(err, ERR_NO_MEMORY, "no memory for decoding the request target");
        size_t n = decode(text, plus_is_space, out, err);
        if (n == SIZE_MAX)
            return false;
        result = (struct str){out, n};
    }
    if (result.n && (memchr(result.p, '\0', result.n) || !str_is_utf8(result, NULL)))
        return fail(err, ERR_BAD_REQUEST, "the request target, decoded, is not text in UTF-8");
    *decoded = result;
    return true;
}

bool http_query_get(struct str query, struct str key, struct arena *arena, struct str *value,
                    struct error *err) {
    struct str rest = query;
    while (rest.n) {
        struct str pair = str_split(&rest, '&');
        struct str encoded = pair;
        struct str name = str_split(&encoded, '=');
        struct str plain;
        if (!percent_decode(name, true, arena, &plain, err))
            return false;
        if (!str_eq(plain, key))
            continue;
        if (percent_decode(encoded, true, arena, &plain, err)) {
            *value = plain.p ? plain : STR("");
            return true;
        }
        return fail_within(err, "query parameter %.*s", STR_ARG(key));
    }
    *value = (struct str){NULL, 0};
    return true;
}

bool path_next(struct str *path, struct str *segment) {
    if (path->n == 0 || path->p[0] != '/')
        return false;
    struct str rest = str_slice(*path, 1, path->n);
    size_t end = str_find_char(rest, '/');
    if (end == SIZE_MAX)
        end = rest.n;
    *segment = str_slice(rest, 0, end);
    *path = str_slice(rest, end, rest.n);
    return true;
}
