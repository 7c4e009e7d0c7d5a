/* The runbooks inside the binary: docs/runbooks, so that who is woken up has them without a repository.
 * Constant; any thread. */
#pragma once

#include "base/str.h"

/* Markdown; .p NULL: there is none of that name. */
struct str runbook_of(struct str monitor);
