/* One request in another API's words: what the files render_*.c have in common. One thread. */
#pragma once

#include "chat/render.h"

struct translation {
    const struct chat_request *r;
    const struct chat_rendering *how;
    bool keep_thinking; /* what comes out goes on to Anthropic, in chat completions' clothes */
    struct json_writer w;
    struct error *err;
};

bool translate_chat_to_messages(struct translation *t) MUST_USE;
bool translate_messages_to_chat(struct translation *t) MUST_USE;
bool translate_responses_to_chat(struct translation *t) MUST_USE;
bool translate_legacy_to_chat(struct translation *t) MUST_USE;

/* The member as it is, where it is there and not null; under `as`. */
void translation_copy(struct translation *t, yyjson_val *from, const char *name, const char *as);
struct str translation_text(yyjson_val *object, const char *name);
/* The field has no counterpart; false. `at`: its path. */
bool translation_refuse(struct translation *t, const char *at, const char *instead);
/* "data:TYPE;base64,DATA"; false: it is none */
bool translation_data_url(struct str url, struct str *type, struct str *data);
/* A chat message of one text. */
void translation_chat_text(struct translation *t, const char *role, struct str text);
/* {"type":"text","text":…} and its cache_control, where `from` has one (NULL: none) */
void translation_text_part(struct translation *t, struct str text, yyjson_val *from);
/* The function of a tool call or of a tool, within what is open: "function":{…} */
void translation_call(struct translation *t, struct str id, struct str name, struct str arguments);
/* "model", "stream" and its options, for chat completions */
void translation_chat_head(struct translation *t);
