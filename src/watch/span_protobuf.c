#include "watch/span_format.h"

#include "base/protobuf.h"

/* Field numbers, by message (span_format.h says where they stand). */
enum { REQUEST_RESOURCE_SPANS = 1 };
enum { RESOURCE_SPANS_RESOURCE = 1, RESOURCE_SPANS_SCOPE_SPANS = 2 };
enum { RESOURCE_ATTRIBUTES = 1 };
enum { SCOPE_SPANS_SCOPE = 1, SCOPE_SPANS_SPANS = 2 };
enum { SCOPE_NAME = 1, SCOPE_VERSION = 2 };
enum {
    SPAN_TRACE_ID = 1,
    SPAN_SPAN_ID = 2,
    SPAN_PARENT_SPAN_ID = 4,
    SPAN_NAME = 5,
    SPAN_KIND = 6,
    SPAN_START = 7,
    SPAN_END = 8,
    SPAN_ATTRIBUTES = 9,
    SPAN_STATUS = 15
};
enum { STATUS_MESSAGE = 2, STATUS_CODE = 3, STATUS_CODE_ERROR = 2 };
enum { KEY_VALUE_KEY = 1, KEY_VALUE_VALUE = 2 };
enum { ANY_STRING = 1, ANY_INT = 3, ANY_DOUBLE = 4 };

static struct str bytes_of(const unsigned char *id, size_t n) {
    return (struct str){(const char *)id, n};
}

static void begin(struct span_writer *s, const struct span_head *head) {
    struct buf *out = s->out;
    s->begun = protobuf_begin(out, SCOPE_SPANS_SPANS);
    protobuf_bytes(out, SPAN_TRACE_ID, bytes_of(head->trace, TRACE_ID_SIZE));
    protobuf_bytes(out, SPAN_SPAN_ID, bytes_of(head->id, SPAN_ID_SIZE));
    if (head->parent)
        protobuf_bytes(out, SPAN_PARENT_SPAN_ID, bytes_of(head->parent, SPAN_ID_SIZE));
    protobuf_bytes(out, SPAN_NAME, str_from(head->name));
    protobuf_int(out, SPAN_KIND, head->kind);
    protobuf_fixed64(out, SPAN_START, (uint64_t)head->start_ns);
    protobuf_fixed64(out, SPAN_END, (uint64_t)head->end_ns);
}

struct attribute {
    size_t pair, value;
};

static struct attribute begin_attribute(struct buf *out, unsigned field, const char *key) {
    struct attribute a;
    a.pair = protobuf_begin(out, field);
    protobuf_bytes(out, KEY_VALUE_KEY, str_from(key));
    a.value = protobuf_begin(out, KEY_VALUE_VALUE);
    return a;
}

static void end_attribute(struct buf *out, struct attribute a) {
    protobuf_end(out, a.value);
    protobuf_end(out, a.pair);
}

static void add_text(struct buf *out, unsigned field, const char *key, struct str value) {
    struct attribute a = begin_attribute(out, field, key);
    protobuf_bytes(out, ANY_STRING, value);
    end_attribute(out, a);
}

static void text(struct span_writer *s, const char *key, struct str value) {
    add_text(s->out, SPAN_ATTRIBUTES, key, value);
}

static void number(struct span_writer *s, const char *key, int64_t value) {
    struct attribute a = begin_attribute(s->out, SPAN_ATTRIBUTES, key);
    protobuf_int(s->out, ANY_INT, (uint64_t)value);
    end_attribute(s->out, a);
}

static void real(struct span_writer *s, const char *key, double value) {
    struct attribute a = begin_attribute(s->out, SPAN_ATTRIBUTES, key);
    protobuf_double(s->out, ANY_DOUBLE, value);
    end_attribute(s->out, a);
}

static void end(struct span_writer *s, bool failed, struct str why) {
    if (failed) {
        size_t status = protobuf_begin(s->out, SPAN_STATUS);
        protobuf_bytes(s->out, STATUS_MESSAGE, why);
        protobuf_int(s->out, STATUS_CODE, STATUS_CODE_ERROR);
        protobuf_end(s->out, status);
    }
    protobuf_end(s->out, s->begun);
}

static void message(const struct span_source *source, struct str spans, struct buf *out) {
    size_t resource_spans = protobuf_begin(out, REQUEST_RESOURCE_SPANS);
    size_t resource = protobuf_begin(out, RESOURCE_SPANS_RESOURCE);
    add_text(out, RESOURCE_ATTRIBUTES, "service.name", STR("penstock"));
    add_text(out, RESOURCE_ATTRIBUTES, "service.version", str_from(source->version));
    add_text(out, RESOURCE_ATTRIBUTES, "service.instance.id", str_from(source->instance));
    protobuf_end(out, resource);
    size_t scope_spans = protobuf_begin(out, RESOURCE_SPANS_SCOPE_SPANS);
    size_t scope = protobuf_begin(out, SCOPE_SPANS_SCOPE);
    protobuf_bytes(out, SCOPE_NAME, STR("penstock"));
    protobuf_bytes(out, SCOPE_VERSION, str_from(source->version));
    protobuf_end(out, scope);
    buf_add_str(out, spans); /* each with its field's number */
    protobuf_end(out, scope_spans);
    protobuf_end(out, resource_spans);
}

const struct span_format span_protobuf = {.content_type = "application/x-protobuf",
                                          .separator = {"", 0},
                                          .begin = begin,
                                          .text = text,
                                          .number = number,
                                          .real = real,
                                          .end = end,
                                          .message = message};
