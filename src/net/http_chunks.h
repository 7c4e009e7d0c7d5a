/* Chunked bodies (RFC 9112, section 7.1), decoded as they come; extensions and trailers are checked and
 * dropped. llhttp, from where http_head_parse left it, reads the chunks; the trailers, where it is lenient,
 * are read here. One thread per body. */
#pragma once

#include "base/buf.h"
#include "base/error.h"

#include <llhttp.h>

enum chunks_state { CHUNKS_MORE, CHUNKS_END, CHUNKS_REFUSED };

/* Zero it for a new body. */
struct chunks {
    uint64_t framing; /* bytes that were not content */
    size_t line;      /* length of the trailer line being read */
    bool in_trailers; /* the last chunk was there */
    bool after_cr;
};

/* Appends content to `body`, up to its cap. *used: bytes that belong to this body (with CHUNKS_END, what
 * follows them is the next request). CHUNKS_REFUSED: ERR_BODY_TOO_LARGE, or ERR_BAD_REQUEST for malformed
 * chunks and for framing out of proportion to the content. */
enum chunks_state chunks_feed(struct chunks *chunks, llhttp_t *parser, struct str bytes, size_t *used,
                              struct buf *body, struct error *err) MUST_USE;
