#include "chat/stream.h"

#include "chat/answer_stream.h"

#include "shapes.h"

#define NOW 1700000000

/* Data of events as the upstream sends them, ending with NULL; their names are Anthropic's types. */
static const char *const chat_stream_events[] = {
    "{'id':'c-1','object':'chat.completion.chunk','created':5,'model':'m','choices':[{'index':0,'delta':{'"
    "role':"
    "'assistant','content':''},'finish_reason':null}],'usage':null}",
    "{'id':'c-1','choices':[{'index':0,'delta':{'reasoning_content':'hm'}}]}",
    "{'id':'c-1','choices':[{'index':0,'delta':{'content':'He'}}]}",
    "{'id':'c-1','choices':[{'index':0,'delta':{'content':'y'}}]}",
    "{'id':'c-1','choices':[{'index':0,'delta':{'tool_calls':[{'index':0,'id':'t1','type':'function','"
    "function':"
    "{'name':'f','arguments':''}}]}}]}",
    "{'id':'c-1','choices':[{'index':0,'delta':{'tool_calls':[{'index':0,'function':{'arguments':'{\\\"a\\\"'"
    "}}]}}]}",
    "{'id':'c-1','choices':[{'index':0,'delta':{'tool_calls':[{'index':0,'function':{'arguments':':1}'}}]}}]"
    "}",
    "{'id':'c-1','choices':[{'index':0,'delta':{'tool_calls':[{'index':1,'id':'t2','type':'function','"
    "function':"
    "{'name':'g','arguments':'{}'}}]}}]}",
    "{'id':'c-1','choices':[{'index':0,'delta':{},'finish_reason':'tool_calls'}]}",
    "{'id':'c-1','choices':[],'usage':{'prompt_tokens':10,'completion_tokens':5,'total_tokens':15,"
    "'prompt_tokens_details':{'cached_tokens':4}}}",
    "[DONE]",
    NULL,
};

static const char *const message_stream_events[] = {
    "{'type':'message_start','message':{'id':'msg_1','type':'message','role':'assistant','model':'m','"
    "content':[],"
    "'stop_reason':null,'usage':{'input_tokens':6,'cache_read_input_tokens':4,'cache_creation_input_tokens':"
    "0,"
    "'output_tokens':1}}}",
    "{'type':'ping'}",
    "{'type':'content_block_start','index':0,'content_block':{'type':'thinking','thinking':'','signature':''}"
    "}",
    "{'type':'content_block_delta','index':0,'delta':{'type':'thinking_delta','thinking':'hm'}}",
    "{'type':'content_block_delta','index':0,'delta':{'type':'signature_delta','signature':'sig'}}",
    "{'type':'content_block_stop','index':0}",
    "{'type':'content_block_start','index':1,'content_block':{'type':'text','text':''}}",
    "{'type':'content_block_delta','index':1,'delta':{'type':'text_delta','text':'Hey'}}",
    "{'type':'content_block_stop','index':1}",
    "{'type':'content_block_start','index':2,'content_block':{'type':'server_tool_use','id':'s','name':'w','"
    "input':{}}}",
    "{'type':'content_block_delta','index':2,'delta':{'type':'input_json_delta','partial_json':'{}'}}",
    "{'type':'content_block_stop','index':2}",
    "{'type':'content_block_start','index':3,'content_block':{'type':'tool_use','id':'t1','name':'f','input':"
    "{}}}",
    "{'type':'content_block_delta','index':3,'delta':{'type':'input_json_delta','partial_json':''}}",
    "{'type':'content_block_delta','index':3,'delta':{'type':'input_json_delta','partial_json':'{\\\"a\\\":1}"
    "'}}",
    "{'type':'content_block_stop','index':3}",
    "{'type':'content_block_start','index':4,'content_block':{'type':'tool_use','id':'t2','name':'g','input':"
    "{}}}",
    "{'type':'content_block_stop','index':4}",
    "{'type':'message_delta','delta':{'stop_reason':'tool_use','stop_sequence':null},'usage':{'output_tokens'"
    ":5}}",
    "{'type':'message_stop'}",
    NULL,
};

struct played {
    struct buf out;
    struct buf text;
    struct chat_facts facts;
    struct chat_trouble trouble;
    enum chat_event last;
    bool whole;
};

static struct str type_of(struct str data) {
    size_t at = str_find(data, STR("\"type\":\""));
    struct str rest = at == SIZE_MAX ? STR("") : str_slice(data, at + 8, data.n);
    return str_split(&rest, '"');
}

