/* A file that is named on the command line, whole. */
#pragma once

#include "base/buf.h"
#include "base/error.h"

/* `what` it is for: "a prompt". More than `most` bytes are an error; `out` has room for one more. */
bool file_argument_read(const char *path, const char *what, size_t most, struct buf *out,
                        struct error *err) MUST_USE;
