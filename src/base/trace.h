/* The trace that a caller's request belongs to (W3C Trace Context, https://www.w3.org/TR/trace-context/):
 * read from its `traceparent`, passed on to whoever is asked for it, under a span ID of its own for each
 * call. Plain values; any thread. */
#pragma once

#include "base/str.h"

enum { TRACE_ID_SIZE = 16, TRACE_ID_HEX_SIZE = 33, TRACE_PARENT_SIZE = 56, TRACE_STATE_MAX = 512 };

struct trace {
    bool given; /* the caller has one; otherwise nothing below is set */
    bool sampled;
    unsigned char id[TRACE_ID_SIZE];
    struct str state; /* its `tracestate`, as it came; "" none. Borrowed */
};

/* Header values as they came (.p NULL: absent). What is not as the standard has it is no trace: a wrong
 * length, upper case, IDs of zeros, version ff. A later version is read as far as this one goes. */
struct trace trace_read(struct str traceparent, struct str tracestate);

/* A `traceparent` for a call made on its behalf, terminated; a new span ID each time. */
void trace_parent(const struct trace *t, char out[TRACE_PARENT_SIZE]);
void trace_id_hex(const unsigned char id[TRACE_ID_SIZE], char out[TRACE_ID_HEX_SIZE]);