static struct played play(const char *const *events, enum chat_surface from, enum chat_surface to,
                          bool usage) {
    struct played p = {.out = BUF_INIT(1 << 20), .text = BUF_INIT(1 << 16), .last = CHAT_EVENT_CONTENT};
    struct chat_stream *s = chat_stream_new(&(struct chat_stream_options){
        .from = from, .to = to, .include_usage = usage, .now = NOW, .text = &p.text});
    for (; *events && p.last != CHAT_EVENT_ERROR && p.last != CHAT_EVENT_BROKEN; events++) {
        struct str data = quoted(*events);
        struct str name = from == CHAT_MESSAGES || from == CHAT_RESPONSES ? type_of(data) : STR("");
        p.last = chat_stream_event(s, name, data, &p.out, &p.trouble);
        unquoted(data);
    }
    p.whole = chat_stream_end(s, &p.out);
    p.facts = *chat_stream_facts(s);
    chat_stream_free(s);
    return p;
}

static void played_free(struct played *p) {
    buf_free(&p->out);
    buf_free(&p->text);
}

/* The stream as `expected` has it: one line an event, "name {json}" or "{json}". */
static void assert_stream(struct played *p, const char *const *expected) {
    struct str rest = buf_str(&p->out);
    for (; *expected; expected++) {
        size_t end = str_find(rest, STR("\n\n"));
        if (end == SIZE_MAX)
            fail_msg("the stream ends before %s", *expected);
        struct str event = str_slice(rest, 0, end), line = str_split(&event, '\n'), name = STR("");
        if (str_starts(line, STR("event: "))) {
            name = str_slice(line, 7, line.n);
            line = event;
        }
        struct str data = str_slice(line, 6, line.n), wanted = str_from(*expected);
        if (wanted.p[0] != '{' && wanted.p[0] != '[')
            assert_true(str_eq(str_split(&wanted, ' '), name));
        else
            assert_int_equal(name.n, 0);
        if (str_eq(wanted, STR("[DONE]")))
            assert_str(data, "[DONE]");
        else
            assert_json(data, wanted.p);
        rest = str_slice(rest, end + 2, rest.n);
    }
    assert_str(rest, "");
}

#define CHUNK(delta)                                                                                         \
    "{'id':'msg_1','object':'chat.completion.chunk','created':1700000000,'model':'m','choices':[{'index':0," \
    "'delta':" delta ",'logprobs':null,'finish_reason':null}]}"

static void messages_become_chunks(void **state) {
    static const char *const expected[] = {
        CHUNK("{'role':'assistant','content':''}"),
        CHUNK("{'reasoning_content':'hm'}"),
        CHUNK("{'thinking_blocks':[{'type':'thinking','thinking':'','signature':'sig'}]}"),
        CHUNK("{'content':'Hey'}"),
        CHUNK("{'tool_calls':[{'index':0,'id':'t1','type':'function','function':{'name':'f','arguments':''}}]"
              "}"),
        CHUNK("{'tool_calls':[{'index':0,'function':{'arguments':'{\\\"a\\\":1}'}}]}"),
        CHUNK("{'tool_calls':[{'index':1,'id':'t2','type':'function','function':{'name':'g','arguments':''}}]"
              "}"),
        CHUNK("{'tool_calls':[{'index':1,'function':{'arguments':'{}'}}]}"),
        "{'id':'msg_1','object':'chat.completion.chunk','created':1700000000,'model':'m','choices':[{'index':"
        "0,"
        "'delta':{},'logprobs':null,'finish_reason':'tool_calls'}]}",
        "{'id':'msg_1','object':'chat.completion.chunk','created':1700000000,'model':'m','choices':[],'usage'"
        ":"
        "{'prompt_tokens':10,'prompt_tokens_details':{'cached_tokens':4},'completion_tokens':5,"
        "'completion_tokens_details':{'reasoning_tokens':0},'total_tokens':15}}",
        "[DONE]",
        NULL,
    };
    struct played p = play(message_stream_events, CHAT_MESSAGES, CHAT_COMPLETIONS, true);
    assert_int_equal(p.last, CHAT_EVENT_DONE);
    assert_true(p.whole);
    assert_stream(&p, expected);
    assert_str(buf_str(&p.text), "Hey");
    assert_int_equal(p.facts.usage.input, 10);
    assert_int_equal(p.facts.usage.cached_input, 4);
    assert_int_equal(p.facts.usage.output, 5);
    assert_string_equal(p.facts.finish, "tool_calls");
    played_free(&p);
    p = play(message_stream_events, CHAT_MESSAGES, CHAT_COMPLETIONS, false);
    assert_int_equal(str_find(buf_str(&p.out), STR("prompt_tokens")), SIZE_MAX);
    played_free(&p);
}

