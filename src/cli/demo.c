#include "cli/cli.h"

#include "base/str.h"
#include "demo/prepare.h"

#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char help[] =
    "Usage: penstock demo prepare [--folder FOLDER] [--count N] [--seed N]\n\n"
    "Draws documents, writes texts, trains models on them and writes the configuration that\n"
    "\"penstock serve --demo\" serves. A folder that is already prepared is left as it is.\n\n"
    "      --folder FOLDER  where (demo)\n"
    "      --count N        documents of each kind to train on (40)\n"
    "      --seed N         another seed draws other documents (1)\n";

static int usage(const char *message) {
    fprintf(stderr, "penstock demo: %s\n\n%s", message, help);
    return EXIT_USAGE;
}

/* $PENSTOCK_CAMERA, or beside this program. */
static bool find_camera(char path[PATH_MAX], struct error *err) {
    const char *named = getenv("PENSTOCK_CAMERA");
    if (named && named[0]) {
        if (snprintf(path, PATH_MAX, "%s", named) < PATH_MAX)
            return true;
        return fail(err, ERR_IO, "$PENSTOCK_CAMERA is too long for a path");
    }
    static const char name[] = "penstock-demo-camera";
    ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - sizeof name);
    if (n < 0)
        return fail(err, ERR_IO, "/proc/self/exe cannot be read; name %s with $PENSTOCK_CAMERA", name);
    path[n] = '\0';
    char *slash = strrchr(path, '/');
    strcpy(slash ? slash + 1 : path, name);
    if (access(path, X_OK) == 0)
        return true;
    return fail(err, ERR_IO, "there is no program %.300s; build it, or name it with $PENSTOCK_CAMERA", path);
}

static bool take_option(struct demo_options *o, int option, const char *value) {
    uint64_t number;
    switch (option) {
    case 'f': o->folder = value; return value[0] != '\0';
    case 'n':
        if (!str_to_u64(str_from(value), &number) || number < DEMO_COUNT_MIN || number > DEMO_COUNT_MAX)
            return false;
        o->count = (unsigned)number;
        return true;
    case 's': return str_to_u64(str_from(value), &o->seed);
    default: return false;
    }
}

int cli_demo(int argc, char **argv) {
    static const struct option options[] = {{"folder", required_argument, NULL, 'f'},
                                            {"count", required_argument, NULL, 'n'},
                                            {"seed", required_argument, NULL, 's'},
                                            {"help", no_argument, NULL, 'h'},
                                            {0}};
    struct demo_options o = {.folder = "demo", .count = DEMO_COUNT, .seed = 1};
    char camera[PATH_MAX];
    struct error err = {0};
    int option;
    while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
        if (option == 'h') {
            fputs(help, stdout);
            return EXIT_DONE;
        }
        if (!take_option(&o, option, optarg))
            return usage("an option that is unknown or out of range (--count is from 10 to 900)");
    }
    if (optind + 1 != argc || strcmp(argv[optind], "prepare") != 0)
        return usage("say what to do: prepare");
    o.camera_program = camera;
    if (find_camera(camera, &err) && demo_prepare(&o, &err))
        return EXIT_DONE;
    fprintf(stderr, "penstock demo: %s\n", err.message);
    return EXIT_FAILED;
}
