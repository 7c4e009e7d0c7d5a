#include "models/script_strings.h"

#include "models/script.h"
#include "models/script_pattern.h"

#include <lua.h>
#include <string.h>

/* A step of the matcher costs about half an instruction. */
enum { STEPS_PER_INSTRUCTION = 2, BYTES_PER_INSTRUCTION = 64 };

static struct str string_at(lua_State *L, int index) {
    struct str s;
    s.p = luaL_checklstring(L, index, &s.n);
    return s;
}

/* Positions count from 1, negative ones from the end. The offset may lie behind the end. */
static size_t offset_of(lua_Integer position, size_t length) {
    if (position > 0)
        return (lua_Unsigned)position - 1 > length ? length + 1 : (size_t)position - 1;
    if (position == 0 || position < -(lua_Integer)length)
        return 0;
    return length - (size_t)-position;
}

static void pattern_begin(lua_State *L, struct pattern *p, struct str subject, struct str text) {
    p->subject = subject;
    p->text = text;
    p->error = NULL;
    p->captures = 0;
    p->steps = script_left(L) * STEPS_PER_INSTRUCTION;
}

/* Pays for what was done since pattern_begin or the last payment, then raises what went wrong. */
static void pattern_pay(lua_State *L, struct pattern *p) {
    uint64_t had = script_left(L) * STEPS_PER_INSTRUCTION;
    uint64_t used = had > p->steps ? had - p->steps : 0;
    if (p->error == pattern_out_of_steps)
        used = had + STEPS_PER_INSTRUCTION;
    script_charge(L, used / STEPS_PER_INSTRUCTION + 1);
    p->steps = script_left(L) * STEPS_PER_INSTRUCTION;
    if (p->error)
        luaL_error(L, "%s", p->error);
}

static void push_capture(lua_State *L, const struct pattern *p, int index, const char *start,
                         const char *end) {
    if (index >= p->captures) {
        if (index != 0)
            luaL_error(L, "invalid capture index %%%d", index + 1);
        lua_pushlstring(L, start, (size_t)(end - start));
        return;
    }
    const struct pattern_capture *c = &p->capture[index];
    if (c->length == PATTERN_OPEN)
        luaL_error(L, "unfinished capture");
    if (c->length == PATTERN_POSITION)
        lua_pushinteger(L, c->start - p->subject.p + 1);
    else
        lua_pushlstring(L, c->start, (size_t)c->length);
}

/* All captures; the whole match when there are none and `whole` says so. */
static int push_captures(lua_State *L, const struct pattern *p, const char *start, const char *end,
                         bool whole) {
    int count = p->captures == 0 && whole ? 1 : p->captures;
    luaL_checkstack(L, count, "too many captures");
    for (int i = 0; i < count; i++)
        push_capture(L, p, i, start, end);
    return count;
}

static int find_plain(lua_State *L, struct str subject, struct str needle, size_t from) {
    script_charge(L, (subject.n - from) / BYTES_PER_INSTRUCTION + 1);
    size_t at = str_find(str_slice(subject, from, subject.n), needle);
    if (at == SIZE_MAX) {
        lua_pushnil(L);
        return 1;
    }
    lua_pushinteger(L, (lua_Integer)(from + at + 1));
    lua_pushinteger(L, (lua_Integer)(from + at + needle.n));
    return 2;
}

static int find_or_match(lua_State *L, bool find) {
    struct str subject = string_at(L, 1), text = string_at(L, 2);
    size_t from = offset_of(luaL_optinteger(L, 3, 1), subject.n);
    if (from > subject.n) {
        lua_pushnil(L);
        return 1;
    }
    if (find && (lua_toboolean(L, 4) || pattern_is_plain(text)))
        return find_plain(L, subject, text, from);
    struct pattern p;
    bool anchored = text.n > 0 && text.p[0] == '^';
    pattern_begin(L, &p, subject, str_slice(text, anchored, text.n));
    const char *start = subject.p + from;
    const char *end = anchored ? pattern_match(&p, start) : pattern_search(&p, &start);
    pattern_pay(L, &p);
    if (!end) {
        lua_pushnil(L);
        return 1;
    }
    if (!find)
        return push_captures(L, &p, start, end, true);
    lua_pushinteger(L, start - subject.p + 1);
    lua_pushinteger(L, end - subject.p);
    return 2 + push_captures(L, &p, start, end, false);
}

static int string_find(lua_State *L) {
    return find_or_match(L, true);
}

static int string_match(lua_State *L) {
    return find_or_match(L, false);
}

/* Upvalues: subject, pattern, where to go on, end of the latest match (-1: none yet). */
static int gmatch_next(lua_State *L) {
    struct str subject, text;
    subject.p = lua_tolstring(L, lua_upvalueindex(1), &subject.n);
    text.p = lua_tolstring(L, lua_upvalueindex(2), &text.n);
    lua_Integer from = lua_tointeger(L, lua_upvalueindex(3));
    lua_Integer latest = lua_tointeger(L, lua_upvalueindex(4));
    struct pattern p;
    pattern_begin(L, &p, subject, text);
    const char *start = subject.p + from, *end;
    while ((end = pattern_search(&p, &start))) {
        if (end - subject.p == latest) {
            start++;
            continue;
        }
        pattern_pay(L, &p);
        lua_pushinteger(L, end - subject.p);
        lua_copy(L, -1, lua_upvalueindex(3));
        lua_replace(L, lua_upvalueindex(4));
        return push_captures(L, &p, start, end, true);
    }
    pattern_pay(L, &p);
    return 0;
}

