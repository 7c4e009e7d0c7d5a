/* A whole answer of a language model, apart from the API in which it came: read from a reply in any of them,
 * written as a reply or a stream in any other. Also how answers of this server's own (rules, a cache, the
 * simulator) are said. Views point into what it was read from; it owns its document and pieces. One thread.
 */
#pragma once

#include "base/arena.h"
#include "chat/reply.h"

enum chat_block_kind {
    BLOCK_TEXT,
    BLOCK_REASONING, /* thinking; its signature, where given, goes back to the upstream with the next turn */
    BLOCK_REDACTED,  /* thinking that only the upstream can read: `signature` is its data */
    BLOCK_TOOL_CALL, /* `text`: the arguments, JSON as the model wrote it (it may be broken) */
    BLOCK_REFUSAL
};

struct chat_block {
    enum chat_block_kind kind;
    struct str text;
    struct str id, name; /* of tool calls */
    struct str signature;
    yyjson_val *logprobs; /* of text: OpenAI's array "content"; NULL: none */
};

enum chat_finish {
    FINISH_UNKNOWN,
    FINISH_STOP,
    FINISH_LENGTH,
    FINISH_TOOL_CALLS,
    FINISH_CONTENT_FILTER /* refused */
};
const char *chat_finish_name(enum chat_finish finish); /* OpenAI's word; "" unknown */

struct chat_choice {
    struct chat_block *blocks;
    size_t count;
    enum chat_finish finish;
    struct str stop_sequence; /* which one; "" unknown */
};

struct chat_answer {
    struct str id, model;
    int64_t created; /* Unix seconds */
    struct chat_usage usage;
    struct chat_choice *choices;
    size_t choice_count;
    yyjson_doc *doc;
    struct arena *arena;
};

/* Of a reply that is no error (chat_trouble_read). `now`: Unix seconds, where the reply says no time. *out is
 * filled on success only; clear it then. */
bool chat_answer_read(enum chat_surface from, struct str body, int64_t now, struct chat_answer *out,
                      struct error *err) MUST_USE;
/* One text that ended by itself; borrows what it is given. `storage` lives as long as the answer, which needs
 * no clearing. */
struct chat_answer_storage {
    struct chat_choice choice;
    struct chat_block block;
};
struct chat_answer chat_answer_of_text(struct str id, struct str model, struct str text, int64_t now,
                                       struct chat_usage usage, struct chat_answer_storage *storage);
void chat_answer_clear(struct chat_answer *a);

/* What is known of it; its text (of the first choice) is added to `text` (NULL: not wanted). */
void chat_answer_facts(const struct chat_answer *a, struct chat_facts *facts, struct buf *text);

/* As if it had none. */
void chat_answer_hide_logprobs(struct chat_answer *a);

/* As a reply of the API. False: memory, or an API without answers (embeddings). */
bool chat_answer_write(const struct chat_answer *a, enum chat_surface to, struct buf *out,
                       struct error *err) MUST_USE;
/* As a whole stream of the API, its end included. */
bool chat_answer_replay(const struct chat_answer *a, enum chat_surface to, bool include_usage,
                        struct buf *out, struct error *err) MUST_USE;

/* A whole reply, from one API to another: the bytes themselves where both are the same; else under `id` ("":
 * the upstream's own). Adds what is known to *facts and the text to `text` (NULL: not wanted). */
bool chat_reply_translate(enum chat_surface from, struct str body, enum chat_surface to, int64_t now,
                          struct str id, struct chat_facts *facts, struct buf *text, struct buf *out,
                          struct error *err) MUST_USE;
