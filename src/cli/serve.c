#include "cli/cli.h"
#include "cli/demo_config.h"
#include "cli/server_process.h"
#include "cli/store_option.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
    "Usage: penstock serve -c FILE [--listen ADDRESS:PORT]\n"
    "       penstock serve --demo [--listen ADDRESS:PORT]\n\n"
    "  -c, --config FILE        the configuration (\"penstock config reference\" lists all options)\n"
    "      --demo               what ./quickstart prepared, on loopback and without keys\n"
    "      --listen ADDRESS:PORT  instead of the configuration's server.listen\n\n"
    "SIGTERM ends it when the running requests are answered, a second one at once; SIGHUP reloads the\n"
    "configuration.\n";

int cli_serve(int argc, char **argv) {
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"listen", required_argument, NULL, 'l'},
                                            {"demo", no_argument, NULL, 'd'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    struct server_process_options wanted = {0};
    char demo_path[DEMO_CONFIG_SIZE];
    struct error err;
    bool demo = false;
    int c;
    while ((c = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
        switch (c) {
        case 'c': wanted.config_path = optarg; break;
        case 'l': wanted.overrides.listen = optarg; break;
        case 'd': demo = true; break;
        case 'h': fputs(help, stdout); return EXIT_DONE;
        default: fputs(help, stderr); return EXIT_USAGE;
        }
    }
    if (optind < argc || demo == (wanted.config_path != NULL)) {
        fprintf(stderr, "penstock serve: name one configuration with -c FILE, or --demo\n\n%s", help);
        return EXIT_USAGE;
    }
    if (demo && !demo_config_path(demo_path, &err))
        return cli_complain("serve", &err);
    if (demo)
        wanted.config_path = demo_path;
    return server_process_run(&wanted);
}
