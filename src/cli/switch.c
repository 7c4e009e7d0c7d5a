#include "cli/cli.h"

#include "base/clock.h"
#include "cli/endpoint_argument.h"
#include "cli/table.h"
#include "store/endpoint_states.h"

#include <stdio.h>
#include <string.h>

static const char help[] =
    "Usage: penstock switch ENDPOINT people|fallback|auto --reason TEXT [--by NAME]\n"
    "       penstock switch ENDPOINT\n\n"
    "  people     everything goes to the review queue\n"
    "  fallback   everything goes to the endpoint's fallbacks; its model is not asked\n"
    "  auto       as the configuration says\n\n"
    "A running server follows within a tenth of a second, and so does one that is started later. The change\n"
    "is in the history. Without a word it shows how the endpoint is switched.\n\n"
    "      --reason TEXT     why\n"
    "      --by NAME         who answers for it (default: who runs this)\n" STORE_OPTIONS_HELP;

enum { OPTION_REASON = OPTION_OWN, OPTION_BY };

struct switch_command {
    const char *reason, *by;
};

static void print(const char *endpoint, const struct endpoint_state *s) {
    char at[CLOCK_TEXT_SIZE];
    clock_format(s->at, at);
    printf("Endpoint \"%s\": %s", endpoint, s->value[0] ? s->value : "auto");
    if (s->value[0]) {
        printf(" since %s, by ", at);
        print_plain(stdout, str_from(s->who));
        fputs(": ", stdout);
        print_plain(stdout, str_from(s->why));
    }
    putchar('\n');
}

static bool check(const struct switch_command *c, const struct config_endpoint *e, const char *to,
                  struct error *err) {
    bool people = strcmp(to, "people") == 0, fallback = strcmp(to, "fallback") == 0;
    if (!people && !fallback && strcmp(to, "auto") != 0)
        return fail(err, ERR_USAGE, "\"%.40s\" is not \"people\", \"fallback\" or \"auto\"", to);
    if (!c->reason || !*c->reason)
        return fail(err, ERR_USAGE, "say why, with --reason TEXT");
    if (fallback && e->fallback_count == 0)
        return fail(err, ERR_CONFLICT, "endpoint \"%s\" has no fallbacks to switch to", e->name);
    return !people || e->kind != ENDPOINT_EMBED ||
           fail(err, ERR_CONFLICT, "endpoint \"%s\" makes embeddings, which no person can judge", e->name);
}

static bool run(void *ctx, const struct store_option *o, char **words, int count, struct error *err) {
    struct switch_command *c = ctx;
    const struct config *config;
    const struct config_endpoint *e;
    struct store *store;
    struct endpoint_state state;
    if (count > 2)
        return fail(err, ERR_USAGE, "expected ENDPOINT and people, fallback or auto");
    if (!endpoint_argument(o, words[0], &config, &e, err))
        return false;
    bool good = (count == 1 || check(c, e, words[1], err)) && store_option_open(o, false, &store, err);
    if (good) {
        good = count == 1 || endpoint_state_set(store, e->name, ENDPOINT_SWITCH, words[1],
                                                c->by ? c->by : who_runs(), c->reason, err);
        good = good && endpoint_state_get(store, e->name, ENDPOINT_SWITCH, &state, err);
        if (good)
            print(e->name, &state);
        store_close(store);
    }
    config_unref(config);
    return good;
}

static bool read_option(void *ctx, int option, const char *value, struct error *err) {
    struct switch_command *c = ctx;
    switch (option) {
    case OPTION_REASON: c->reason = value; return true;
    case OPTION_BY: c->by = value; return true;
    default: return fail(err, ERR_USAGE, "see \"penstock switch --help\"");
    }
}

int cli_switch(int argc, char **argv) {
    static const struct option options[] = {{"reason", required_argument, NULL, OPTION_REASON},
                                            {"by", required_argument, NULL, OPTION_BY},
                                            STORE_LONG_OPTIONS,
                                            {0}};
    static const struct store_command command = {"switch", help, options, read_option, run};
    struct switch_command c = {0};
    return store_command_run(&command, &c, argc, argv);
}
