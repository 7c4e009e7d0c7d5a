#include "traffic/breaker.h"

#include "base/check.h"

/* The word, unpacked: everything that changes together. */
struct phase_word {
    enum breaker_phase phase;
    uint32_t opens;      /* in a row: the time to stay open doubles with each */
    uint32_t out, done;  /* probes under way, and succeeded */
    uint32_t generation; /* counts changes of phase: outcomes of calls from before one are told apart */
};

enum { OPENS_MAX = 63, PROBES_MAX = 63, COUNT_BITS = 20, PERIOD_BITS = 24, SKEW_MAX = 16 };
#define COUNT_MAX  ((UINT64_C(1) << COUNT_BITS) - 1)
#define PERIOD_MAX ((UINT64_C(1) << PERIOD_BITS) - 1)

static struct phase_word unpack(uint64_t word) {
    return (struct phase_word){.phase = (enum breaker_phase)(word & 3),
                               .opens = (uint32_t)(word >> 2 & 63),
                               .out = (uint32_t)(word >> 8 & 255),
                               .done = (uint32_t)(word >> 16 & 255),
                               .generation = (uint32_t)(word >> 32)};
}

static uint64_t pack(struct phase_word w) {
    return (uint64_t)w.phase | (uint64_t)w.opens << 2 | (uint64_t)w.out << 8 | (uint64_t)w.done << 16 |
           (uint64_t)w.generation << 32;
}

/* On failure *seen is what is there now. */
static bool change(struct breaker *b, uint64_t *seen, struct phase_word to) {
    return atomic_compare_exchange_strong(&b->word, seen, pack(to));
}

static uint32_t probes_of(const struct breaker_options *o) {
    return o->probes == 0 ? 1 : o->probes > PROBES_MAX ? PROBES_MAX : o->probes;
}

/* ---- the window: a ring of periods, each one word, so that a period's counts and its age are read together
 * ---- */

static uint64_t period_at(const struct breaker_options *o, int64_t now) {
    int64_t length = o->window_ns / BREAKER_BUCKETS;
    return (uint64_t)(now / (length > 0 ? length : 1));
}

static uint64_t bucket_period(uint64_t bucket) {
    return bucket >> (2 * COUNT_BITS);
}
static uint64_t bucket_calls(uint64_t bucket) {
    return bucket >> COUNT_BITS & COUNT_MAX;
}
static uint64_t bucket_failures(uint64_t bucket) {
    return bucket & COUNT_MAX;
}

static void count_call(struct breaker *b, const struct breaker_options *o, bool failed, int64_t now) {
    uint64_t period = period_at(o, now);
    _Atomic uint64_t *at = &b->buckets[period % BREAKER_BUCKETS];
    uint64_t seen = atomic_load_explicit(at, memory_order_relaxed), next;
    do {
        uint64_t stamp = bucket_period(seen), calls = bucket_calls(seen), bad = bucket_failures(seen);
        /* Another thread may already be in a later period: counting there is near enough. */
        if (((stamp - period) & PERIOD_MAX) > SKEW_MAX) {
            stamp = period & PERIOD_MAX;
            calls = bad = 0;
        }
        if (calls == COUNT_MAX) { /* the share is what matters */
            calls /= 2;
            bad /= 2;
        }
        next = stamp << (2 * COUNT_BITS) | (calls + 1) << COUNT_BITS | (bad + failed);
    } while (
        !atomic_compare_exchange_weak_explicit(at, &seen, next, memory_order_relaxed, memory_order_relaxed));
}

static void sum_window(const struct breaker *b, const struct breaker_options *o, int64_t now, uint64_t *calls,
                       uint64_t *bad) {
    uint64_t period = period_at(o, now);
    *calls = *bad = 0;
    for (int i = 0; i < BREAKER_BUCKETS; i++) {
        uint64_t bucket = atomic_load_explicit(&b->buckets[i], memory_order_relaxed);
        uint64_t age = (period - bucket_period(bucket)) & PERIOD_MAX;
        if (age >= BREAKER_BUCKETS && age < PERIOD_MAX - SKEW_MAX)
            continue;
        *calls += bucket_calls(bucket);
        *bad += bucket_failures(bucket);
    }
}

