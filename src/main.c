/* penstock COMMAND …: finds the command's function. */
#include "base/str.h"
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *help;
} commands[] = {
    {"serve", cli_serve, "run the server"},
    {"train", cli_train, "train a model version from labelled data"},
    {"eval", cli_eval, "judge a version by a suite of cases, also against another version"},
    {"monitors", cli_monitors, "what the monitors of each endpoint said last"},
    {"evaluations", cli_evaluations, "list and show what evaluations came to"},
    {"calibrate", cli_calibrate, "fit a version's confidence and its thresholds to labelled rows"},
    {"deploy", cli_deploy, "roll a version out at an endpoint, in steps that judge themselves"},
    {"rollouts", cli_rollouts, "list rollouts, and what decided them"},
    {"rollback", cli_rollback, "give an endpoint back to what served before, at once"},
    {"promote", cli_promote, "give an endpoint to its rollout's candidate"},
    {"endpoints", cli_endpoints, "tell how endpoints were configured, and what differs"},
    {"history", cli_history, "tell what was changed, by whom and why"},
    {"at", cli_at, "tell who served an endpoint at a time"},
    {"audit", cli_audit, "list all that was done, and prove that nobody altered that list"},
    {"forget", cli_forget, "remove what is kept of a person, and say what stays"},
    {"models", cli_models, "list, show, tag, export and import model versions, tell their lineage"},
    {"datasets", cli_datasets, "add, list, show and compare what models are trained on"},
    {"cache", cli_cache, "tune the semantic cache on labelled pairs"},
    {"suites", cli_suites, "keep suites of cases, list them and write them out"},
    {"prompts", cli_prompts, "add, list, show and try out prompt templates"},
    {"keys", cli_keys, "make, list and revoke API keys"},
    {"switch", cli_switch, "send everything of an endpoint to people, or to its fallbacks"},
    {"review", cli_review, "list and resolve what people have to decide"},
    {"alerts", cli_alerts, "list, silence and test alerts"},
    {"incidents", cli_incidents, "list incidents, take them on, write their post-mortem's draft"},
    {"export", cli_export, "print rules for Prometheus, a dashboard for Grafana"},
    {"requests", cli_requests, "tell the story of a request"},
    {"config", cli_config, "check a configuration, print the reference of all options"},
    {"demo", cli_demo, "prepare the demonstration's documents, texts and models"},
};

static void print_help(FILE *out) {
    fputs("Usage: penstock COMMAND [OPTION…]\n\nCommands:\n", out);
    for (size_t i = 0; i < ARRAY_COUNT(commands); i++)
        fprintf(out, "  %-11s %s\n", commands[i].name, commands[i].help);
    fputs("\n\"penstock COMMAND --help\" tells more.\n", out);
}

static int unknown(const char *name) {
    const char *names[ARRAY_COUNT(commands)];
    for (size_t i = 0; i < ARRAY_COUNT(commands); i++)
        names[i] = commands[i].name;
    const char *nearest = str_nearest(str_from(name), names, ARRAY_COUNT(names));
    fprintf(stderr, "penstock: there is no command \"%.60s\"", name);
    if (nearest)
        fprintf(stderr, "; did you mean \"%s\"?", nearest);
    fputs("\n\n", stderr);
    print_help(stderr);
    return EXIT_USAGE;
}

int main(int argc, char **argv) {
    if (argc < 2) {
        print_help(stderr);
        return EXIT_USAGE;
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
        print_help(stdout);
        return EXIT_DONE;
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("penstock " PENSTOCK_VERSION);
        return EXIT_DONE;
    }
    for (size_t i = 0; i < ARRAY_COUNT(commands); i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    return unknown(argv[1]);
}
