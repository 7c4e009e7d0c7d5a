#include "chat/request_rules.h"

#include "base/check.h"
#include "chat/count.h"

#include <lauxlib.h>
#include <lua.h>

enum { METADATA_SLOT = 1, HEADERS_SLOT = 2, TEXT_SLOT = 3, TOKENS_SLOT = 4, COUNTED_MAX = 65536 };

static const struct request_rules_facts *facts_of(const void *of) {
    return of;
}

/* ---- the last thing that the user says ---- */

static void add_text(luaL_Buffer *b, struct str text) {
    if (luaL_bufflen(b) > 0 && luaL_bufflen(b) < RULES_TEXT_MAX)
        luaL_addchar(b, '\n');
    text = rules_cut(text, RULES_TEXT_MAX - luaL_bufflen(b));
    luaL_addlstring(b, text.p ? text.p : "", text.n);
}

/* A text, or a list of texts and of parts that have one. */
static void add_content(luaL_Buffer *b, yyjson_val *content) {
    size_t i, max;
    yyjson_val *part;
    if (yyjson_is_str(content))
        add_text(b, json_str_of(content));
    yyjson_arr_foreach(content, i, max, part) {
        yyjson_val *text = yyjson_is_str(part) ? part : yyjson_obj_get(part, "text");
        if (yyjson_is_str(text))
            add_text(b, json_str_of(text));
    }
}

static yyjson_val *said_last(const struct chat_request *in) {
    size_t i, max;
    yyjson_val *turn, *last = NULL;
    if (!in->turns) {
        yyjson_val *prompt = yyjson_obj_get(in->root, "prompt");
        return prompt ? prompt : yyjson_obj_get(in->root, "input");
    }
    yyjson_arr_foreach(in->turns, i, max, turn) {
        if (str_eq(json_str_of(yyjson_obj_get(turn, "role")), STR("user")))
            last = turn;
    }
    return yyjson_obj_get(last, "content");
}

static void push_text(lua_State *L, const void *of) {
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    add_content(&b, said_last(facts_of(of)->in));
    luaL_pushresult(&b);
}

/* ---- the other members ---- */

static void push_endpoint(lua_State *L, const void *of) {
    rules_push_str(L, facts_of(of)->endpoint);
}

static void push_client(lua_State *L, const void *of) {
    rules_push_str(L, facts_of(of)->client);
}

static void push_user(lua_State *L, const void *of) {
    rules_push_text(L, facts_of(of)->in->user);
}

static void push_model(lua_State *L, const void *of) {
    rules_push_text(L, facts_of(of)->in->model);
}

static void push_api(lua_State *L, const void *of) {
    static const char *const names[CHAT_SURFACE_COUNT] = {[CHAT_COMPLETIONS] = "chat_completions",
                                                          [CHAT_LEGACY] = "completions",
                                                          [CHAT_EMBEDDINGS] = "embeddings",
                                                          [CHAT_RESPONSES] = "responses",
                                                          [CHAT_MESSAGES] = "messages"};
    lua_pushstring(L, names[facts_of(of)->in->surface]);
}

static void push_message_count(lua_State *L, const void *of) {
    lua_pushinteger(L, (lua_Integer)facts_of(of)->in->message_count);
}

/* Large ones by their bytes: a loop has no time to look at each character. */
static void push_tokens(lua_State *L, const void *of) {
    const struct request_rules_facts *facts = of;
    struct request_size size = count_bytes(facts->in);
    int64_t tokens = size.bytes > COUNTED_MAX ? tokens_of_bytes(size.bytes) + size.images * TOKENS_PER_IMAGE
                                              : count_request(facts->family, facts->in);
    lua_pushinteger(L, tokens);
}

static void push_stream(lua_State *L, const void *of) {
    lua_pushboolean(L, facts_of(of)->in->stream);
}

static void push_tools(lua_State *L, const void *of) {
    const struct chat_request *in = facts_of(of)->in;
    lua_pushboolean(L, in->tools || yyjson_arr_size(yyjson_obj_get(in->root, "functions")) > 0);
}

static void push_images(lua_State *L, const void *of) {
    lua_pushboolean(L, count_bytes(facts_of(of)->in).images > 0);
}

static void push_temperature(lua_State *L, const void *of) {
    const struct chat_request *in = facts_of(of)->in;
    if (yyjson_is_num(yyjson_obj_get(in->root, "temperature")))
        lua_pushnumber(L, in->temperature);
    else
        lua_pushnil(L);
}

