/* Requests, replies and streams of language models while every allocation fails in turn: each says that
 * memory is out, blames neither the client nor the upstream for it, and leaks nothing. */
#include "chat/embedding.h"
#include "chat/prompt_text.h"
#include "chat/render.h"
#include "chat/stream.h"
#include "chat/structured.h"

#include "../../unit/chat/shapes.h"
#include "failing_allocations.h"
#include "failing_json.h"

/* And so do its other calls. */
char *__real_yyjson_val_write_opts(const yyjson_val *value, yyjson_write_flag flags, const yyjson_alc *alc,
                                   size_t *n, yyjson_write_err *err);
char *__wrap_yyjson_val_write_opts(const yyjson_val *value, yyjson_write_flag flags, const yyjson_alc *alc,
                                   size_t *n, yyjson_write_err *err);

char *__wrap_yyjson_val_write_opts(const yyjson_val *value, yyjson_write_flag flags, const yyjson_alc *alc,
                                   size_t *n, yyjson_write_err *err) {
    return allocation_fails() ? NULL : __real_yyjson_val_write_opts(value, flags, alc, n, err);
}

yyjson_mut_doc *__real_yyjson_doc_mut_copy(yyjson_doc *doc, const yyjson_alc *alc);
yyjson_mut_doc *__wrap_yyjson_doc_mut_copy(yyjson_doc *doc, const yyjson_alc *alc);
char *__real_yyjson_mut_write_opts(const yyjson_mut_doc *doc, yyjson_write_flag flags, const yyjson_alc *alc,
                                   size_t *n, yyjson_write_err *err);
char *__wrap_yyjson_mut_write_opts(const yyjson_mut_doc *doc, yyjson_write_flag flags, const yyjson_alc *alc,
                                   size_t *n, yyjson_write_err *err);

yyjson_mut_doc *__wrap_yyjson_doc_mut_copy(yyjson_doc *doc, const yyjson_alc *alc) {
    return allocation_fails() ? NULL : __real_yyjson_doc_mut_copy(doc, alc);
}

char *__wrap_yyjson_mut_write_opts(const yyjson_mut_doc *doc, yyjson_write_flag flags, const yyjson_alc *alc,
                                   size_t *n, yyjson_write_err *err) {
    return allocation_fails() ? NULL : __real_yyjson_mut_write_opts(doc, flags, alc, n, err);
}

static const char request[] =
    "{'model':'a','max_tokens':5,'messages':[{'role':'system','content':'S'},{'role':'user','content':[{'"
    "type':'text',"
    "'text':'Hi'},{'type':'image_url','image_url':{'url':'https://x.example/"
    "a.png'}}]},{'role':'assistant','tool_calls':["
    "{'id':'c','type':'function','function':{'name':'f','arguments':'{\\\"a\\\":1}'}}]},{'role':'tool','tool_"
    "call_id':"
    "'c','content':'r'}],'tools':[{'type':'function','function':{'name':'f','parameters':{'type':'object'}}}]"
    ","
    "'response_format':{'type':'json_schema','json_schema':{'name':'n','schema':{'type':'object'}}}}";

static const char response_request[] = "{'model':'a','instructions':'S','input':[{'role':'user','content':'"
                                       "Hi'},{'type':'reasoning','summary':[{'type':"
                                       "'summary_text','text':'hm'}],'encrypted_content':'e'},{'type':'"
                                       "function_call','call_id':'c','name':'f','arguments':"
                                       "'{}'},{'type':'function_call_output','call_id':'c','output':'r'}],'"
                                       "tools':[{'type':'function','name':'f',"
                                       "'parameters':{'type':'object'}}]}";

static const char message_request[] = "{'model':'a','max_tokens':5,'system':[{'type':'text','text':'S'}],'"
                                      "messages':[{'role':'user','content':[{'type':"
                                      "'image','source':{'type':'base64','media_type':'image/"
                                      "png','data':'QQ=='}}]},{'role':'assistant','content':[{"
                                      "'type':'tool_use','id':'c','name':'f','input':{'a':1}}]},{'role':'"
                                      "user','content':[{'type':'tool_result',"
                                      "'tool_use_id':'c','content':'r'}]}]}";

static const char reply[] =
    "{'id':'x','model':'m','choices':[{'message':{'content':'Hi','reasoning_content':'hm','tool_calls':[{'id'"
    ":'c',"
    "'function':{'name':'f','arguments':'{\\\"a\\\":1}'}}]},'finish_reason':'tool_calls'}]}";

