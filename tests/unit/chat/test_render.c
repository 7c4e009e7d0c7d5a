#include "chat/render.h"

#include "shapes.h"

struct translated {
    const char *what;
    enum chat_surface from, to;
    const char *in, *out; /* out NULL: refused, and */
    const char *param;    /* names this */
};

static const struct translated cases[] = {
    {"text, system, sampling", CHAT_COMPLETIONS, CHAT_MESSAGES,
     "{'model':'a','messages':[{'role':'system','content':'Be brief.'},{'role':'user','content':'Hi'},"
     "{'role':'assistant','content':'Hello'},{'role':'developer','content':'No "
     "jokes.'},{'role':'user','content':'So?'}],"
     "'max_completion_tokens':9,'temperature':1.5,'top_p':0.5,'stop':'END','seed':3,'user':'u1','stream':"
     "true,"
     "'presence_penalty':1,'store':true}",
     "{'model':'up','max_tokens':9,'stream':true,'system':[{'type':'text','text':'Be brief.'},"
     "{'type':'text','text':'No "
     "jokes.'}],'messages':[{'role':'user','content':[{'type':'text','text':'Hi'}]},"
     "{'role':'assistant','content':[{'type':'text','text':'Hello'}]},"
     "{'role':'user','content':[{'type':'text','text':'So?'}]}],'temperature':1,'top_p':0.5,"
     "'stop_sequences':['END'],'metadata':{'user_id':'u1'}}"},
    {"a default for max_tokens", CHAT_COMPLETIONS, CHAT_MESSAGES,
     "{'model':'a','messages':[{'role':'user','content':'Hi'}]}",
     "{'model':'up','max_tokens':4096,'messages':[{'role':'user','content':[{'type':'text','text':'Hi'}]}]}"},
    {"parallel calls and their results are two turns", CHAT_COMPLETIONS, CHAT_MESSAGES,
     "{'model':'a','max_tokens':5,'messages':[{'role':'user','content':'Weather?'},{'role':'assistant','"
     "content':null,"
     "'tool_calls':[{'id':'c1','type':'function','function':{'name':'w','arguments':'{\\\"city\\\":"
     "\\\"Oslo\\\"}'}},"
     "{'id':'c2','type':'function','function':{'name':'w','arguments':''}}]},"
     "{'role':'tool','tool_call_id':'c1','content':'rain'},"
     "{'role':'tool','tool_call_id':'c2','content':[{'type':'text','text':'sun'}]},{'role':'user','content':'"
     "And?'}],"
     "'tools':[{'type':'function','function':{'name':'w','description':'d','strict':true,"
     "'parameters':{'type':'object'}}},{'type':'function','function':{'name':'bare'}}],"
     "'tool_choice':{'type':'function','function':{'name':'w'}},'parallel_tool_calls':false}",
     "{'model':'up','max_tokens':5,'messages':[{'role':'user','content':[{'type':'text','text':'Weather?'}]},"
     "{'role':'assistant','content':[{'type':'tool_use','id':'c1','name':'w','input':{'city':'Oslo'}},"
     "{'type':'tool_use','id':'c2','name':'w','input':{}}]},"
     "{'role':'user','content':[{'type':'tool_result','tool_use_id':'c1','content':'rain'},"
     "{'type':'tool_result','tool_use_id':'c2','content':[{'type':'text','text':'sun'}]},"
     "{'type':'text','text':'And?'}]}],"
     "'tools':[{'name':'w','description':'d','input_schema':{'type':'object'},'strict':true},"
     "{'name':'bare','input_schema':{'type':'object','properties':{}}}],"
     "'tool_choice':{'type':'tool','name':'w','disable_parallel_tool_use':true}}"},
    {"images, files, cache marks", CHAT_COMPLETIONS, CHAT_MESSAGES,
     "{'model':'a','max_tokens':5,'messages':[{'role':'user','content':[{'type':'text','text':'See','cache_"
     "control':"
     "{'type':'ephemeral'}},{'type':'image_url','image_url':{'url':'https://x.example/"
     "a.png','detail':'low'}},"
     "{'type':'image_url','image_url':{'url':'data:image/png;base64,QUJD'}},"
     "{'type':'file','file':{'filename':'f.pdf','file_data':'data:application/pdf;base64,REVG'}}]}]}",
     "{'model':'up','max_tokens':5,'messages':[{'role':'user','content':[{'type':'text','text':'See','cache_"
     "control':"
     "{'type':'ephemeral'}},{'type':'image','source':{'type':'url','url':'https://x.example/a.png'}},"
     "{'type':'image','source':{'type':'base64','media_type':'image/png','data':'QUJD'}},"
     "{'type':'document','source':{'type':'base64','media_type':'application/pdf','data':'REVG'}}]}]}"},
    {"a schema, an effort, thinking", CHAT_COMPLETIONS, CHAT_MESSAGES,
     "{'model':'a','max_tokens':5,'messages':[{'role':'user','content':'Hi'},{'role':'assistant','content':'"
     "x',"
     "'thinking_blocks':[{'type':'thinking','thinking':'hm','signature':'s'}]}],'reasoning_effort':'high',"
     "'response_format':{'type':'json_schema','json_schema':{'name':'n','strict':true,'schema':{'type':'"
     "object'}}},"
     "'thinking':{'type':'adaptive'}}",
     "{'model':'up','max_tokens':5,'messages':[{'role':'user','content':[{'type':'text','text':'Hi'}]},"
     "{'role':'assistant','content':[{'type':'thinking','thinking':'hm','signature':'s'},{'type':'text','"
     "text':'x'}]}],"
     "'output_config':{'effort':'high','format':{'type':'json_schema','schema':{'type':'object'}}},"
     "'thinking':{'type':'adaptive'}}"},
    {"several choices", CHAT_COMPLETIONS, CHAT_MESSAGES,
     "{'model':'a','n':2,'messages':[{'role':'user','content':'Hi'}]}", NULL, "n"},
    {"sound", CHAT_COMPLETIONS, CHAT_MESSAGES,
     "{'model':'a','messages':[{'role':'user','content':[{'type':'text','text':'a'},{'type':'input_audio',"
     "'input_audio':{'data':'QQ==','format':'wav'}}]}]}",
     NULL, "messages[0].content[1]"},
    {"arguments that are no JSON", CHAT_COMPLETIONS, CHAT_MESSAGES,
     "{'model':'a','messages':[{'role':'assistant','tool_calls':[{'id':'c','type':'function','function':{'"
     "name':'f',"
     "'arguments':'{'}}]}]}",
     NULL, "messages[0].tool_calls[0].function.arguments"},
    {"JSON without a schema", CHAT_COMPLETIONS, CHAT_MESSAGES,
     "{'model':'a','messages':[{'role':'user','content':'Hi'}],'response_format':{'type':'json_object'}}",
     NULL, "response_format.type"},
    {"messages: system, thinking, calls, results with a picture", CHAT_MESSAGES, CHAT_COMPLETIONS,
     "{'model':'a','max_tokens':7,'system':[{'type':'text','text':'A'},{'type':'text','text':'B'}],'messages'"
     ":["
     "{'role':'user','content':'Hi'},{'role':'assistant','content':[{'type':'thinking','thinking':'t','"
     "signature':'s'},"
     "{'type':'text','text':'Look'},{'type':'tool_use','id':'t1','name':'w','input':{'q':1}},"
     "{'type':'tool_use','id':'t2','name':'w','input':{}}]},"
     "{'role':'user','content':[{'type':'tool_result','tool_use_id':'t1','content':[{'type':'text','text':'"
     "one'},"
     "{'type':'text','text':'two'},{'type':'image','source':{'type':'base64','media_type':'image/"
     "png','data':'QQ=='}}]},"
     "{'type':'tool_result','tool_use_id':'t2','content':'ok','is_error':true},{'type':'text','text':'Well?'}"
     "]}],"
     "'tools':[{'name':'w','input_schema':{'type':'object'},'description':'d'}],"
     "'tool_choice':{'type':'any','disable_parallel_tool_use':true},'stop_sequences':['X'],'temperature':0.5,"
     "'top_k':4,"
     "'metadata':{'user_id':'u'},'stream':true}",
     "{'model':'up','stream':true,'stream_options':{'include_usage':true},'messages':[{'role':'system','"
     "content':'A\\nB'},"
     "{'role':'user','content':'Hi'},{'role':'assistant','content':'Look','tool_calls':[{'id':'t1','type':'"
     "function',"
     "'function':{'name':'w','arguments':'{\\\"q\\\":1}'}},{'id':'t2','type':'function','function':{'name':'"
     "w',"
     "'arguments':'{}'}}]},{'role':'tool','tool_call_id':'t1','content':'one\\ntwo'},"
     "{'role':'tool','tool_call_id':'t2','content':'ok'},{'role':'user','content':[{'type':'image_url','"
     "image_url':"
     "{'url':'data:image/png;base64,QQ=='}},{'type':'text','text':'Well?'}]}],"
     "'tools':[{'type':'function','function':{'name':'w','description':'d','parameters':{'type':'object'}}}],"
     "'tool_choice':'required','parallel_tool_calls':false,'max_completion_tokens':7,'temperature':0.5,'stop'"
     ":['X'],"
     "'user':'u'}"},
    {"messages: a schema and an effort", CHAT_MESSAGES, CHAT_COMPLETIONS,
     "{'model':'a','max_tokens':7,'messages':[{'role':'user','content':'Hi'}],'output_config':{'effort':'max'"
     ","
     "'format':{'type':'json_schema','schema':{'type':'object'}}}}",
     "{'model':'up','messages':[{'role':'user','content':'Hi'}],'max_completion_tokens':7,'reasoning_effort':"
     "'xhigh',"
     "'response_format':{'type':'json_schema','json_schema':{'name':'output','strict':true,"
     "'schema':{'type':'object'}}}}"},
    {"messages: the provider's own tool", CHAT_MESSAGES, CHAT_COMPLETIONS,
     "{'model':'a','max_tokens':7,'messages':[{'role':'user','content':'Hi'}],'tools':[{'name':'c','input_"
     "schema':{}},"
     "{'type':'web_search_20250305','name':'web_search'}]}",
     NULL, "tools[1].type"},
    {"responses: a string", CHAT_RESPONSES, CHAT_COMPLETIONS,
     "{'model':'a','input':'Hi','instructions':'Be "
     "brief.','max_output_tokens':4,'reasoning':{'effort':'low'},"
     "'metadata':{'k':'v'},'store':false}",
     "{'model':'up','messages':[{'role':'system','content':'Be brief.'},{'role':'user','content':'Hi'}],"
     "'max_completion_tokens':4,'reasoning_effort':'low'}"},
    {"responses: items, calls, a schema", CHAT_RESPONSES, CHAT_COMPLETIONS,
     "{'model':'a','input':[{'role':'developer','content':'D'},{'type':'message','role':'user','content':["
     "{'type':'input_text','text':'Hi'},{'type':'input_image','image_url':'https://x.example/"
     "a.png','detail':'auto'}]},"
     "{'type':'reasoning','id':'rs_1','summary':[]},{'type':'message','role':'assistant','id':'msg_1','"
     "status':'completed',"
     "'content':[{'type':'output_text','text':'Wait','annotations':[]}]},"
     "{'type':'function_call','call_id':'c1','name':'f','arguments':'{}'},"
     "{'type':'function_call','call_id':'c2','name':'g','arguments':'{}'},"
     "{'type':'function_call_output','call_id':'c1','output':'1'},"
     "{'type':'function_call_output','call_id':'c2','output':[{'type':'input_text','text':'2'}]}],"
     "'tools':[{'type':'function','name':'f','parameters':{'type':'object'},'strict':true}],"
     "'tool_choice':{'type':'function','name':'f'},'parallel_tool_calls':true,'stream':true,"
     "'text':{'format':{'type':'json_schema','name':'n','schema':{'type':'object'},'strict':true},'verbosity'"
     ":'low'}}",
     "{'model':'up','stream':true,'stream_options':{'include_usage':true},'messages':[{'role':'system','"
     "content':'D'},"
     "{'role':'user','content':[{'type':'text','text':'Hi'},{'type':'image_url','image_url':"
     "{'url':'https://x.example/"
     "a.png','detail':'auto'}}]},{'role':'assistant','content':[{'type':'text','text':'Wait'}],"
     "'tool_calls':[{'id':'c1','type':'function','function':{'name':'f','arguments':'{}'}},"
     "{'id':'c2','type':'function','function':{'name':'g','arguments':'{}'}}]},"
     "{'role':'tool','tool_call_id':'c1','content':'1'},"
     "{'role':'tool','tool_call_id':'c2','content':[{'type':'text','text':'2'}]}],"
     "'tools':[{'type':'function','function':{'name':'f','parameters':{'type':'object'},'strict':true}}],"
     "'tool_choice':{'type':'function','function':{'name':'f'}},'parallel_tool_calls':true,'verbosity':'low',"
     "'response_format':{'type':'json_schema','json_schema':{'name':'n','schema':{'type':'object'},'strict':"
     "true}}}"},
    {"responses: a built-in tool", CHAT_RESPONSES, CHAT_COMPLETIONS,
     "{'model':'a','input':'Hi','tools':[{'type':'web_search'}]}", NULL, "tools[0].type"},
    {"responses: what the provider keeps", CHAT_RESPONSES, CHAT_COMPLETIONS,
     "{'model':'a','input':'Hi','previous_response_id':'resp_1'}", NULL, "previous_response_id"},
    {"responses: an item that is kept there", CHAT_RESPONSES, CHAT_COMPLETIONS,
     "{'model':'a','input':[{'role':'user','content':'x'},{'type':'item_reference','id':'i'}]}", NULL,
     "input[1].type"},
    {"responses at Anthropic's: sealed reasoning goes back", CHAT_RESPONSES, CHAT_MESSAGES,
     "{'model':'a','input':[{'role':'user','content':'Hi'},{'type':'reasoning','id':'r','summary':[{'type':"
     "'summary_text','text':'hm'}],'encrypted_content':'sig'},{'type':'function_call','call_id':'c','name':'"
     "f',"
     "'arguments':'{\\\"a\\\":2}'},{'type':'function_call_output','call_id':'c','output':'3'}],"
     "'tools':[{'type':'function','name':'f','parameters':{'type':'object'}}],'tool_choice':'required'}",
     "{'model':'up','max_tokens':4096,'messages':[{'role':'user','content':[{'type':'text','text':'Hi'}]},"
     "{'role':'assistant','content':[{'type':'thinking','thinking':'hm','signature':'sig'},"
     "{'type':'tool_use','id':'c','name':'f','input':{'a':2}}]},"
     "{'role':'user','content':[{'type':'tool_result','tool_use_id':'c','content':'3'}]}],"
     "'tools':[{'name':'f','input_schema':{'type':'object'}}],'tool_choice':{'type':'any'}}"},
    {"completions at Anthropic's", CHAT_LEGACY, CHAT_MESSAGES,
     "{'model':'a','prompt':['Once'],'max_tokens':3,'stop':['.'],'echo':false}",
     "{'model':'up','max_tokens':3,'messages':[{'role':'user','content':[{'type':'text','text':'Once'}]}],"
     "'stop_sequences':['.']}"},
    {"completions: tokens", CHAT_LEGACY, CHAT_MESSAGES, "{'model':'a','prompt':[1,2]}", NULL, "prompt"},
    {"completions: echo", CHAT_LEGACY, CHAT_MESSAGES, "{'model':'a','prompt':'x','echo':true}", NULL, "echo"},
    {"embeddings at Anthropic's", CHAT_EMBEDDINGS, CHAT_MESSAGES, "{'model':'a','input':'x'}", NULL, "model"},
};

