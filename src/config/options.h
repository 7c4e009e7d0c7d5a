/* The table of options: the only place that knows every option's name, type, range, unit, default and
 * meaning. Loading (load.c) fills structs through it, checking against it; the reference
 * (reference.c) is printed from it. Constant; any thread. */
#pragma once

#include "config/config.h"
#include "config/values.h"

enum option_type {
    OPTION_BOOL,      /* bool */
    OPTION_INTEGER,   /* int64_t */
    OPTION_DURATION,  /* int64_t, ns */
    OPTION_SIZE,      /* int64_t, bytes */
    OPTION_USD,       /* int64_t, nano-dollars */
    OPTION_PERCENT,   /* double, 0..1 */
    OPTION_ENUM,      /* int: index into words */
    OPTION_SET,       /* unsigned: bit for each index into words */
    OPTION_STRING,    /* const char *, NULL when empty */
    OPTION_PATH,      /* const char *, joined with the file's folder */
    OPTION_SOCKET,    /* const char *, "unix:/path" or "ADDRESS:PORT", NULL when empty */
    OPTION_SECRET,    /* const char *, from ${env:NAME} or ${file:/path} */
    OPTION_ADDRESSES, /* const struct config_address *, and their count */
    OPTION_MODEL,     /* struct config_model */
    OPTION_SECTION,   /* a struct inside this one */
    OPTION_LIST,      /* pointer to an array of structs, and their count */
    OPTION_MAP,       /* the same, each with a name, which is its first member */
};

enum option_flags {
    OPTION_REQUIRED = 1,
    OPTION_MUST_EXIST = 2, /* the path must be a file that can be read */
    OPTION_PLACED = 4,     /* `place` is the offset of a struct config_place to fill */
    OPTION_MARKED = 8,     /* `companion` is the offset of a bool that tells whether it was given */
};

struct loader;
struct option_node; /* where in the file a check's item stands; see load.h */

struct option_group {
    const struct option *options;
    size_t count;
    size_t size;      /* of the struct */
    size_t items_max; /* of a list or map of these */
    /* What one option's range cannot say. Runs after all options of the struct are filled. */
    void (*check)(struct loader *l, void *item, const struct option_node *at);
};

struct option {
    const char *name;
    enum option_type type;
    unsigned flags;
    size_t offset;    /* in the group's struct */
    size_t companion; /* of lists: the count; with OPTION_MARKED: the flag */
    size_t place;
    const char *standard;      /* the default as a file would say it; NULL: not set */
    const char *standard_said; /* for the reference, where `standard` does not tell it; NULL otherwise */
    int64_t min, max;
    const char *unit;                 /* of integers, for the reference; NULL: none */
    const char *const *words;         /* NULL-terminated */
    const struct option_group *group; /* of sections, lists and maps */
    const char *help;
};

extern const struct option_group option_root;
extern const struct option_group option_endpoint, option_upstream, option_budget, option_alerts,
    option_objectives; /* parts of it, in files of their own */

/* "a duration from 10ms to 1h, such as 500ms, 10s or 30d" */
enum { OPTION_EXPECTED_SIZE = 320 };
void option_expected(const struct option *o, char text[OPTION_EXPECTED_SIZE]);

/* The range of a number as it would be written; false for other types. */
bool option_range(const struct option *o, char low[VALUE_TEXT_SIZE], char high[VALUE_TEXT_SIZE]);
