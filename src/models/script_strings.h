/* The functions of Lua's string library whose cost has no bound in Lua's own: rep, find, match, gmatch,
 * gsub. Same results, within the script's budget. Private to this floor. */
#pragma once

#include <lauxlib.h>

extern const luaL_Reg script_strings[];