static void chunks_become_messages(void **state) {
    static const char *const expected[] = {
        "message_start "
        "{'type':'message_start','message':{'id':'c-1','type':'message','role':'assistant','model':'m',"
        "'content':[],'stop_reason':null,'stop_sequence':null,'usage':{'input_tokens':0,"
        "'cache_creation_input_tokens':0,'cache_read_input_tokens':0,'output_tokens':0}}}",
        "content_block_start "
        "{'type':'content_block_start','index':0,'content_block':{'type':'thinking','thinking':'',"
        "'signature':''}}",
        "content_block_delta "
        "{'type':'content_block_delta','index':0,'delta':{'type':'thinking_delta','thinking':'hm'}}",
        "content_block_stop {'type':'content_block_stop','index':0}",
        "content_block_start "
        "{'type':'content_block_start','index':1,'content_block':{'type':'text','text':''}}",
        "content_block_delta "
        "{'type':'content_block_delta','index':1,'delta':{'type':'text_delta','text':'He'}}",
        "content_block_delta "
        "{'type':'content_block_delta','index':1,'delta':{'type':'text_delta','text':'y'}}",
        "content_block_stop {'type':'content_block_stop','index':1}",
        "content_block_start "
        "{'type':'content_block_start','index':2,'content_block':{'type':'tool_use','id':'t1',"
        "'name':'f','input':{}}}",
        "content_block_delta {'type':'content_block_delta','index':2,'delta':{'type':'input_json_delta',"
        "'partial_json':'{\\\"a\\\"'}}",
        "content_block_delta {'type':'content_block_delta','index':2,'delta':{'type':'input_json_delta',"
        "'partial_json':':1}'}}",
        "content_block_stop {'type':'content_block_stop','index':2}",
        "content_block_start "
        "{'type':'content_block_start','index':3,'content_block':{'type':'tool_use','id':'t2',"
        "'name':'g','input':{}}}",
        "content_block_delta {'type':'content_block_delta','index':3,'delta':{'type':'input_json_delta',"
        "'partial_json':'{}'}}",
        "content_block_stop {'type':'content_block_stop','index':3}",
        "message_delta "
        "{'type':'message_delta','delta':{'stop_reason':'tool_use','stop_sequence':null},'usage':"
        "{'input_tokens':6,'cache_creation_input_tokens':0,'cache_read_input_tokens':4,'output_tokens':5}}",
        "message_stop {'type':'message_stop'}",
        NULL,
    };
    struct played p = play(chat_stream_events, CHAT_COMPLETIONS, CHAT_MESSAGES, false);
    assert_int_equal(p.last, CHAT_EVENT_DONE);
    assert_stream(&p, expected);
    played_free(&p);
}

static void assert_types(struct played *p, const char *const *types, size_t count) {
    struct str rest = buf_str(&p->out);
    for (size_t i = 0; i < count; i++) {
        size_t end = str_find(rest, STR("\n\n"));
        assert_true(end != SIZE_MAX);
        struct str event = str_slice(rest, 0, end), line = str_split(&event, '\n');
        struct error err;
        yyjson_doc *doc = json_parse(str_slice(event, 6, event.n), &err);
        yyjson_val *root = yyjson_doc_get_root(doc);
        assert_str(str_slice(line, 7, line.n), types[i]);
        assert_string_equal(yyjson_get_str(yyjson_obj_get(root, "type")), types[i]);
        assert_int_equal(yyjson_get_int(yyjson_obj_get(root, "sequence_number")), i);
        yyjson_doc_free(doc);
        rest = str_slice(rest, end + 2, rest.n);
    }
    assert_str(rest, "");
}

static void streams_become_responses(void **state) {
    static const char *const types[] = {
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.reasoning_summary_part.added",
        "response.reasoning_summary_text.delta",
        "response.reasoning_summary_text.done",
        "response.reasoning_summary_part.done",
        "response.output_item.done",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.output_item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.done",
        "response.output_item.added",
        "response.function_call_arguments.delta",
        "response.function_call_arguments.done",
        "response.output_item.done",
        "response.completed",
    };
    struct played p = play(message_stream_events, CHAT_MESSAGES, CHAT_RESPONSES, false);
    assert_int_equal(p.last, CHAT_EVENT_DONE);
    assert_types(&p, types, ARRAY_COUNT(types));
    assert_true(str_find(buf_str(&p.out), STR("\"encrypted_content\":\"sig\"")) != SIZE_MAX);
    assert_true(str_find(buf_str(&p.out), STR("\"arguments\":\"{\\\"a\\\":1}\"")) != SIZE_MAX);
    played_free(&p);
}

