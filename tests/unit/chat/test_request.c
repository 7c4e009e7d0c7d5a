#include "chat/prompt_text.h"
#include "chat/request.h"

#include "shapes.h"

#define HI            "'messages':[{'role':'user','content':'Hi'}]"
#define CHAT(more)    "{'model':'m'," HI "," more "}"
#define SAYS(content) "{'model':'m','messages':[{'role':'user','content':" content "}]}"

struct refused {
    enum chat_surface surface;
    const char *body, *param;
    enum error_code code;
};

static const struct refused cases[] = {
    {CHAT_COMPLETIONS, "[]", "", ERR_INVALID_JSON},
    {CHAT_COMPLETIONS, "{'model':'m','model':'n'," HI "}", "", ERR_INVALID_JSON},
    {CHAT_COMPLETIONS, "{" HI "}", "model", ERR_MISSING_FIELD},
    {CHAT_COMPLETIONS, "{'model':null," HI "}", "model", ERR_MISSING_FIELD},
    {CHAT_COMPLETIONS, "{'model':''," HI "}", "model", ERR_INVALID_FIELD},
    {CHAT_COMPLETIONS, "{'model':7," HI "}", "model", ERR_INVALID_FIELD},
    {CHAT_COMPLETIONS, "{'model':'m'}", "messages", ERR_MISSING_FIELD},
    {CHAT_COMPLETIONS, "{'model':'m','messages':[]}", "messages", ERR_INVALID_FIELD},
    {CHAT_COMPLETIONS, "{'model':'m','messages':{}}", "messages", ERR_INVALID_FIELD},
    {CHAT_COMPLETIONS, "{'model':'m','messages':['x']}", "messages[0]", ERR_INVALID_FIELD},
    {CHAT_COMPLETIONS, "{'model':'m','messages':[null]}", "messages[0]", ERR_INVALID_FIELD},
    {CHAT_COMPLETIONS, "{'model':'m','messages':[{'content':'x'}]}", "messages[0].role", ERR_MISSING_FIELD},
    {CHAT_COMPLETIONS, "{'model':'m','messages':[{'role':'robot','content':'x'}]}", "messages[0].role",
     ERR_INVALID_FIELD},
    {CHAT_COMPLETIONS, SAYS("7"), "messages[0].content", ERR_INVALID_FIELD},
    {CHAT_COMPLETIONS, SAYS("['x']"), "messages[0].content[0]", ERR_INVALID_FIELD},
    {CHAT_COMPLETIONS, SAYS("[{'text':'x'}]"), "messages[0].content[0].type", ERR_MISSING_FIELD},
    {CHAT_COMPLETIONS, SAYS("[{'type':3}]"), "messages[0].content[0].type", ERR_INVALID_FIELD},
    {CHAT_COMPLETIONS, SAYS("[{'type':'text'}]"), "messages[0].content[0].text", ERR_MISSING_FIELD},
    {CHAT_COMPLETIONS, SAYS("[{'type':'image_url','image_url':{}}]"), "messages[0].content[0].image_url.url",
     ERR_MISSING_FIELD},
    {CHAT_COMPLETIONS,
     "{'model':'m','messages':[{'role':'assistant','tool_calls':[{'id':'c','type':'function','function':{'"
     "name':'f',"
     "'arguments':{}}}]}]}",
     "messages[0].tool_calls[0].function.arguments", ERR_INVALID_FIELD},
    {CHAT_COMPLETIONS, CHAT("'stream':'yes'"), "stream", ERR_INVALID_FIELD},
    {CHAT_COMPLETIONS, CHAT("'stream_options':{'include_usage':1}"), "stream_options.include_usage",
     ERR_INVALID_FIELD},
    {CHAT_COMPLETIONS, CHAT("'temperature':2.1"), "temperature", ERR_INVALID_FIELD},
    {CHAT_COMPLETIONS, CHAT("'temperature':'1'"), "temperature", ERR_INVALID_FIELD},
    {CHAT_COMPLETIONS, CHAT("'top_p':-0.1"), "top_p", ERR_INVALID_FIELD},
    {CHAT_COMPLETIONS, CHAT("'n':0"), "n", ERR_INVALID_FIELD},
    {CHAT_COMPLETIONS, CHAT("'n':1.5"), "n", ERR_INVALID_FIELD},
    {CHAT_COMPLETIONS, CHAT("'max_tokens':0"), "max_tokens", ERR_INVALID_FIELD},
    {CHAT_COMPLETIONS, CHAT("'max_completion_tokens':18446744073709551615"), "max_completion_tokens",
     ERR_INVALID_FIELD},
    {CHAT_COMPLETIONS, CHAT("'stop':['a',1]"), "stop[1]", ERR_INVALID_FIELD},
    {CHAT_COMPLETIONS, CHAT("'seed':'x'"), "seed", ERR_INVALID_FIELD},
    {CHAT_COMPLETIONS, CHAT("'tools':[{'function':{}}]"), "tools[0].type", ERR_MISSING_FIELD},
    {CHAT_COMPLETIONS, CHAT("'tools':[{'type':'function','function':{}}]"), "tools[0].function.name",
     ERR_MISSING_FIELD},
    {CHAT_COMPLETIONS, CHAT("'response_format':{}"), "response_format.type", ERR_MISSING_FIELD},
    {CHAT_COMPLETIONS,
     CHAT("'response_format':{'type':'json_schema','json_schema':{'name':'n','schema':[]}}"),
     "response_format.json_schema.schema", ERR_INVALID_FIELD},
    {CHAT_COMPLETIONS, CHAT("'user':{}"), "user", ERR_INVALID_FIELD},
    {CHAT_LEGACY, "{'model':'m'}", "prompt", ERR_MISSING_FIELD},
    {CHAT_LEGACY, "{'model':'m','prompt':['a',{}]}", "prompt[1]", ERR_INVALID_FIELD},
    {CHAT_EMBEDDINGS, "{'model':'m','input':true}", "input", ERR_INVALID_FIELD},
    {CHAT_EMBEDDINGS, "{'model':'m','input':'x','dimensions':0}", "dimensions", ERR_INVALID_FIELD},
    {CHAT_RESPONSES, "{'model':'m','input':[]}", "input", ERR_INVALID_FIELD},
    {CHAT_RESPONSES, "{'model':'m','input':[{'role':'user'}]}", "input[0].content", ERR_MISSING_FIELD},
    {CHAT_RESPONSES, "{'model':'m','input':[{'role':'robot','content':'x'}]}", "input[0].role",
     ERR_INVALID_FIELD},
    {CHAT_RESPONSES, "{'model':'m','input':[{'type':'function_call_output','output':'x'}]}",
     "input[0].call_id", ERR_MISSING_FIELD},
    {CHAT_RESPONSES, "{'model':'m','input':'x','text':{'format':{}}}", "text.format.type", ERR_MISSING_FIELD},
    {CHAT_RESPONSES, "{'model':'m','input':'x','tools':[{'type':'function'}]}", "tools[0].name",
     ERR_MISSING_FIELD},
    {CHAT_MESSAGES, "{'model':'m'," HI "}", "max_tokens", ERR_MISSING_FIELD},
    {CHAT_MESSAGES, "{'model':'m','max_tokens':1,'messages':[{'role':'tool','content':'x'}]}",
     "messages[0].role", ERR_INVALID_FIELD},
    {CHAT_MESSAGES, "{'model':'m','max_tokens':1,'messages':[{'role':'user'}]}", "messages[0].content",
     ERR_MISSING_FIELD},
    {CHAT_MESSAGES,
     "{'model':'m','max_tokens':1,'messages':[{'role':'user','content':[{'type':'tool_result','content':'x'}]"
     "}]}",
     "messages[0].content[0].tool_use_id", ERR_MISSING_FIELD},
    {CHAT_MESSAGES, "{'model':'m','max_tokens':1," HI ",'temperature':1.5}", "temperature",
     ERR_INVALID_FIELD},
    {CHAT_MESSAGES, "{'model':'m','max_tokens':1," HI ",'system':[{'type':'text'}]}", "system[0].text",
     ERR_MISSING_FIELD},
};

