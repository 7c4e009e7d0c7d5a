/* The filter on system calls, by libseccomp: a list of what is allowed, everything else answers EPERM,
 * and what only an attacker would try kills the process, so that the pool sees and logs it. */
#pragma once

#include "documents/sandbox.h"

#include <stdbool.h>

bool sandbox_filter_load(const struct sandbox_request *request) MUST_USE;
