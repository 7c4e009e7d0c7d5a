#include "watch/span_format.h"

#include "base/json.h"

#include <stdio.h>

enum { STATUS_ERROR = 2 };

/* 64 bits are texts in this mapping. */
static void add_int64(struct json_writer *w, const char *key, int64_t value) {
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)value);
    json_field_text(w, key, text);
}

static void begin(struct span_writer *s, const struct span_head *head) {
    struct json_writer w = JSON_WRITER(s->out);
    char trace[TRACE_ID_HEX_SIZE], id[SPAN_ID_HEX_SIZE];
    trace_id_hex(head->trace, trace);
    span_id_hex(head->id, id);
    json_object(&w);
    json_field_text(&w, "traceId", trace);
    json_field_text(&w, "spanId", id);
    if (head->parent) {
        span_id_hex(head->parent, id);
        json_field_text(&w, "parentSpanId", id);
    }
    json_field_text(&w, "name", head->name);
    json_field_int(&w, "kind", head->kind);
    add_int64(&w, "startTimeUnixNano", head->start_ns);
    add_int64(&w, "endTimeUnixNano", head->end_ns);
    json_key(&w, "attributes");
    json_array(&w);
    s->comma = w.comma;
}

static struct json_writer begin_attribute(struct span_writer *s, const char *key, const char *type) {
    struct json_writer w = {.out = s->out, .comma = s->comma};
    json_object(&w);
    json_field_text(&w, "key", key);
    json_key(&w, "value");
    json_object(&w);
    json_key(&w, type);
    return w;
}

static void end_attribute(struct span_writer *s, struct json_writer *w) {
    json_object_end(w);
    json_object_end(w);
    s->comma = w->comma;
}

static void text(struct span_writer *s, const char *key, struct str value) {
    struct json_writer w = begin_attribute(s, key, "stringValue");
    json_str(&w, value);
    end_attribute(s, &w);
}

static void number(struct span_writer *s, const char *key, int64_t value) {
    char decimal[24];
    struct json_writer w = begin_attribute(s, key, "intValue");
    snprintf(decimal, sizeof decimal, "%lld", (long long)value);
    json_text(&w, decimal);
    end_attribute(s, &w);
}

static void real(struct span_writer *s, const char *key, double value) {
    struct json_writer w = begin_attribute(s, key, "doubleValue");
    json_double(&w, value);
    end_attribute(s, &w);
}

static void end(struct span_writer *s, bool failed, struct str why) {
    struct json_writer w = {.out = s->out, .comma = s->comma};
    json_array_end(&w);
    if (failed) {
        json_key(&w, "status");
        json_object(&w);
        json_field_int(&w, "code", STATUS_ERROR);
        json_field_str(&w, "message", why);
        json_object_end(&w);
    }
    json_object_end(&w);
}

static void add_text(struct json_writer *w, const char *key, const char *value) {
    struct span_writer s = {.out = w->out, .comma = w->comma};
    text(&s, key, str_from(value));
    w->comma = s.comma;
}

static void message(const struct span_source *source, struct str spans, struct buf *out) {
    struct json_writer w = JSON_WRITER(out);
    json_object(&w);
    json_key(&w, "resourceSpans");
    json_array(&w);
    json_object(&w);
    json_key(&w, "resource");
    json_object(&w);
    json_key(&w, "attributes");
    json_array(&w);
    add_text(&w, "service.name", "penstock");
    add_text(&w, "service.version", source->version);
    add_text(&w, "service.instance.id", source->instance);
    json_array_end(&w);
    json_object_end(&w);
    json_key(&w, "scopeSpans");
    json_array(&w);
    json_object(&w);
    json_key(&w, "scope");
    json_object(&w);
    json_field_text(&w, "name", "penstock");
    json_field_text(&w, "version", source->version);
    json_object_end(&w);
    json_key(&w, "spans");
    json_array(&w);
    json_raw(&w, spans);
    json_array_end(&w);
    json_object_end(&w);
    json_array_end(&w);
    json_object_end(&w);
    json_array_end(&w);
    json_object_end(&w);
}

const struct span_format span_json = {.content_type = "application/json",
                                      .separator = {",", 1},
                                      .begin = begin,
                                      .text = text,
                                      .number = number,
                                      .real = real,
                                      .end = end,
                                      .message = message};