static const char message_reply[] = "{'id':'x','model':'m','content':[{'type':'thinking','thinking':'hm','"
                                    "signature':'s'},{'type':'text','text':'a'},"
                                    "{'type':'text','text':'b'},{'type':'tool_use','id':'c','name':'f','"
                                    "input':{'a':1}}],'stop_reason':'tool_use'}";

static void render_fails_clearly(enum chat_surface from, enum chat_surface to, const char *text) {
    struct str body = quoted(text);
    bool good = false;
    long failures = 0;
    for (; !good; failures++) {
        struct chat_request r = {0};
        struct error err = {0};
        struct buf out = BUF_INIT(1 << 20);
        struct chat_rendering how = {
            .to = to, .model = STR("up"), .wishes = {STR("{\"type\":\"object\"}"), true}};
        allocations_left = failures;
        good = chat_request_parse(from, body, &r, &err) && chat_request_render(&r, &how, &out, &err);
        allocations_left = -1;
        if (!good && err.code != ERR_NO_MEMORY)
            fail_msg("%d to %d, allocation %ld: %s", from, to, failures, err.message);
        chat_request_clear(&r);
        buf_free(&out);
    }
    assert_true(failures > 3);
    unquoted(body);
}

static void requests_fail_clearly(void **state) {
    render_fails_clearly(CHAT_COMPLETIONS, CHAT_COMPLETIONS, request);
    render_fails_clearly(CHAT_COMPLETIONS, CHAT_MESSAGES, request);
    render_fails_clearly(CHAT_MESSAGES, CHAT_COMPLETIONS, message_request);
    render_fails_clearly(CHAT_RESPONSES, CHAT_COMPLETIONS, response_request);
    render_fails_clearly(CHAT_RESPONSES, CHAT_MESSAGES, response_request);
}

static void reply_fails_clearly(enum chat_surface from, enum chat_surface to, const char *text) {
    struct str body = quoted(text);
    bool good = false;
    long failures = 0;
    for (; !good; failures++) {
        struct chat_facts facts = CHAT_FACTS_UNKNOWN;
        struct error err = {0};
        struct buf out = BUF_INIT(1 << 20);
        allocations_left = failures;
        good = chat_reply_translate(from, body, to, 1, STR(""), &facts, NULL, &out, &err);
        allocations_left = -1;
        if (!good && err.code != ERR_NO_MEMORY)
            fail_msg("%d to %d, allocation %ld: %s", from, to, failures, err.message);
        buf_free(&out);
    }
    assert_true(failures > 2);
    unquoted(body);
}

static void replies_fail_clearly(void **state) {
    reply_fails_clearly(CHAT_COMPLETIONS, CHAT_COMPLETIONS, reply);
    reply_fails_clearly(CHAT_COMPLETIONS, CHAT_MESSAGES, reply);
    reply_fails_clearly(CHAT_COMPLETIONS, CHAT_RESPONSES, reply);
    reply_fails_clearly(CHAT_MESSAGES, CHAT_COMPLETIONS, message_reply);
    reply_fails_clearly(CHAT_MESSAGES, CHAT_MESSAGES, message_reply);
    reply_fails_clearly(CHAT_MESSAGES, CHAT_RESPONSES, message_reply);
}

static void a_replay_fails_clearly(void **state) {
    struct str body = quoted(message_reply);
    bool good = false;
    for (long failures = 0; !good; failures++) {
        struct chat_answer a = {0};
        struct error err = {0};
        struct buf out = BUF_INIT(1 << 20);
        allocations_left = failures;
        good = chat_answer_read(CHAT_MESSAGES, body, 1, &a, &err) &&
               chat_answer_replay(&a, CHAT_RESPONSES, false, &out, &err);
        allocations_left = -1;
        assert_true(good || err.code == ERR_NO_MEMORY);
        chat_answer_clear(&a);
        buf_free(&out);
    }
    unquoted(body);
}

static void turns_and_hidden_parts_fail_clearly(void **state) {
    struct str body = quoted(message_request), answer = quoted(reply);
    bool good = false;
    long failures = 0;
    for (; !good; failures++) {
        struct chat_request r;
        struct error err = {0};
        struct buf out = BUF_INIT(1 << 20), hidden = BUF_INIT(1 << 20);
        assert_true(chat_request_parse(CHAT_MESSAGES, body, &r, &err));
        allocations_left = failures;
        good = chat_amend_turns(&r, STR("{\"role\":\"user\",\"content\":\"again\"}"), &out, &err) &&
               chat_hide_logprobs(answer, &hidden, &err);
        allocations_left = -1;
        assert_true(good || err.code == ERR_NO_MEMORY);
        chat_request_clear(&r);
        buf_free(&out);
        buf_free(&hidden);
    }
    assert_true(failures > 6);
    unquoted(body);
    unquoted(answer);
}

