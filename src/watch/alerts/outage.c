#include "watch/alerts/outage.h"

static enum notice tell(struct outage *o, enum notice what) {
    o->open = what != NOTICE_RESOLVED;
    o->told = true;
    o->quiet_ns = 0;
    return what;
}

enum notice outage_step(struct outage *o, const struct incident_timing *t, bool bad, int64_t elapsed_ns) {
    o->quiet_ns += elapsed_ns;
    o->bad = bad ? o->bad + 1 : 0;
    o->good = bad ? 0 : o->good + 1;
    if (o->open && o->good >= OUTAGE_LOOKS)
        return tell(o, NOTICE_RESOLVED);
    if (o->open && bad && o->quiet_ns >= t->repeat_ns)
        return tell(o, NOTICE_REPEATED);
    if (!o->open && o->bad >= OUTAGE_LOOKS && (!o->told || o->quiet_ns >= t->interval_ns))
        return tell(o, NOTICE_OPENED);
    return NOTICE_NONE;
}
