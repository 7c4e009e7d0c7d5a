#include "pipeline/segment.h"

#include "base/clock.h"
#include "base/log.h"
#include "pipeline/chat_rules.h"

#include <ctype.h>

/* ---- as written ---- */

static bool is_header_name(struct str name) {
    bool good = name.n > 0;
    for (size_t i = 0; good && i < name.n; i++)
        good = islower((unsigned char)name.p[i]) || isdigit((unsigned char)name.p[i]) || name.p[i] == '-';
    return good;
}

static bool parse_header(struct str rest, struct segment *out, struct error *err) {
    size_t colon = str_find_char(rest, ':');
    if (colon == SIZE_MAX)
        return fail(err, ERR_USAGE, "the segment's header is \"%.*s\"; expected NAME:VALUE",
                    STR_ARG(str_slice(rest, 0, 80)));
    out->header = str_trim(str_slice(rest, 0, colon));
    out->value = str_trim(str_slice(rest, colon + 1, rest.n));
    return is_header_name(out->header) ||
           fail(err, ERR_USAGE,
                "the segment's header is called \"%.*s\"; expected small letters, digits and -",
                STR_ARG(str_slice(out->header, 0, 80)));
}

bool segment_parse(struct str text, struct segment *out, struct error *err) {
    struct str rest = text, kind = str_split(&rest, '=');
    *out = (struct segment){.kind = SEGMENT_ALL};
    if (text.n == 0)
        return true;
    if (str_eq(kind, STR("client")) && rest.n > 0) {
        out->kind = SEGMENT_CLIENTS;
        out->clients = rest;
        return true;
    }
    if (str_eq(kind, STR("header"))) {
        out->kind = SEGMENT_HEADER;
        return parse_header(rest, out, err);
    }
    if (str_eq(kind, STR("rule")) && rest.n > 0) {
        out->kind = SEGMENT_RULE;
        out->rule = rest;
        return true;
    }
    return fail(err, ERR_USAGE,
                "the segment is \"%.*s\"; expected client=NAME,NAME…, header=NAME:VALUE or rule=FILE.lua",
                STR_ARG(str_slice(text, 0, 80)));
}

/* ---- requests ---- */

static bool lists(struct str names, struct str name) {
    while (names.n)
        if (str_eq(str_trim(str_split(&names, ',')), name))
            return true;
    return false;
}

bool segment_has(struct request *r) {
    const struct segment *s = r->endpoint->segment;
    if (!s)
        return true;
    switch (s->kind) {
    case SEGMENT_ALL: return true;
    case SEGMENT_CLIENTS: return r->client && lists(s->clients, request_tenant(r));
    case SEGMENT_HEADER: return str_eq(exchange_header(r->exchange, s->header), s->value);
    case SEGMENT_RULE: return chat_rules_segment(r, r->endpoint->segment_script);
    }
    return false;
}