static void requests_say_the_same_in_the_other_api(void **state) {
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        const struct translated *c = &cases[i];
        struct chat_rendering how = {.to = c->to, .model = STR("up")};
        struct chat_request r;
        struct error err = {0};
        struct buf out = BUF_INIT(1 << 20);
        struct str in = quoted(c->in);
        print_message("%s\n", c->what);
        if (!chat_request_parse(c->from, in, &r, &err))
            fail_msg("%s: %s", c->what, err.message);
        bool good = chat_request_render(&r, &how, &out, &err);
        if (good != (c->out != NULL))
            fail_msg("%s: %s", c->what, good ? "is not refused" : err.message);
        if (c->out) {
            assert_json(buf_str(&out), c->out);
        } else {
            assert_string_equal(err.param, c->param);
            assert_int_equal(error_status(err.code), 400);
            assert_int_equal(out.n, 0);
        }
        chat_request_clear(&r);
        unquoted(in);
        buf_free(&out);
    }
}

static void the_same_api_is_asked_with_the_clients_own_bytes(void **state) {
    struct chat_rendering how = {.to = CHAT_MESSAGES, .model = STR("up")};
    struct str in = quoted(
        "{ 'model' : 'a', 'new_field': [1,  2], 'max_tokens':1,'messages':[{'role':'user','content':'x'}]}");
    struct chat_request r;
    struct error err;
    struct buf out = BUF_INIT(4096);
    assert_true(chat_request_parse(CHAT_MESSAGES, in, &r, &err));
    assert_true(chat_request_render(&r, &how, &out, &err));
    assert_str(buf_str(&out), "{ \"model\" : \"up\", \"new_field\": [1,  2], \"max_tokens\":1,\"messages\":"
                              "[{\"role\":\"user\",\"content\":\"x\"}]}");
    chat_request_clear(&r);
    unquoted(in);
    buf_free(&out);
}

