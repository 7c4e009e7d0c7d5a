/* What an endpoint did in a span of time, in fixed memory whatever the traffic: counts, latency sketches, and
 * of each version the bins of its profile. Windows add up: an hour is its minutes. Packed, a quiet minute is
 * some 100 bytes and a busy one below 2 KB. One thread at a time. */
#pragma once

#include "base/buf.h"
#include "models/reference_profile.h"
#include "watch/event.h"
#include "watch/metrics/latency_sketch.h"

enum { WINDOW_VERSIONS_MAX = 8, WINDOW_NAME_SIZE = 96, WINDOW_STAGE_SIZE = 24, DISTINCT_REGISTERS = 64 };

struct window_version {
    char name[WINDOW_NAME_SIZE]; /* "support@3" */
    struct reference_profile *profile;
    uint64_t answers;  /* with a confidence */
    double confidence; /* sum */
    double variance;   /* sum of c (1 - c): of the number of right answers, if confidences are right */
    uint32_t *counts;  /* profile->counters */
    unsigned char distinct[DISTINCT_REGISTERS]; /* labels seen, HyperLogLog (Flajolet et al. 2007): +-13 % */
};

struct window {
    int64_t from, to; /* wall ns */
    uint64_t requests;
    uint64_t failed;   /* of them: the server's fault (5xx) */
    uint64_t answered; /* neither refused nor failed */
    uint64_t fallbacks, reviews;
    uint64_t decisions[DECISION_COUNT];
    uint64_t cache[CACHE_STATES];
    uint64_t errors[ERR_COUNT];
    uint64_t priced, nanodollars;
    struct latency_sketch total;
    unsigned stage_count;
    struct window_stage {
        const char *constant; /* as events name it: found by its address */
        char name[WINDOW_STAGE_SIZE];
        struct latency_sketch latency;
    } stages[EVENT_STAGES_MAX];
    unsigned version_count;
    struct window_version versions[WINDOW_VERSIONS_MAX];
};

/* A version from now on; the profile's reference is taken over. Where there are too many, the one that was
 * watched longest goes. False: out of memory, and the profile is given back. */
bool window_watch(struct window *w, const char *version, struct reference_profile *profile) MUST_USE;
/* What a version is compared with from now on, in the place of what it had; it has counted nothing yet. The
 * profile's reference is taken over. False: it is not watched, or out of memory. */
bool window_compare_with(struct window *w, const char *version, struct reference_profile *profile) MUST_USE;
/* w watches what `like` does, and holds nothing. False: out of memory. */
bool window_like(struct window *w, const struct window *like) MUST_USE;
void window_clear(struct window *w); /* counts only */
void window_free(struct window *w);  /* what it holds */

/* Some 100 ns. */
void window_add(struct window *w, const struct event *e);

/* Appends it. */
void window_pack(const struct window *w, struct buf *out);
/* Adds what was packed to w; versions that w does not watch are left out, and so are counts of a version
 * whose profile is another. False: it is damaged, and w holds some of it. */
bool window_add_packed(struct window *w, struct str packed) MUST_USE;

const struct window_version *window_version(const struct window *w, struct str name);
double distinct_estimate(const unsigned char registers[DISTINCT_REGISTERS]);
