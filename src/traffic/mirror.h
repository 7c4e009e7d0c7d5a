/* What mirroring may cost: which share of an endpoint's requests a shadow rollout's candidate is asked, too,
 * how many at once, and how much of a day's money. Whoever mirrors enters first and leaves when the answer is
 * there. Shared by all loops and by successive snapshots, reference counted; any thread. */
#pragma once

#include "base/ids.h"
#include "base/str.h"

struct mirror_terms {
    double share;     /* 0 to 1 */
    unsigned at_once; /* most under way */
    int64_t per_day;  /* nano-dollars; 0: no limit */
};

enum mirror_verdict {
    MIRROR_GO,
    MIRROR_BUSY,     /* as many as may be are under way */
    MIRROR_SPENT,    /* the day's money */
    MIRROR_NO_PRICE, /* a limit that cannot be kept */
    MIRROR_VERDICTS
};
const char *mirror_verdict_name(enum mirror_verdict v); /* "mirrored", "busy" */

struct mirror;
/* `spent`: of the day of wall_ns (UTC) so far, nano-dollars. NULL: no memory. */
struct mirror *mirror_new(const char *rollout, const struct mirror_terms *terms, int64_t spent,
                          int64_t wall_ns) MUST_USE;
struct mirror *mirror_ref(struct mirror *m);
void mirror_unref(struct mirror *m); /* NULL is fine */
const char *mirror_rollout(const struct mirror *m);

/* Is this request one of the share? The same answer for the same request. */
bool mirror_takes(const struct mirror *m, struct str request_id);
/* `estimate`: nano-dollars; < 0: unknown. MIRROR_GO: mirror_leave follows. */
enum mirror_verdict mirror_enter(struct mirror *m, int64_t estimate, int64_t wall_ns);
/* `cost` < 0: unknown, and counts as estimated. */
void mirror_leave(struct mirror *m, int64_t estimate, int64_t cost);
/* How often each verdict was given; any thread. */
uint64_t mirror_count(struct mirror *m, enum mirror_verdict v);
