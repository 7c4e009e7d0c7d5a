#include "chat/request_rules.h"

#include "../unit.h"

#include "base/clock.h"

#include <stdio.h>
#include <time.h>

static const char chat[] =
    "{\"model\":\"assistant\",\"stream\":true,\"temperature\":0.25,\"max_tokens\":50,\"user\":\"ann\","
    "\"metadata\":{\"team\":\"red\",\"count\":3},\"tools\":[{\"type\":\"function\",\"function\":{\"name\":"
    "\"f\"}}],\"messages\":[{\"role\":\"system\",\"content\":\"Be brief.\"},{\"role\":\"user\",\"content\":"
    "\"first\"},{\"role\":\"assistant\",\"content\":\"yes\"},{\"role\":\"user\",\"content\":[{\"type\":"
    "\"text\",\"text\":\"What is\"},{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:x\"}},{\"type\":"
    "\"text\",\"text\":\"this?\"}]},{\"role\":\"assistant\",\"content\":\"well\"}]}";
static const char plain[] = "{\"model\":\"assistant\",\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}";

static const struct http_header headers[] = {{STR("x-tier"), STR("gold")},
                                             {STR("authorization"), STR("Bearer psk_1")},
                                             {STR("x-tier"), STR("silver")}};

static const struct str names[] = {STR("cheap"), STR("main/gpt-4o"), STR("dear")};

/* No time that a slow machine could take for the instructions. */
static const struct script_limits limits = {.instructions = 2000000, .cpu_time = 60 * NS_PER_SECOND};

struct asked {
    struct chat_request in;
    struct request_rules_facts facts;
    struct script *script;
};

static struct asked ask(enum chat_surface surface, const char *body, const char *function, const char *lua) {
    struct asked a = {0};
    struct error err;
    char source[4000];
    if (!chat_request_parse(surface, str_from(body), &a.in, &err))
        fail_msg("%s: %s", body, err.message);
    snprintf(source, sizeof source, "function %s(r)\n%s\nend", function, lua);
    a.script = script_new(str_from(source), "t.lua", function, &limits, &err);
    if (!a.script)
        fail_msg("%s: %s", lua, err.message);
    a.facts = (struct request_rules_facts){.endpoint = STR("assistant"),
                                           .client = STR("shop"),
                                           .family = TOKENS_O200K,
                                           .headers = headers,
                                           .header_count = ARRAY_COUNT(headers),
                                           .reason = STR("upstream_failed")};
    return a;
}

static void done(struct asked *a) {
    chat_request_clear(&a->in);
    script_free(a->script);
}

/* `expected`: the indices as digits. Twice, since the second call must not see what the first one kept. */
static void routes_on(enum chat_surface surface, const char *body, const char *lua, const char *expected) {
    struct asked a = ask(surface, body, "route", lua);
    for (int i = 0; i < 2; i++) {
        unsigned order[REQUEST_RULES_TARGETS_MAX], count = 99;
        char got[40] = "";
        struct error err;
        a.facts.in = &a.in;
        if (!request_rules_route(a.script, &a.facts, names, ARRAY_COUNT(names), order, &count, &err))
            fail_msg("%s: %s", lua, err.message);
        for (unsigned k = 0; k < count; k++)
            snprintf(got + strlen(got), sizeof got - strlen(got), "%u", order[k]);
        if (strcmp(got, expected) != 0)
            fail_msg("%s: got \"%s\", expected \"%s\"", lua, got, expected);
    }
    done(&a);
}

static void routes(const char *lua, const char *expected) {
    routes_on(CHAT_COMPLETIONS, chat, lua, expected);
}

static void holds_on(enum chat_surface surface, const char *body, const char *condition) {
    char lua[1000];
    snprintf(lua, sizeof lua, "if %s then return 'dear' end", condition);
    routes_on(surface, body, lua, "2");
}

static void holds(const char *condition) {
    holds_on(CHAT_COMPLETIONS, chat, condition);
}

static void cannot_route(const char *lua, const char *expected) {
    struct asked a = ask(CHAT_COMPLETIONS, chat, "route", lua);
    unsigned order[REQUEST_RULES_TARGETS_MAX], count = 99;
    struct error err;
    a.facts.in = &a.in;
    if (request_rules_route(a.script, &a.facts, names, ARRAY_COUNT(names), order, &count, &err))
        fail_msg("%s: no error", lua);
    assert_int_equal(err.code, ERR_MODEL);
    assert_int_equal(count, 99);
    if (strcmp(err.message, expected) != 0)
        fail_msg("%s:\n  got      %s\n  expected %s", lua, err.message, expected);
    done(&a);
}

