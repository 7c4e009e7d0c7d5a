#include "traffic/hedge.h"

enum { OBSERVED_DEFAULT = 20 };

int64_t hedge_after(const struct hedge_options *o, const struct latency *l, int64_t now, int64_t deadline) {
    if (!o->on)
        return -1;
    double quantile = o->quantile > 0 && o->quantile < 1 ? o->quantile : 0.95;
    int64_t after =
        latency_quantile(l, quantile, o->least_observed ? o->least_observed : OBSERVED_DEFAULT, now);
    if (after == 0)
        return -1; /* what is late is not known yet */
    if (after < o->least_ns)
        after = o->least_ns;
    /* The second call mostly takes what a call takes by half of the time; without even that it is money lost.
     */
    int64_t median = latency_quantile(l, 0.5, 1, now);
    return deadline - now > after + median ? after : -1;
}

bool hedge_start(struct retry_budget *budget, const struct retry_options *o, int64_t now) {
    return retry_budget_take(budget, o, now);
}
