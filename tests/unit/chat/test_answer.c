#include "chat/answer.h"
#include "chat/error_body.h"

#include "shapes.h"

#define NOW 1700000000

struct translated {
    const char *what;
    enum chat_surface from, to;
    const char *in, *out; /* out NULL: refused */
};

static const char chat_reply[] =
    "{'id':'chatcmpl-1','object':'chat.completion','created':5,'model':'m','choices':[{'index':0,'message':"
    "{'role':'assistant','content':'Hi','refusal':null,'reasoning_content':'hm','tool_calls':[{'id':'c1','"
    "type':"
    "'function','function':{'name':'f','arguments':'{\\\"a\\\":1}'}},{'id':'c2','type':'function','function':"
    "{'name':'g','arguments':''}}]},'logprobs':null,'finish_reason':'tool_calls'}],'usage':{'prompt_tokens':"
    "10,"
    "'completion_tokens':5,'total_tokens':15,'prompt_tokens_details':{'cached_tokens':4},"
    "'completion_tokens_details':{'reasoning_tokens':2}}}";

static const char message_reply[] =
    "{'id':'msg_1','type':'message','role':'assistant','model':'m','content':[{'type':'thinking','thinking':'"
    "hm',"
    "'signature':'sig'},{'type':'redacted_thinking','data':'dd'},{'type':'text','text':'Hi "
    "'},{'type':'text','text':"
    "'you'},{'type':'server_tool_use','id':'s','name':'web_search','input':{}},{'type':'tool_use','id':'t1','"
    "name':'f',"
    "'input':{'a':1}}],'stop_reason':'tool_use','stop_sequence':null,'usage':{'input_tokens':6,"
    "'cache_creation_input_tokens':3,'cache_read_input_tokens':1,'output_tokens':5}}";

