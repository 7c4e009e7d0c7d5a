/* What both sides of the running rollouts do, counted as the recorder drains their events. Any thread. */
#pragma once

#include "base/error.h"
#include "traffic/arm.h"
#include "watch/event.h"
#include "watch/shadows.h"

struct arms;
struct arms *arms_new(void) MUST_USE; /* NULL when memory is out */
void arms_free(struct arms *a);       /* NULL is fine */

/* The rollout `id` of the endpoint is counted from now on, on top of what it did before. One that is counted
 * already goes on as it is. False: out of memory. */
bool arms_watch(struct arms *a, const char *endpoint, const char *id, const struct arm before[2]) MUST_USE;
/* Of all that are counted only these go on. */
void arms_retain(struct arms *a, const char *const *ids, size_t count);
/* [0]: what served before, [1]: the candidate. False: it is not counted. */
bool arms_read(struct arms *a, const char *id, struct arm out[2]) MUST_USE;
void arms_add_label(struct arms *a, const char *id, bool candidate, struct str label, bool right);
void arms_add_score(struct arms *a, const char *id, bool candidate, double score);

/* One input that both sides were asked: counted at once, and kept until it is written. ARMS_PAIRS_MAX of them
 * wait at most; what comes then is counted, and no row of the store. */
enum { ARMS_PAIRS_MAX = 1024 };
void arms_note_pair(struct arms *a, const struct shadow_answer *pair);
/* As arms_read, with the pairs that wait and that are part of it; *pairs is the caller's to free, NULL: none.
 * They wait no more. */
bool arms_take(struct arms *a, const char *id, struct arm out[2], struct shadow_answer **pairs,
               size_t *count) MUST_USE;

/* The recorder's. */
void arms_note(struct arms *a, const struct event *e);
