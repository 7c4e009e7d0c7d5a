/* What the commands that work on the store have in common: which folder it is, opening it, and their way from
 * the arguments to the work. It works with and without a running server. */
#pragma once

#include "base/error.h"
#include "store/store.h"

#include <getopt.h>

struct store_option {
    const char *folder; /* --store; NULL: as the configuration says, else ./penstock-data */
    const char *config; /* -c */
    bool demo;          /* the demonstration's configuration */
    bool json;
};

/* For getopt_long: these among the long options. */
enum { OPTION_STORE = 0x100, OPTION_JSON, OPTION_DEMO, OPTION_OWN };
#define STORE_LONG_OPTIONS                                                                                   \
    {"config", required_argument, NULL, 'c'}, {"store", required_argument, NULL, OPTION_STORE},              \
        {"demo", no_argument, NULL, OPTION_DEMO}, {"json", no_argument, NULL, OPTION_JSON}, {                \
        "help", no_argument, NULL, 'h'                                                                       \
    }
#define STORE_OPTIONS_HELP                                                                                   \
    "      --store FOLDER    the store (default: ./penstock-data)\n"                                         \
    "  -c, --config FILE     the configuration that names the store\n"                                       \
    "      --demo            the store of what ./quickstart prepared\n"                                      \
    "      --json            print JSON\n"

/* `create`: make the store where there is none; else that is an error, so that a mistyped folder is not
 * taken for an empty store. */
bool store_option_open(const struct store_option *o, bool create, struct store **out,
                       struct error *err) MUST_USE;

/* For commands of several verbs, with a word behind it at most: which of `verbs` (the last is NULL) the first
 * word is, and the store that they work on. */
bool store_option_open_for(const struct store_option *o, const char *const *verbs, char **words, int count,
                           size_t *verb, struct store **out, struct error *err) MUST_USE;

/* The user that runs this program, to whom the history gives what a command changes. */
const char *who_runs(void);

/* Prints "penstock COMMAND: message" to standard error; returns the exit code that fits. */
int cli_complain(const char *command, const struct error *err);

struct store_command {
    const char *name, *help;
    const struct option *options; /* its own, then STORE_LONG_OPTIONS */
    /* One of its own options. NULL: it has none. */
    bool (*read_option)(void *ctx, int option, const char *value, struct error *err);
    /* `words`: what is left, at least one, but for `wordless`. */
    bool (*run)(void *ctx, const struct store_option *store, char **words, int count, struct error *err);
    bool wordless; /* runs without a word, too */
};

/* Reads the arguments, runs, complains; returns the exit code. */
int store_command_run(const struct store_command *command, void *ctx, int argc, char **argv);
