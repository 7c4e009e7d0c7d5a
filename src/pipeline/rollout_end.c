#include "pipeline/deploy.h"

#include "base/clock.h"

#include <stdio.h>

static bool may_end(const struct rollout_ending *c, bool found, const struct rollout_record *r,
                    const char *endpoint, struct error *err) {
    if (!found)
        return fail(err, ERR_NOT_FOUND, "endpoint \"%.60s\" never had a rollout", endpoint);
    bool for_all = !*r->segment;
    if (r->state == ROLLOUT_RUNNING ||
        (r->state == ROLLOUT_PROMOTED && (c->to == ROLLOUT_ROLLED_BACK || !for_all)))
        return true;
    return fail(err, ERR_CONFLICT, "the newest rollout of endpoint \"%s\", of %s, is %s already", r->endpoint,
                r->candidate, rollout_state_name(r->state));
}

bool rollout_end(struct store *store, const char *endpoint, const struct rollout_ending *c,
                 struct rollout_record *out, struct error *err) {
    struct rollout_record r;
    bool found, lost = false;
    do { /* the server writes what it counted once a second */
        if (!rollouts_newest(store, endpoint, &found, &r, err) || !may_end(c, found, &r, endpoint, err))
            return false;
        if (c->to == ROLLOUT_PROMOTED && r.state == ROLLOUT_PROMOTED)
            r.segment[0] = '\0'; /* from its segment to everybody */
        r.state = c->to;
        r.weight = c->to == ROLLOUT_PROMOTED ? 1 : 0;
        r.ended = clock_wall();
        snprintf(r.outcome, sizeof r.outcome, "%.100s decided it%s%.250s", c->by, *c->why ? ": " : "",
                 c->why);
        const char *what = c->to == ROLLOUT_PROMOTED ? "rollout.promoted" : "rollout.rolled_back";
        if (!rollouts_save(store, &r, NULL, 0, what, c->by, c->why, &lost, err))
            return false;
    } while (lost);
    *out = r;
    return true;
}

bool rollout_stop_shadow(struct store *store, const char *endpoint, const char *by, const char *why,
                         struct rollout_record *out, struct error *err) {
    struct rollout_record r;
    bool found, lost = false;
    do {
        if (!rollouts_shadow(store, endpoint, &found, &r, err))
            return false;
        if (!found)
            return fail(err, ERR_NOT_FOUND,
                        "endpoint \"%.60s\" has no running shadow; other rollouts are rolled back", endpoint);
        r.state = ROLLOUT_STOPPED;
        r.ended = clock_wall();
        snprintf(r.outcome, sizeof r.outcome, "%.100s stopped it%s%.250s", by, *why ? ": " : "", why);
        if (!rollouts_save(store, &r, NULL, 0, "rollout.stopped", by, why, &lost, err))
            return false;
    } while (lost);
    *out = r;
    return true;
}
