#include "cli/cli.h"
#include "cli/server_process.h"

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
    "SIGTERM ends it when the running requests are answered; SIGHUP reloads the configuration.\n";

/* quickstart puts the demonstration beside the folder that the binary lies in. */
static bool demo_config(char *path, size_t size) {
    char program[4096];
    ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
    if (n > 0) {
        program[n] = '\0';
        for (int up = 0; up < 2; up++) {
            char *slash = strrchr(program, '/');
            if (slash)
                *slash = '\0';
        }
        if (snprintf(path, size, "%s/demo/penstock.yaml", program) < (int)size && access(path, R_OK) == 0)
            return true;
    }
    snprintf(path, size, "demo/penstock.yaml");
    return access(path, R_OK) == 0;
}

int cli_serve(int argc, char **argv) {
    static const struct option options[] = {{"config", required_argument, NULL, 'c'},
                                            {"listen", required_argument, NULL, 'l'},
                                            {"demo", no_argument, NULL, 'd'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    struct server_process_options wanted = {0};
    char demo_path[4200];
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
    if (demo && !demo_config(demo_path, sizeof demo_path)) {
        fputs("penstock serve: the demonstration is not prepared; run ./quickstart, or \"penstock demo "
              "prepare\"\n",
              stderr);
        return EXIT_FAILED;
    }
    if (demo)
        wanted.config_path = demo_path;
    return server_process_run(&wanted);
}
