#include "models/script_library.h"

#include "base/attributes.h"
#include "models/script.h"
#include "models/script_strings.h"

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <string.h>

/* Left out on purpose:
 * load, loadfile, dofile, require: code from outside the file that was checked.
 * xpcall: its handler runs with the instruction hook off (Lua calls it from inside the hook).
 * setmetatable: __gc runs with the hook off too, and nothing in a rule needs it; with it goes
 * getmetatable, so that strings' metatable and the read-only tables cannot be reached.
 * collectgarbage, print, warn: reach outside the script. coroutine: escapes the hook, which is per thread.
 * string.dump, pack, unpack, packsize: bytes, not texts. table.move: loops as often as it is told.
 * math.random, randomseed: the same input must get the same answer. */
static const char *const base_names[] = {"assert", "error",    "ipairs", "next", "pairs",
                                         "pcall",  "rawequal", "select", "type", NULL};
static const char *const math_names[] = {"abs", "acos",       "asin", "atan", "ceil", "cos", "deg",
                                         "exp", "floor",      "fmod", "huge", "log",  "max", "maxinteger",
                                         "min", "mininteger", "modf", "pi",   "rad",  "sin", "sqrt",
                                         "tan", "tointeger",  "type", "ult",  NULL};

/* Whole strings or tables are looked at in one call, which costs by what is given. */
static const char *const base_charged[] = {"tonumber", "tostring", NULL};
static const char *const string_charged[] = {"format", "lower", "reverse", "upper", NULL};
static const char *const table_charged[] = {"concat", NULL};
static const char *const utf8_charged[] = {"len", "offset", NULL};
/* These cost by what comes out. */
static const char *const string_results[] = {"byte", NULL};
static const char *const table_results[] = {"unpack", NULL};
static const char *const utf8_results[] = {"codepoint", NULL};
/* What these make is memory, and memory is paid for. */
static const char *const string_names[] = {"char", "len", "sub", NULL};
static const char *const table_names[] = {"pack", NULL};
static const char *const utf8_names[] = {"char", "charpattern", "codes", NULL};

/* Lua's own function is the first upvalue. */
static int original(lua_State *L) {
    return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

static int charged(lua_State *L) {
    uint64_t bytes = 0;
    int count = lua_gettop(L);
    for (int i = 1; i <= count; i++) {
        int type = lua_type(L, i);
        if (type == LUA_TSTRING)
            bytes += lua_rawlen(L, i);
        else if (type == LUA_TTABLE)
            bytes += 16 * lua_rawlen(L, i);
    }
    script_charge(L, bytes / 64 + (uint64_t)count);
    return original(L);
}

static int charged_results(lua_State *L) {
    int count = original(L);
    script_charge(L, (uint64_t)count / 4);
    return count;
}

/* Inserting or removing at a place moves all that is behind it. */
static int charged_shift(lua_State *L, int arguments) {
    if (lua_gettop(L) == arguments && lua_type(L, 1) == LUA_TTABLE)
        script_charge(L, lua_rawlen(L, 1) / 4);
    return original(L);
}

static int charged_insert(lua_State *L) {
    return charged_shift(L, 3);
}

static int charged_remove(lua_State *L) {
    return charged_shift(L, 2);
}

/* What sorting a list of this many values costs at most, long texts compared to their end included. */
static int charged_sort(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    uint64_t count = lua_rawlen(L, 1), longest = 0, rounds = 1;
    script_charge(L, count / 2);
    for (uint64_t i = 1; i <= count; i++) {
        if (lua_rawgeti(L, 1, (lua_Integer)i) == LUA_TSTRING && lua_rawlen(L, -1) > longest)
            longest = lua_rawlen(L, -1);
        lua_pop(L, 1);
    }
    while (count >> rounds)
        rounds++;
    script_charge(L, 2 * count * rounds * (1 + longest / 64));
    return original(L);
}

static int quiet(lua_State *L) {
    return 0;
}

/* From the library at the top of the stack into the table below it. */
static void copy_plain(lua_State *L, const char *const *names) {
    for (; *names; names++) {
        lua_getfield(L, -1, *names);
        lua_setfield(L, -3, *names);
    }
}

static void copy_through(lua_State *L, lua_CFunction wrapper, const char *const *names) {
    for (; *names; names++) {
        lua_getfield(L, -1, *names);
        lua_pushcclosure(L, wrapper, 1);
        lua_setfield(L, -3, *names);
    }
}

static int refuse_write(lua_State *L) {
    return luaL_error(L, "the libraries are read-only");
}

/* Replaces the table at the top by an empty one that shows it and takes no writes. */
static void protect(lua_State *L) {
    lua_newtable(L);
    lua_createtable(L, 0, 3);
    lua_pushvalue(L, -3);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, refuse_write);
    lua_setfield(L, -2, "__newindex");
    lua_setmetatable(L, -2);
    lua_remove(L, -2);
}

/* Leaves the original library on top of a new, empty table. */
static void begin(lua_State *L, lua_CFunction open) {
    lua_newtable(L);
    lua_pushcfunction(L, open);
    lua_call(L, 0, 1);
}

/* "10" + 1 reads the whole text as a number. In the metatable at the top. */
static void charge_arithmetic(lua_State *L) {
    static const char *const names[] = {"__add", "__sub", "__mul",  "__mod",
                                        "__pow", "__div", "__idiv", "__unm"};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++) {
        lua_getfield(L, -1, names[i]);
        lua_pushcclosure(L, charged, 1);
        lua_setfield(L, -2, names[i]);
    }
}

static void push_strings(lua_State *L) {
    begin(L, luaopen_string);
    copy_plain(L, string_names);
    copy_through(L, charged, string_charged);
    copy_through(L, charged_results, string_results);
    lua_pop(L, 1);
    luaL_setfuncs(L, script_strings, 0);
    /* s:find(…) goes through the metatable that luaopen_string gave to strings. */
    lua_pushliteral(L, "");
    lua_getmetatable(L, -1);
    lua_pushvalue(L, -3);
    lua_setfield(L, -2, "__index");
    charge_arithmetic(L);
    lua_pop(L, 2);
    protect(L);
}

static void push_tables(lua_State *L) {
    begin(L, luaopen_table);
    copy_plain(L, table_names);
    copy_through(L, charged, table_charged);
    copy_through(L, charged_results, table_results);
    copy_through(L, charged_insert, (const char *const[]){"insert", NULL});
    copy_through(L, charged_remove, (const char *const[]){"remove", NULL});
    copy_through(L, charged_sort, (const char *const[]){"sort", NULL});
    lua_pop(L, 1);
    protect(L);
}

static void push_math(lua_State *L) {
    begin(L, luaopen_math);
    copy_plain(L, math_names);
    lua_pop(L, 1);
    protect(L);
}

static void push_utf8(lua_State *L) {
    begin(L, luaopen_utf8);
    copy_plain(L, utf8_names);
    copy_through(L, charged, utf8_charged);
    copy_through(L, charged_results, utf8_results);
    lua_pop(L, 1);
    protect(L);
}

void script_library_push(lua_State *L) {
    begin(L, luaopen_base);
    copy_plain(L, base_names);
    copy_through(L, charged, base_charged);
    lua_pop(L, 1);
    lua_pushcfunction(L, quiet);
    lua_setfield(L, -2, "print");
    push_strings(L);
    lua_setfield(L, -2, "string");
    push_tables(L);
    lua_setfield(L, -2, "table");
    push_math(L);
    lua_setfield(L, -2, "math");
    push_utf8(L);
    lua_setfield(L, -2, "utf8");
}
