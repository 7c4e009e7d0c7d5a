/* For tests whose every allocation fails in turn (failing_allocations.h). */
#pragma once

#include "failing_allocations.h"

#include "base/error.h"

#include "../../unit/unit.h"

/* Calls `work` with one allocation more each time, until it has enough; each time before it says, in *err,
 * that memory is out. Returns how often that was. */
static long until_enough(bool (*work)(void), struct error *err) {
    for (long failures = 0;; failures++) {
        *err = (struct error){0};
        allocations_left = failures;
        bool good = work();
        allocations_left = -1;
        if (good)
            return failures;
        if (err->code != ERR_NO_MEMORY)
            fail_msg("after %ld allocations: %s", failures, err->message);
        assert_true(failures < 10000);
    }
}