static void a_stream_of_the_same_api_passes_as_it_is(void **state) {
    struct played p = play(chat_stream_events, CHAT_COMPLETIONS, CHAT_COMPLETIONS, true);
    struct buf all = BUF_INIT(1 << 16);
    for (const char *const *e = chat_stream_events; *e; e++) {
        struct str data = quoted(*e);
        buf_add_str(&all, STR("data: "));
        buf_add_str(&all, data);
        buf_add_str(&all, STR("\n\n"));
        unquoted(data);
    }
    assert_true(str_eq(buf_str(&p.out), buf_str(&all)));
    assert_str(buf_str(&p.text), "Hey");
    assert_int_equal(p.facts.usage.input, 10);
    played_free(&p);
    p = play(chat_stream_events, CHAT_COMPLETIONS, CHAT_COMPLETIONS, false);
    assert_int_equal(str_find(buf_str(&p.out), STR("prompt_tokens")), SIZE_MAX);
    assert_int_equal(p.facts.usage.output, 5);
    played_free(&p);
    p = play(message_stream_events, CHAT_MESSAGES, CHAT_MESSAGES, false);
    assert_true(str_starts(buf_str(&p.out), STR("event: message_start\ndata: {\"type\":\"message_start\"")));
    assert_str(buf_str(&p.text), "Hey");
    assert_int_equal(p.facts.usage.input, 10);
    assert_int_equal(p.facts.usage.output, 5);
    assert_int_equal(p.last, CHAT_EVENT_DONE);
    played_free(&p);
    buf_free(&all);
}

/* Texts that look like usage, spaces in odd places, an end without [DONE]; events that are no JSON are found.
 */
static void usage_is_found_wherever_it_stands(void **state) {
    struct chat_stream_options options = {.from = CHAT_COMPLETIONS, .to = CHAT_COMPLETIONS, .now = NOW};
    static const char *const events[] = {
        "{'choices':[{'delta':{'content':'the key \\\"usage\\\": {'}}],'usage': null}",
        "{'choices':[{'delta':{},'finish_reason':'stop'}]}",
        "{'choices':[],'usage' : {'prompt_tokens':3,'completion_tokens':4}}",
    };
    struct chat_stream *s = chat_stream_new(&options);
    struct buf out = BUF_INIT(1 << 16);
    struct chat_trouble trouble;
    for (size_t i = 0; i < ARRAY_COUNT(events); i++) {
        struct str data = quoted(events[i]);
        assert_int_equal(chat_stream_event(s, STR(""), data, &out, &trouble),
                         i == 2 ? CHAT_EVENT_USAGE : CHAT_EVENT_CONTENT);
        unquoted(data);
    }
    assert_int_equal(chat_stream_facts(s)->usage.input, 3);
    assert_true(chat_stream_end(s, &out));
    assert_true(str_ends(buf_str(&out), STR("data: [DONE]\n\n")));
    chat_stream_free(s);
    buf_free(&out);
}

struct wrong {
    const char *what;
    enum chat_surface from, to;
    const char *events[3];
    enum chat_event last;
};