static const struct translated cases[] = {
    {"chat as messages", CHAT_COMPLETIONS, CHAT_MESSAGES, chat_reply,
     "{'id':'chatcmpl-1','type':'message','role':'assistant','model':'m','content':[{'type':'thinking','"
     "thinking':'hm',"
     "'signature':''},{'type':'text','text':'Hi'},{'type':'tool_use','id':'c1','name':'f','"
     "input':"
     "{'a':1}},{'type':'tool_use','id':'c2','name':'g','input':{}}],'stop_reason':'tool_use','stop_sequence':"
     "null,"
     "'usage':{'input_tokens':6,'cache_creation_input_tokens':0,'cache_read_input_tokens':4,'output_tokens':"
     "5}}"},
    {"chat as completions", CHAT_COMPLETIONS, CHAT_LEGACY,
     "{'id':'x','created':5,'model':'m','choices':[{'message':{'content':'Hi'},'finish_reason':'length'}]}",
     "{'id':'x','object':'text_completion','created':5,'model':'m','choices':[{'index':0,'text':'Hi','"
     "logprobs':null,"
     "'finish_reason':'length'}],'usage':{'prompt_tokens':0,'prompt_tokens_details':{'cached_tokens':0},"
     "'completion_tokens':0,'completion_tokens_details':{'reasoning_tokens':0},'total_tokens':0}}"},
    {"messages as chat", CHAT_MESSAGES, CHAT_COMPLETIONS, message_reply,
     "{'id':'msg_1','object':'chat.completion','created':1700000000,'model':'m','choices':[{'index':0,'"
     "message':"
     "{'role':'assistant','content':'Hi "
     "you','refusal':null,'reasoning_content':'hm','thinking_blocks':[{'type':"
     "'thinking','thinking':'hm','signature':'sig'},{'type':'redacted_thinking','data':'dd'}],'tool_calls':[{"
     "'id':'t1',"
     "'type':'function','function':{'name':'f','arguments':'{\\\"a\\\":1}'}}]},'logprobs':null,"
     "'finish_reason':'tool_calls'}],'usage':{'prompt_tokens':10,'prompt_tokens_details':{'cached_tokens':1},"
     "'completion_tokens':5,'completion_tokens_details':{'reasoning_tokens':0},'total_tokens':15}}"},
    {"a refusal at Anthropic's", CHAT_MESSAGES, CHAT_COMPLETIONS,
     "{'id':'msg_1','model':'m','content':[],'stop_reason':'refusal','usage':{'input_tokens':1,'output_"
     "tokens':0}}",
     "{'id':'msg_1','object':'chat.completion','created':1700000000,'model':'m','choices':[{'index':0,'"
     "message':"
     "{'role':'assistant','content':null,'refusal':null},'logprobs':null,'finish_reason':'content_filter'}],"
     "'usage':{'prompt_tokens':1,'prompt_tokens_details':{'cached_tokens':0},'completion_tokens':0,"
     "'completion_tokens_details':{'reasoning_tokens':0},'total_tokens':1}}"},
    {"a refusal at OpenAI's", CHAT_COMPLETIONS, CHAT_MESSAGES,
     "{'id':'x','model':'m','choices':[{'message':{'content':null,'refusal':'No.'},'finish_reason':'stop'}],"
     "'usage':{'prompt_tokens':1,'completion_tokens':2}}",
     "{'id':'x','type':'message','role':'assistant','model':'m','content':[{'type':'text','text':'No.'}],"
     "'stop_reason':'refusal','stop_sequence':null,'usage':{'input_tokens':1,'cache_creation_input_tokens':0,"
     "'cache_read_input_tokens':0,'output_tokens':2}}"},
    {"chat without an object for arguments", CHAT_COMPLETIONS, CHAT_MESSAGES,
     "{'choices':[{'message':{'tool_calls':[{'id':'c','function':{'name':'f','arguments':'{\\\"a'}}]}}]}",
     NULL},
    {"no choices", CHAT_COMPLETIONS, CHAT_MESSAGES, "{'choices':[]}", NULL},
    {"null choices", CHAT_COMPLETIONS, CHAT_RESPONSES, "{'choices':null}", NULL},
    {"no content", CHAT_MESSAGES, CHAT_COMPLETIONS, "{'id':'x'}", NULL},
    {"no object", CHAT_MESSAGES, CHAT_COMPLETIONS, "[1]", NULL},
    {"no JSON", CHAT_MESSAGES, CHAT_COMPLETIONS, "<html>", NULL},
    {"nothing", CHAT_MESSAGES, CHAT_COMPLETIONS, "", NULL},
    {"not UTF-8", CHAT_MESSAGES, CHAT_COMPLETIONS, "{'content':[{'type':'text','text':'\xff'}]}", NULL},
    {"wrong types everywhere", CHAT_COMPLETIONS, CHAT_MESSAGES,
     "{'id':1,'model':[],'created':'x','choices':[7],'usage':{'prompt_tokens':-4,'completion_tokens':'9'}}",
     "{'id':'','type':'message','role':'assistant','model':'','content':[],'stop_reason':'end_turn','stop_"
     "sequence':null,"
     "'usage':{'input_tokens':0,'cache_creation_input_tokens':0,'cache_read_input_tokens':0,'output_tokens':"
     "0}}"},
};

static void replies_say_the_same_in_the_other_api(void **state) {
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        const struct translated *c = &cases[i];
        struct chat_facts facts = CHAT_FACTS_UNKNOWN;
        struct error err = {0};
        struct buf out = BUF_INIT(1 << 20);
        struct str in = quoted(c->in);
        print_message("%s\n", c->what);
        bool good = chat_reply_translate(c->from, in, c->to, NOW, STR(""), &facts, NULL, &out, &err);
        if (good != (c->out != NULL))
            fail_msg("%s: %s", c->what, good ? "is not refused" : err.message);
        if (c->out) {
            assert_json(buf_str(&out), c->out);
        } else {
            assert_int_equal(err.code, ERR_UPSTREAM);
            assert_int_equal(out.n, 0);
        }
        unquoted(in);
        buf_free(&out);
    }
}

