/* JSON in and out. Reading is yyjson with what the edge needs on top: one value and nothing after it,
 * valid UTF-8, no duplicate keys, bounded depth (RFC 8259). Writing goes straight into a buffer.
 * One thread per document and per writer. */
#pragma once

#include "base/buf.h"
#include "base/error.h"

#include <yyjson.h>

enum { JSON_DEPTH_MAX = 64 };

/* As yyjson has it, but for an object that is not there or empty: 0.10 goes on from a null pointer. */
#undef yyjson_obj_foreach
#define yyjson_obj_foreach(object, index, max, key, value)                                                   \
    for ((index) = 0, (max) = yyjson_obj_size(object),                                                       \
        (key) = (max) ? unsafe_yyjson_get_first(object) : NULL, (value) = (max) ? (key) + 1 : NULL;          \
         (index) < (max); (index)++, (key) = unsafe_yyjson_get_next(value), (value) = (key) + 1)

/* NULL and *err (ERR_INVALID_JSON, with the byte offset) when it is not acceptable. Free with
 * yyjson_doc_free. */
yyjson_doc *json_parse(struct str text, struct error *err) MUST_USE;

/* Views into the document. A missing key gives NULL / false. */
struct str json_str_of(yyjson_val *string);

/* The writer keeps track of commas only; that keys and values alternate is the caller's. */
struct json_writer {
    struct buf *out;
    bool comma;
};

#define JSON_WRITER(buffer) ((struct json_writer){.out = (buffer)})

void json_object(struct json_writer *w);
void json_object_end(struct json_writer *w);
void json_array(struct json_writer *w);
void json_array_end(struct json_writer *w);
void json_str(struct json_writer *w, struct str s);            /* bytes that are not UTF-8 become U+FFFD */
void json_text(struct json_writer *w, const char *terminated); /* NULL writes null */
void json_int(struct json_writer *w, int64_t value);
void json_fixed(struct json_writer *w, double value, int decimals);
void json_double(struct json_writer *w, double value); /* 17 digits; not finite writes null */
void json_ms(struct json_writer *w, uint64_t us);      /* microseconds as milliseconds, 3 decimals */
void json_bool(struct json_writer *w, bool value);
void json_null(struct json_writer *w);
void json_raw(struct json_writer *w, struct str json);     /* already JSON */
void json_value(struct json_writer *w, yyjson_val *value); /* with all that is in it; NULL writes null */

/* `key` needs no escaping. Inline, so that a literal's length is known where it is written. */
static inline void json_key(struct json_writer *w, const char *key) {
    size_t n = strlen(key);
    if (!buf_reserve(w->out, n + 4))
        return;
    char *p = w->out->p + w->out->n;
    if (w->comma)
        *p++ = ',';
    *p++ = '"';
    memcpy(p, key, n);
    p[n] = '"';
    p[n + 1] = ':';
    w->out->n = (size_t)(p + n + 2 - w->out->p);
    w->comma = false;
}

/* key and value in one */
static inline void json_field_str(struct json_writer *w, const char *key, struct str s) {
    json_key(w, key);
    json_str(w, s);
}
static inline void json_field_text(struct json_writer *w, const char *key, const char *terminated) {
    json_key(w, key);
    json_text(w, terminated);
}
static inline void json_field_int(struct json_writer *w, const char *key, int64_t value) {
    json_key(w, key);
    json_int(w, value);
}
static inline void json_field_fixed(struct json_writer *w, const char *key, double value, int decimals) {
    json_key(w, key);
    json_fixed(w, value, decimals);
}
static inline void json_field_ms(struct json_writer *w, const char *key, uint64_t us) {
    json_key(w, key);
    json_ms(w, us);
}
static inline void json_field_bool(struct json_writer *w, const char *key, bool value) {
    json_key(w, key);
    json_bool(w, value);
}