static int string_gmatch(lua_State *L) {
    struct str subject = string_at(L, 1);
    string_at(L, 2);
    size_t from = offset_of(luaL_optinteger(L, 3, 1), subject.n);
    lua_settop(L, 2);
    lua_pushinteger(L, (lua_Integer)from);
    lua_pushinteger(L, -1);
    lua_pushcclosure(L, gmatch_next, 4);
    return 1;
}

/* %0 to %9 and %% in a replacement text */
static void add_replacement(lua_State *L, luaL_Buffer *out, const struct pattern *p, const char *start,
                            const char *end) {
    struct str text;
    text.p = lua_tolstring(L, 3, &text.n);
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] != '%') {
            luaL_addchar(out, text.p[i]);
            continue;
        }
        char next = ++i < text.n ? text.p[i] : '\0';
        if (next == '%') {
            luaL_addchar(out, '%');
        } else if (next == '0') {
            luaL_addlstring(out, start, (size_t)(end - start));
        } else if (next >= '1' && next <= '9') {
            push_capture(L, p, next - '1', start, end);
            luaL_tolstring(L, -1, NULL);
            lua_remove(L, -2);
            luaL_addvalue(out);
        } else {
            luaL_error(L, "invalid use of '%%' in replacement string");
        }
    }
}

/* What a table or function says for this match; false and nil leave it as it is. */
static void add_answer(lua_State *L, luaL_Buffer *out, const struct pattern *p, const char *start,
                       const char *end, int type) {
    if (type == LUA_TFUNCTION) {
        lua_pushvalue(L, 3);
        lua_call(L, push_captures(L, p, start, end, true), 1);
    } else {
        push_capture(L, p, 0, start, end);
        lua_gettable(L, 3);
    }
    if (!lua_toboolean(L, -1)) {
        lua_pop(L, 1);
        luaL_addlstring(out, start, (size_t)(end - start));
    } else if (!lua_isstring(L, -1)) {
        luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
    } else {
        luaL_addvalue(out);
    }
}

static int string_gsub(lua_State *L) {
    struct str subject = string_at(L, 1), text = string_at(L, 2);
    int type = lua_type(L, 3);
    luaL_argexpected(
        L, type == LUA_TNUMBER || type == LUA_TSTRING || type == LUA_TTABLE || type == LUA_TFUNCTION, 3,
        "string/function/table");
    lua_Integer most = luaL_optinteger(L, 4, (lua_Integer)subject.n + 1), count = 0;
    bool anchored = text.n > 0 && text.p[0] == '^';
    const char *at = subject.p, *subject_end = subject.p + subject.n, *latest = NULL;
    struct pattern p;
    luaL_Buffer out;
    luaL_buffinit(L, &out);
    pattern_begin(L, &p, subject, str_slice(text, anchored, text.n));
    while (count < most) {
        const char *end = pattern_match(&p, at);
        pattern_pay(L, &p);
        if (end && end != latest) {
            count++;
            if (type == LUA_TNUMBER || type == LUA_TSTRING)
                add_replacement(L, &out, &p, at, end);
            else
                add_answer(L, &out, &p, at, end, type);
            p.steps = script_left(L) * STEPS_PER_INSTRUCTION;
            at = latest = end;
        } else if (at < subject_end) {
            luaL_addchar(&out, *at++);
        } else {
            break;
        }
        if (anchored)
            break;
    }
    luaL_addlstring(&out, at, (size_t)(subject_end - at));
    luaL_pushresult(&out);
    lua_pushinteger(L, count);
    return 2;
}

/* Lua's own loops as often as it is told even where nothing is repeated. */
static int string_rep(lua_State *L) {
    struct str s = string_at(L, 1), between = {"", 0};
    lua_Integer times = luaL_checkinteger(L, 2);
    if (!lua_isnoneornil(L, 3))
        between = string_at(L, 3);
    if (times <= 0 || s.n + between.n == 0) {
        lua_pushliteral(L, "");
        return 1;
    }
    if ((lua_Unsigned)times > SIZE_MAX / 2 / (s.n + between.n))
        return luaL_error(L, "resulting string too large");
    size_t total = (s.n + between.n) * (size_t)times - between.n;
    luaL_Buffer out;
    char *to = luaL_buffinitsize(L, &out, total);
    script_charge(L, (uint64_t)times / 4);
    for (lua_Integer i = 0; i < times; i++) {
        memcpy(to, s.p, s.n);
        to += s.n;
        if (i + 1 < times) {
            memcpy(to, between.p, between.n);
            to += between.n;
        }
    }
    luaL_pushresultsize(&out, total);
    return 1;
}

const luaL_Reg script_strings[] = {
    {"find", string_find},   {"gmatch", string_gmatch}, {"gsub", string_gsub},
    {"match", string_match}, {"rep", string_rep},       {NULL, NULL},
};
