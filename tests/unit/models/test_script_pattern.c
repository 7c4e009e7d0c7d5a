#include "models/script.h"
#include "models/script_pattern.h"

#include "../unit.h"

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

/* The same Lua code runs with Lua's own string library and with ours; what it says must be the same. */
static const char source[] =
    "local function show(good, ...)\n"
    "  if not good then return 'error' end\n"
    "  local t = table.pack(...)\n"
    "  for i = 1, t.n do t[i] = tostring(t[i]) end\n"
    "  return table.concat(t, '|')\n"
    "end\n"
    "local function all(s, p)\n"
    "  local found = {}\n"
    "  for a, b in string.gmatch(s, p) do found[#found + 1] = tostring(a) .. ',' .. tostring(b) end\n"
    "  return table.concat(found, ' ')\n"
    "end\n"
    "function f(s, p, r, i)\n"
    "  return table.concat({show(pcall(string.find, s, p)), show(pcall(string.match, s, p, i)),\n"
    "    show(pcall(string.gsub, s, p, r)), show(pcall(string.gsub, s, p, {a = 'x', b = false}, 2)),\n"
    "    show(pcall(string.gsub, s, p, function(x) return x == 'a' and '' end)),\n"
    "    show(pcall(string.find, s, p, i, true)), show(pcall(all, s, p))}, ';')\n"
    "end\n";

struct question {
    struct str subject, pattern, replacement;
    lua_Integer from;
    char answer[4000];
};

static int push_question(lua_State *L, void *ctx) {
    struct question *q = ctx;
    lua_pushlstring(L, q->subject.p, q->subject.n);
    lua_pushlstring(L, q->pattern.p, q->pattern.n);
    lua_pushlstring(L, q->replacement.p, q->replacement.n);
    lua_pushinteger(L, q->from);
    return 4;
}

static void take_answer(lua_State *L, int at, void *ctx) {
    struct question *q = ctx;
    size_t n;
    const char *text = lua_tolstring(L, at, &n);
    assert_true(n < sizeof q->answer);
    memcpy(q->answer, text, n);
    q->answer[n] = '\0';
}

static void ask_lua(lua_State *L, struct question *q) {
    lua_getglobal(L, "f");
    int count = push_question(L, q);
    lua_call(L, count, 1);
    take_answer(L, lua_gettop(L), q);
    lua_settop(L, 0);
}

static uint32_t next_random(uint32_t *seed) {
    *seed = *seed * 1664525 + 1013904223;
    return *seed >> 8;
}

static struct str random_text(uint32_t *seed, const char *const *pieces, size_t count, size_t most,
                              char *text) {
    size_t wanted = next_random(seed) % (most + 1), n = 0;
    for (size_t i = 0; i < wanted; i++) {
        const char *piece = pieces[next_random(seed) % count];
        size_t size = piece[0] ? strlen(piece) : 1;
        memcpy(text + n, piece, size);
        n += size;
    }
    text[n] = '\0';
    return (struct str){text, n};
}

static void matches_as_lua_does(void **state) {
    static const char *const pieces[] = {"a",  "b",  "%",    "(",   ")",     "[",    "]",     "^",
                                         "$",  ".",  "*",    "+",   "-",     "?",    "()",    "%a",
                                         "%s", "%1", "%bab", "%f",  "%f[a]", "[^a]", "[a-b]", "[%a]",
                                         ".-", ".*", "(a*)", "(.)", "",      "[]]",  "%D",    " "};
    static const char *const letters[] = {"a", "b", "ab", "aa", " ", "1", "", "(", "%", "]", "-"};
    static const char *const replacements[] = {"x", "%0", "%1", "%%", "%2", "%", ""};
    struct error err;
    struct script *ours = script_new(str_from(source), "t.lua", "f", NULL, &err);
    assert_non_null(ours);
    lua_State *theirs = luaL_newstate();
    assert_non_null(theirs);
    luaL_openlibs(theirs);
    assert_int_equal(luaL_dostring(theirs, source), LUA_OK);
    uint32_t seed = 1;
    for (int i = 0; i < 40000; i++) {
        char subject[64], pattern[64], replacement[16];
        static struct question a, b;
        a.subject = random_text(&seed, letters, ARRAY_COUNT(letters), 10, subject);
        a.pattern = random_text(&seed, pieces, ARRAY_COUNT(pieces), 7, pattern);
        a.replacement = random_text(&seed, replacements, ARRAY_COUNT(replacements) - 1, 3, replacement);
        a.from = (lua_Integer)(next_random(&seed) % 15) - 7;
        b = a;
        ask_lua(theirs, &a);
        const struct script_exchange exchange = {push_question, take_answer, 1, &b};
        if (!script_call(ours, &exchange, &err))
            fail_msg("\"%s\" in \"%s\": %s", pattern, subject, err.message);
        if (strcmp(a.answer, b.answer) != 0)
            fail_msg("\"%s\" in \"%s\" by \"%s\" from %d:\n  Lua  %s\n  ours %s", pattern, subject,
                     replacement, (int)a.from, a.answer, b.answer);
    }
    lua_close(theirs);
    script_free(ours);
}

static void stops_when_steps_are_used_up(void **state) {
    char subject[2000];
    memset(subject, 'a', sizeof subject);
    struct pattern p = {.subject = {subject, sizeof subject}, .text = STR("a*a*a*a*b"), .steps = 100000};
    assert_null(pattern_match(&p, subject));
    assert_ptr_equal(p.error, pattern_out_of_steps);
    p.text = STR("a*b");
    p.steps = 100000;
    p.error = NULL;
    assert_null(pattern_match(&p, subject));
    assert_null(p.error);
    assert_true(p.steps > 0);
}

static void long_sets_cost_more_than_a_step(void **state) {
    char set[1002], subject[100];
    memset(set, 'b', sizeof set);
    set[0] = '[';
    set[1001] = ']';
    memset(subject, 'a', sizeof subject);
    struct pattern p = {.subject = {subject, sizeof subject}, .text = {set, sizeof set}, .steps = 1000};
    for (size_t i = 0; i < sizeof subject && !p.error; i++)
        assert_null(pattern_match(&p, subject + i));
    assert_ptr_equal(p.error, pattern_out_of_steps);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_as_lua_does),
        cmocka_unit_test(stops_when_steps_are_used_up),
        cmocka_unit_test(long_sets_cost_more_than_a_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
