/* The upstream's side of a stream that is translated: its events become pieces for a stream_writer. One
 * thread. */
#pragma once

#include "chat/reply.h"
#include "chat/stream_writer.h"

struct stream_reader {
    enum chat_surface from;
    struct stream_writer writer;
    bool finished;
    /* chat completions: the tool call that is being said */
    bool in_call;
    int64_t call_index;
    uint64_t call_id; /* its hash */
    /* messages: the block that is being said */
    enum { BLOCK_IS_OTHER, BLOCK_IS_TEXT, BLOCK_IS_THINKING, BLOCK_IS_TOOL } block;
    bool has_arguments;
};

void stream_reader_init(struct stream_reader *r, enum chat_surface from, enum chat_surface to,
                        bool include_usage, int64_t now);
enum chat_event stream_reader_event(struct stream_reader *r, struct str data, struct chat_facts *facts,
                                    struct buf *text, struct chat_trouble *trouble);
