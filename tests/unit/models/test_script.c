#include "models/script.h"

#include "../unit.h"

#include <lua.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

static int no_arguments(lua_State *L, void *ctx) {
    return 0;
}

/* Numbers and booleans as text, others by type. */
static void keep_result(lua_State *L, int at, void *ctx) {
    char *text = ctx;
    if (lua_type(L, at) == LUA_TBOOLEAN)
        snprintf(text, 200, "%s", lua_toboolean(L, at) ? "true" : "false");
    else if (lua_isstring(L, at))
        snprintf(text, 200, "%s", lua_tostring(L, at));
    else
        snprintf(text, 200, "<%s>", lua_typename(L, lua_type(L, at)));
}

static bool run(struct script *s, char text[200], struct error *err) {
    const struct script_exchange exchange = {no_arguments, keep_result, 1, text};
    return script_call(s, &exchange, err);
}

/* The value of an expression, inside a function that stands behind `before`. */
static void gives(const char *before, const char *expression, const char *expected) {
    char source[1000], text[200];
    struct error err;
    /* Sanitizers make CPU time mean little. */
    const struct script_limits limits = {.cpu_time = INT64_C(20000000000)};
    snprintf(source, sizeof source, "%s\nfunction f() return %s end", before, expression);
    struct script *s = script_new(str_from(source), "t.lua", "f", &limits, &err);
    if (!s)
        fail_msg("%s: %s", expression, err.message);
    if (!run(s, text, &err))
        fail_msg("%s: %s", expression, err.message);
    if (strcmp(text, expected) != 0)
        fail_msg("%s gave %s, expected %s", expression, text, expected);
    script_free(s);
}

/* A body that must end in an error holding `expected`, soon, and leave the script usable. */
static void fails(const char *body, const char *expected) {
    char source[2000], text[200];
    struct error err;
    snprintf(source, sizeof source, "function f(again) if stop then return 'fine' end\n%s\nend", body);
    struct script *s = script_new(str_from(source), "t.lua", "f", NULL, &err);
    if (!s)
        fail_msg("%s: does not load: %s", body, err.message);
    clock_t start = clock();
    for (int i = 0; i < 2; i++) {
        if (run(s, text, &err))
            fail_msg("%s: gave %s, expected an error", body, text);
        assert_int_equal(err.code, ERR_MODEL);
        if (!strstr(err.message, expected))
            fail_msg("%s: got \"%s\", expected \"%s\"", body, err.message, expected);
    }
    double ms = (double)(clock() - start) / CLOCKS_PER_SEC * 1e3 / 2;
    if (ms > 5000)
        fail_msg("%s: took %.0f ms of CPU", body, ms);
    assert_true(script_memory(s) <= (4 << 20));
    script_free(s);
}

static void does_not_load(const char *source, const char *expected) {
    struct error err;
    if (script_check(str_from(source), "t.lua", "f", &err))
        fail_msg("%s: loads, expected %s", source, expected);
    assert_int_equal(err.code, ERR_CONFIG);
    if (!strstr(err.message, expected))
        fail_msg("%s: got \"%s\", expected \"%s\"", source, err.message, expected);
}

static void says_where_a_script_is_wrong(void **state) {
    does_not_load("x = = 1", "t.lua:1: unexpected symbol near '='");
    does_not_load("\n\nerror('no good')", "t.lua:3: no good");
    does_not_load("local x = nil + 1", "t.lua:1: attempt to perform arithmetic on a nil value");
    does_not_load("g = 1", "t.lua: the script defines no function f(r)");
    does_not_load("f = 1", "t.lua: the script defines no function f(r)");
    does_not_load("while true do end", "t.lua:1: the script used more than its instructions");
    does_not_load("\033Lua", "attempt to load a binary chunk");
    does_not_load("error({})", "t.lua: the script raised a table as its error");
    does_not_load("error('a\\nb\\xff')", "t.lua:1: a?b?");
    struct error err;
    assert_true(script_check(STR("function f() end"), "t.lua", "f", &err));
    assert_true(script_check(STR(""), "t.lua", NULL, &err));
}

