/* Traces for a collector: spans go into a buffer of some megabytes, from where a thread of its own sends them
 * about once a second, as OTLP over HTTP. Nobody waits: what finds the buffer full is dropped and
 * counted. What the collector answers with 429, 502, 503 or 504, or does not answer, is sent again a few
 * times, as OTLP wants it; what it refuses is dropped. Each function says its threads. */
#pragma once

#include "base/error.h"
#include "watch/event.h"
#include "watch/span_format.h"

struct tracing;

struct tracing_options {
    const char *url;
    const char *header;  /* "name: value", or NULL */
    const char *ca;      /* or NULL */
    const char *version; /* of the program */
    const struct span_format *format;
};

/* Starts the thread; the texts are copied. Main thread. */
bool tracing_start(struct tracing **out, const struct tracing_options *options, struct error *err) MUST_USE;
/* Sends what is there, for two seconds at most, and ends; NULL is fine. Main thread, after the recorder. */
void tracing_stop(struct tracing *t);

/* Takes the event's spans; never waits for anything but another copy into the buffer. One thread. */
void tracing_add(struct tracing *t, const struct event *e);

struct tracing_counts {
    uint64_t exported, dropped, failed; /* spans; of the dropped, failed ones the collector did not take */
};
/* Any thread. */
void tracing_counts(struct tracing *t, struct tracing_counts *out);
