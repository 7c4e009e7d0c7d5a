/* Lua's patterns (Lua 5.4 reference manual, 6.4.1), matched with a bound on steps: the library's own
 * matcher can run for years on a pattern such as "a*a*a*a*b", where no instruction limit reaches it.
 * Same results and same words for malformed patterns as Lua's. No state beyond the struct; any thread. */
#pragma once

#include "base/str.h"

#include <stddef.h>

enum { PATTERN_CAPTURES_MAX = 32 };

struct pattern_capture {
    const char *start;
    ptrdiff_t length; /* PATTERN_POSITION: `start` itself is what was captured */
};
enum { PATTERN_OPEN = -1, PATTERN_POSITION = -2 };

struct pattern {
    struct str subject, text; /* borrowed; `text` without the anchor */
    uint64_t steps;           /* left; 0 ends the search with `error` */
    const char *error;        /* NULL: none. Static text */
    int captures;             /* of the latest match */
    struct pattern_capture capture[PATTERN_CAPTURES_MAX];
    unsigned depth;
};

extern const char pattern_out_of_steps[];

/* The end of a match that begins at `from` (inside the subject), or NULL: no match, or p->error. */
const char *pattern_match(struct pattern *p, const char *from);

/* The first match that begins at *start or later: *start moves to its beginning. NULL: none, or p->error. */
const char *pattern_search(struct pattern *p, const char **start);

/* Does the text need matching at all, or is it plain? */
bool pattern_is_plain(struct str text);
