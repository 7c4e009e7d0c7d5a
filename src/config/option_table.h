/* How a table of options is written (config/options.h says what one is): one macro for each type, which
 * also proves that the option's place has that type. For the files that hold tables; private to this floor.
 */
#pragma once

#include "base/clock.h"
#include "config/checks.h"
#include "config/options.h"

#include <limits.h>
#include <stddef.h>

/* The offset of member `m` of struct S, which must be of type T: a table that does not fit its struct
 * does not compile. */
#define AT(T, S, m)        (offsetof(struct S, m) + 0 * sizeof(char[_Generic(&((struct S *)0)->m, T * : 1)]))
#define COMPANION(T, S, m) .companion = AT(T, S, m)

#define BOOL(S, m)               .type = OPTION_BOOL, .offset = AT(bool, S, m)
#define INTEGER(S, m, low, high) .type = OPTION_INTEGER, .offset = AT(int64_t, S, m), .min = low, .max = high
#define DURATION(S, m, low, high)                                                                            \
    .type = OPTION_DURATION, .offset = AT(int64_t, S, m), .min = low, .max = high
#define SIZE(S, m, low, high) .type = OPTION_SIZE, .offset = AT(int64_t, S, m), .min = low, .max = high
#define USD(S, m, high)       .type = OPTION_USD, .offset = AT(int64_t, S, m), .max = high
#define PERCENT(S, m)         .type = OPTION_PERCENT, .offset = AT(double, S, m)
#define ENUM(T, S, m, list)   .type = OPTION_ENUM, .offset = AT(T, S, m), .words = list
#define SET(S, m, list)       .type = OPTION_SET, .offset = AT(unsigned, S, m), .words = list
#define TEXT(S, m, longest)   .type = OPTION_STRING, .offset = AT(const char *, S, m), .max = longest
#define PATH(S, m)            .type = OPTION_PATH, .offset = AT(const char *, S, m)
#define EXISTING(S, m)        PATH(S, m), .flags = OPTION_MUST_EXIST
#define SCRIPT(S, m, p)                                                                                      \
    PATH(S, m), .flags = OPTION_MUST_EXIST | OPTION_PLACED, .place = AT(struct config_place, S, p)
#define SOCKET(S, m) .type = OPTION_SOCKET, .offset = AT(const char *, S, m)
#define SECRET(S, m) .type = OPTION_SECRET, .offset = AT(const char *, S, m)
#define MODEL(S, m)  .type = OPTION_MODEL, .offset = AT(struct config_model, S, m)
#define NAME(S, m)                                                                                           \
    .type = OPTION_STRING, .offset = AT(const char *, S, m.text), .max = 200, .flags = OPTION_PLACED,        \
    .place = AT(struct config_place, S, m.place)
#define ADDRESSES(S, m, n)                                                                                   \
    .type = OPTION_ADDRESSES, .offset = AT(const struct config_address *, S, m), COMPANION(size_t, S, n)
#define SECTION(T, S, m, g)  .type = OPTION_SECTION, .offset = AT(struct T, S, m), .group = &(g)
#define ITEMS(T, S, m, n, g) .offset = AT(const struct T *, S, m), COMPANION(size_t, S, n), .group = &(g)
#define LIST(T, S, m, n, g)  .type = OPTION_LIST, ITEMS(T, S, m, n, g)
#define MAP(T, S, m, n, g)   .type = OPTION_MAP, ITEMS(T, S, m, n, g)
#define MARKED(S, has)       .flags = OPTION_MARKED, COMPANION(bool, S, has)

#define GROUP(list, T) .options = list, .count = ARRAY_COUNT(list), .size = sizeof(struct T)

#define MS(n)      ((n)*NS_PER_MS)
#define SECONDS(n) ((n)*NS_PER_SECOND)
#define MINUTES(n) SECONDS((n)*INT64_C(60))
#define HOURS(n)   MINUTES((n)*INT64_C(60))
#define DAYS(n)    HOURS((n)*INT64_C(24))
#define KB(n)      ((n)*INT64_C(1000))
#define MB(n)      KB((n)*INT64_C(1000))
#define GB(n)      MB((n)*INT64_C(1000))
