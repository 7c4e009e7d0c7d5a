#include "traffic/split.h"

#include "pipeline/segment.h"
#include "pipeline/stages/stages.h"

/* Callers of one rollout are not always the first of the next. */
static double point_of(const struct request *r) {
    struct str name = r->endpoint->salt;
    switch (r->endpoint->config->sticky) {
    case STICKY_KEY: return split_point(name, request_tenant(r));
    case STICKY_USER: return r->input.user.n ? split_point(name, r->input.user) : split_random_point();
    case STICKY_NONE: break;
    }
    return split_random_point();
}

/* Whoever is not in a rollout's segment gets what served before, and is compared with nobody. */
unsigned split_share(struct request *r) {
    const struct endpoint *e = r->endpoint;
    if (e->segment && !segment_has(r))
        return 0;
    unsigned chosen = e->share_count > 1 ? split_choose(e->weights, e->share_count, point_of(r)) : 0;
    if (e->rolling)
        r->side = chosen == 0 ? SIDE_STABLE : SIDE_CANDIDATE;
    if (e->mirror && mirror_takes(e->mirror, r->id))
        r->mirror = e->mirror;
    return chosen;
}

static enum stage_answer run(struct request *r) {
    r->version = r->pinned ? r->pinned : r->endpoint->shares[split_share(r)].version;
    return STAGE_NEXT;
}

const struct stage stage_split = {.name = "split", .run = run, .brief = true};
