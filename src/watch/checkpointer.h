/* The thread that copies the store's write-ahead log into the database. That takes milliseconds at a time, of
 * which the kernel's part cannot be interrupted; done by the recorder it would hold up commits, and the loops
 * that share its processor. It gives way to everything else. Where it is starved, the connections copy the
 * log themselves once it has STORE_LOG_PAGES. */
#pragma once

#include "store/store.h"

struct checkpointer;

/* Starts the thread, which has a connection of its own, and has every commit of `watched` tell it how long
 * the log is. The thread that owns `watched`, or before it runs. */
bool checkpointer_start(struct checkpointer **out, struct store *watched, struct error *err) MUST_USE;
/* Ends the thread; NULL is fine. `watched` commits no more. */
void checkpointer_stop(struct checkpointer *c);