static void wrong_fields_are_named(void **state) {
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct chat_request r;
        struct error err = {0};
        struct str body = quoted(cases[i].body);
        if (chat_request_parse(cases[i].surface, body, &r, &err))
            fail_msg("is taken: %s", cases[i].body);
        if (strcmp(err.param, cases[i].param) != 0 || err.code != cases[i].code)
            fail_msg("%s: \"%s\" at \"%s\", expected \"%s\"", cases[i].body, err.message, err.param,
                     cases[i].param);
        unquoted(body);
    }
}

static struct chat_request parsed(enum chat_surface surface, struct str body) {
    struct chat_request r;
    struct error err = {0};
    if (!chat_request_parse(surface, body, &r, &err))
        fail_msg("%s (%s)", err.message, err.param);
    return r;
}

static void what_was_asked_is_there(void **state) {
    struct str body =
        quoted(CHAT("'temperature':0,'n':2,'seed':7,'logprobs':true,'stream':true,'max_tokens':5,"
                    "'stream_options':{'include_usage':true},'user':'u','metadata':{'k':'v'},'new':{'a':1},"
                    "'top_p':null,'tools':[{'type':'custom','custom':{}}],'response_format':{'type':"
                    "'json_schema','json_schema':{'name':'n','schema':{'type':'object'}}}"));
    struct chat_request r = parsed(CHAT_COMPLETIONS, body);
    assert_str(r.model, "m");
    assert_str(r.user, "u");
    assert_true(r.stream && r.include_usage && r.logprobs && r.tools && r.metadata && r.output_schema);
    assert_int_equal(r.message_count, 1);
    assert_int_equal(r.choices, 2);
    assert_int_equal(r.output_max, 5);
    assert_int_equal(yyjson_get_int(r.seed), 7);
    assert_true(r.temperature >= 0 && r.temperature <= 0);
    chat_request_clear(&r);
    unquoted(body);
    body = quoted(
        "{'model':'m','input':[{'role':'user','content':'x'},{'type':'computer_call_output','call_id':'c',"
        "'output':{}}],'previous_response_id':'resp_1','conversation':{'id':'c'},'text':{'format':{'type':"
        "'json_schema','name':'n','schema':{}}},'tools':[{'type':'web_search'}]}");
    r = parsed(CHAT_RESPONSES, body);
    assert_str(r.previous_response_id, "resp_1");
    assert_true(r.conversation && r.output_schema && r.tools);
    assert_int_equal(r.message_count, 2);
    chat_request_clear(&r);
    unquoted(body);
}

