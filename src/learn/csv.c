#include "learn/csv.h"

#include <string.h>

void csv_begin(struct csv *c, const char *name, char *text, size_t n) {
    *c = (struct csv){.name = name, .at = text, .end = text + n, .separator = ',', .next_line = 1};
    if (n >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        c->at += 3;
    size_t commas = 0, semicolons = 0, tabs = 0;
    for (const char *p = c->at; p < c->end && *p != '\n'; p++) {
        commas += *p == ',';
        semicolons += *p == ';';
        tabs += *p == '\t';
    }
    if (semicolons > commas && semicolons >= tabs)
        c->separator = ';';
    else if (tabs > commas)
        c->separator = '\t';
}

/* A quoted field, c->at behind the opening quote; ends behind the closing one. */
static bool quoted(struct csv *c, struct str *cell, struct error *err) {
    char *from = c->at, *to = c->at;
    unsigned long opened = c->next_line;
    for (;;) {
        if (c->at == c->end)
            return fail(err, ERR_DATA, "%s:%lu: a quoted field that begins here does not end.", c->name,
                        opened);
        if (*c->at == '"') {
            if (c->at + 1 == c->end || c->at[1] != '"')
                break;
            c->at++;
        }
        c->next_line += *c->at == '\n';
        *to++ = *c->at++;
    }
    c->at++;
    *cell = (struct str){from, (size_t)(to - from)};
    if (c->at == c->end || *c->at == c->separator || *c->at == '\n' || *c->at == '\r')
        return true;
    return fail(err, ERR_DATA,
                "%s:%lu: a quoted field is followed by '%c'; expected the separator '%c' or the line's end "
                "(quotes inside a quoted field are doubled).",
                c->name, c->next_line, *c->at, c->separator);
}

static bool field(struct csv *c, struct str *cell, struct error *err) {
    if (c->at < c->end && *c->at == '"') {
        c->at++;
        return quoted(c, cell, err);
    }
    char *from = c->at;
    while (c->at < c->end && *c->at != c->separator && *c->at != '\n')
        c->at++;
    char *to = c->at;
    if (to > from && to[-1] == '\r' && (c->at == c->end || *c->at == '\n'))
        to--;
    *cell = (struct str){from, (size_t)(to - from)};
    return true;
}

static void skip_blank_lines(struct csv *c) {
    while (c->at < c->end && (*c->at == '\n' || (*c->at == '\r' && c->at + 1 < c->end && c->at[1] == '\n'))) {
        c->at += *c->at == '\r' ? 2 : 1;
        c->next_line++;
    }
}

enum csv_status csv_next(struct csv *c, struct error *err) {
    skip_blank_lines(c);
    if (c->at == c->end)
        return CSV_END;
    c->line = c->next_line;
    c->count = 0;
    for (;;) {
        if (c->count == CSV_COLUMNS_MAX) {
            fail(err, ERR_DATA, "%s:%lu: more than %d columns.", c->name, c->line, CSV_COLUMNS_MAX);
            return CSV_BAD;
        }
        if (!field(c, &c->cells[c->count++], err))
            return CSV_BAD;
        if (c->at < c->end && *c->at == c->separator) {
            c->at++;
            continue;
        }
        if (c->at < c->end && *c->at == '\r')
            c->at++;
        if (c->at < c->end && *c->at == '\n') {
            c->at++;
            c->next_line++;
        }
        return CSV_RECORD;
    }
}
