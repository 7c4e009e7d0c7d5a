/* Bodies of language model clients, as a rule sees them: a script that looks at every member ends with an
 * answer or a refusal, and what it sees are texts that it can go on with. The first byte chooses the client's
 * API. */
#include "chat/request_rules.h"

#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char looks[] =
    "local function see(r)\n"
    "  assert(utf8.len(r.text) and utf8.len(r.user) and utf8.len(r.model) and #r.text <= 262144)\n"
    "  assert(r.message_count >= 0 and r.tokens >= 0 and type(r.stream) == 'boolean')\n"
    "  assert(type(r.tools) == 'boolean' and type(r.images) == 'boolean' and #r.api > 0)\n"
    "  assert(r.temperature == nil or r.temperature >= 0)\n"
    "  assert(r.max_tokens == nil or r.max_tokens >= 0)\n"
    "  for k, v in pairs(r.metadata) do assert(utf8.len(k) and utf8.len(v)) end\n"
    "  for k, v in pairs(r.headers) do assert(k ~= 'cookie' and #v > 0) end\n"
    "end\n"
    "function route(r) see(r) return r.metadata.to or r.text end\n"
    "function answer(r) see(r) return r.text .. r.reason end\n";

static void must(bool condition, const struct error *err) {
    if (condition)
        return;
    fprintf(stderr, "%s\n", err->message);
    abort();
}

static struct script *open_script(const char *function) {
    struct error err;
    const struct script_limits limits = {.instructions = 1000000000, .cpu_time = INT64_C(60000000000)};
    struct script *s = script_new(str_from(looks), "looks.lua", function, &limits, &err);
    must(s != NULL, &err);
    return s;
}

/* A name that nobody has, or more text than there is memory for; nothing that `see` stumbled over. */
static bool is_fine(const struct error *err) {
    static const char *const refusals[] = {"looks.lua: route returned \"",
                                           "looks.lua: answer returned a text",
                                           "looks.lua: the script needs more"};
    bool known = false;
    for (size_t i = 0; i < ARRAY_COUNT(refusals); i++)
        known |= str_starts(str_from(err->message), str_from(refusals[i]));
    return known && str_is_utf8(str_from(err->message), NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct script *route, *answer;
    static const struct str names[] = {STR("a"), STR("b")};
    static const struct http_header headers[] = {{STR("cookie"), STR("c")}, {STR("x-a"), STR("b")}};
    struct chat_request r;
    struct error err = {0};
    unsigned order[REQUEST_RULES_TARGETS_MAX], count = 0;
    if (!route) {
        route = open_script("route");
        answer = open_script("answer");
    }
    if (size == 0 || !chat_request_parse(data[0] % CHAT_SURFACE_COUNT,
                                         (struct str){(const char *)data + 1, size - 1}, &r, &err))
        return 0;
    struct request_rules_facts facts = {.in = &r,
                                        .endpoint = STR("e"),
                                        .client = STR(""),
                                        .family = TOKENS_GENERIC,
                                        .headers = headers,
                                        .header_count = ARRAY_COUNT(headers),
                                        .reason = STR("x")};
    struct buf text = BUF_INIT(1 << 21);
    if (request_rules_route(route, &facts, names, ARRAY_COUNT(names), order, &count, &err))
        must(count == 1 && order[0] < 2, &err);
    else
        must(is_fine(&err), &err);
    if (request_rules_answer(answer, &facts, &text, &err))
        must(text.n > 0 && str_is_utf8(buf_str(&text), NULL), &err);
    else
        must(is_fine(&err), &err);
    buf_free(&text);
    chat_request_clear(&r);
    return 0;
}