static void a_rule_names_one_or_several_or_nobody(void **state) {
    routes("return 'main/gpt-4o'", "1");
    routes("return {'dear', 'cheap'}", "20");
    routes("return {'dear', 'cheap', 'dear'}", "20");
    routes("return nil", "");
    routes("", "");
    routes("return {}", "");
    routes("return {}, 'ignored'", "");
}

static void a_rule_sees_what_is_asked(void **state) {
    holds("r.endpoint == 'assistant' and r.client == 'shop' and r.user == 'ann' and r.model == 'assistant'");
    holds("r.api == 'chat_completions' and r.text == 'What is\\nthis?' and r.message_count == 5");
    holds("r.stream == true and r.tools == true and r.images == true");
    holds("r.temperature == 0.25 and r.max_tokens == 50");
    holds("r.tokens > 1000 and r.tokens < 1100"); /* the image, and some words */
    holds("r.metadata.team == 'red' and r.metadata.count == nil and r.metadata == r.metadata");
    holds("r.headers['x-tier'] == 'gold' and r.headers.authorization == nil");
    holds_on(CHAT_COMPLETIONS, plain,
             "r.text == 'Hi' and not r.stream and not r.tools and not r.images and r.user == ''");
    holds_on(CHAT_COMPLETIONS, plain,
             "r.temperature == nil and r.max_tokens == nil and next(r.metadata) == nil and r.tokens < 20");
}

static void a_rule_sees_the_same_of_every_api(void **state) {
    holds_on(CHAT_LEGACY, "{\"model\":\"a\",\"prompt\":\"Say\"}",
             "r.api == 'completions' and r.text == 'Say' and r.message_count == 0");
    holds_on(CHAT_LEGACY, "{\"model\":\"a\",\"prompt\":[1,2]}", "r.text == ''");
    holds_on(CHAT_EMBEDDINGS, "{\"model\":\"a\",\"input\":[\"one\",\"two\"]}",
             "r.api == 'embeddings' and r.text == 'one\\ntwo'");
    holds_on(CHAT_RESPONSES, "{\"model\":\"a\",\"input\":\"Say\",\"max_output_tokens\":7}",
             "r.api == 'responses' and r.text == 'Say' and r.max_tokens == 7");
    holds_on(CHAT_RESPONSES,
             "{\"model\":\"a\",\"input\":[{\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":"
             "\"Say\"}]}]}",
             "r.text == 'Say' and r.message_count == 1");
    holds_on(CHAT_MESSAGES,
             "{\"model\":\"a\",\"max_tokens\":9,\"metadata\":{\"user_id\":\"u\"},\"messages\":[{\"role\":"
             "\"user\",\"content\":[{\"type\":\"text\",\"text\":\"Say\"}]}]}",
             "r.api == 'messages' and r.text == 'Say' and r.user == 'u' and r.max_tokens == 9");
}

static void whatever_else_a_rule_returns_is_an_error(void **state) {
    cannot_route("return 'gpt-5'",
                 "t.lua: route returned \"gpt-5\"; expected one of: cheap, main/gpt-4o, dear");
    cannot_route("return {'cheap', 'x'}",
                 "t.lua: route returned \"x\"; expected one of: cheap, main/gpt-4o, dear");
    cannot_route("return 7", "t.lua: route returned a number; expected a name, a list of names or nil");
    cannot_route("return true", "t.lua: route returned a boolean; expected a name, a list of names or nil");
    cannot_route("return {1}", "t.lua: route returned a number among its names; expected texts");
    cannot_route("local t = {} for i = 1, 33 do t[i] = 'cheap' end return t",
                 "t.lua: route returned a list of more than 32 names");
    cannot_route("return r.txt", "t.lua:2: r has no \"txt\"; did you mean r.text?");
    cannot_route("return r.reason", "t.lua:2: r has no \"reason\"");
    cannot_route("r.text = ''", "t.lua:2: r is read-only");
    cannot_route("while true do local x = r.tokens end",
                 "t.lua:2: the script used more than its instructions; look for a loop that does not end");
    cannot_route("return ('x'):rep(1e9)", "t.lua: the script needs more than 4096 KB of memory");
}

