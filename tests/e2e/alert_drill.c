/* The alerting of a configuration, fed with made-up readings: alert_drill CONFIG STORE. Every monitor of the
 * table is breached, each at an endpoint that is called as it is, until a line comes in on standard input;
 * then all are good until the next. For the fire drill: whether each monitor's alert reaches receivers that
 * listen, and its end, too. */
#include "base/clock.h"
#include "watch/alerts/alert_rules.h"
#include "watch/alerts/alerting.h"

#include <stdatomic.h>
#include <stdio.h>

static atomic_bool good;

static void read_all(void *ctx, const struct config *config, int64_t elapsed_ns,
                     void (*take)(void *take_ctx, const struct reading *r), void *take_ctx) {
    for (unsigned i = 0; i < alert_rule_count; i++)
        take(take_ctx, &(struct reading){.endpoint = alert_rules[i].monitor,
                                         .monitor = alert_rules[i].monitor,
                                         .part = "drill",
                                         .state = good ? READING_GOOD : READING_BREACHED,
                                         .value = good ? 0.1 : 9,
                                         .expected = 0.5,
                                         .limit = 1,
                                         .unit = "share",
                                         .samples = 1000,
                                         .from = clock_wall() - 60 * NS_PER_SECOND,
                                         .to = clock_wall(),
                                         .detail = "A drill."});
}

int main(int argc, char **argv) {
    struct config_problems problems = {0};
    struct error err;
    if (argc != 3)
        return 2;
    const struct config *config = config_load(argv[1], NULL, &problems);
    config_problems_print(&problems, stderr);
    struct alerting *alerting;
    struct alerting_options options = {
        .store_path = argv[2], .config = config, .sources = {{read_all, NULL}}, .source_count = 1};
    if (!config || !alerting_start(&alerting, &options, &err)) {
        fprintf(stderr, "alert_drill: %s\n", config ? err.message : "no configuration");
        return 1;
    }
    getchar();
    atomic_store(&good, true);
    getchar();
    alerting_stop(alerting);
    config_unref(config);
    return 0;
}
