/* Requests that ask for more than their client did, replies without what only this server asked for, and
 * which schemas a provider can be sent. */
#include "chat/amend.h"
#include "chat/schema_subset.h"

#include "shapes.h"

static const struct chat_wishes schema = {.schema = {"{\"type\":\"object\"}", 17}},
                                logprobs = {.logprobs = true};

#define FORMAT "{'type':'json_schema','name':'answer','strict':true,'schema':{'type':'object'}}"
#define CHAT_FORMAT                                                                                          \
    "{'type':'json_schema','json_schema':{'name':'answer','strict':true,'schema':{'type':'object'}}}"

static void a_request_asks_for_more(void **state) {
    static const struct {
        enum chat_surface api;
        const struct chat_wishes *wishes;
        const char *before, *after;
    } cases[] = {
        {CHAT_COMPLETIONS, &schema, "{'x':1}", "{'x':1,'response_format':" CHAT_FORMAT "}"},
        {CHAT_COMPLETIONS, &schema, "{'response_format':null}", "{'response_format':" CHAT_FORMAT "}"},
        {CHAT_COMPLETIONS, &schema, "{'response_format':{'type':'text'}}",
         "{'response_format':{'type':'text'}}"},
        {CHAT_RESPONSES, &schema, "{}", "{'text':{'format':" FORMAT "}}"},
        {CHAT_RESPONSES, &schema, "{'text':{'verbosity':'low'}}",
         "{'text':{'verbosity':'low','format':" FORMAT "}}"},
        {CHAT_RESPONSES, &schema, "{'text':{'format':{'type':'text'}}}",
         "{'text':{'format':{'type':'text'}}}"},
        {CHAT_MESSAGES, &schema, "{'output_config':{'effort':'low'}}",
         "{'output_config':{'effort':'low','format':{'type':'json_schema','schema':{'type':'object'}}}}"},
        {CHAT_LEGACY, &schema, "{'prompt':'x'}", "{'prompt':'x'}"},
        {CHAT_COMPLETIONS, &logprobs, "{'logprobs':false}", "{'logprobs':true}"},
        {CHAT_RESPONSES, &logprobs, "{}", "{'include':['message.output_text.logprobs']}"},
        {CHAT_RESPONSES, &logprobs, "{'include':['a','message.output_text.logprobs']}",
         "{'include':['a','message.output_text.logprobs']}"},
        {CHAT_RESPONSES, &logprobs, "{'include':['a']}", "{'include':['a','message.output_text.logprobs']}"},
        {CHAT_MESSAGES, &logprobs, "{'max_tokens':3}", "{'max_tokens':3}"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct error err;
        struct str before = quoted(cases[i].before);
        AUTO_BUF body = BUF_INIT(4096);
        buf_add_str(&body, before);
        assert_true(chat_amend_request(cases[i].api, cases[i].wishes, &body, &err));
        assert_json(buf_str(&body), cases[i].after);
        unquoted(before);
    }
}

static void numbers_stay_as_they_were_written(void **state) {
    struct error err;
    AUTO_BUF body = BUF_INIT(4096);
    buf_add_str(&body, STR("{\"seed\":12345678901234567890123,\"x\":1.10,\"new\":{\"y\":1e3}}"));
    assert_true(chat_amend_request(CHAT_COMPLETIONS, &logprobs, &body, &err));
    assert_str(buf_str(&body),
               "{\"seed\":12345678901234567890123,\"x\":1.10,\"new\":{\"y\":1e3},\"logprobs\":true}");
}

static void turns_go_behind_the_others(void **state) {
    static const struct {
        enum chat_surface api;
        const char *before, *after; /* NULL: it cannot be */
    } cases[] = {
        {CHAT_COMPLETIONS, "{'model':'m','messages':[{'role':'user','content':'a'}]}",
         "{'model':'m','messages':[{'role':'user','content':'a'},{'role':'assistant','content':'b'},"
         "{'role':'user','content':'c'}]}"},
        {CHAT_MESSAGES, "{'max_tokens':1,'model':'m','messages':[{'role':'user','content':'a'}]}",
         "{'max_tokens':1,'model':'m','messages':[{'role':'user','content':'a'},{'role':'assistant',"
         "'content':'b'},{'role':'user','content':'c'}]}"},
        {CHAT_RESPONSES, "{'model':'m','input':'a'}",
         "{'model':'m','input':[{'role':'user','content':'a'},{'role':'assistant','content':'b'},"
         "{'role':'user','content':'c'}]}"},
        {CHAT_RESPONSES, "{'model':'m','input':[{'role':'user','content':'a'}]}",
         "{'model':'m','input':[{'role':'user','content':'a'},{'role':'assistant','content':'b'},"
         "{'role':'user','content':'c'}]}"},
        {CHAT_LEGACY, "{'model':'m','prompt':'a'}", NULL},
    };
    struct str turns = quoted("{'role':'assistant','content':'b'},{'role':'user','content':'c'}");
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct error err;
        struct str before = quoted(cases[i].before);
        struct chat_request r;
        AUTO_BUF out = BUF_INIT(4096);
        assert_true(chat_request_parse(cases[i].api, before, &r, &err));
        assert_int_equal(chat_amend_turns(&r, turns, &out, &err), cases[i].after != NULL);
        if (cases[i].after)
            assert_json(buf_str(&out), cases[i].after);
        else
            assert_int_equal(err.code, ERR_BAD_REQUEST);
        chat_request_clear(&r);
        unquoted(before);
    }
    unquoted(turns);
}

