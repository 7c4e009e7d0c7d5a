#include "base/clock.h"
#include "pipeline/stages/stages.h"

#include <string.h>

/* Of the artefact's hash: a version's name says nearly all. */
enum { ARTEFACT_DIGITS = 32 };

struct str cache_key(struct request *r, const struct model_version *version) {
    struct str tenant = request_tenant(r), endpoint = r->endpoint->name,
               reference = str_from(version->reference),
               artefact = str_slice(str_from(version->artefact), 0, ARTEFACT_DIGITS);
    uint64_t policy = r->endpoint->policy;
    size_t n = tenant.n + 1 + endpoint.n + 1 + reference.n + 1 + artefact.n + sizeof policy + 1 +
               sizeof r->input.hash;
    char *key = arena_alloc(r->arena, n);
    if (!key)
        return STR("");
    char *p = key;
    p = mempcpy(p, tenant.p, tenant.n);
    *p++ = '\0';
    p = mempcpy(p, endpoint.p, endpoint.n);
    *p++ = '\0';
    p = mempcpy(p, reference.p, reference.n);
    *p++ = '\0';
    p = mempcpy(p, artefact.p, artefact.n);
    p = mempcpy(p, &policy, sizeof policy);
    *p++ = (char)r->input.kind;
    memcpy(p, r->input.hash, sizeof r->input.hash);
    return (struct str){key, n};
}

bool cache_answer(struct request *r, const struct model_version *version, bool stale) {
    /* Labels are the version's, and the version is in the key: the answer itself is all that is kept. */
    struct model_answer answer;
    struct buf *value = &r->loop->reply;
    struct str key = cache_key(r, version);
    if (key.n == 0 || !version->backend)
        return false;
    enum exact_result found = exact_cache_get(r->loop->parts->cache, key, r->stage_started, value);
    if (value->n != sizeof answer || found == EXACT_MISS || (found == EXACT_STALE && !stale))
        return false;
    memcpy(&answer, value->p, sizeof answer);
    if (!outcome_from_model(r, version, &answer, &r->error))
        return false;
    r->outcome.cached = true;
    r->outcome.stale = found == EXACT_STALE;
    return true;
}

static bool applies(const struct request *r) {
    return r->loop->parts->cache && r->endpoint->config->cache && r->endpoint->switched == SWITCH_AUTO;
}

static enum stage_answer run(struct request *r) {
    if (!cache_answer(r, r->version, false))
        return STAGE_NEXT;
    r->outcome.decision = DECISION_CACHED;
    return STAGE_REPLY;
}

/* Only answers that needed no person and no fallback are kept. */
static void on_end(struct request *r) {
    const struct outcome *o = &r->outcome;
    if (r->failed || !r->answer || o->cached ||
        (o->decision != DECISION_ACCEPTED && o->decision != DECISION_VERIFIED))
        return;
    struct str key = cache_key(r, r->version);
    if (key.n)
        exact_cache_put(r->loop->parts->cache, key, (struct str){(const char *)r->answer, sizeof *r->answer},
                        clock_recent() + r->endpoint->config->cache_ttl);
}

const struct stage stage_cache = {.name = "cache", .applies = applies, .run = run, .on_end = on_end};
