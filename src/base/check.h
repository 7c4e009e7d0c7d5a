/* CHECK() states an invariant of the program itself. A broken one aborts, in production too, since
 * going on would be guessing. No input from outside may ever reach a CHECK. */
#pragma once

#include "base/attributes.h"

_Noreturn void check_failed(const char *file, int line, const char *condition);

#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        if (UNLIKELY(!(condition)))                                                                          \
            check_failed(__FILE__, __LINE__, #condition);                                                    \
    } while (0)
