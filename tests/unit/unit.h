/* What every cmocka program includes, in the order that cmocka wants. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
/* cmocka's fail() would hide ours, which fills a struct error. */
#undef fail
#undef fail_msg
#define fail_msg(...)                                                                                        \
    do {                                                                                                     \
        print_error("ERROR: " __VA_ARGS__);                                                                  \
        print_error("\n");                                                                                   \
        _fail(__FILE__, __LINE__);                                                                           \
    } while (0)

#include "base/str.h"

#define assert_str(actual, expected)                                                                         \
    do {                                                                                                     \
        struct str str_actual_ = (actual), str_expected_ = str_from(expected);                               \
        if (!str_eq(str_actual_, str_expected_))                                                             \
            fail_msg("got \"%.*s\", expected \"%.*s\"", STR_ARG(str_actual_), STR_ARG(str_expected_));       \
    } while (0)

/* The folder of shared test data, or NULL where it is absent: the test then calls skip() and says so. */
static inline const char *shared_data(void) {
    const char *folder = getenv("PENSTOCK_SHARED_DATA");
    return folder && folder[0] ? folder : NULL;
}
