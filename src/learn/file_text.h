/* A whole file in memory, for training data. */
#pragma once

#include "base/error.h"
#include "base/str.h"

/* malloc'ed, *n bytes and a NUL behind them; NULL and *err (ERR_IO) otherwise. */
char *file_text(const char *path, size_t most, size_t *n, struct error *err) MUST_USE;
