/* One call to an upstream: a question in the words of its API, its reply or its stream in the words of the
 * client's, and whether that is an answer. Knows nothing of breakers, retries or other candidates
 * (pipeline/asking.h). Lies in its owner's memory; on one loop's thread. */
#pragma once

#include "base/trace.h"
#include "chat/reply.h"
#include "chat/request.h"
#include "chat/stream.h"
#include "net/sse.h"
#include "pipeline/engine.h"
#include "traffic/failure.h"

/* What is asked, and for whom. Borrowed by attempts, with all that it points to. */
struct question {
    struct loop_state *loop;
    struct arena *arena;
    struct str id; /* of the request, for the upstream's logs and ours */
    const struct chat_request *in;
    const struct trace *trace;          /* the request's */
    struct buf *text;                   /* receives the answer's text up to its cap; NULL: not wanted */
    struct buf *tokens;                 /* of its facts (chat/reply.h) */
    const struct output_schema *output; /* to be asked for, where the upstream is sent it; NULL: none */
    bool logprobs, hide_logprobs;       /* to be asked for in any case; and taken out of the reply */
    int64_t wall_ns, deadline_ns;
};

struct attempt;

struct attempt_events {
    /* Bytes of the client's stream, where the question asks for one; they live until it returns. */
    void (*on_output)(struct attempt *a, struct str bytes);
    /* What one read brought has been given out. May pause or cancel the attempt. */
    void (*on_read)(struct attempt *a);
    /* Later, never from inside attempt_start, and once unless it is cancelled. FAILURE_NONE: `facts` tell of
     * the answer, which is in `reply` or went out by on_output; otherwise `error` says what happened. */
    void (*ended)(struct attempt *a, enum failure failure);
};

enum { ATTEMPT_HEADERS_MAX = 10, CHAT_REPLY_MAX = 32 << 20 };

struct attempt {
    const struct attempt_events *events;
    const struct question *question;
    const struct remote_model *remote;
    struct error error;
    struct chat_facts facts;
    struct buf reply;             /* the client's, where it comes whole */
    struct chat_stream *stream;   /* where the question asks for one */
    bool said;                    /* on_output was called */
    int64_t retry_after_ns;       /* as the upstream said; 0: it did not */
    int64_t started_ns, ended_ns; /* monotonic; ended_ns 0: under way */
    int64_t first_byte_ns;        /* of the reply's body; 0: none came */

    /* Its own. */
    struct http_call call;
    struct http_header headers[ATTEMPT_HEADERS_MAX];
    size_t header_count;
    struct str answer_id; /* ours, where the answer is a response that we write; "" none */
    char *path, traceparent[TRACE_PARENT_SIZE];
    enum chat_surface to; /* the API as which the upstream is asked */
    struct buf request;   /* in its words */
    struct buf heard;     /* its reply, where that comes whole */
    struct sse_reader reader;
    bool event_stream;   /* the upstream's reply is one */
    bool done;           /* and said that it was all */
    enum failure failed; /* as an event said; `error` is filled */
};

/* `a` is zeroed but for its events; `timeout_ns` 0: the upstream's own. False: it could not be made, and
 * a->error says why. */
bool attempt_start(struct attempt *a, const struct question *question, const struct remote_model *remote,
                   int64_t timeout_ns) MUST_USE;
void attempt_cancel(struct attempt *a);
/* The client does not read, and reads again. One that has ended is fine. */
void attempt_pause(struct attempt *a);
void attempt_resume(struct attempt *a);
/* Gives back what it holds; it is as before its start. */
void attempt_clear(struct attempt *a);