static struct buf many_messages(size_t count) {
    struct buf body = BUF_INIT(4 << 20);
    buf_add_str(&body, STR("{\"model\":\"m\",\"messages\":["));
    for (size_t i = 0; i < count; i++)
        buf_printf(&body, "%s{\"role\":\"user\",\"content\":\"x\"}", i ? "," : "");
    buf_add_str(&body, STR("]}"));
    return body;
}

static void sizes_and_depths_are_bounded(void **state) {
    struct chat_request r;
    struct error err;
    struct buf body = many_messages(CHAT_MESSAGES_MAX);
    assert_true(chat_request_parse(CHAT_COMPLETIONS, buf_str(&body), &r, &err));
    chat_request_clear(&r);
    buf_free(&body);
    body = many_messages(CHAT_MESSAGES_MAX + 1);
    assert_false(chat_request_parse(CHAT_COMPLETIONS, buf_str(&body), &r, &err));
    assert_string_equal(err.param, "messages");
    buf_clear(&body);
    for (int i = 0; i < 100000; i++)
        buf_add_str(&body, STR("{\"a\":["));
    assert_false(chat_request_parse(CHAT_COMPLETIONS, buf_str(&body), &r, &err));
    assert_int_equal(err.code, ERR_INVALID_JSON);
    buf_free(&body);
}

static bool join(void *ctx, const struct chat_part *part) {
    struct buf *all = ctx;
    buf_printf(all, "%.*s:%.*s|", STR_ARG(part->role), STR_ARG(part->text));
    return true;
}

static bool stop_at_once(void *ctx, const struct chat_part *part) {
    return false;
}

static void a_prompts_texts_are_visited_in_order(void **state) {
    static const struct {
        enum chat_surface surface;
        const char *body, *texts;
        size_t attachments;
    } table[] = {
        {CHAT_COMPLETIONS,
         "{'model':'m','messages':[{'role':'system','content':'S'},{'role':'user','content':[{'type':'text','"
         "text':'a'},"
         "{'type':'image_url','image_url':{'url':'u'}}]},{'role':'assistant','tool_calls':[{'id':'c','"
         "function':{"
         "'name':'f','arguments':'{}'}}]},{'role':'tool','tool_call_id':'c','content':'r'}]}",
         "system:S|user:a|assistant:f|assistant:{}|tool:r|", 1},
        {CHAT_MESSAGES,
         "{'model':'m','max_tokens':1,'system':[{'type':'text','text':'S'}],'messages':[{'role':'assistant','"
         "content':["
         "{'type':'thinking','thinking':'t','signature':'x'},{'type':'tool_use','id':'c','name':'f','input':{"
         "'a':1}}]},"
         "{'role':'user','content':[{'type':'tool_result','tool_use_id':'c','content':[{'type':'text','text':"
         "'r'},"
         "{'type':'image','source':{'type':'url','url':'u'}}]}]}]}",
         "system:S|assistant:t|assistant:f|assistant:{\"a\":1}|tool:r|", 1},
        {CHAT_RESPONSES,
         "{'model':'m','instructions':'S','input':[{'role':'user','content':[{'type':'input_text','text':'a'}"
         "]},"
         "{'type':'function_call','call_id':'c','name':'f','arguments':'{}'},"
         "{'type':'function_call_output','call_id':'c','output':'r'}]}",
         "system:S|user:a|assistant:f|assistant:{}|tool:r|", 0},
        {CHAT_RESPONSES, "{'model':'m','input':'a'}", "user:a|", 0},
        {CHAT_LEGACY, "{'model':'m','prompt':['a','b']}", "user:a|user:b|", 0},
        {CHAT_EMBEDDINGS, "{'model':'m','input':'a'}", "user:a|", 0},
    };
    for (size_t i = 0; i < ARRAY_COUNT(table); i++) {
        struct str body = quoted(table[i].body);
        struct chat_request r = parsed(table[i].surface, body);
        struct buf all = BUF_INIT(4096);
        assert_true(chat_prompt_visit(&r, join, &all));
        assert_str(buf_str(&all), table[i].texts);
        assert_int_equal(chat_prompt_attachments(&r), table[i].attachments);
        assert_false(chat_prompt_visit(&r, stop_at_once, NULL));
        chat_request_clear(&r);
        unquoted(body);
        buf_free(&all);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wrong_fields_are_named),
        cmocka_unit_test(what_was_asked_is_there),
        cmocka_unit_test(sizes_and_depths_are_bounded),
        cmocka_unit_test(a_prompts_texts_are_visited_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
