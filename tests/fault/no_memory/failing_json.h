/* Lets yyjson's reader fail as the allocations do (failing_allocations.h, which comes first): it is a library
 * of its own, whose malloc is not ours, so that its calls fail as a whole. For programs linked with
 * --wrap=yyjson_read_opts. */
#pragma once

#include "failing_allocations.h"

#include <yyjson.h>

yyjson_doc *__real_yyjson_read_opts(char *text, size_t n, yyjson_read_flag flags, const yyjson_alc *alc,
                                    yyjson_read_err *err);
yyjson_doc *__wrap_yyjson_read_opts(char *text, size_t n, yyjson_read_flag flags, const yyjson_alc *alc,
                                    yyjson_read_err *err);

yyjson_doc *__wrap_yyjson_read_opts(char *text, size_t n, yyjson_read_flag flags, const yyjson_alc *alc,
                                    yyjson_read_err *err) {
    if (alc || !allocation_fails())
        return __real_yyjson_read_opts(text, n, flags, alc, err);
    if (err)
        *err =
            (yyjson_read_err){.code = YYJSON_READ_ERROR_MEMORY_ALLOCATION, .msg = "memory allocation failed"};
    return NULL;
}