static void clear_window(struct breaker *b) {
    for (int i = 0; i < BREAKER_BUCKETS; i++)
        atomic_store_explicit(&b->buckets[i], 0, memory_order_relaxed);
}

static bool too_many_failures(const struct breaker *b, const struct breaker_options *o, int64_t now) {
    uint64_t calls, bad;
    sum_window(b, o, now, &calls, &bad);
    return calls >= (o->minimum ? o->minimum : 1) && bad > 0 && (double)bad >= o->errors * (double)calls;
}

/* ---- opening and closing ---- */

static int64_t open_time(const struct breaker_options *o, uint32_t opens) {
    int64_t time = o->open_ns, longest = o->open_max_ns > o->open_ns ? o->open_max_ns : o->open_ns;
    for (uint32_t i = 1; i < opens && time < longest; i++)
        time *= 2;
    return time < longest ? time : longest;
}

static int64_t hold_time(const struct breaker_options *o, int64_t retry_after_ns) {
    int64_t longest = o->hold_max_ns > 0 ? o->hold_max_ns : o->open_max_ns;
    return retry_after_ns < longest ? retry_after_ns : longest;
}

/* Later, never sooner. */
static void extend(struct breaker *b, int64_t until) {
    int64_t seen = atomic_load(&b->open_until);
    while (seen < until && !atomic_compare_exchange_weak(&b->open_until, &seen, until))
        continue;
}

static int64_t longer(int64_t a, int64_t b) {
    return a > b ? a : b;
}

/* True unless the phase changed meanwhile; *seen is then what it is now. */
static bool open_it(struct breaker *b, const struct breaker_options *o, uint64_t *seen, int64_t at_least,
                    int64_t now) {
    struct phase_word w = unpack(*seen);
    int64_t closed_at = atomic_load(&b->closed_at);
    bool again = w.phase == BREAKER_HALF_OPEN || (closed_at != 0 && now - closed_at < o->window_ns);
    uint32_t opens = again ? w.opens + (w.opens < OPENS_MAX) : 1;
    /* First the time, so that nobody finds it open and the time over. */
    extend(b, now + longer(open_time(o, opens), at_least));
    if (!change(b, seen, (struct phase_word){BREAKER_OPEN, opens, 0, 0, w.generation + 1}))
        return false;
    atomic_fetch_add_explicit(&b->opened, 1, memory_order_relaxed);
    return true;
}

static bool refuse(struct breaker *b, int64_t after, int64_t *retry_after_ns) {
    atomic_fetch_add_explicit(&b->refused, 1, memory_order_relaxed);
    if (retry_after_ns)
        *retry_after_ns = after;
    return false;
}

bool breaker_allow(struct breaker *b, const struct breaker_options *o, int64_t now,
                   struct breaker_token *token, int64_t *retry_after_ns) {
    uint64_t seen = atomic_load(&b->word);
    for (;;) {
        struct phase_word w = unpack(seen), next;
        if (LIKELY(w.phase == BREAKER_CLOSED)) {
            *token = (struct breaker_token){.generation = w.generation, .live = true};
            return true;
        }
        if (w.phase == BREAKER_OPEN) {
            int64_t until = atomic_load(&b->open_until);
            if (now < until)
                return refuse(b, until - now, retry_after_ns);
            next = (struct phase_word){BREAKER_HALF_OPEN, w.opens, 1, 0, w.generation + 1};
        } else {
            if (w.out + w.done >= probes_of(o))
                return refuse(b, o->open_ns, retry_after_ns);
            next = w;
            next.out++;
        }
        if (change(b, &seen, next)) {
            *token = (struct breaker_token){.generation = next.generation, .probe = true, .live = true};
            return true;
        }
    }
}

