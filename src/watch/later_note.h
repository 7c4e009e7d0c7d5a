/* A row of the history for something that the store has no part in: a sign-in, a sign-out. Any thread. */
#pragma once

struct recorder;

/* Written with the recorder's next commit. Nobody waits for it; that it could not be written is in the log.
 * The texts are copied; `after` is JSON or "". */
void history_note_later(struct recorder *r, const char *what, const char *who, const char *after);