static struct chat_facts facts_of(enum chat_surface from, const char *reply, const char *text) {
    struct chat_facts facts = CHAT_FACTS_UNKNOWN;
    struct error err;
    struct buf said = BUF_INIT(1 << 16);
    struct str in = quoted(reply);
    assert_true(chat_reply_read(from, in, &facts, &said, &err));
    assert_str(buf_str(&said), text);
    unquoted(in);
    buf_free(&said);
    return facts;
}

static void facts_are_counted_one_way(void **state) {
    struct chat_facts f = facts_of(CHAT_MESSAGES, message_reply, "Hi you");
    assert_int_equal(f.usage.input, 10);
    assert_int_equal(f.usage.cached_input, 1);
    assert_int_equal(f.usage.cache_write, 3);
    assert_int_equal(f.usage.output, 5);
    assert_int_equal(f.usage.reasoning, TOKENS_UNKNOWN);
    assert_string_equal(f.finish, "tool_calls");
    f = facts_of(CHAT_COMPLETIONS, chat_reply, "Hi");
    assert_int_equal(f.usage.input, 10);
    assert_int_equal(f.usage.cached_input, 4);
    assert_int_equal(f.usage.reasoning, 2);
    f = facts_of(
        CHAT_RESPONSES,
        "{'id':'resp_1','status':'incomplete','incomplete_details':{'reason':'max_output_tokens'},'output':["
        "{'type':'reasoning','summary':[]},{'type':'message','content':[{'type':'output_text','text':'Hi',"
        "'logprobs':[{'token':'Hi','logprob':-0.5}]}]}],'usage':{'input_tokens':2,'output_tokens':3,"
        "'output_tokens_details':{'reasoning_tokens':1}}}",
        "Hi");
    assert_int_equal(f.usage.output, 3);
    assert_int_equal(f.usage.reasoning, 1);
    assert_string_equal(f.finish, "length");
    assert_int_equal(f.logprob_count, 1);
    assert_true(f.logprob_sum > -0.51 && f.logprob_sum < -0.49);
}

static void a_response_has_what_its_clients_require(void **state) {
    struct chat_facts facts = CHAT_FACTS_UNKNOWN;
    struct error err;
    struct buf out = BUF_INIT(1 << 20);
    struct str in = quoted(message_reply);
    assert_true(
        chat_reply_translate(CHAT_MESSAGES, in, CHAT_RESPONSES, NOW, STR(""), &facts, NULL, &out, &err));
    yyjson_doc *doc = json_parse(buf_str(&out), &err);
    yyjson_val *root = yyjson_doc_get_root(doc), *output = yyjson_obj_get(root, "output");
    assert_string_equal(yyjson_get_str(yyjson_obj_get(root, "object")), "response");
    assert_string_equal(yyjson_get_str(yyjson_obj_get(root, "status")), "completed");
    assert_int_equal(yyjson_arr_size(output), 5);
    static const char *const types[] = {"reasoning", "reasoning", "message", "message", "function_call"};
    for (size_t i = 0; i < ARRAY_COUNT(types); i++)
        assert_string_equal(yyjson_get_str(yyjson_obj_get(yyjson_arr_get(output, i), "type")), types[i]);
    assert_string_equal(yyjson_get_str(yyjson_obj_get(yyjson_arr_get(output, 0), "encrypted_content")),
                        "sig");
    assert_string_equal(yyjson_get_str(yyjson_obj_get(yyjson_arr_get(output, 4), "call_id")), "t1");
    yyjson_doc_free(doc);
    unquoted(in);
    buf_free(&out);
}

