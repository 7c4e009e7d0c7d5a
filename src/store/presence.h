/* Does a server run on this store? Every one holds a shared lock on a file in its folder, so that a command
 * knows whether somebody else will do what is asked in the store, or has to do it by itself. Any thread. */
#pragma once

#include "base/error.h"

/* A descriptor that holds the lock until it is closed, with the process at the latest. */
bool presence_hold(const char *folder, int *fd, struct error *err) MUST_USE;
/* *fd: -1 when a server runs; else none runs, nor starts, until it is closed. */
bool presence_exclude(const char *folder, int *fd, struct error *err) MUST_USE;
