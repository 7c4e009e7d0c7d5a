#include "cli/cli.h"

#include "base/error.h"
#include "cli/store_option.h"
#include "config/config.h"
#include "watch/alerts/grafana_dashboard.h"
#include "watch/alerts/prometheus_rules.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char help[] =
    "Usage: penstock export prometheus-rules|grafana [-c FILE]\n\n"
    "Prints alerting rules for Prometheus (YAML), or a dashboard for Grafana (JSON), over GET /metrics.\n"
    "They say what Penstock's own alerts say. With -c, rules hold the configured endpoints to their own\n"
    "objectives, and link to where this server is reached (alerts.public_url); without, all to the standard "
    "ones.\n\n"
    "  -c, --config FILE     the configuration\n";

enum { OUTPUT_MAX = 16 << 20 };

static const struct config *load(const char *path) {
    struct config_problems problems = {0};
    if (!path)
        return config_default();
    const struct config *config = config_load(path, NULL, &problems);
    config_problems_print(&problems, stderr);
    return config;
}

static int print(const char *what, const char *path) {
    void (*write)(const struct config *, struct buf *) =
        strcmp(what, "grafana") == 0 ? grafana_dashboard_write : prometheus_rules_write;
    AUTO_BUF out = BUF_INIT(OUTPUT_MAX);
    const struct config *config = load(path);
    if (!config)
        return EXIT_USAGE;
    write(config, &out);
    config_unref(config);
    if (!buf_terminated(&out)) {
        fputs("penstock export: out of memory\n", stderr);
        return EXIT_FAILED;
    }
    fputs(out.p, stdout);
    return EXIT_DONE;
}

int cli_export(int argc, char **argv) {
    static const struct option options[] = {
        {"config", required_argument, NULL, 'c'}, {"help", no_argument, NULL, 'h'}, {0}};
    const char *path = NULL;
    int option;
    struct error err;
    while ((option = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
        if (option == 'h') {
            fputs(help, stdout);
            return EXIT_DONE;
        }
        if (option != 'c') {
            fail(&err, ERR_USAGE, "see \"penstock export --help\"");
            return cli_complain("export", &err);
        }
        path = optarg;
    }
    bool known = argc - optind == 1 &&
                 (strcmp(argv[optind], "grafana") == 0 || strcmp(argv[optind], "prometheus-rules") == 0);
    if (known)
        return print(argv[optind], path);
    fail(&err, ERR_USAGE, "expected prometheus-rules or grafana");
    return cli_complain("export", &err);
}
