/* What a script sees as r: one read-only value whose members are made when they are asked for, so that what
 * a script does not look at costs nothing. A wrong name is an error that names the nearest right one: as nil
 * it would let a rule pass or fail by accident. For who calls scripts (models/script.h); on the script's
 * thread, within a call. */
#pragma once

#include "base/str.h"

#include <stddef.h>

struct lua_State;

enum { RULES_SLOTS = 4, RULES_TEXT_MAX = 256 * 1024 };

struct rules_member {
    const char *name;
    void (*push)(struct lua_State *L, const void *facts); /* exactly one value; may raise */
    int slot; /* 1..RULES_SLOTS: made once in a call and kept there (tables); 0: each time anew */
};

struct rules_members {
    const struct rules_member *list;
    size_t count;
};

/* Pushes r. `members` and `facts` live at least as long as the call. */
void rules_push_view(struct lua_State *L, const struct rules_members *members, const void *facts);

void rules_push_str(struct lua_State *L, struct str s);
/* The same of at most RULES_TEXT_MAX bytes, cut between characters. */
void rules_push_text(struct lua_State *L, struct str s);
/* At most `most` bytes, cut between characters. */
struct str rules_cut(struct str s, size_t most);
