#include "models/rules.h"

#include "base/check.h"

#include <lauxlib.h>
#include <lua.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* What a script sees as r: one userdata for each state, whose members are made when they are asked for.
 * Tables made once in a call are kept in its user values until the next. */
struct view {
    const struct rules_facts *facts;
    bool classifies;
};

enum { FIELDS_SLOT = 1, LABELS_SLOT = 2 };

static const char view_key; /* its address is the key in the registry */

static void push_text(lua_State *L, struct str s) {
    lua_pushlstring(L, s.p ? s.p : "", s.n);
}

/* At most `most` bytes, cut between characters. */
static struct str cut(struct str s, size_t most) {
    if (s.n <= most)
        return s;
    while (most > 0 && ((unsigned char)s.p[most] & 0xC0) == 0x80)
        most--;
    return str_slice(s, 0, most);
}

static void push_field(lua_State *L, const struct rules_field *field) {
    switch (field->type) {
    case RULES_FIELD_TEXT: push_text(L, field->text); return;
    case RULES_FIELD_NUMBER: lua_pushnumber(L, field->number); return;
    case RULES_FIELD_BOOL: lua_pushboolean(L, field->flag); return;
    }
    CHECK(!"a field has a type");
}

static void make_fields(lua_State *L, const struct rules_facts *facts) {
    lua_createtable(L, 0, (int)facts->field_count);
    for (size_t i = 0; i < facts->field_count; i++) {
        push_text(L, facts->fields[i].name);
        push_field(L, &facts->fields[i]);
        lua_rawset(L, -3);
    }
}

static void make_labels(lua_State *L, const struct rules_facts *facts) {
    lua_createtable(L, (int)facts->label_count, 0);
    for (size_t i = 0; i < facts->label_count; i++) {
        lua_createtable(L, 0, 2);
        push_text(L, facts->labels[i].label);
        lua_setfield(L, -2, "label");
        lua_pushnumber(L, facts->labels[i].confidence);
        lua_setfield(L, -2, "confidence");
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
}

/* The table in `slot`, made by `make` when this call has not asked for it before. */
static void push_made(lua_State *L, const struct rules_facts *facts, int slot,
                      void (*make)(lua_State *, const struct rules_facts *)) {
    if (lua_getiuservalue(L, 1, slot) != LUA_TNIL)
        return;
    lua_pop(L, 1);
    make(L, facts);
    lua_pushvalue(L, -1);
    lua_setiuservalue(L, 1, slot);
}

static void push_ocr_confidence(lua_State *L, const struct rules_facts *facts) {
    if (isnan(facts->ocr_confidence))
        lua_pushnil(L);
    else
        lua_pushnumber(L, facts->ocr_confidence);
}

enum member {
    MEMBER_TEXT,
    MEMBER_PREDICTION,
    MEMBER_CONFIDENCE,
    MEMBER_FIELDS,
    MEMBER_FEATURES,
    MEMBER_LABELS,
    MEMBER_ENDPOINT,
    MEMBER_MODEL,
    MEMBER_OCR_CONFIDENCE,
    MEMBER_COUNT
};

static const struct {
    const char *name;
    bool classifies; /* there before anything is predicted */
} members[MEMBER_COUNT] = {
    [MEMBER_TEXT] = {"text", true},
    [MEMBER_PREDICTION] = {"prediction", false},
    [MEMBER_CONFIDENCE] = {"confidence", false},
    [MEMBER_FIELDS] = {"fields", true},
    [MEMBER_FEATURES] = {"features", true},
    [MEMBER_LABELS] = {"labels", false},
    [MEMBER_ENDPOINT] = {"endpoint", true},
    [MEMBER_MODEL] = {"model", false},
    [MEMBER_OCR_CONFIDENCE] = {"ocr_confidence", false},
};

/* A wrong name would otherwise be nil, and a rule that compares with nil passes or fails by accident. */
static int refuse_member(lua_State *L, struct str name, bool classifies) {
    const char *names[MEMBER_COUNT];
    size_t count = 0;
    for (size_t i = 0; i < MEMBER_COUNT; i++)
        if (!classifies || members[i].classifies)
            names[count++] = members[i].name;
    const char *nearest = str_nearest(name, names, count);
    if (nearest)
        return luaL_error(L, "r has no \"%s\"; did you mean r.%s?", name.n < 100 ? name.p : "…", nearest);
    return luaL_error(L, "r has no \"%s\"", name.n < 100 ? name.p : "…");
}

static int view_member(lua_State *L) {
    const struct view *view = lua_touserdata(L, 1);
    const struct rules_facts *facts = view->facts;
    struct str name;
    name.p = luaL_checklstring(L, 2, &name.n);
    size_t i = 0;
    while (i < MEMBER_COUNT &&
           (strcmp(members[i].name, name.p) != 0 || (view->classifies && !members[i].classifies)))
        i++;
    switch ((enum member)i) {
    case MEMBER_TEXT: push_text(L, cut(facts->text, RULES_TEXT_MAX)); break;
    case MEMBER_PREDICTION: push_text(L, facts->prediction); break;
    case MEMBER_CONFIDENCE: lua_pushnumber(L, facts->confidence); break;
    case MEMBER_FIELDS:
    case MEMBER_FEATURES: push_made(L, facts, FIELDS_SLOT, make_fields); break;
    case MEMBER_LABELS: push_made(L, facts, LABELS_SLOT, make_labels); break;
    case MEMBER_ENDPOINT: push_text(L, facts->endpoint); break;
    case MEMBER_MODEL: push_text(L, facts->model); break;
    case MEMBER_OCR_CONFIDENCE: push_ocr_confidence(L, facts); break;
    case MEMBER_COUNT: return refuse_member(L, name, view->classifies);
    }
    return 1;
}

static int refuse_write(lua_State *L) {
    return luaL_error(L, "r is read-only");
}

static struct view *make_view(lua_State *L) {
    struct view *view = lua_newuserdatauv(L, sizeof *view, 2);
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

static void push_view(lua_State *L, const struct rules_facts *facts, bool classifies) {
    struct view *view;
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &view_key) == LUA_TUSERDATA) {
        view = lua_touserdata(L, -1);
        for (int slot = FIELDS_SLOT; slot <= LABELS_SLOT; slot++) {
            lua_pushnil(L);
            lua_setiuservalue(L, -2, slot);
        }
    } else {
        lua_pop(L, 1);
        view = make_view(L);
    }
    *view = (struct view){facts, classifies};
}

