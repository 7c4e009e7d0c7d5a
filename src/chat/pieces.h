/* The pieces that whole replies and streams have in common, as each API writes them. Any thread. */
#pragma once

#include "chat/usage_read.h"

const char *chat_stop_reason(enum chat_finish finish, bool by_sequence); /* Anthropic's word; NULL unknown */

/* {"type":"thinking","thinking":…,"signature":…}, or the redacted form */
void chat_thinking_write(struct json_writer *w, const struct chat_block *b);
/* The arguments as a JSON object; {} where there are none. False: they are none, and nothing is written. Out
 * of memory marks the buffer, as any writing does. */
bool chat_arguments_write(struct json_writer *w, struct str arguments);

/* An item of a response's output: `kind` and what belongs to it. `complete` false: as it begins. */
struct chat_item {
    const struct chat_block *block;
    const char *id; /* the item's own */
    bool complete;
};
void chat_item_write(struct json_writer *w, const struct chat_item *item);
/* A part of a message's content: text or refusal. */
void chat_item_part_write(struct json_writer *w, const struct chat_block *b, struct str text);
void chat_item_id(char out[48], struct str answer, size_t index, enum chat_block_kind kind);

/* A response around `output`, an array already written; `status` in_progress: no usage yet. */
struct chat_response {
    struct str id, model, output;
    int64_t created;
    enum chat_finish finish;
    const struct chat_usage *usage; /* NULL: in progress */
};
void chat_response_write(struct json_writer *w, const struct chat_response *r);
/* "resp_" and the ID that another API gave */
void chat_response_id(struct json_writer *w, struct str id);
