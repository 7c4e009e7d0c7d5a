#include "watch/alerts/alert.h"

#include "base/attributes.h"

#include <math.h>
#include <stddef.h>

const char *alert_state_name(enum alert_state state) {
    static const char *const names[] = {"inactive", "pending", "firing", "resolved"};
    return (size_t)state < ARRAY_COUNT(names) ? names[state] : "unknown";
}

const char *alert_sight_name(enum alert_sight sight) {
    static const char *const names[] = {"good", "breached", "no data", "void", "not measured"};
    return (size_t)sight < ARRAY_COUNT(names) ? names[sight] : "unknown";
}

static enum alert_sight sight_of(const struct reading *r) {
    static const enum alert_sight sights[] = {[READING_GOOD] = SIGHT_GOOD,
                                              [READING_BREACHED] = SIGHT_BREACHED,
                                              [READING_NO_DATA] = SIGHT_NO_DATA,
                                              [READING_VOID] = SIGHT_VOID};
    return r && (size_t)r->state < ARRAY_COUNT(sights) ? sights[r->state] : SIGHT_GONE;
}

/* A value between the limit and this much better than it keeps an alert as it is, so that one that hovers at
 * its limit does not come and go. */
static bool is_clear(const struct alert_progress *p, const struct alert_timing *t, const struct reading *r) {
    if (!isfinite(r->value) || !isfinite(r->limit))
        return true;
    double margin = fabs(r->limit) * t->hysteresis;
    return p->above ? r->value <= r->limit - margin : r->value >= r->limit + margin;
}

static enum alert_move fire(struct alert_progress *p) {
    p->state = ALERT_FIRING;
    p->cleared_ns = p->blind_ns = 0;
    p->told_blind = false;
    return ALERT_FIRES;
}

static enum alert_move breached(struct alert_progress *p, const struct alert_timing *t,
                                const struct reading *r, int64_t elapsed) {
    if (isfinite(r->value) && isfinite(r->limit))
        p->above = r->value >= r->limit;
    p->cleared_ns = 0;
    if (p->state == ALERT_FIRING)
        return ALERT_STAYS;
    bool begins = p->state != ALERT_PENDING;
    p->held_ns = begins ? 0 : p->held_ns + elapsed;
    if (p->held_ns >= t->hold_ns)
        return fire(p);
    p->state = ALERT_PENDING;
    return begins ? ALERT_BEGINS : ALERT_STAYS;
}

static enum alert_move good(struct alert_progress *p, const struct alert_timing *t, const struct reading *r,
                            bool was_good, int64_t elapsed) {
    if (p->state == ALERT_PENDING) {
        *p = (struct alert_progress){0};
        return ALERT_DROPS;
    }
    if (!is_clear(p, t, r)) {
        p->cleared_ns = 0;
        return ALERT_STAYS;
    }
    p->cleared_ns += was_good ? elapsed : 0;
    if (p->cleared_ns < t->clear_ns)
        return ALERT_STAYS;
    p->state = ALERT_RESOLVED;
    return ALERT_RESOLVES;
}

static enum alert_move unseen(struct alert_progress *p, const struct alert_timing *t, int64_t elapsed) {
    p->cleared_ns = 0;
    p->blind_ns += elapsed;
    if (p->state != ALERT_FIRING || p->told_blind || p->blind_ns < t->blind_ns)
        return ALERT_STAYS;
    p->told_blind = true;
    return ALERT_BLINDED;
}

enum alert_move alert_step(struct alert_progress *p, const struct alert_timing *t, const struct reading *r,
                           int64_t elapsed_ns) {
    enum alert_sight before = p->sight, now = sight_of(r);
    bool active = p->state == ALERT_PENDING || p->state == ALERT_FIRING;
    if (!active && now != SIGHT_BREACHED)
        return ALERT_STAYS;
    if (!active)
        *p = (struct alert_progress){0};
    p->sight = now;
    if (now != SIGHT_GOOD && now != SIGHT_BREACHED)
        return unseen(p, t, elapsed_ns);
    bool was_told = p->told_blind;
    p->told_blind = false;
    p->blind_ns = 0;
    enum alert_move move = now == SIGHT_BREACHED ? breached(p, t, r, elapsed_ns)
                                                 : good(p, t, r, before == SIGHT_GOOD, elapsed_ns);
    return move == ALERT_STAYS && was_told ? ALERT_SEES : move;
}