static void push_max_tokens(lua_State *L, const void *of) {
    const struct chat_request *in = facts_of(of)->in;
    if (in->output_max >= 0)
        lua_pushinteger(L, in->output_max);
    else
        lua_pushnil(L);
}

static void push_metadata(lua_State *L, const void *of) {
    size_t i, max;
    yyjson_val *key, *value;
    lua_newtable(L);
    yyjson_obj_foreach(facts_of(of)->in->metadata, i, max, key, value) {
        if (!yyjson_is_str(value))
            continue;
        rules_push_text(L, json_str_of(key));
        rules_push_text(L, json_str_of(value));
        lua_rawset(L, -3);
    }
}

/* What proves who is asking is nobody's business. */
static bool is_secret(struct str header) {
    static const char *const secrets[] = {"authorization", "x-api-key", "api-key", "cookie",
                                          "proxy-authorization"};
    for (size_t i = 0; i < ARRAY_COUNT(secrets); i++)
        if (str_eq(header, str_from(secrets[i])))
            return true;
    return false;
}

/* Of several with one name the first. */
static void push_headers(lua_State *L, const void *of) {
    const struct request_rules_facts *facts = of;
    lua_newtable(L);
    for (size_t i = facts->header_count; i-- > 0;) {
        if (is_secret(facts->headers[i].name))
            continue;
        rules_push_str(L, facts->headers[i].name);
        rules_push_str(L, facts->headers[i].value);
        lua_rawset(L, -3);
    }
}

static void push_reason(lua_State *L, const void *of) {
    rules_push_str(L, facts_of(of)->reason);
}

static const struct rules_member members[] = {
    {"endpoint", push_endpoint, 0},
    {"client", push_client, 0},
    {"user", push_user, 0},
    {"model", push_model, 0},
    {"api", push_api, 0},
    {"text", push_text, TEXT_SLOT},
    {"message_count", push_message_count, 0},
    {"tokens", push_tokens, TOKENS_SLOT},
    {"stream", push_stream, 0},
    {"tools", push_tools, 0},
    {"images", push_images, 0},
    {"temperature", push_temperature, 0},
    {"max_tokens", push_max_tokens, 0},
    {"metadata", push_metadata, METADATA_SLOT},
    {"headers", push_headers, HEADERS_SLOT},
    {"reason", push_reason, 0}, /* the last: not there for route */
};
static const struct rules_members route_members = {members, ARRAY_COUNT(members) - 1},
                                  answer_members = {members, ARRAY_COUNT(members)};

/* Of predictions. */
static void push_own_user(lua_State *L, const void *of) {
    rules_push_text(L, facts_of(of)->user);
}

static void push_own_text(lua_State *L, const void *of) {
    rules_push_text(L, facts_of(of)->text);
}

static const struct rules_member own_members[] = {
    {"endpoint", push_endpoint, 0},
    {"client", push_client, 0},
    {"user", push_own_user, 0},
    {"text", push_own_text, 0},
    {"headers", push_headers, HEADERS_SLOT},
};
static const struct rules_members prediction_members = {own_members, ARRAY_COUNT(own_members)};

/* ---- route ---- */

struct routing {
    const char *name; /* the script's */
    const struct request_rules_facts *facts;
    const struct str *names;
    size_t name_count;
    unsigned *order;
    unsigned count;
};

static int route_arguments(lua_State *L, void *ctx) {
    struct routing *routing = ctx;
    rules_push_view(L, &route_members, routing->facts);
    return 1;
}

/* All names in one text, for the message. */
static const char *names_of(lua_State *L, const struct routing *routing) {
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    for (size_t i = 0; i < routing->name_count; i++) {
        if (i > 0)
            luaL_addstring(&b, ", ");
        luaL_addlstring(&b, routing->names[i].p, routing->names[i].n);
    }
    luaL_pushresult(&b);
    return lua_tostring(L, -1);
}

static unsigned index_of(lua_State *L, const struct routing *routing, struct str name) {
    for (size_t i = 0; i < routing->name_count; i++)
        if (str_eq(name, routing->names[i]))
            return (unsigned)i;
    luaL_error(L, "%s: route returned \"%s\"; expected one of: %s", routing->name,
               rules_cut(name, 100).n == name.n ? name.p : "…", names_of(L, routing));
    return 0;
}

