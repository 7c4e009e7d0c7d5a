#include "watch/alerts/incident.h"

#include "base/attributes.h"

#include <stddef.h>

const char *incident_state_name(enum incident_state state) {
    static const char *const names[] = {"open", "acknowledged", "resolved"};
    return (size_t)state < ARRAY_COUNT(names) ? names[state] : "unknown";
}

const char *notice_name(enum notice notice) {
    static const char *const names[NOTICE_COUNT] = {
        [NOTICE_NONE] = "none",         [NOTICE_OPENED] = "opened",       [NOTICE_CHANGED] = "changed",
        [NOTICE_REPEATED] = "repeated", [NOTICE_ESCALATED] = "escalated", [NOTICE_RESOLVED] = "resolved",
        [NOTICE_TEST] = "test"};
    return (size_t)notice < ARRAY_COUNT(names) ? names[notice] : "unknown";
}

void incident_change(struct incident_progress *p) {
    if (!p->changed)
        p->untold_ns = 0;
    p->changed = true;
}

static enum notice tell(struct incident_progress *p, enum notice notice) {
    p->notices++;
    p->changed = false;
    p->quiet_ns = p->untold_ns = 0;
    return notice;
}

enum notice incident_step(struct incident_progress *p, const struct incident_timing *t, unsigned firing,
                          int64_t next_delay, int64_t elapsed_ns) {
    if (p->state == INCIDENT_RESOLVED)
        return NOTICE_NONE;
    p->quiet_ns += elapsed_ns;
    p->untold_ns += elapsed_ns;
    if (p->state == INCIDENT_OPEN)
        p->waited_ns += elapsed_ns;
    /* What is over before it was told is told still: people may have felt it. */
    if (p->notices == 0)
        return p->untold_ns >= t->wait_ns || firing == 0 ? tell(p, NOTICE_OPENED) : NOTICE_NONE;
    if (firing == 0) {
        p->state = INCIDENT_RESOLVED;
        return tell(p, NOTICE_RESOLVED);
    }
    if (p->state == INCIDENT_OPEN && p->waited_ns >= next_delay) {
        p->escalated_ns = next_delay;
        p->notices++;
        return NOTICE_ESCALATED;
    }
    if (p->changed && p->untold_ns >= t->wait_ns && p->quiet_ns >= t->interval_ns)
        return tell(p, NOTICE_CHANGED);
    if (p->state == INCIDENT_OPEN && p->quiet_ns >= t->repeat_ns)
        return tell(p, NOTICE_REPEATED);
    return NOTICE_NONE;
}
