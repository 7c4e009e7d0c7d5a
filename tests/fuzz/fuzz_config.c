/* Any bytes as a configuration: either it is one, or there are problems that can be shown to a person. */
#include "base/check.h"
#include "config/config.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void check_message(const char *message) {
    CHECK(message[0] && str_is_utf8(str_from(message), NULL));
    for (const char *c = message; *c; c++)
        CHECK((unsigned char)*c >= 0x20 && *c != 0x7F);
}

static void check_endpoint(const struct config *config, const struct config_endpoint *e) {
    double sum = 0;
    CHECK(config_endpoint_named(config, str_from(e->name)) == e);
    CHECK(e->rollout_count > 0 && e->accepts && e->deadline > 0 && e->cache_ttl > 0);
    for (size_t i = 0; i < e->rollout_count; i++) {
        CHECK(e->rollout[i].target.model.text && e->rollout[i].target.model.text[0]);
        sum += e->rollout[i].weight;
    }
    CHECK(e->route != ROUTE_WEIGHT || (sum > 0.999 && sum < 1.001));
    for (size_t i = 0; i < e->fallback_count; i++)
        CHECK((e->fallbacks[i].kind == STEP_MODEL) == (e->fallbacks[i].target.model.text != NULL));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n) {
    struct config_problems problems = {0};
    const struct config *config =
        config_parse((struct str){(const char *)bytes, n}, "fuzz.yaml", "/nonexistent", NULL, &problems);
    CHECK((config == NULL) == (problems.count > 0));
    for (size_t i = 0; i < problems.count; i++)
        check_message(problems.list[i].message);
    if (!config)
        return 0;
    CHECK(config->server.listen_count > 0 && config->limits.burst > 0);
    for (size_t i = 0; i < config->endpoint_count; i++)
        check_endpoint(config, &config->endpoints[i]);
    config_unref(config);
    return 0;
}