/* A text of the script's as others may see it: valid UTF-8, one line. */
static void copy_line(struct str from, char *to, size_t size) {
    from = cut(from, size - 1);
    bool valid = str_is_utf8(from, NULL);
    for (size_t i = 0; i < from.n; i++) {
        unsigned char c = (unsigned char)from.p[i];
        to[i] = c < 0x20 || c == 0x7F ? ' ' : c >= 0x80 && !valid ? '?' : (char)c;
    }
    to[from.n] = '\0';
}

struct verifying {
    const char *name;
    const struct rules_facts *facts;
    bool passed;
    char *reason;
};

static int verify_arguments(lua_State *L, void *ctx) {
    struct verifying *v = ctx;
    push_view(L, v->facts, false);
    return 1;
}

static void verify_results(lua_State *L, int at, void *ctx) {
    struct verifying *v = ctx;
    if (!lua_isboolean(L, at))
        luaL_error(L, "%s: verify returned a %s; expected true or false", v->name, luaL_typename(L, at));
    if (!lua_isnoneornil(L, at + 1) && lua_type(L, at + 1) != LUA_TSTRING)
        luaL_error(L, "%s: verify gave a %s as its reason; expected a text", v->name,
                   luaL_typename(L, at + 1));
    struct str reason = {"", 0};
    if (lua_type(L, at + 1) == LUA_TSTRING)
        reason.p = lua_tolstring(L, at + 1, &reason.n);
    v->passed = lua_toboolean(L, at);
    copy_line(reason, v->reason, RULES_REASON_SIZE);
}

bool rules_verify(struct script *script, const struct rules_facts *facts, bool *passed,
                  char reason[RULES_REASON_SIZE], struct error *err) {
    char said[RULES_REASON_SIZE];
    struct verifying v = {.name = script_name(script), .facts = facts, .reason = said};
    const struct script_exchange exchange = {verify_arguments, verify_results, 2, &v};
    if (!script_call(script, &exchange, err))
        return false;
    *passed = v.passed;
    memcpy(reason, said, sizeof said);
    return true;
}

struct classifying {
    const char *name;
    const struct rules_facts *facts;
    struct rules_answer *out;
};

static int classify_arguments(lua_State *L, void *ctx) {
    struct classifying *c = ctx;
    push_view(L, c->facts, true);
    return 1;
}

static bool label_is_good(struct str label) {
    for (size_t i = 0; i < label.n; i++)
        if ((unsigned char)label.p[i] < 0x20 || label.p[i] == 0x7F)
            return false;
    return label.n > 0 && label.n < RULES_LABEL_SIZE && str_is_utf8(label, NULL);
}

static void classify_results(lua_State *L, int at, void *ctx) {
    struct classifying *c = ctx;
    if (lua_isnil(L, at))
        luaL_error(L, "%s: the rules have no answer (classify returned nil)", c->name);
    if (lua_type(L, at) != LUA_TSTRING)
        luaL_error(L, "%s: classify returned a %s as its label; expected a text", c->name,
                   luaL_typename(L, at));
    struct str label;
    label.p = lua_tolstring(L, at, &label.n);
    if (!label_is_good(label))
        luaL_error(L, "%s: classify returned a label that is not 1 to %d bytes of one line of UTF-8", c->name,
                   RULES_LABEL_SIZE - 1);
    if (lua_type(L, at + 1) != LUA_TNUMBER)
        luaL_error(L, "%s: classify returned a %s as its confidence; expected a number from 0 to 1", c->name,
                   luaL_typename(L, at + 1));
    double confidence = lua_tonumber(L, at + 1);
    if (!(confidence >= 0 && confidence <= 1))
        luaL_error(L, "%s: classify returned the confidence %f; expected a number from 0 to 1", c->name,
                   confidence);
    memcpy(c->out->label, label.p, label.n);
    c->out->label[label.n] = '\0';
    c->out->confidence = confidence;
}

bool rules_classify(struct script *script, const struct rules_facts *facts, struct rules_answer *out,
                    struct error *err) {
    struct rules_answer answer;
    struct classifying c = {script_name(script), facts, &answer};
    const struct script_exchange exchange = {classify_arguments, classify_results, 2, &c};
    if (!script_call(script, &exchange, err))
        return false;
    *out = answer;
    return true;
}
