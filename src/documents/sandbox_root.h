/* A root directory that holds read-only programs, libraries and fonts and nothing else: a decoder taken
 * over by a file cannot read the server's keys or database. Needs a mount namespace of one's own. */
#pragma once

#include <stdbool.h>

/* False where the kernel refuses; the root may then be the old one still. */
bool sandbox_root_enter(void);
