/* Request targets: percent-decoding (RFC 3986) and query strings (application/x-www-form-urlencoded, WHATWG
 * URL). Pure functions. Any thread. */
#pragma once

#include "base/arena.h"
#include "base/error.h"

/* Decodes %XX; `plus_is_space` as in query strings. The result is `text` itself when nothing needs decoding,
 * else it lies in the arena. false: a '%' without two hexadecimal digits, a NUL, bytes that are not UTF-8,
 * arena full. */
bool percent_decode(struct str text, bool plus_is_space, struct arena *arena, struct str *decoded,
                    struct error *err) MUST_USE;

/* The first value of that key, decoded; .p == NULL when the key is missing. `key` is plain text. false: as
 * above, naming the key. */
bool http_query_get(struct str query, struct str key, struct arena *arena, struct str *value,
                    struct error *err) MUST_USE;

/* Next path segment: takes "/a" off the front of *path and gives "a" (still encoded). false: nothing left. */
bool path_next(struct str *path, struct str *segment);