static void broken_streams_are_told_and_add_nothing(void **state) {
    static const struct wrong table[] = {
        {"an error",
         CHAT_MESSAGES,
         CHAT_COMPLETIONS,
         {"{'type':'error','error':{'type':'overloaded_error','message':'Overloaded'}}"},
         CHAT_EVENT_ERROR},
        {"the same, passed on",
         CHAT_MESSAGES,
         CHAT_MESSAGES,
         {"{'type':'error','error':{'type':'overloaded_error','message':'Overloaded'}}"},
         CHAT_EVENT_ERROR},
        {"an error in a chunk",
         CHAT_COMPLETIONS,
         CHAT_MESSAGES,
         {"{'error':{'message':'x'}}"},
         CHAT_EVENT_ERROR},
        {"a failed response",
         CHAT_RESPONSES,
         CHAT_RESPONSES,
         {"{'type':'response.failed','response':{'error':{'code':'server_error','message':'x'}}}"},
         CHAT_EVENT_ERROR},
        {"no JSON", CHAT_COMPLETIONS, CHAT_MESSAGES, {"{'choices'"}, CHAT_EVENT_BROKEN},
        {"half an event, passed on",
         CHAT_COMPLETIONS,
         CHAT_COMPLETIONS,
         {"{'choices':[{'delta':{'content':'x'"},
         CHAT_EVENT_BROKEN},
        {"no JSON, passed on", CHAT_COMPLETIONS, CHAT_COMPLETIONS, {"garbage"}, CHAT_EVENT_BROKEN},
        {"an array", CHAT_MESSAGES, CHAT_COMPLETIONS, {"[]"}, CHAT_EVENT_BROKEN},
        {"nothing", CHAT_MESSAGES, CHAT_COMPLETIONS, {""}, CHAT_EVENT_BROKEN},
        {"an end without a beginning", CHAT_COMPLETIONS, CHAT_RESPONSES, {"[DONE]"}, CHAT_EVENT_BROKEN},
        {"a piece before the start",
         CHAT_MESSAGES,
         CHAT_COMPLETIONS,
         {"{'type':'content_block_delta','index':0,'delta':{'type':'text_delta','text':'x'}}"},
         CHAT_EVENT_BROKEN},
        {"not UTF-8",
         CHAT_COMPLETIONS,
         CHAT_MESSAGES,
         {"{'choices':[{'delta':{'content':'\xff'}}]}"},
         CHAT_EVENT_BROKEN},
        {"arguments out of turn",
         CHAT_COMPLETIONS,
         CHAT_MESSAGES,
         {"{'choices':[{'delta':{'tool_calls':[{'index':3,'function':{'arguments':'x'}}]}}]}"},
         CHAT_EVENT_BROKEN},
    };
    for (size_t i = 0; i < ARRAY_COUNT(table); i++) {
        print_message("%s\n", table[i].what);
        struct played p = play(table[i].events, table[i].from, table[i].to, false);
        assert_int_equal(p.last, table[i].last);
        assert_int_equal(p.out.n, 0);
        assert_false(p.whole);
        played_free(&p);
    }
}

static void calls_without_indexes_are_told_apart(void **state) {
    static const char *const events[] = {
        "{'id':'x','choices':[{'delta':{'tool_calls':[{'id':'a','function':{'name':'f','arguments':'{}'}},"
        "{'id':'b','function':{'name':'f','arguments':'{}'}}]}}]}",
        "{'id':'x','choices':[{'delta':{'content':''},'finish_reason':'tool_calls'}]}",
        NULL,
    };
    struct played p = play(events, CHAT_COMPLETIONS, CHAT_MESSAGES, false);
    assert_true(p.whole); /* no [DONE]: the finish reason said it */
    assert_true(str_find(buf_str(&p.out), STR("\"id\":\"a\"")) != SIZE_MAX);
    assert_true(str_find(buf_str(&p.out), STR("\"id\":\"b\"")) != SIZE_MAX);
    assert_true(str_ends(buf_str(&p.out), STR("{\"type\":\"message_stop\"}\n\n")));
    played_free(&p);
}

static void a_cut_stream_is_not_whole_and_fails_in_the_clients_words(void **state) {
    struct error err;
    fail(&err, ERR_UPSTREAM, "Cut.");
    for (int to = CHAT_COMPLETIONS; to < CHAT_SURFACE_COUNT; to++) {
        struct chat_stream_options options = {.from = CHAT_MESSAGES, .to = to, .now = NOW};
        struct chat_stream *s = chat_stream_new(&options);
        struct buf out = BUF_INIT(1 << 16);
        struct chat_trouble trouble;
        if (to == CHAT_EMBEDDINGS) {
            chat_stream_free(s);
            continue;
        }
        for (size_t i = 0; i < 8; i++) {
            struct str data = quoted(message_stream_events[i]);
            assert_int_equal(chat_stream_event(s, type_of(data), data, &out, &trouble), CHAT_EVENT_CONTENT);
            unquoted(data);
        }
        assert_false(chat_stream_end(s, &out));
        buf_clear(&out);
        chat_stream_fail(s, &err, "req1", &out);
        assert_true(str_find(buf_str(&out), STR("Cut.")) != SIZE_MAX);
        assert_true(str_ends(buf_str(&out), STR("\n\n")));
        assert_int_equal(str_find(buf_str(&out), STR("[DONE]")), SIZE_MAX);
        chat_stream_free(s);
        buf_free(&out);
    }
}

