/* JSON in and out. Reading is yyjson with what the edge needs on top: one value and nothing after it,
 * valid UTF-8, no duplicate keys, bounded depth (RFC 8259). Writing goes straight into a buffer.
 * One thread per document and per writer. */
#pragma once

#include "base/buf.h"
#include "base/error.h"

#include <yyjson.h>

enum { JSON_DEPTH_MAX = 64 };

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
void json_key(struct json_writer *w, const char *key);         /* key needs no escaping */
void json_str(struct json_writer *w, struct str s);            /* bytes that are not UTF-8 become U+FFFD */
void json_text(struct json_writer *w, const char *terminated); /* NULL writes null */
void json_int(struct json_writer *w, int64_t value);
void json_fixed(struct json_writer *w, double value, int decimals);
void json_double(struct json_writer *w, double value); /* 17 digits; not finite writes null */
void json_bool(struct json_writer *w, bool value);
void json_null(struct json_writer *w);
void json_raw(struct json_writer *w, struct str json); /* already JSON */

/* key and value in one */
void json_field_str(struct json_writer *w, const char *key, struct str s);
void json_field_text(struct json_writer *w, const char *key, const char *terminated);
void json_field_int(struct json_writer *w, const char *key, int64_t value);
void json_field_fixed(struct json_writer *w, const char *key, double value, int decimals);
void json_field_bool(struct json_writer *w, const char *key, bool value);