static void gives_what_rules_need(void **state) {
    gives("", "1 + 1", "2");
    gives("", "('Total: 12.50'):match('(%d+)%.(%d+)')", "12");
    gives("", "string.format('%05.1f', math.floor(2.7))", "002.0");
    gives("", "utf8.len('\\xc3\\xa9')", "1");
    gives("", "table.concat({1, 2, 3}, '-')", "1-2-3");
    gives("local t = {3, 1, 2} table.sort(t)", "table.concat(t, ',')", "1,2,3");
    gives("", "select('#', table.unpack({1, 2, 3}))", "3");
    gives("", "tostring(pcall(error, 'x'))", "false");
    gives("", "('x'):rep(3, '-')", "x-x-x");
    gives("", "#('ab'):rep(1000)", "2000");
    gives("", "('hello world'):gsub('o', '0')", "hell0 w0rld");
    gives("local n = 0 for w in ('a b c'):gmatch('%a') do n = n + 1 end", "n", "3");
    gives("", "('10' + 5)", "15");
    gives("local t = {} for i = 1, 2000 do t[#t + 1] = i; table.insert(t, i) end", "#t", "4000");
    gives("print('to nobody')", "print == nil", "false");
}

static void what_reaches_outside_is_not_there(void **state) {
    const char *names[] = {
        "load",        "loadfile",     "dofile",       "require",         "loadstring", "io",
        "os",          "debug",        "package",      "coroutine",       "_G",         "collectgarbage",
        "xpcall",      "getmetatable", "setmetatable", "rawset",          "rawget",     "warn",
        "string.dump", "string.pack",  "math.random",  "math.randomseed", "table.move"};
    for (size_t i = 0; i < ARRAY_COUNT(names); i++)
        gives("", names[i], "<nil>");
    gives("", "(_ENV or {}).load", "<nil>");
    gives("", "('').dump", "<nil>");
}

static void nothing_survives_a_call(void **state) {
    const char *source = "local calls = 0\n"
                         "local seen = {}\n"
                         "function f() calls = calls + 1; total = (total or 0) + 1\n"
                         "  seen[#seen + 1] = 'x'\n"
                         "  return calls .. total .. #seen end";
    struct error err;
    char text[200];
    struct script *s = script_new(str_from(source), "t.lua", "f", NULL, &err);
    assert_non_null(s);
    for (int i = 0; i < 3; i++) {
        assert_true(run(s, text, &err));
        assert_string_equal(text, "111");
    }
    script_free(s);
    fails("string.find = 1", "t.lua:2: the libraries are read-only");
    fails("table.insert(math, 1)", "the libraries are read-only");
    fails("math.pi = 3", "the libraries are read-only");
    fails("('').upper = nil", "attempt to index a string value");
}

static void loops_end(void **state) {
    fails("while true do end", "t.lua:2: the script used more than its instructions");
    fails("for i = 1, math.maxinteger do end", "the script used more than its instructions");
    fails("::a:: goto a", "the script used more than its instructions");
    fails("repeat until false", "the script used more than its instructions");
    fails("local function g() return g() end g()", "the script used more than its instructions");
}

static void pcall_cannot_go_on(void **state) {
    fails("while true do pcall(function() while true do end end) end", "used more than its instructions");
    fails("local function g() pcall(g) return pcall(g) end g()", "t.lua");
    fails("return pcall(function() while true do end end)", "used more than its instructions");
    fails("return pcall(pcall, pcall, function() while true do end end)", "used more than its instructions");
    fails("local t <close> = nil; for i = 1, 1e9 do pcall(string.rep, 'x', 1e9) end", "used more than its");
}

static void memory_ends(void **state) {
    fails("return ('a'):rep(1e9)", "needs more than 4096 KB of memory");
    fails("return string.rep('abc', 1 << 40)", "the script");
    fails("return ('a'):rep(math.maxinteger)", "needs more than 4096 KB of memory");
    fails("return ('abc'):rep(math.maxinteger)", "t.lua:2: resulting string too large");
    fails("return ('a'):rep(math.maxinteger, 'b')", "resulting string too large");
    fails("local s = 'x' while true do s = s .. s end", "the script");
    fails("local t = {} while true do t[#t + 1] = {} end", "the script");
    fails("local t = {} for i = 1, 1e9 do t[i] = 'a' .. i end", "the script");
    fails("local s = ('x'):rep(100000); return (s:gsub('.', s))", "the script");
    fails("return table.concat({}, 'x', 1, 1e9)", "invalid value");
    fails("return table.unpack({}, 1, 1e6)", "too many results to unpack");
    fails("return table.unpack({}, 1, 1e9)", "too many results to unpack");
    fails("local s = ('x'):rep(1e6) while true do local _ = {s:byte(1, -1)} end", "t.lua");
}

static void empty_repeats_end_too(void **state) {
    gives("", "('').rep('', math.maxinteger)", "");
    gives("", "('').rep('', 5, '')", "");
}

static void deep_recursion_ends(void **state) {
    fails("local function g(n) return 1 + g(n + 1) end g(1)", "t.lua");
    fails("local function g() return pcall(g) end return 1 + (g() and nil)", "t.lua");
    fails("local s = ('a'):rep(10) local function g(x) return (x:gsub('a', g)) end g(s)", "t.lua");
    fails("local function g(t) table.sort({3, 2, 1}, g) return false end g()", "t.lua");
}

