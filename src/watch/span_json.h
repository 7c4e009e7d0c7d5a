/* An event as the spans of OTLP (OpenTelemetry Protocol 1.x) in its JSON encoding: protobuf's JSON mapping,
 * but IDs in hexadecimal and enumerations as numbers
 * (https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding). One span for the request, one for each
 * of its stages, one for each call to an upstream; attributes as OpenTelemetry's semantic conventions name
 * them (HTTP, gen_ai) and else under `penstock.`. No input and no answer is in a span. Any thread. */
#pragma once

#include "base/json.h"
#include "watch/event.h"

/* Appends the spans, each with a comma before it unless it is the first in `out`. Returns how many. */
unsigned span_json_add(const struct event *e, struct buf *out);
