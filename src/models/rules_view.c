#include "models/rules_view.h"

#include <lauxlib.h>
#include <lua.h>

/* One userdata for each state. What was made once in a call lies in its user values until the next. */
struct view {
    const struct rules_members *members;
    const void *facts;
};

enum { MEMBERS_MAX = 32 };

static const char view_key; /* its address is the key in the registry */

struct str rules_cut(struct str s, size_t most) {
    if (s.n <= most)
        return s;
    while (most > 0 && ((unsigned char)s.p[most] & 0xC0) == 0x80)
        most--;
    return str_slice(s, 0, most);
}

void rules_push_str(lua_State *L, struct str s) {
    lua_pushlstring(L, s.p ? s.p : "", s.n);
}

void rules_push_text(lua_State *L, struct str s) {
    rules_push_str(L, rules_cut(s, RULES_TEXT_MAX));
}

static void push_kept(lua_State *L, const struct rules_member *member, const void *facts) {
    if (lua_getiuservalue(L, 1, member->slot) != LUA_TNIL)
        return;
    lua_pop(L, 1);
    member->push(L, facts);
    lua_pushvalue(L, -1);
    lua_setiuservalue(L, 1, member->slot);
}

static int refuse_member(lua_State *L, const struct rules_members *members, struct str name) {
    const char *names[MEMBERS_MAX];
    size_t count = members->count < MEMBERS_MAX ? members->count : MEMBERS_MAX;
    for (size_t i = 0; i < count; i++)
        names[i] = members->list[i].name;
    const char *nearest = str_nearest(name, names, count);
    if (nearest)
        return luaL_error(L, "r has no \"%s\"; did you mean r.%s?", name.n < 100 ? name.p : "…", nearest);
    return luaL_error(L, "r has no \"%s\"", name.n < 100 ? name.p : "…");
}

static int view_member(lua_State *L) {
    const struct view *view = lua_touserdata(L, 1);
    struct str name;
    name.p = luaL_checklstring(L, 2, &name.n);
    for (size_t i = 0; i < view->members->count; i++) {
        const struct rules_member *member = &view->members->list[i];
        if (strcmp(member->name, name.p) != 0)
            continue;
        if (member->slot)
            push_kept(L, member, view->facts);
        else
            member->push(L, view->facts);
        return 1;
    }
    return refuse_member(L, view->members, name);
}

static int refuse_write(lua_State *L) {
    return luaL_error(L, "r is read-only");
}

static struct view *make_view(lua_State *L) {
    struct view *view = lua_newuserdatauv(L, sizeof *view, RULES_SLOTS);
    lua_createtable(L, 0, 2);
    lua_pushcfunction(L, view_member);
    lua_setfield(L, -2, "__index");
    lua_pushcfunction(L, refuse_write);
    lua_setfield(L, -2, "__newindex");
    lua_setmetatable(L, -2);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &view_key);
    return view;
}

void rules_push_view(lua_State *L, const struct rules_members *members, const void *facts) {
    struct view *view;
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &view_key) == LUA_TUSERDATA) {
        view = lua_touserdata(L, -1);
        for (int slot = 1; slot <= RULES_SLOTS; slot++) {
            lua_pushnil(L);
            lua_setiuservalue(L, -2, slot);
        }
    } else {
        lua_pop(L, 1);
        view = make_view(L);
    }
    *view = (struct view){members, facts};
}
