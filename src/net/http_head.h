/* The head of a request (RFC 9112, sections 2 to 6): where it ends, what it says, and whether two parties
 * could read it differently, in which case it is refused. What leaves any doubt goes by llhttp, which knows
 * the grammar; what it lets pass is caught here. Pure functions over memory; any thread. */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "net/server.h"

#include <llhttp.h>

/* Progress of the search for the end of a head; zero it for a new one. */
struct head_scan {
    uint32_t line;   /* where the unfinished line begins */
    uint32_t at;     /* bytes looked at */
    uint16_t lines;  /* finished ones, the request line included */
    uint16_t length; /* of the whole head with its empty line, when HEAD_WHOLE */
};

enum head_state { HEAD_PARTIAL, HEAD_WHOLE, HEAD_REFUSED };

/* `bytes` starts at the head, holds all that is there so far, and grows from call to call. HEAD_REFUSED (*err
 * says why): more than `max` bytes (ERR_HEAD_TOO_LARGE); bare CR or LF, control characters, a continued line
 * (ERR_BAD_REQUEST). `max` is at most 64,000. */
enum head_state head_scan(struct head_scan *scan, struct str bytes, size_t max, struct error *err) MUST_USE;

struct http_head {
    enum http_method method;
    struct str method_name, target, path, query;
    const struct http_header *headers;
    size_t header_count;
    uint64_t content_length; /* 0 when absent or chunked */
    bool chunked;
    bool keep_alive;
    bool is_1_1;
    bool expects_continue;
};

/* `bytes` is a whole head as head_scan found it; header names in it are lower-cased in place and the result
 * views it. `parser` is left where a chunked body begins (http_chunks.h goes on with it). */
bool http_head_parse(struct str bytes, const struct head_scan *scan, size_t header_count_max,
                     struct arena *arena, llhttp_t *parser, struct http_head *head,
                     struct error *err) MUST_USE;

/* The two ways that http_head_parse goes, here for the tests that compare them. `headers` has room for all of
 * the head's lines. The first takes only heads that leave no doubt, which nearly all are: a usual method,
 * HTTP/1.1, no transfer coding and nothing else that changes how the connection goes on. False: that is for
 * the second to say, which has llhttp read it too. */
bool http_head_parse_plain(struct str bytes, const struct head_scan *scan, struct http_header *headers,
                           struct http_head *head) MUST_USE;
bool http_head_parse_llhttp(struct str bytes, const struct head_scan *scan, struct http_header *headers,
                            llhttp_t *parser, struct http_head *head, struct error *err) MUST_USE;
