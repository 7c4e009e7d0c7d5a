/* Regular expressions as JSON Schema means them (ECMA-262, Unicode), by PCRE2 with bounds on matching: a
 * hostile pattern ends as "undecided" instead of running for years. Compiled ones are immutable; any thread.
 */
#pragma once

#include "base/error.h"
#include "base/str.h"

struct regex;

enum { REGEX_BYTES_MAX = 4096, REGEX_STEPS = 50000 };

enum regex_outcome { REGEX_MATCH, REGEX_NO_MATCH, REGEX_UNDECIDED };

struct regex *regex_compile(struct str pattern, struct error *err) MUST_USE;
void regex_free(struct regex *r); /* NULL is fine */
/* Anywhere in the text, which is valid UTF-8. */
enum regex_outcome regex_find(const struct regex *r, struct str text);
