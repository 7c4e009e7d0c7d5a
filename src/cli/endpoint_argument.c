#include "cli/endpoint_argument.h"

#include "cli/demo_config.h"

#include <stdio.h>

static bool unknown(const struct config *config, const char *name, struct error *err) {
    const char *names[CONFIG_ENDPOINTS_MAX];
    for (size_t i = 0; i < config->endpoint_count; i++)
        names[i] = config->endpoints[i].name;
    const char *nearest = str_nearest(str_from(name), names, config->endpoint_count);
    return fail(err, ERR_NOT_FOUND, "%s has no endpoint \"%.60s\"%s%s%s", config->source, name,
                nearest ? "; did you mean \"" : "", nearest ? nearest : "", nearest ? "\"?" : "");
}

bool endpoint_argument(const struct store_option *o, const char *name, const struct config **config,
                       const struct config_endpoint **out, struct error *err) {
    struct config_problems problems = {0};
    char demo[DEMO_CONFIG_SIZE];
    const char *file = o->config;
    if (o->demo) {
        if (!demo_config_path(demo, err))
            return false;
        file = demo;
    }
    if (!file)
        return fail(err, ERR_USAGE, "say which configuration the server runs with: -c FILE");
    *config = config_load(file, NULL, &problems);
    if (!*config) {
        config_problems_print(&problems, stderr);
        return fail(err, ERR_CONFIG, "%s does not validate", file);
    }
    *out = config_endpoint_named(*config, str_from(name));
    if (*out)
        return true;
    (void)unknown(*config, name, err);
    config_unref(*config);
    return false;
}