static void log_probabilities_are_hidden(void **state) {
    static const char *const cases[][2] = {
        {"{'choices':[{'index':0,'logprobs':{'content':[1]}},{'logprobs':null}],'n':1.50}",
         "{'choices':[{'index':0,'logprobs':null},{'logprobs':null}],'n':1.50}"},
        {"{'output':[{'content':[{'text':'a','logprobs':[1]}]}],'tools':[{'logprobs':{}}]}",
         "{'output':[{'content':[{'text':'a','logprobs':[]}]}],'tools':[{'logprobs':{}}]}"},
        {"{'type':'response.output_text.delta','delta':'a','logprobs':[{}]}",
         "{'type':'response.output_text.delta','delta':'a','logprobs':[]}"},
        {"{'part':{'logprobs':[1]}}", "{'part':{'logprobs':[]}}"},
        {"{'item':{'content':[{'logprobs':[1]}]}}", "{'item':{'content':[{'logprobs':[]}]}}"},
        {"{'response':{'output':[{'content':[{'logprobs':[1]}]}]}}",
         "{'response':{'output':[{'content':[{'logprobs':[]}]}]}}"},
        {"[1]", "[1]"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct error err;
        struct str before = quoted(cases[i][0]);
        AUTO_BUF out = BUF_INIT(4096);
        assert_true(chat_hide_logprobs(before, &out, &err));
        assert_json(buf_str(&out), cases[i][1]);
        unquoted(before);
    }
}

/* ---- schemas ---- */

#define CLOSED "'additionalProperties':false"

static void a_provider_is_sent_what_it_takes(void **state) {
    static const struct {
        const char *schema;
        bool openai, anthropic;
    } cases[] = {
        {"{'type':'object','properties':{'a':{'type':'string'}},'required':['a']," CLOSED "}", true, true},
        {"{'type':'object','properties':{'a':{'type':'string'}}," CLOSED "}", false, true},
        {"{'type':'object','properties':{'a':{'type':'string'}},'required':['a']}", false, false},
        {"{'type':'object'," CLOSED "}", true, true},
        {"{'type':'string'}", false, false},
        {"true", false, false},
        {"{'type':'object'," CLOSED ",'anyOf':[]}", false, false},
        {"{'type':'object','properties':{'a':{'type':'object'}},'required':['a']," CLOSED "}", false, false},
        {"{'type':'object','properties':{'a':{'minimum':1}},'required':['a']," CLOSED "}", true, false},
        {"{'type':'object','properties':{'a':{'pattern':'^x'}},'required':['a']," CLOSED "}", true, false},
        {"{'type':'object','properties':{'a':{'minLength':1}},'required':['a']," CLOSED "}", false, false},
        {"{'type':'object','properties':{'a':{'minItems':1}},'required':['a']," CLOSED "}", true, true},
        {"{'type':'object','properties':{'a':{'minItems':2}},'required':['a']," CLOSED "}", true, false},
        {"{'type':'object','properties':{'a':{'format':'uri'}},'required':['a']," CLOSED "}", false, true},
        {"{'type':'object','properties':{'a':{'enum':[1,'x',null]}},'required':['a']," CLOSED "}", true,
         true},
        {"{'type':'object','properties':{'a':{'enum':[{}]}},'required':['a']," CLOSED "}", false, false},
        {"{'type':'object','properties':{'a':{'anyOf':[{'type':'null'},{'type':'string'}]}},'required':['a']"
         "," CLOSED "}",
         true, true},
        {"{'type':'object','properties':{'a':{'allOf':[{'type':'null'}]}},'required':['a']," CLOSED "}",
         false, false},
        {"{'type':'object','$defs':{'n':{'type':'integer'}},'properties':{'a':{'$ref':'#/$defs/n'}},"
         "'required':['a']," CLOSED "}",
         true, true},
        {"{'type':'object','$defs':{'n':{'type':'object'}},'properties':{'a':{'$ref':'#/$defs/n'}},"
         "'required':['a']," CLOSED "}",
         false, false},
        {"{'type':'object','properties':{'a':{'$ref':'#/$defs/none'}},'required':['a']," CLOSED "}", false,
         false},
        {"{'type':'object','$defs':{'n':{'type':'array','items':{'$ref':'#/$defs/n'}}},'properties':{'a':"
         "{'$ref':'#/$defs/n'}},'required':['a']," CLOSED "}",
         false, false},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct error err;
        struct str text = quoted(cases[i].schema);
        yyjson_doc *doc = json_parse(text, &err);
        yyjson_val *root = yyjson_doc_get_root(doc);
        if (schema_is_sendable(root, DIALECT_OPENAI) != cases[i].openai ||
            schema_is_sendable(root, DIALECT_ANTHROPIC) != cases[i].anthropic)
            fail_msg("%s", cases[i].schema);
        yyjson_doc_free(doc);
        unquoted(text);
    }
}

/* Definitions that use each other twice would take 2^n steps. */
static void a_schema_cannot_make_the_walk_long(void **state) {
    struct error err;
    AUTO_BUF text = BUF_INIT(1 << 16);
    buf_add_str(&text, STR("{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"a\"],"
                           "\"properties\":{\"a\":{\"$ref\":\"#/$defs/d0\"}},\"$defs\":{\"x\":{}"));
    for (int i = 0; i < 60; i++)
        buf_printf(&text, ",\"d%d\":{\"anyOf\":[{\"$ref\":\"#/$defs/d%d\"},{\"$ref\":\"#/$defs/d%d\"}]}", i,
                   i + 1, i + 1);
    buf_add_str(&text, STR("}}"));
    yyjson_doc *doc = json_parse(buf_str(&text), &err);
    assert_non_null(doc);
    assert_false(schema_is_sendable(yyjson_doc_get_root(doc), DIALECT_OPENAI));
    yyjson_doc_free(doc);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_asks_for_more),
        cmocka_unit_test(numbers_stay_as_they_were_written),
        cmocka_unit_test(turns_go_behind_the_others),
        cmocka_unit_test(log_probabilities_are_hidden),
        cmocka_unit_test(a_provider_is_sent_what_it_takes),
        cmocka_unit_test(a_schema_cannot_make_the_walk_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
