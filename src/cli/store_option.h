/* What the commands that work on the store have in common: which folder it is, and opening it. It works
 * with and without a running server. */
#pragma once

#include "base/error.h"
#include "store/store.h"

#include <getopt.h>

struct store_option {
    const char *folder; /* --store; NULL: as the configuration says, else ./penstock-data */
    const char *config; /* -c */
};

/* For getopt_long: "c:" among the short options, and these among the long ones. */
enum { OPTION_STORE = 0x100, OPTION_JSON, OPTION_OWN };
#define STORE_LONG_OPTIONS                                                                                   \
    {"config", required_argument, NULL, 'c'}, {"store", required_argument, NULL, OPTION_STORE},              \
        {"json", no_argument, NULL, OPTION_JSON}, {                                                          \
        "help", no_argument, NULL, 'h'                                                                       \
    }
#define STORE_OPTIONS_HELP                                                                                   \
    "      --store FOLDER    the store (default: ./penstock-data)\n"                                         \
    "  -c, --config FILE     the configuration that names the store\n"                                       \
    "      --json            print JSON\n"

/* `create`: make the store where there is none; else that is an error, so that a mistyped folder is not
 * taken for an empty store. */
bool store_option_open(const struct store_option *o, bool create, struct store **out,
                       struct error *err) MUST_USE;

/* Prints "penstock COMMAND: message" to standard error; returns the exit code that fits. */
int cli_complain(const char *command, const struct error *err);
