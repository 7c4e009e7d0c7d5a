/* How single values are written: durations, sizes, percentages, amounts of money, addresses. Each
 * function reads the whole text or nothing; ranges are the caller's. No state; any thread. */
#pragma once

#include "base/str.h"

bool value_bool(struct str text, bool *out) MUST_USE;            /* true, false */
bool value_integer(struct str text, int64_t *out) MUST_USE;      /* 20000, 20k, 40M */
bool value_duration(struct str text, int64_t *ns) MUST_USE;      /* 500ms, 1.5s, 24h, 30d; unit needed */
bool value_size(struct str text, int64_t *bytes) MUST_USE;       /* 4096, 10MB, 1GiB */
bool value_usd(struct str text, int64_t *nano_dollars) MUST_USE; /* 0.042; at most nine decimals */
bool value_percent(struct str text, double *share) MUST_USE;     /* 10%, 0.1 */

enum { VALUE_TEXT_SIZE = 32 };
/* The shortest form that reads back as the same value. */
void value_integer_text(int64_t value, char text[VALUE_TEXT_SIZE]);
void value_duration_text(int64_t ns, char text[VALUE_TEXT_SIZE]);
void value_size_text(int64_t bytes, char text[VALUE_TEXT_SIZE]);
void value_usd_text(int64_t nano_dollars, char text[VALUE_TEXT_SIZE]);

enum { VALUE_HOST_SIZE = 46 };
struct value_address {
    char host[VALUE_HOST_SIZE]; /* numeric; "" for every interface */
    unsigned port;
    bool loopback;
};
/* "127.0.0.1:8080", "[::1]:8080", "localhost:8080", "*:8080" or ":8080" */
bool value_address(struct str text, struct value_address *out) MUST_USE;