static void own_texts_are_answers_too(void **state) {
    struct chat_answer_storage storage;
    struct chat_usage usage = CHAT_USAGE_UNKNOWN;
    struct error err;
    struct chat_answer a =
        chat_answer_of_text(STR("id1"), STR("m"), STR("Sorry \"all\""), NOW, usage, &storage);
    for (int to = 0; to < CHAT_SURFACE_COUNT; to++) {
        struct chat_facts facts = CHAT_FACTS_UNKNOWN;
        struct buf out = BUF_INIT(1 << 16), text = BUF_INIT(1 << 16), stream = BUF_INIT(1 << 16);
        bool possible = to != CHAT_EMBEDDINGS;
        assert_int_equal(chat_answer_write(&a, to, &out, &err), possible);
        assert_int_equal(chat_answer_replay(&a, to, true, &stream, &err), possible);
        if (possible) {
            assert_true(chat_reply_read(to, buf_str(&out), &facts, &text, &err));
            assert_str(buf_str(&text), "Sorry \"all\"");
            assert_string_equal(facts.finish, "stop");
        }
        buf_free(&out);
        buf_free(&text);
        buf_free(&stream);
    }
}

static void errors_take_the_clients_shape(void **state) {
    struct buf out = BUF_INIT(4096);
    struct error err;
    fail_at(&err, ERR_INVALID_FIELD, "n", "No.");
    chat_error_body(CHAT_COMPLETIONS, &err, "req1", &out);
    assert_json(buf_str(&out), "{'error':{'message':'No.','type':'invalid_request_error','param':'n','code':"
                               "'invalid_field','request_id':'req1'}}");
    buf_clear(&out);
    chat_error_body(CHAT_MESSAGES, &err, "req1", &out);
    assert_json(buf_str(&out), "{'type':'error','error':{'type':'invalid_request_error','message':'No.'},"
                               "'request_id':'req1'}");
    buf_clear(&out);
    fail(&err, ERR_OVERLOADED, "Full.");
    chat_error_event(CHAT_MESSAGES, &err, "req1", 0, &out);
    assert_true(str_starts(buf_str(&out), STR("event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":"
                                              "\"overloaded_error\"")));
    buf_free(&out);
}

static void troubles_are_told_apart(void **state) {
    static const struct {
        int status;
        const char *body;
        enum upstream_trouble kind;
    } table[] = {
        {429, "{'error':{'type':'rate_limit_exceeded','message':'slow down'}}", TROUBLE_RATE_LIMIT},
        {429, "{'error':{'type':'insufficient_quota','code':'insufficient_quota','message':'pay'}}",
         TROUBLE_QUOTA},
        {400, "{'error':{'code':'context_length_exceeded','message':'long'}}", TROUBLE_CONTEXT_LENGTH},
        {400,
         "{'type':'error','error':{'type':'invalid_request_error','message':'prompt is too long: 9 > 8'}}",
         TROUBLE_CONTEXT_LENGTH},
        {529, "{'type':'error','error':{'type':'overloaded_error','message':'Overloaded'}}",
         TROUBLE_OVERLOADED},
        {401, "{'type':'error','error':{'type':'authentication_error','message':'key'}}",
         TROUBLE_AUTHENTICATION},
        {404, "<html>", TROUBLE_NOT_FOUND},
        {500, "", TROUBLE_SERVER},
        {200, "{'error':{'message':'oops'}}", TROUBLE_SERVER},
        {200, "{'choices':[],'error':null}", TROUBLE_NONE},
    };
    for (size_t i = 0; i < ARRAY_COUNT(table); i++) {
        struct chat_trouble t;
        struct str body = quoted(table[i].body);
        assert_int_equal(chat_trouble_read(table[i].status, body, &t), table[i].kind != TROUBLE_NONE);
        assert_int_equal(t.kind, table[i].kind);
        unquoted(body);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies_say_the_same_in_the_other_api),
        cmocka_unit_test(facts_are_counted_one_way),
        cmocka_unit_test(a_response_has_what_its_clients_require),
        cmocka_unit_test(own_texts_are_answers_too),
        cmocka_unit_test(errors_take_the_clients_shape),
        cmocka_unit_test(troubles_are_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