static void patterns_end(void **state) {
    const char *calls[] = {
        "return s:find('a*a*a*a*a*a*a*a*b')",
        "return s:match(('a?'):rep(20) .. ('a'):rep(20) .. 'b')",
        "return s:find('.-.-.-.-.-b')",
        "return s:gsub('a*a*a*a*b', '')",
        "for w in s:gmatch('.-.-.-.-b') do end",
        "return s:find('(.*)(.*)(.*)(.*)%4%3%2%1b')",
        "while true do s:find('b') end",
        "while true do s:find('b', 1, true) end",
        "while true do s:upper() end",
        "while true do utf8.len(s) end",
        "while true do tonumber(s) end",
        "for i = 1, 1e9 do local _ = s < s end",
        "local p = '[' .. ('b'):rep(100000) .. ']' return s:find(p)",
        "local t = {} for i = 1, 20000 do t[i] = s end while true do table.sort(t) end",
        "local t = {} for i = 1, 1e5 do t[i] = i end while true do table.insert(t, 1, 1) end",
        "local t = {} for i = 1, 1e5 do t[i] = i end while true do table.remove(t, 1) t[#t + 1] = 1 end",
    };
    char body[400];
    for (size_t i = 0; i < ARRAY_COUNT(calls); i++) {
        snprintf(body, sizeof body, "local s = ('a'):rep(50000)\n%s", calls[i]);
        fails(body, "the script used more than its");
    }
}

static void large_texts_are_searched_in_time(void **state) {
    gives("local s = ('lorem ipsum '):rep(20000) .. 'total: 12'", "s:match('total:%s*(%d+)')", "12");
    gives("local s = ('lorem ipsum '):rep(20000) .. 'total: 12'", "s:find('total', 1, true)", "240001");
    gives("local s, n = ('a b '):rep(20000), 0 for w in s:gmatch('%a') do n = n + 1 end", "n", "40000");
}

static void wrong_errors_are_told(void **state) {
    fails("error()", "raised a nil as its error");
    fails("error({code = 1})", "raised a table as its error");
    fails("error(print)", "raised a function as its error");
    fails("error('plain', 0)", "plain");
    fails("local x = r.text", "attempt to index a nil value (global 'r')");
}

static void a_file_is_opened(void **state) {
    char path[] = "/tmp/penstock-script-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    const char *source = "function f() return 7 end";
    assert_int_equal(write(fd, source, strlen(source)), (ssize_t)strlen(source));
    close(fd);
    struct error err;
    char text[200];
    struct script *s = script_open(path, "f", NULL, &err);
    assert_non_null(s);
    assert_true(run(s, text, &err));
    assert_string_equal(text, "7");
    script_free(s);
    assert_null(script_open(path, "verify", NULL, &err));
    assert_non_null(strstr(err.message, path));
    unlink(path);
    assert_null(script_open(path, "f", NULL, &err));
    assert_non_null(strstr(err.message, "cannot be read: No such file"));
    assert_null(script_open("/tmp", "f", NULL, &err));
}

static void limits_can_be_set(void **state) {
    struct error err;
    char text[200];
    struct script_limits limits = {.instructions = 5000};
    struct str source = STR("function f() for i = 1, 10000 do end return 1 end");
    struct script *s = script_new(source, "t.lua", "f", &limits, &err);
    assert_non_null(s);
    assert_false(run(s, text, &err));
    script_free(s);
    limits.instructions = 100000;
    s = script_new(source, "t.lua", "f", &limits, &err);
    assert_non_null(s);
    assert_true(run(s, text, &err));
    script_free(s);
    limits.memory = 1000;
    assert_null(script_new(source, "t.lua", "f", &limits, &err));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_where_a_script_is_wrong),
        cmocka_unit_test(gives_what_rules_need),
        cmocka_unit_test(what_reaches_outside_is_not_there),
        cmocka_unit_test(nothing_survives_a_call),
        cmocka_unit_test(loops_end),
        cmocka_unit_test(pcall_cannot_go_on),
        cmocka_unit_test(memory_ends),
        cmocka_unit_test(empty_repeats_end_too),
        cmocka_unit_test(deep_recursion_ends),
        cmocka_unit_test(patterns_end),
        cmocka_unit_test(large_texts_are_searched_in_time),
        cmocka_unit_test(wrong_errors_are_told),
        cmocka_unit_test(a_file_is_opened),
        cmocka_unit_test(limits_can_be_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