bool breaker_would_allow(const struct breaker *b, const struct breaker_options *o, int64_t now) {
    struct phase_word w = unpack(atomic_load(&b->word));
    if (w.phase == BREAKER_CLOSED)
        return true;
    if (w.phase == BREAKER_OPEN)
        return now >= atomic_load(&b->open_until);
    return w.out + w.done < probes_of(o);
}

enum breaker_outcome breaker_success_of(const struct breaker_options *o, int64_t took_ns) {
    return o->slow_ns > 0 && took_ns > o->slow_ns ? BREAKER_SLOW : BREAKER_SUCCESS;
}

static void settle_closed(struct breaker *b, const struct breaker_options *o, uint64_t seen, bool failed,
                          int64_t at_least, int64_t now) {
    count_call(b, o, failed, now);
    if (failed && too_many_failures(b, o, now))
        (void)open_it(b, o, &seen, at_least, now); /* or somebody else just did */
}

static void settle_probe(struct breaker *b, const struct breaker_options *o, uint64_t seen,
                         const struct breaker_token *token, enum breaker_outcome outcome, int64_t at_least,
                         int64_t now) {
    for (;;) {
        struct phase_word w = unpack(seen), next = w;
        if (w.phase != BREAKER_HALF_OPEN || w.generation != token->generation)
            return; /* another probe has decided */
        CHECK(w.out > 0);
        if (outcome == BREAKER_FAILURE || outcome == BREAKER_SLOW) {
            if (open_it(b, o, &seen, at_least, now))
                return;
            continue;
        }
        next.out--;
        next.done += outcome == BREAKER_SUCCESS;
        bool closes = next.done >= probes_of(o);
        if (closes) {
            next = (struct phase_word){BREAKER_CLOSED, w.opens, 0, 0, w.generation + 1};
            clear_window(b);
            atomic_store(&b->closed_at, now);
        }
        if (change(b, &seen, next))
            return;
    }
}

void breaker_settle(struct breaker *b, const struct breaker_options *o, struct breaker_token *token,
                    enum breaker_outcome outcome, int64_t retry_after_ns, int64_t now) {
    CHECK(token->live);
    token->live = false;
    uint64_t seen = atomic_load(&b->word);
    struct phase_word w = unpack(seen);
    bool failed = outcome == BREAKER_FAILURE || outcome == BREAKER_SLOW;
    int64_t at_least = hold_time(o, retry_after_ns);
    if (w.phase == BREAKER_OPEN && failed)
        extend(b, now + longer(open_time(o, w.opens), at_least));
    else if (token->probe)
        settle_probe(b, o, seen, token, outcome, at_least, now);
    else if (w.phase == BREAKER_CLOSED && w.generation == token->generation && outcome != BREAKER_CANCELLED)
        settle_closed(b, o, seen, failed, at_least, now);
}

void breaker_late_failure(struct breaker *b, const struct breaker_options *o, int64_t now) {
    uint64_t seen = atomic_load(&b->word);
    struct phase_word w = unpack(seen);
    if (w.phase == BREAKER_OPEN)
        extend(b, now + open_time(o, w.opens));
    else if (w.phase == BREAKER_CLOSED)
        settle_closed(b, o, seen, true, 0, now);
}

struct breaker_state breaker_state(const struct breaker *b, const struct breaker_options *o, int64_t now) {
    struct phase_word w = unpack(atomic_load(&b->word));
    uint64_t calls, bad;
    sum_window(b, o, now, &calls, &bad);
    int64_t left = atomic_load(&b->open_until) - now;
    return (struct breaker_state){
        .phase = w.phase,
        .retry_after_ns = w.phase == BREAKER_OPEN && left > 0 ? left : 0,
        .calls = (uint32_t)calls,
        .failures = (uint32_t)bad,
        .opened = atomic_load_explicit(&b->opened, memory_order_relaxed),
        .refused = atomic_load_explicit(&b->refused, memory_order_relaxed),
    };
}

const char *breaker_phase_name(enum breaker_phase phase) {
    static const char *const names[] = {"closed", "open", "half-open"};
    return names[phase];
}
