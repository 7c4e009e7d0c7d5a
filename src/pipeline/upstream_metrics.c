#include "pipeline/upstream_metrics.h"

#include "base/clock.h"
#include "pipeline/engine.h"

static uint64_t read_counter(const _Atomic uint64_t *counter) {
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static void write_calls(struct buf *out, const struct snapshot *s) {
    static const char name[] = "penstock_upstream_calls_total";
    metrics_family(out, name, METRICS_COUNTER,
                   "Calls to upstreams, by how they ended: none is an answer, anything else a failure.");
    for (size_t i = 0; i < s->upstream_count; i++)
        for (enum failure f = FAILURE_NONE; f < FAILURE_COUNT; f++) {
            const struct upstream *u = s->upstreams[i];
            uint64_t n = read_counter(&u->calls[f]);
            if (n > 0)
                metrics_sample(
                    out, name,
                    (const char *const[]){"upstream", u->config->name, "failure", failure_name(f), NULL},
                    (double)n);
        }
}

static double is_left_alone(const struct upstream *u, const struct breaker_state *state) {
    return state->phase != BREAKER_CLOSED;
}
static double opened(const struct upstream *u, const struct breaker_state *state) {
    return (double)state->opened;
}
static double refused(const struct upstream *u, const struct breaker_state *state) {
    return (double)state->refused;
}
static double running(const struct upstream *u, const struct breaker_state *state) {
    return (double)atomic_load_explicit(&u->latency.running, memory_order_relaxed);
}

static void write_states(struct buf *out, const struct snapshot *s) {
    static const struct {
        const char *name, *help;
        enum metrics_type type;
        double (*read)(const struct upstream *u, const struct breaker_state *state);
    } families[] = {
        {"penstock_upstream_left_alone", "1 while the upstream's breaker is not closed.", METRICS_GAUGE,
         is_left_alone},
        {"penstock_upstream_breaker_opened_total", "How often its breaker opened.", METRICS_COUNTER, opened},
        {"penstock_upstream_breaker_refused_total", "Calls that were not made since it was to be left alone.",
         METRICS_COUNTER, refused},
        {"penstock_upstream_calls_running", "Calls under way.", METRICS_GAUGE, running},
    };
    int64_t now = clock_monotonic();
    for (size_t f = 0; f < ARRAY_COUNT(families); f++) {
        metrics_family(out, families[f].name, families[f].type, families[f].help);
        for (size_t i = 0; i < s->upstream_count; i++) {
            const struct upstream *u = s->upstreams[i];
            struct breaker_state state = breaker_state(&u->breaker, &u->breaker_options, now);
            metrics_sample(out, families[f].name, (const char *const[]){"upstream", u->config->name, NULL},
                           families[f].read(u, &state));
        }
    }
}

/* `estimate`: by which of the two ways it is made. */
static void write_estimate(struct buf *out, const char *upstream, const char *model, const char *estimate,
                           const struct token_calibration *calibration) {
    static const char name[] = "penstock_token_estimate_error_ratio";
    struct token_calibration_state state = token_calibration_state(calibration);
    if (state.pairs == 0)
        return;
    const char *labels[] = {"upstream", upstream,    "model", model, "estimate",
                            estimate,   "corrected", "no",    NULL};
    metrics_sample(out, name, labels, state.error_before);
    labels[7] = "yes";
    metrics_sample(out, name, labels, state.error_after);
}

static void write_estimates(struct buf *out, const struct snapshot *s) {
    metrics_family(out, "penstock_token_estimate_error_ratio", METRICS_GAUGE,
                   "Mean error of the input's estimated tokens against what the provider counted, as a share "
                   "of that: of estimates text by text and by bytes, before and after the correction.");
    for (size_t i = 0; i < s->upstream_count; i++) {
        struct upstream *u = s->upstreams[i];
        for (struct model_experience *m = atomic_load(&u->models); m; m = m->next) {
            write_estimate(out, u->config->name, m->name, "texts", &m->counted);
            write_estimate(out, u->config->name, m->name, "bytes", &m->sized);
        }
    }
}

void upstream_metrics_write(struct buf *out, void *engine) {
    struct snapshot *s = engine_snapshot(engine);
    write_calls(out, s);
    write_states(out, s);
    write_estimates(out, s);
    snapshot_unref(s);
}
