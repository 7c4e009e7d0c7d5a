#include "evals/expression.h"

#include "evals/suite.h"
#include "models/rules_view.h"
#include "models/script.h"

#include <lauxlib.h>
#include <lua.h>
#include <stdio.h>

enum { VARIABLES_SLOT = 1, SOURCE_MAX = SCRIPT_SOURCE_MAX };

struct facts {
    const struct suite_case *in;
    const struct answer *answer;
};

static void push_number(lua_State *L, double value) {
    if (isnan(value))
        lua_pushnil(L);
    else
        lua_pushnumber(L, value);
}

static void push_or_nil(lua_State *L, struct str s) {
    if (s.p)
        rules_push_text(L, s);
    else
        lua_pushnil(L);
}

static const struct answer *answer_of(const void *of) {
    return ((const struct facts *)of)->answer;
}
static const struct suite_case *case_of(const void *of) {
    return ((const struct facts *)of)->in;
}

static void push_text(lua_State *L, const void *of) {
    rules_push_text(L, answer_of(of)->text);
}
static void push_tools(lua_State *L, const void *of) {
    push_or_nil(L, answer_of(of)->tools);
}
static void push_model(lua_State *L, const void *of) {
    rules_push_str(L, answer_of(of)->model);
}
static void push_confidence(lua_State *L, const void *of) {
    push_number(L, answer_of(of)->confidence);
}
static void push_latency(lua_State *L, const void *of) {
    push_number(L, answer_of(of)->latency_ms);
}
static void push_cost(lua_State *L, const void *of) {
    push_number(L, answer_of(of)->cost_usd);
}
static void push_input(lua_State *L, const void *of) {
    push_or_nil(L, case_of(of)->text);
}
static void push_expected(lua_State *L, const void *of) {
    push_or_nil(L, case_of(of)->label);
}
static void push_slice(lua_State *L, const void *of) {
    rules_push_str(L, case_of(of)->slice);
}

static void push_variables(lua_State *L, const void *of) {
    const struct suite_case *c = case_of(of);
    lua_createtable(L, 0, (int)c->variable_count);
    for (size_t i = 0; i < c->variable_count; i++) {
        rules_push_str(L, c->variables[i].name);
        rules_push_text(L, c->variables[i].value);
        lua_rawset(L, -3);
    }
}

static const struct rules_member members[] = {
    {"text", push_text, 0},          {"confidence", push_confidence, 0},
    {"latency_ms", push_latency, 0}, {"cost_usd", push_cost, 0},
    {"model", push_model, 0},        {"tools", push_tools, 0},
    {"input", push_input, 0},        {"expected", push_expected, 0},
    {"slice", push_slice, 0},        {"variables", push_variables, VARIABLES_SLOT},
};
static const struct rules_members answer_members = {members, ARRAY_COUNT(members)};

struct deciding {
    struct facts facts;
    struct assertion_outcome *out;
    double threshold;
};

static int arguments(lua_State *L, void *ctx) {
    struct deciding *d = ctx;
    rules_push_view(L, &answer_members, &d->facts);
    return 1;
}

static void results(lua_State *L, int at, void *ctx) {
    struct deciding *d = ctx;
    if (lua_isboolean(L, at)) {
        d->out->passed = lua_toboolean(L, at);
    } else if (lua_type(L, at) == LUA_TNUMBER) {
        d->out->score = lua_tonumber(L, at);
        if (!(d->out->score >= 0 && d->out->score <= 1))
            luaL_error(L, "the expression gave the score %f; expected 0 to 1", d->out->score);
        d->out->graded = true;
        d->out->passed = d->out->score >= (isnan(d->threshold) ? SCORE_THRESHOLD : d->threshold);
    } else {
        luaL_error(L, "the expression gave a %s; expected true, false or a score", luaL_typename(L, at));
    }
    struct str reason = {"", 0};
    if (lua_type(L, at + 1) == LUA_TSTRING)
        reason.p = lua_tolstring(L, at + 1, &reason.n);
    if (reason.n == 0)
        reason = STR("the expression was not true");
    reason = rules_cut(reason, ASSERTION_REASON_MAX - 1);
    bool valid = str_is_utf8(reason, NULL);
    for (size_t i = 0; i < reason.n; i++) {
        unsigned char c = (unsigned char)reason.p[i];
        d->out->reason[i] = c < 0x20 || c == 0x7F ? ' ' : c >= 0x80 && !valid ? '?' : (char)c;
    }
    d->out->reason[reason.n] = '\0';
}

static bool is_word(char c) {
    return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool has_return(struct str s) {
    for (size_t i = 0; i + 6 <= s.n; i++)
        if (memcmp(s.p + i, "return", 6) == 0 && (i == 0 || !is_word(s.p[i - 1])) &&
            (i + 6 == s.n || !is_word(s.p[i + 6])))
            return true;
    return false;
}

static bool write_source(struct str expression, struct buf *out, struct error *err) {
    bool body = has_return(expression);
    buf_printf(out, "function check(answer) %s", body ? "" : "return (");
    buf_add_str(out, expression);
    buf_printf(out, "\n%s end", body ? "" : ")");
    return !out->failed ||
           fail(err, ERR_DATA, "out of memory, or a Lua expression of more than %d bytes", SOURCE_MAX);
}

bool expression_check(struct str expression, struct error *err) {
    AUTO_BUF source = BUF_INIT(SOURCE_MAX);
    return write_source(expression, &source, err) && script_check(buf_str(&source), "lua", "check", err);
}

bool expression_decide(const struct assertion *a, const struct suite_case *c, const struct answer *answer,
                       struct assertion_outcome *out) {
    AUTO_BUF source = BUF_INIT(SOURCE_MAX);
    struct error err;
    struct deciding d = {{c, answer}, out, a->threshold};
    const struct script_exchange exchange = {arguments, results, 2, &d};
    struct script *script = write_source(a->value, &source, &err)
                                ? script_new(buf_str(&source), "lua", "check", NULL, &err)
                                : NULL;
    bool decided = script && script_call(script, &exchange, &err);
    script_free(script);
    if (!decided)
        snprintf(out->reason, sizeof out->reason, "%.200s", err.message);
    return decided;
}
