/* How spans are written down: OTLP (OpenTelemetry Protocol 1.x) in either of its encodings,
 * https://opentelemetry.io/docs/specs/otlp/. JSON is protobuf's mapping, but with IDs in hexadecimal and
 * enumerations as numbers; the field numbers of the other are those of
 * https://github.com/open-telemetry/opentelemetry-proto, opentelemetry/proto/trace/v1/trace.proto,
 * common/v1/common.proto and resource/v1/resource.proto. Any thread. */
#pragma once

#include "base/buf.h"
#include "base/trace.h"

/* Span.SpanKind */
enum span_kind { SPAN_INTERNAL = 1, SPAN_SERVER = 2, SPAN_CLIENT = 3 };

struct span_head {
    const unsigned char *trace, *id, *parent; /* parent NULL: none */
    const char *name;
    enum span_kind kind;
    int64_t start_ns, end_ns; /* wall */
};

struct span_writer {
    struct buf *out;
    bool comma;
    size_t begun;
};

/* Who sends them. */
struct span_source {
    const char *version, *instance;
};

struct span_format {
    const char *content_type;
    struct str separator; /* between two spans */
    /* One span: head, its attributes, its end. `why`: of one that failed. */
    void (*begin)(struct span_writer *w, const struct span_head *head);
    void (*text)(struct span_writer *w, const char *key, struct str value);
    void (*number)(struct span_writer *w, const char *key, int64_t value);
    void (*real)(struct span_writer *w, const char *key, double value);
    void (*end)(struct span_writer *w, bool failed, struct str why);
    /* The whole message of spans that were written, with separators. */
    void (*message)(const struct span_source *source, struct str spans, struct buf *out);
};
extern const struct span_format span_json, span_protobuf;