static void say_events(struct buf *out, const char *const *events) {
    for (; *events; events++) {
        struct str data = quoted(*events);
        buf_printf(out, "data: %.*s\n\n", STR_ARG(data));
        unquoted(data);
    }
}

static void assert_calls(const struct chat_answer *a) {
    static const char *const expected[] = {"t1", "f", "{\"a\":1}", "t2", "g", "{}"};
    size_t at = 0;
    assert_int_equal(a->choice_count, 1);
    for (size_t i = 0; i < a->choices[0].count; i++) {
        const struct chat_block *b = &a->choices[0].blocks[i];
        if (b->kind != BLOCK_TOOL_CALL)
            continue;
        assert_true(at + 3 <= ARRAY_COUNT(expected));
        assert_true(str_eq(b->id, str_from(expected[at])) && str_eq(b->name, str_from(expected[at + 1])) &&
                    str_eq(b->text, str_from(expected[at + 2])));
        at += 3;
    }
    assert_int_equal(at, ARRAY_COUNT(expected));
}

static void a_stream_reads_back_as_its_answer(void **state) {
    static const enum chat_surface surfaces[] = {CHAT_COMPLETIONS, CHAT_MESSAGES, CHAT_RESPONSES};
    for (size_t i = 0; i < ARRAY_COUNT(surfaces); i++) {
        struct played p = play(chat_stream_events, CHAT_COMPLETIONS, surfaces[i], true);
        struct chat_answer a;
        struct buf room;
        struct error err;
        if (!chat_answer_of_stream(surfaces[i], buf_str(&p.out), NOW, &a, &room, &err))
            fail_msg("%d: %s", (int)surfaces[i], err.message);
        assert_calls(&a);
        chat_answer_clear(&a);
        buf_free(&room);
        /* cut anywhere it is no answer */
        struct str cut = str_slice(buf_str(&p.out), 0, p.out.n / 2);
        assert_false(chat_answer_of_stream(surfaces[i], cut, NOW, &a, &room, &err));
        played_free(&p);
    }
}

static void what_cannot_be_told_apart_is_no_answer(void **state) {
    static const char *const back_and_forth[] = {
        "{'id':'c','choices':[{'index':0,'delta':{'tool_calls':[{'index':0,'id':'a','function':{'name':'f','"
        "arguments':''}}]}}]}",
        "{'id':'c','choices':[{'index':0,'delta':{'tool_calls':[{'index':1,'id':'b','function':{'name':'g','"
        "arguments':'{}'}}]}}]}",
        "{'id':'c','choices':[{'index':0,'delta':{'tool_calls':[{'index':0,'function':{'arguments':'{}'}}]}}]"
        "}",
        "{'id':'c','choices':[{'index':0,'delta':{},'finish_reason':'tool_calls'}]}",
        "[DONE]",
        NULL};
    static const char *const two_choices[] = {
        "{'id':'c','choices':[{'index':0,'delta':{'content':'x'}}]}",
        "{'id':'c','choices':[{'index':1,'delta':{'tool_calls':[{'index':0,'id':'a','function':{'name':'f','"
        "arguments':'{}'}}]}}]}",
        "{'id':'c','choices':[{'index':0,'delta':{},'finish_reason':'stop'}]}", "[DONE]", NULL};
    const char *const *all[] = {back_and_forth, two_choices};
    for (size_t i = 0; i < ARRAY_COUNT(all); i++) {
        AUTO_BUF stream = BUF_INIT(1 << 16);
        struct chat_answer a;
        struct buf room;
        struct error err;
        say_events(&stream, all[i]);
        assert_false(chat_answer_of_stream(CHAT_COMPLETIONS, buf_str(&stream), NOW, &a, &room, &err));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_become_chunks),
        cmocka_unit_test(chunks_become_messages),
        cmocka_unit_test(streams_become_responses),
        cmocka_unit_test(a_stream_of_the_same_api_passes_as_it_is),
        cmocka_unit_test(usage_is_found_wherever_it_stands),
        cmocka_unit_test(broken_streams_are_told_and_add_nothing),
        cmocka_unit_test(calls_without_indexes_are_told_apart),
        cmocka_unit_test(a_cut_stream_is_not_whole_and_fails_in_the_clients_words),
        cmocka_unit_test(a_stream_reads_back_as_its_answer),
        cmocka_unit_test(what_cannot_be_told_apart_is_no_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