static void prefer(lua_State *L, struct routing *routing, int at) {
    if (lua_type(L, at) != LUA_TSTRING)
        luaL_error(L, "%s: route returned a %s among its names; expected texts", routing->name,
                   luaL_typename(L, at));
    struct str name;
    name.p = lua_tolstring(L, at, &name.n);
    unsigned index = index_of(L, routing, name);
    for (unsigned i = 0; i < routing->count; i++)
        if (routing->order[i] == index)
            return;
    routing->order[routing->count++] = index;
}

static void route_results(lua_State *L, int at, void *ctx) {
    struct routing *routing = ctx;
    switch (lua_type(L, at)) {
    case LUA_TNIL: return;
    case LUA_TSTRING: prefer(L, routing, at); return;
    case LUA_TTABLE: break;
    default:
        luaL_error(L, "%s: route returned a %s; expected a name, a list of names or nil", routing->name,
                   luaL_typename(L, at));
    }
    lua_Unsigned listed = lua_rawlen(L, at);
    if (listed > REQUEST_RULES_TARGETS_MAX)
        luaL_error(L, "%s: route returned a list of more than %d names", routing->name,
                   REQUEST_RULES_TARGETS_MAX);
    for (lua_Unsigned i = 1; i <= listed; i++) {
        lua_rawgeti(L, at, (lua_Integer)i);
        prefer(L, routing, lua_gettop(L));
        lua_pop(L, 1);
    }
}

bool request_rules_route(struct script *script, const struct request_rules_facts *facts,
                         const struct str *names, size_t name_count,
                         unsigned order[REQUEST_RULES_TARGETS_MAX], unsigned *count, struct error *err) {
    CHECK(name_count <= REQUEST_RULES_TARGETS_MAX);
    struct routing routing = {.name = script_name(script),
                              .facts = facts,
                              .names = names,
                              .name_count = name_count,
                              .order = order};
    const struct script_exchange exchange = {route_arguments, route_results, 1, &routing};
    if (!script_call(script, &exchange, err))
        return false;
    *count = routing.count;
    return true;
}

/* ---- segment ---- */

struct belonging {
    const char *name;
    const struct request_rules_facts *facts;
    bool in;
};

static int segment_arguments(lua_State *L, void *ctx) {
    struct belonging *b = ctx;
    rules_push_view(L, b->facts->in ? &route_members : &prediction_members, b->facts);
    return 1;
}

static void segment_results(lua_State *L, int at, void *ctx) {
    struct belonging *b = ctx;
    if (!lua_isboolean(L, at))
        luaL_error(L, "%s: segment returned a %s; expected true or false", b->name, luaL_typename(L, at));
    b->in = lua_toboolean(L, at);
}

bool request_rules_segment(struct script *script, const struct request_rules_facts *facts, bool *in,
                           struct error *err) {
    struct belonging b = {.name = script_name(script), .facts = facts};
    const struct script_exchange exchange = {segment_arguments, segment_results, 1, &b};
    if (!script_call(script, &exchange, err))
        return false;
    *in = b.in;
    return true;
}

/* ---- answer ---- */

struct answering {
    const char *name;
    const struct request_rules_facts *facts;
    struct buf *text;
};

static int answer_arguments(lua_State *L, void *ctx) {
    struct answering *answering = ctx;
    rules_push_view(L, &answer_members, answering->facts);
    return 1;
}

static void answer_results(lua_State *L, int at, void *ctx) {
    struct answering *answering = ctx;
    if (lua_isnil(L, at))
        luaL_error(L, "%s: the rules have no answer (answer returned nil)", answering->name);
    if (lua_type(L, at) != LUA_TSTRING)
        luaL_error(L, "%s: answer returned a %s; expected a text", answering->name, luaL_typename(L, at));
    struct str text;
    text.p = lua_tolstring(L, at, &text.n);
    if (text.n == 0 || text.n > REQUEST_RULES_ANSWER_MAX || !str_is_utf8(text, NULL))
        luaL_error(L, "%s: answer returned a text that is not 1 to %d bytes of UTF-8", answering->name,
                   REQUEST_RULES_ANSWER_MAX);
    buf_add_str(answering->text, text);
}

bool request_rules_answer(struct script *script, const struct request_rules_facts *facts, struct buf *text,
                          struct error *err) {
    struct answering answering = {script_name(script), facts, text};
    const struct script_exchange exchange = {answer_arguments, answer_results, 1, &answering};
    return script_call(script, &exchange, err) &&
           (!text->failed || fail(err, ERR_NO_MEMORY, "Out of memory for the rules' answer."));
}