static void answers(const char *lua, const char *expected) {
    struct asked a = ask(CHAT_COMPLETIONS, chat, "answer", lua);
    AUTO_BUF text = BUF_INIT(2 << 20);
    struct error err;
    a.facts.in = &a.in;
    if (!request_rules_answer(a.script, &a.facts, &text, &err))
        fail_msg("%s: %s", lua, err.message);
    assert_str(buf_str(&text), expected);
    done(&a);
}

static void cannot_answer(const char *lua, const char *expected) {
    struct asked a = ask(CHAT_COMPLETIONS, chat, "answer", lua);
    AUTO_BUF text = BUF_INIT(2 << 20);
    struct error err;
    a.facts.in = &a.in;
    if (request_rules_answer(a.script, &a.facts, &text, &err))
        fail_msg("%s: no error", lua);
    assert_int_equal(text.n, 0);
    if (strcmp(err.message, expected) != 0)
        fail_msg("%s:\n  got      %s\n  expected %s", lua, err.message, expected);
    done(&a);
}

static void rules_answer_with_a_text(void **state) {
    answers("return 'You asked: ' .. r.text .. ' (' .. r.reason .. ')'",
            "You asked: What is\nthis? (upstream_failed)");
    cannot_answer("return nil", "t.lua: the rules have no answer (answer returned nil)");
    cannot_answer("return 7", "t.lua: answer returned a number; expected a text");
    cannot_answer("return ''", "t.lua: answer returned a text that is not 1 to 1048576 bytes of UTF-8");
    cannot_answer("return '\\xff'", "t.lua: answer returned a text that is not 1 to 1048576 bytes of UTF-8");
    cannot_answer("return ('x'):rep(1048577)",
                  "t.lua: answer returned a text that is not 1 to 1048576 bytes of UTF-8");
}

static void a_long_text_is_cut_between_characters(void **state) {
    AUTO_BUF body = BUF_INIT(4 << 20);
    buf_add_str(&body, STR("{\"model\":\"a\",\"messages\":[{\"role\":\"user\",\"content\":\"x"));
    for (int i = 0; i < RULES_TEXT_MAX; i++)
        buf_add_str(&body, STR("\xc3\xa9"));
    buf_add_str(&body, STR("\"}]}"));
    holds_on(CHAT_COMPLETIONS, buf_terminated(&body),
             "#r.text == 262143 and utf8.len(r.text) == 131072 and r.tokens > 65536");

    buf_clear(&body);
    buf_add_str(&body, STR("{\"model\":\"a\",\"input\":[\"x\""));
    for (int i = 0; i < RULES_TEXT_MAX; i++)
        buf_add_str(&body, STR(",\"y\""));
    buf_add_str(&body, STR("]}"));
    holds_on(CHAT_EMBEDDINGS, buf_terminated(&body), "#r.text == 262144 and r.text:sub(1, 4) == 'x\\ny\\n'");
}

static void routing_is_cheap(void **state) {
    struct asked a = ask(CHAT_COMPLETIONS, chat, "route",
                         "if r.tools and r.images or r.tokens > 2000 or r.metadata.task == 'draw' then\n"
                         "  return 'dear'\nend\nif r.text:find('weather') then return 'cheap' end");
    unsigned order[REQUEST_RULES_TARGETS_MAX], count;
    struct error err;
    enum { CALLS = 20000 };
    size_t memory = 0;
    clock_t start = 0;
    a.facts.in = &a.in;
    for (int i = 0; i < CALLS + 1000; i++) {
        if (i == 1000) {
            memory = script_memory(a.script);
            start = clock();
        }
        assert_true(request_rules_route(a.script, &a.facts, names, ARRAY_COUNT(names), order, &count, &err));
    }
    double us = (double)(clock() - start) / CLOCKS_PER_SEC * 1e6 / CALLS;
    print_message("             route: %.2f us of CPU, %zu KB\n", us, script_memory(a.script) / 1024);
    assert_true(script_memory(a.script) < memory + 100000);
    done(&a);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rule_names_one_or_several_or_nobody),
        cmocka_unit_test(a_rule_sees_what_is_asked),
        cmocka_unit_test(a_rule_sees_the_same_of_every_api),
        cmocka_unit_test(whatever_else_a_rule_returns_is_an_error),
        cmocka_unit_test(rules_answer_with_a_text),
        cmocka_unit_test(a_long_text_is_cut_between_characters),
        cmocka_unit_test(routing_is_cheap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
