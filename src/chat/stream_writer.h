/* The client's side of a stream: what the model says, piece by piece, as events of the client's API. Pieces
 * come in the order in which they are said; a piece of another kind, or of another tool call, ends the one
 * before. One thread. */
#pragma once

#include "chat/pieces.h"

enum delta_kind {
    DELTA_TEXT,
    DELTA_REASONING,
    DELTA_SIGNATURE, /* ends a reasoning */
    DELTA_REDACTED,  /* whole, in `signature` */
    DELTA_REFUSAL,
    DELTA_TOOL_CALL, /* begins one: id, name */
    DELTA_ARGUMENTS  /* of the one that began last */
};

struct chat_delta {
    enum delta_kind kind;
    unsigned choice;
    struct str text; /* ARGUMENTS: JSON text; SIGNATURE, REDACTED: those */
    struct str id, name;
    yyjson_val *logprobs; /* TEXT: OpenAI's array; NULL */
};

struct stream_writer {
    enum chat_surface to;
    bool include_usage, hide_logprobs;
    struct buf *out;   /* set before each call */
    struct str own_id; /* instead of the upstream's; "" none */
    char id[128], model[128];
    int64_t created;
    enum chat_finish finish;
    char stop_sequence[64];
    /* what is being said */
    bool begun, open, refused;
    struct chat_block block; /* `text` is not used: see `said` */
    char call_id[512], name[256];
    unsigned count;    /* blocks before it */
    unsigned calls;    /* tool calls begun in this choice */
    int64_t sequence;  /* responses: of the next event */
    struct buf said;   /* responses: the open block's text */
    struct buf sealed; /* responses: the open reasoning's signature */
    struct buf items;  /* responses: what was said, each followed by a comma */
};

enum { STREAM_SAID_MAX = 32 << 20 };

void stream_writer_init(struct stream_writer *w, enum chat_surface to, bool include_usage, int64_t created);
void stream_writer_clear(struct stream_writer *w);
void stream_write_begin(struct stream_writer *w, struct str id, struct str model,
                        const struct chat_usage *usage);
void stream_write(struct stream_writer *w, const struct chat_delta *delta);
/* A choice's end (OpenAI's chats say it before the usage is known). */
void stream_write_finish(struct stream_writer *w, unsigned choice, enum chat_finish finish);
/* Everything's. */
void stream_write_end(struct stream_writer *w, const struct chat_usage *usage);
/* Memory, or a cap, was reached on the way: what went out is not whole. */
bool stream_writer_failed(const struct stream_writer *w);
