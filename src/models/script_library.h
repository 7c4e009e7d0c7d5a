/* What a script may call: the parts of Lua's base, string, table, math and utf8 libraries that touch
 * nothing outside, always answer the same, and whose work is bounded. Private to this floor. */
#pragma once

struct lua_State;

/* Pushes the table of globals. May raise (memory); call it protected, once per state. */
void script_library_push(struct lua_State *L);
