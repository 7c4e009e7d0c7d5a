#include "guard/schema_parts.h"

#include <ctype.h>

/* RFC 3986: scheme ":" ["//" authority] path ["?" query]; fragments are the caller's. */
struct parts {
    struct str scheme, authority, path, query;
    bool has_authority, has_query;
};

static struct parts parts_of(struct str text) {
    struct parts parts = {0};
    size_t i = 0;
    while (i < text.n && (isalnum((unsigned char)text.p[i]) || memchr("+-.", text.p[i], 3)))
        i++;
    if (i > 0 && i < text.n && text.p[i] == ':' && isalpha((unsigned char)text.p[0])) {
        parts.scheme = str_slice(text, 0, i);
        text = str_slice(text, i + 1, text.n);
    }
    if (str_starts(text, STR("//"))) {
        parts.has_authority = true;
        for (i = 2; i < text.n && text.p[i] != '/' && text.p[i] != '?';)
            i++;
        parts.authority = str_slice(text, 2, i);
        text = str_slice(text, i, text.n);
    }
    i = str_find_char(text, '?');
    parts.has_query = i != SIZE_MAX;
    parts.path = str_slice(text, 0, i);
    parts.query = parts.has_query ? str_slice(text, i + 1, text.n) : (struct str){"", 0};
    return parts;
}

static void put(char **p, struct str text) {
    memcpy(*p, text.n ? text.p : "", text.n);
    *p += text.n;
}

/* Removes "." and ".." from the path written at [start, *end). */
static void remove_dots(char *start, char **end) {
    char *out = start;
    struct str rest = {start, (size_t)(*end - start)};
    if (rest.n && *start == '/') {
        out++;
        rest = str_slice(rest, 1, rest.n);
    }
    char *root = out;
    while (rest.n) {
        size_t slash = str_find_char(rest, '/');
        struct str segment = str_slice(rest, 0, slash);
        bool more = slash != SIZE_MAX;
        rest = more ? str_slice(rest, slash + 1, rest.n) : (struct str){"", 0};
        if (str_eq(segment, STR(".")))
            continue;
        if (str_eq(segment, STR(".."))) {
            if (out > root)
                out--; /* the slash behind the segment that goes */
            while (out > root && out[-1] != '/')
                out--;
            continue;
        }
        memmove(out, segment.p, segment.n);
        out += segment.n;
        if (more)
            *out++ = '/';
    }
    *end = out;
}

/* The base's path up to its last slash, then the reference's. */
static void put_merged(char **p, const struct parts *base, struct str path) {
    size_t keep = base->path.n;
    while (keep && base->path.p[keep - 1] != '/')
        keep--;
    if (keep == 0 && base->has_authority)
        put(p, STR("/"));
    put(p, str_slice(base->path, 0, keep));
    put(p, path);
}

char *schema_uri_resolve(struct arena *arena, struct str base_text, struct str reference) {
    struct parts base = parts_of(base_text), r = parts_of(reference), *with = &base;
    char *uri = arena_alloc(arena, base_text.n + reference.n + 8), *p = uri;
    if (!uri)
        return NULL;
    if (r.scheme.n || r.has_authority)
        with = &r;
    struct str scheme = r.scheme.n ? r.scheme : base.scheme;
    put(&p, scheme);
    if (scheme.n)
        put(&p, STR(":"));
    if (with->has_authority) {
        put(&p, STR("//"));
        put(&p, with->authority);
    }
    char *path = p;
    if (with == &r || (r.path.n && r.path.p[0] == '/'))
        put(&p, r.path);
    else if (r.path.n)
        put_merged(&p, &base, r.path);
    else
        put(&p, base.path);
    remove_dots(path, &p);
    const struct parts *query = r.has_query || r.path.n || with == &r ? &r : &base;
    if (query->has_query) {
        put(&p, STR("?"));
        put(&p, query->query);
    }
    *p = 0;
    return uri;
}

static int hex(char c) {
    return isdigit((unsigned char)c) ? c - '0' : (c | 32) - 'a' + 10;
}

char *schema_uri_decode(struct arena *arena, struct str text) {
    char *decoded = arena_alloc(arena, text.n + 1), *p = decoded;
    if (!decoded)
        return NULL;
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] == '%' && i + 2 < text.n + 0 && isxdigit((unsigned char)text.p[i + 1]) &&
            isxdigit((unsigned char)text.p[i + 2])) {
            *p++ = (char)(hex(text.p[i + 1]) * 16 + hex(text.p[i + 2]));
            i += 2;
        } else
            *p++ = text.p[i];
    *p = 0;
    return decoded;
}