static void upstreams_are_asked_in_what_they_speak(void **state) {
    static const struct {
        enum chat_surface surface;
        enum chat_dialect dialect;
        bool responses;
        enum chat_surface expected;
    } table[] = {
        {CHAT_COMPLETIONS, DIALECT_OPENAI, false, CHAT_COMPLETIONS},
        {CHAT_LEGACY, DIALECT_OPENAI, false, CHAT_LEGACY},
        {CHAT_EMBEDDINGS, DIALECT_OPENAI, false, CHAT_EMBEDDINGS},
        {CHAT_MESSAGES, DIALECT_OPENAI, true, CHAT_COMPLETIONS},
        {CHAT_RESPONSES, DIALECT_OPENAI, false, CHAT_COMPLETIONS},
        {CHAT_RESPONSES, DIALECT_OPENAI, true, CHAT_RESPONSES},
        {CHAT_RESPONSES, DIALECT_ANTHROPIC, true, CHAT_MESSAGES},
        {CHAT_COMPLETIONS, DIALECT_ANTHROPIC, false, CHAT_MESSAGES},
        {CHAT_MESSAGES, DIALECT_ANTHROPIC, false, CHAT_MESSAGES},
    };
    struct error err;
    enum chat_surface got;
    for (size_t i = 0; i < ARRAY_COUNT(table); i++) {
        struct chat_request r = {.surface = table[i].surface};
        assert_true(chat_upstream_surface(&r, table[i].dialect, table[i].responses, &got, &err));
        assert_int_equal(got, table[i].expected);
    }
    struct chat_request embeddings = {.surface = CHAT_EMBEDDINGS};
    assert_false(chat_upstream_surface(&embeddings, DIALECT_ANTHROPIC, false, &got, &err));
    assert_string_equal(chat_surface_path(CHAT_MESSAGES), "/messages");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_say_the_same_in_the_other_api),
        cmocka_unit_test(the_same_api_is_asked_with_the_clients_own_bytes),
        cmocka_unit_test(upstreams_are_asked_in_what_they_speak),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
