#include "pipeline/endpoint_health.h"

#include "base/clock.h"

#include <stdarg.h>
#include <stdio.h>

/* Shares of the requests. The fallbacks' is the default of the monitor of that name. */
#define ERRORS_DEGRADED    0.05
#define ERRORS_DOWN        0.5
#define FALLBACKS_DEGRADED 0.15

const char *health_name(enum health health) {
    static const char *const names[] = {"ok", "unknown", "degraded", "down"};
    return names[health];
}

static void note(struct endpoint_health *h, enum health health, const char *format, ...) PRINTF_LIKE(3, 4);
static void note(struct endpoint_health *h, enum health health, const char *format, ...) {
    va_list args;
    if (health > h->health)
        h->health = health;
    if (h->reason_count == HEALTH_REASONS)
        return;
    va_start(args, format);
    vsnprintf(h->reasons[h->reason_count++], HEALTH_REASON_SIZE, format, args);
    va_end(args);
}

/* Why that share cannot answer now; false: it can. */
static bool share_fails(const struct share *s, int64_t now, char reason[HEALTH_REASON_SIZE]) {
    struct str name = share_reference(s);
    if (s->version && !s->version->backend) {
        snprintf(reason, HEALTH_REASON_SIZE, "%.*s did not load: %.120s", STR_ARG(str_slice(name, 0, 60)),
                 s->version->load_error.message);
        return true;
    }
    if (!s->remote)
        return false;
    const struct upstream *u = s->remote->upstream;
    struct breaker_state b = breaker_state(&u->breaker, &u->breaker_options, now);
    int64_t quota = upstream_quota_wait(s->remote->experience, now);
    if (quota > 0) {
        snprintf(reason, HEALTH_REASON_SIZE, "%.*s: no quota left at \"%.60s\" for another %lld s",
                 STR_ARG(str_slice(name, 0, 60)), u->config->name, (long long)(quota / NS_PER_SECOND + 1));
        return true;
    }
    if (b.phase == BREAKER_CLOSED)
        return false;
    snprintf(reason, HEALTH_REASON_SIZE, "the breaker of upstream \"%.60s\" is %s: %u of %u calls failed",
             u->config->name, breaker_phase_name(b.phase), b.failures, b.calls);
    return true;
}

/* Does that step answer by itself, whatever else is broken? */
static bool step_answers(const struct step *s, int64_t now) {
    char reason[HEALTH_REASON_SIZE];
    return s->kind == STEP_MODEL ? !share_fails(&s->target, now, reason)
                                 : s->kind == STEP_RULES || s->kind == STEP_TEXT || s->kind == STEP_REVIEW;
}

static void look_at_shares(const struct endpoint *e, int64_t now, struct endpoint_health *h) {
    unsigned failing = 0;
    bool chain = false;
    char reasons[HEALTH_REASONS][HEALTH_REASON_SIZE];
    for (unsigned i = 0; i < e->share_count; i++)
        failing += share_fails(&e->shares[i], now, reasons[failing < HEALTH_REASONS ? failing : 0]);
    for (unsigned i = 0; i < e->step_count; i++)
        chain |= step_answers(&e->steps[i], now);
    enum health health = failing < e->share_count || chain ? HEALTH_DEGRADED : HEALTH_DOWN;
    for (unsigned i = 0; i < failing && i < HEALTH_REASONS; i++)
        note(h, health, "%s", reasons[i]);
}

static const char *most_frequent_error(const struct metrics_sums *s) {
    unsigned most = 0;
    for (unsigned i = 1; i < ERR_COUNT; i++)
        if (error_status((enum error_code)i) >= 500 && s->errors[i] > s->errors[most])
            most = i;
    return most ? error_name((enum error_code)most) : "of unknown kinds";
}

static double share_of(uint64_t part, uint64_t all) {
    return all ? (double)part / (double)all : 0;
}

static void look_at_requests(const struct metrics_sums *s, struct endpoint_health *h) {
    double errors = share_of(s->server_errors, s->requests), fallbacks = share_of(s->fallbacks, s->requests);
    if (s->requests < HEALTH_REQUESTS_LEAST) {
        if (h->health == HEALTH_OK && s->requests == 0)
            note(h, HEALTH_UNKNOWN, "no requests in the last minutes");
        else if (h->health == HEALTH_OK)
            note(h, HEALTH_UNKNOWN, "only %llu request%s in the last minutes",
                 (unsigned long long)s->requests, s->requests == 1 ? "" : "s");
        return;
    }
    if (errors >= ERRORS_DEGRADED)
        note(h, errors >= ERRORS_DOWN ? HEALTH_DOWN : HEALTH_DEGRADED,
             "%.0f %% of the requests of the last minutes failed, mostly %s", errors * 100,
             most_frequent_error(s));
    if (fallbacks > FALLBACKS_DEGRADED)
        note(h, HEALTH_DEGRADED, "%.0f %% of the requests of the last minutes took a fallback",
             fallbacks * 100);
}

void endpoint_health(const struct endpoint *e, const struct metrics_sums *recent, bool recording, int64_t now,
                     struct endpoint_health *out) {
    *out = (struct endpoint_health){.health = HEALTH_OK};
    if (!recording)
        note(out, HEALTH_DOWN, "requests cannot be recorded, so none is taken; the server's log says why");
    look_at_shares(e, now, out);
    look_at_requests(recent, out);
}