/* An answer that could not be looked at is not good. */
static void a_verdict_without_memory_is_none(void **state) {
    struct error err;
    yyjson_doc *doc = json_parse(STR("{\"type\":\"object\"}"), &err);
    struct schema *schema = schema_compile(yyjson_doc_get_root(doc), NULL, &err);
    struct structured_verdict v = {0};
    long failures = 0;
    for (; !v.valid; failures++) {
        struct buf out = BUF_INIT(1 << 16);
        allocations_left = failures;
        structured_check(schema, STR("{\"a\":1}"), &v);
        if (!v.valid)
            structured_repair_turns(&v, STR("{\"a\":1}"), 100, &out);
        allocations_left = -1;
        buf_free(&out);
    }
    assert_true(failures > 1);
    schema_unref(schema);
    yyjson_doc_free(doc);
}

/* A stream is never said to be whole when a piece of it was lost. */
static void a_stream_fails_clearly(void **state) {
    static const char *const events[] = {
        "{'id':'x','model':'m','choices':[{'delta':{'content':'Hi'}}]}",
        "{'id':'x','choices':[{'delta':{'tool_calls':[{'index':0,'id':'c','function':{'name':'f'}}]}}]}",
        "{'id':'x','choices':[{'delta':{'tool_calls':[{'index':0,'function':{'arguments':'{}'}}]}}]}",
        "{'id':'x','choices':[{'delta':{},'finish_reason':'stop'}]}",
        "[DONE]",
    };
    bool whole = false;
    for (long failures = 0; !whole; failures++) {
        struct chat_stream_options options = {.from = CHAT_COMPLETIONS, .to = CHAT_RESPONSES, .now = 1};
        struct buf out = BUF_INIT(1 << 20);
        struct chat_trouble trouble;
        enum chat_event event = CHAT_EVENT_CONTENT;
        allocations_left = failures;
        struct chat_stream *s = chat_stream_new(&options);
        for (size_t i = 0; s && i < ARRAY_COUNT(events) && event == CHAT_EVENT_CONTENT; i++) {
            long left = allocations_left;
            allocations_left = -1;
            struct str data = quoted(events[i]);
            allocations_left = left;
            event = chat_stream_event(s, STR(""), data, &out, &trouble);
            unquoted(data);
        }
        allocations_left = -1;
        whole = event == CHAT_EVENT_DONE && !out.failed;
        if (whole)
            assert_true(str_find(buf_str(&out), STR("\"arguments\":\"{}\"")) != SIZE_MAX &&
                        str_find(buf_str(&out), STR("response.completed")) != SIZE_MAX);
        chat_stream_free(s);
        buf_free(&out);
    }
}

static bool count(void *ctx, const struct chat_part *part) {
    ++*(size_t *)ctx;
    return true;
}

/* A guard that did not see all of a prompt must not believe that it did. */
static void a_prompt_that_was_not_seen_whole_is_told(void **state) {
    struct str body = quoted(message_request);
    struct chat_request r;
    struct error err;
    size_t all = 0;
    assert_true(chat_request_parse(CHAT_MESSAGES, body, &r, &err));
    assert_true(chat_prompt_visit(&r, count, &all));
    bool good = false;
    long failures = 0;
    for (; !good; failures++) {
        size_t seen = 0;
        allocations_left = failures;
        good = chat_prompt_visit(&r, count, &seen);
        allocations_left = -1;
        assert_true(!good || seen == all);
    }
    assert_true(failures > 1);
    chat_request_clear(&r);
    unquoted(body);
}

static void vectors_fail_clearly(void **state) {
    struct str body = quoted("{'data':[{'embedding':[1,2]},{'embedding':[3,4]}]}");
    struct embeddings e = {0};
    long failures = 0;
    for (bool good = false; !good; failures++) {
        struct error err = {0};
        allocations_left = failures;
        good = embeddings_read(body, 2, &e, &err);
        allocations_left = -1;
        if (!good)
            assert_int_equal(err.code, ERR_NO_MEMORY);
        assert_true(good == (e.values != NULL));
    }
    assert_int_equal(failures, 3);
    embeddings_clear(&e);
    unquoted(body);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_fail_clearly),
        cmocka_unit_test(replies_fail_clearly),
        cmocka_unit_test(a_replay_fails_clearly),
        cmocka_unit_test(turns_and_hidden_parts_fail_clearly),
        cmocka_unit_test(a_verdict_without_memory_is_none),
        cmocka_unit_test(a_stream_fails_clearly),
        cmocka_unit_test(vectors_fail_clearly),
        cmocka_unit_test(a_prompt_that_was_not_seen_whole_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
