#include "store/reference.h"

#include "store/sql.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

enum { NAMES_MAX = 256, SHOWN = 80 };

bool reference_check_name(struct str name, const char *what, struct error *err) {
    bool ok = name.n > 0 && name.n <= REFERENCE_NAME_MAX;
    for (size_t i = 0; ok && i < name.n; i++)
        ok = isalnum((unsigned char)name.p[i]) || (name.p[i] && strchr("-_.", name.p[i]));
    if (ok)
        return true;
    return fail(err, ERR_USAGE, "\"%.*s\" is no %s name; use 1 to %d letters, digits, - _ and .",
                (int)(name.n > SHOWN ? SHOWN : name.n), name.p, what, REFERENCE_NAME_MAX);
}

bool reference_parse(struct str reference, const char *what, char name[REFERENCE_NAME_MAX + 1],
                     unsigned *version, struct error *err) {
    struct str rest = reference, before = str_split(&rest, '@');
    uint64_t number = 0;
    if (!reference_check_name(before, what, err))
        return false;
    bool numbered = before.n < reference.n;
    if (numbered && (!str_to_u64(rest, &number) || number == 0 || number > INT_MAX))
        return fail(err, ERR_USAGE, "\"%.*s\" names no version; write NAME or NAME@NUMBER, like documents@3.",
                    (int)(reference.n > SHOWN ? SHOWN : reference.n), reference.p);
    memcpy(name, before.p, before.n);
    name[before.n] = '\0';
    *version = (unsigned)number;
    return true;
}

struct names {
    char *list[NAMES_MAX];
    size_t count;
    int64_t newest; /* of the name that is looked for; 0: there is none */
};

static bool read_names(struct store *s, const char *sql, struct str wanted, struct names *out,
                       struct error *err) {
    sqlite3_stmt *q = sql_statement(s, sql, err);
    bool row = true;
    if (!q)
        return false;
    while (sql_step(s, q, &row, err)) {
        if (!row)
            return true;
        struct str found = sql_str_at(q, 0);
        if (str_eq(found, wanted))
            out->newest = sql_int_at(q, 1);
        char *copy = out->count < NAMES_MAX ? str_dup(found) : NULL;
        if (copy)
            out->list[out->count++] = copy;
    }
    return false;
}

bool reference_not_found(struct store *s, const char *sql, const char *what, struct str name,
                         unsigned version, struct error *err) {
    struct names names = {0};
    if (read_names(s, sql, name, &names, err)) {
        const char *near = str_nearest(name, (const char *const *)names.list, names.count);
        if (names.newest)
            fail(err, ERR_NOT_FOUND, "The %s %.*s@%u does not exist; the newest version is %.*s@%lld.", what,
                 STR_ARG(name), version, STR_ARG(name), (long long)names.newest);
        else if (near)
            fail(err, ERR_NOT_FOUND, "There is no %s \"%.*s\"; did you mean \"%s\"?", what, STR_ARG(name),
                 near);
        else
            fail(err, ERR_NOT_FOUND, "There is no %s \"%.*s\" in %s; `penstock %ss list` shows them all.",
                 what, STR_ARG(name), store_folder(s), what);
    }
    for (size_t i = 0; i < names.count; i++)
        free(names.list[i]);
    return false;
}

bool reference_free_version(struct store *s, const char *sql, struct str name, unsigned *version,
                            struct error *err) {
    sqlite3_stmt *q = sql_statement(s, sql, err);
    bool row;
    if (!q)
        return false;
    sql_bind_str(q, 1, name);
    sql_bind_int(q, 2, *version);
    if (!sql_step(s, q, &row, err))
        return false;
    if (row && (*version == 0 || sql_int_at(q, 1)))
        *version = (unsigned)sql_int_at(q, 0) + 1;
    sql_end(q);
    return true;
}
