/* What keys are used for: a count for each key and class of call, which the main thread writes into the
 * history once an hour and at the end of the process (a row for each key that was used), so that it is known
 * who came in without a row for each request. Of a process that is killed, the counts of the last hour are
 * missing. The list is the main thread's; loops only count in what they were given. */
#pragma once

#include "store/keys.h"

#include <stdatomic.h>

enum key_use { USE_OTHER, USE_PREDICT, USE_LANGUAGE, USE_REVIEW, USE_ADMIN, KEY_USES };

struct key_uses; /* all keys that were in force while the process ran */
struct key_count {
    atomic_uint_fast64_t uses[KEY_USES];
};

/* Any thread. `count` NULL: nobody counts. */
static inline void key_used(struct key_count *count, enum key_use use) {
    if (count)
        atomic_fetch_add_explicit(&count->uses[use], 1, memory_order_relaxed);
}

struct key_uses *key_uses_new(void) MUST_USE; /* NULL when memory is out */
/* After whoever counts has ended; NULL is fine. */
void key_uses_free(struct key_uses *list);
/* The key's count, which stays where it is as long as the list does. NULL when memory is out. */
struct key_count *key_uses_of(struct key_uses *list, const struct key_record *key) MUST_USE;

/* Writes what was counted since the last time where an hour has passed, or `now_at_once`. `now`: wall ns. */
bool key_uses_note(struct key_uses *list, struct store *s, int64_t now, bool now_at_once,
                   struct error *err) MUST_USE;
