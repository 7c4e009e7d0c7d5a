/* An event as spans: one for the request, one for each of its stages, one for each call to an upstream (for
 * the answer, hedges and retries, and beside it: a vector, a summary, samples, a repair); attributes as
 * OpenTelemetry's semantic conventions name them (HTTP, gen_ai) and else under `penstock.`. No input and no
 * answer is in a span. Any thread. */
#pragma once

#include "watch/event.h"
#include "watch/span_format.h"

/* Appends the spans, with a separator before each unless it is the first in `out`. Returns how many. */
unsigned spans_add(const struct event *e, const struct span_format *format, struct buf *out);
