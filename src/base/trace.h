/* The trace that a request belongs to (W3C Trace Context, https://www.w3.org/TR/trace-context/):
 * read from its `traceparent`, passed on to whoever is asked for it, under a span ID of its own for each
 * call. Plain values; any thread. */
#pragma once

#include "base/str.h"

enum {
    TRACE_ID_SIZE = 16,
    TRACE_ID_HEX_SIZE = 33,
    SPAN_ID_SIZE = 8,
    SPAN_ID_HEX_SIZE = 17,
    TRACE_PARENT_SIZE = 56,
    TRACE_STATE_MAX = 512
};

struct trace {
    bool given; /* the caller has one */
    bool made;  /* it was begun here (trace_begin); with neither of the two nothing below is set */
    bool sampled;
    unsigned char id[TRACE_ID_SIZE];
    unsigned char parent[SPAN_ID_SIZE]; /* the caller's span; zeros: none */
    struct str state;                   /* its `tracestate`, as it came; "" none. Borrowed */
};

/* Header values as they came (.p NULL: absent). What is not as the standard has it is no trace: a wrong
 * length, upper case, IDs of zeros, version ff. A later version is read as far as this one goes. */
struct trace trace_read(struct str traceparent, struct str tracestate);

/* Begins one, for this share of the calls (0..1), where the caller has none. */
void trace_begin(struct trace *t, double share);
/* A new ID, never only zeros; of a generator of this thread, since such IDs need no secrecy. */
void trace_new_id(unsigned char *out, size_t n);

/* A `traceparent` for a call made on its behalf, terminated; a new span ID each time. */
void trace_parent(const struct trace *t, char out[TRACE_PARENT_SIZE]);
/* The span ID in one that trace_parent made; "" gives zeros. */
void trace_parent_span(const char parent[TRACE_PARENT_SIZE], unsigned char out[SPAN_ID_SIZE]);
void trace_id_hex(const unsigned char id[TRACE_ID_SIZE], char out[TRACE_ID_HEX_SIZE]);
void span_id_hex(const unsigned char id[SPAN_ID_SIZE], char out[SPAN_ID_HEX_SIZE]);
