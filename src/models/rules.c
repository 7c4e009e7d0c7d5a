#include "models/rules.h"

#include "base/check.h"
#include "models/rules_view.h"

#include <lauxlib.h>
#include <lua.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

enum { FIELDS_SLOT = 1, LABELS_SLOT = 2 };

static void push_field(lua_State *L, const struct rules_field *field) {
    switch (field->type) {
    case RULES_FIELD_TEXT: rules_push_str(L, field->text); return;
    case RULES_FIELD_NUMBER: lua_pushnumber(L, field->number); return;
    case RULES_FIELD_BOOL: lua_pushboolean(L, field->flag); return;
    }
    CHECK(!"a field has a type");
}

static void push_fields(lua_State *L, const void *of) {
    const struct rules_facts *facts = of;
    lua_createtable(L, 0, (int)facts->field_count);
    for (size_t i = 0; i < facts->field_count; i++) {
        rules_push_str(L, facts->fields[i].name);
        push_field(L, &facts->fields[i]);
        lua_rawset(L, -3);
    }
}

static void push_labels(lua_State *L, const void *of) {
    const struct rules_facts *facts = of;
    lua_createtable(L, (int)facts->label_count, 0);
    for (size_t i = 0; i < facts->label_count; i++) {
        lua_createtable(L, 0, 2);
        rules_push_str(L, facts->labels[i].label);
        lua_setfield(L, -2, "label");
        lua_pushnumber(L, facts->labels[i].confidence);
        lua_setfield(L, -2, "confidence");
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
}

static void push_text(lua_State *L, const void *of) {
    rules_push_text(L, ((const struct rules_facts *)of)->text);
}

static void push_endpoint(lua_State *L, const void *of) {
    rules_push_str(L, ((const struct rules_facts *)of)->endpoint);
}

static void push_prediction(lua_State *L, const void *of) {
    rules_push_str(L, ((const struct rules_facts *)of)->prediction);
}

static void push_confidence(lua_State *L, const void *of) {
    lua_pushnumber(L, ((const struct rules_facts *)of)->confidence);
}

static void push_model(lua_State *L, const void *of) {
    rules_push_str(L, ((const struct rules_facts *)of)->model);
}

static void push_ocr_confidence(lua_State *L, const void *of) {
    const struct rules_facts *facts = of;
    if (isnan(facts->ocr_confidence))
        lua_pushnil(L);
    else
        lua_pushnumber(L, facts->ocr_confidence);
}

/* Those that are there before anything is predicted come first. */
enum { CLASSIFY_MEMBERS = 4 };
static const struct rules_member members[] = {
    {"text", push_text, 0},
    {"fields", push_fields, FIELDS_SLOT},
    {"features", push_fields, FIELDS_SLOT},
    {"endpoint", push_endpoint, 0},
    {"prediction", push_prediction, 0},
    {"confidence", push_confidence, 0},
    {"labels", push_labels, LABELS_SLOT},
    {"model", push_model, 0},
    {"ocr_confidence", push_ocr_confidence, 0},
};
static const struct rules_members classify_members = {members, CLASSIFY_MEMBERS},
                                  verify_members = {members, ARRAY_COUNT(members)};

/* A text of the script's as others may see it: valid UTF-8, one line. */
static void copy_line(struct str from, char *to, size_t size) {
    from = rules_cut(from, size - 1);
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
    rules_push_view(L, &verify_members, v->facts);
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
    rules_push_view(L, &classify_members, c->facts);
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
