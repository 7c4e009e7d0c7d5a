#include "cli/cli.h"

#include "base/clock.h"
#include "base/json.h"
#include "cli/endpoint_argument.h"
#include "cli/table.h"
#include "pipeline/deploy.h"
#include "pipeline/rollout_json.h"
#include "store/rollouts.h"
#include "traffic/rollout_plan.h"

#include <stdio.h>
#include <string.h>

static const char help[] =
    "Usage: penstock rollouts list [ENDPOINT]\n"
    "       penstock rollouts show ENDPOINT|ID\n"
    "       penstock rollouts stop ENDPOINT [--why TEXT] [--by NAME]\n\n"
    "list shows rollouts, the newest first, with what decided them or what is missing; show the evidence of "
    "one "
    "(the\n"
    "endpoint's newest, or by its ID), with the last answers of a shadow; stop ends a shadow.\n\n"
    "      --why TEXT        for the history\n"
    "      --by NAME         who does it (default: the user that runs this)\n" STORE_OPTIONS_HELP;
static const char rollback_help[] =
    "Usage: penstock rollback ENDPOINT [--why TEXT] [--by NAME]\n\n"
    "What served before the endpoint's newest rollout serves all of it again, at once, also on a running "
    "server.\n\n"
    "      --why TEXT        for the history\n"
    "      --by NAME         who does it (default: the user that runs this)\n" STORE_OPTIONS_HELP;
static const char promote_help[] =
    "Usage: penstock promote ENDPOINT --why TEXT [--by NAME]\n\n"
    "The candidate of the running rollout serves all of the endpoint from now on, whatever the evidence.\n\n"
    "      --why TEXT        for the history\n"
    "      --by NAME         who does it (default: the user that runs this)\n" STORE_OPTIONS_HELP;

enum { OUTPUT_MAX = 64 << 20, LIST_MAX = 1000, OPTION_WHY = OPTION_OWN, OPTION_BY };

/* ---- list ---- */

static void add_json(const struct rollout_record *r, void *ctx) {
    rollout_write(r, ctx);
}

static void add_row(const struct rollout_record *r, void *ctx) {
    struct table *t = ctx;
    char time[CLOCK_TEXT_SIZE];
    clock_format(r->created, time);
    table_cell(t, str_from(r->id));
    table_cell(t, str_from(time));
    table_cell(t, str_from(r->endpoint));
    table_cell(t, str_from(r->stable));
    table_cell(t, str_from(r->candidate));
    if (r->mirror > 0)
        table_cell(t, STR("shadow"));
    else
        table_cell_format(t, "%g %%", 100 * r->weight);
    table_cell(t, str_from(rollout_state_name(r->state)));
    table_cell(t, str_from(r->outcome));
}

static bool list(const struct store_option *o, const char *endpoint, struct store *store, struct error *err) {
    static const char *const heads[] = {"ID",        "STARTED", "ENDPOINT", "STABLE",
                                        "CANDIDATE", "SHARE",   "STATE",    "WHY"};
    struct rollout_filter filter = {.endpoint = endpoint, .limit = LIST_MAX};
    if (!o->json) {
        struct table t = table_new(heads, ARRAY_COUNT(heads));
        bool good = rollouts_list(store, &filter, add_row, &t, err);
        table_print(&t, stdout);
        return good;
    }
    AUTO_BUF out = BUF_INIT(OUTPUT_MAX);
    struct json_writer w = JSON_WRITER(&out);
    json_array(&w);
    bool good = rollouts_list(store, &filter, add_json, &w, err);
    json_array_end(&w);
    if (good)
        puts(buf_terminated(&out) ? out.p : "[]");
    return good;
}

/* ---- show ---- */

struct one {
    struct rollout_record r;
    bool found;
};

static void take_one(const struct rollout_record *r, void *ctx) {
    struct one *one = ctx;
    one->r = *r;
    one->found = true;
}

static bool show(struct store *store, const char *name, struct error *err) {
    struct one one = {.found = false};
    AUTO_BUF out = BUF_INIT(OUTPUT_MAX);
    struct json_writer w = JSON_WRITER(&out);
    if (!rollouts_list(store, &(struct rollout_filter){.id = name, .limit = 1}, take_one, &one, err))
        return false;
    if (!one.found &&
        !rollouts_list(store, &(struct rollout_filter){.endpoint = name, .limit = 1}, take_one, &one, err))
        return false;
    if (!one.found)
        return fail(err, ERR_NOT_FOUND, "no rollout and no endpoint with one is called \"%.60s\"", name);
    json_object(&w);
    rollout_write_fields(&one.r, &w);
    bool good = rollout_write_evidence(store, NULL, &one.r, &w, err);
    json_object_end(&w);
    if (good)
        puts(buf_terminated(&out) ? out.p : "{}");
    return good;
}

/* ---- ending one ---- */

struct ending {
    const char *why, *by;
    enum rollout_state to;
};

static bool finish(const struct ending *c, const char *endpoint, struct store *store, struct error *err) {
    struct rollout_record r;
    struct rollout_ending ending = {
        .by = c->by ? c->by : who_runs(), .why = c->why ? c->why : "", .to = c->to};
    if (!rollout_end(store, endpoint, &ending, &r, err))
        return false;
    if (c->to == ROLLOUT_PROMOTED && *r.segment)
        printf("%s serves all of %s at endpoint \"%s\"; another \"penstock promote\" gives it everybody.\n",
               r.candidate, r.segment, r.endpoint);
    else
        printf("%s serves all of endpoint \"%s\".\n", c->to == ROLLOUT_PROMOTED ? r.candidate : r.stable,
               r.endpoint);
    return true;
}

static bool stop(const struct ending *c, struct store *store, const char *endpoint, struct error *err) {
    struct rollout_record r;
    if (!rollout_stop_shadow(store, endpoint, c->by ? c->by : who_runs(), c->why ? c->why : "", &r, err))
        return false;
    printf("%s is asked nothing more at endpoint \"%s\".\n", r.candidate, r.endpoint);
    return true;
}

static bool run_ending(void *ctx, const struct store_option *o, char **words, int count, struct error *err) {
    const struct ending *c = ctx;
    struct store *store;
    if (count != 1)
        return fail(err, ERR_USAGE, "expected one ENDPOINT");
    if (c->to == ROLLOUT_PROMOTED && (!c->why || !*c->why))
        return fail(err, ERR_USAGE, "say --why: the evidence does not");
    if (!store_option_open(o, false, &store, err))
        return false;
    bool good = finish(c, words[0], store, err);
    store_close(store);
    return good;
}

static bool read_option(void *ctx, int option, const char *value, struct error *err) {
    struct ending *c = ctx;
    *(option == OPTION_WHY ? &c->why : &c->by) = value;
    return true;
}

static const struct option ending_options[] = {{"why", required_argument, NULL, OPTION_WHY},
                                               {"by", required_argument, NULL, OPTION_BY},
                                               STORE_LONG_OPTIONS,
                                               {0}};

/* ---- the command ---- */

static bool run_rollouts(void *ctx, const struct store_option *o, char **words, int count,
                         struct error *err) {
    struct store *store;
    bool lists = strcmp(words[0], "list") == 0, shows = strcmp(words[0], "show") == 0,
         stops = strcmp(words[0], "stop") == 0;
    if (!lists && !shows && !stops)
        return fail(err, ERR_USAGE, "\"%.40s\" is no command; expected list, show or stop", words[0]);
    if (count > 2)
        return fail(err, ERR_USAGE, "\"%.40s\" is too much", words[2]);
    if (!lists && count < 2)
        return fail(err, ERR_USAGE, "%s needs an ENDPOINT", words[0]);
    if (!store_option_open(o, false, &store, err))
        return false;
    bool good = lists   ? list(o, count > 1 ? words[1] : NULL, store, err)
                : shows ? show(store, words[1], err)
                        : stop(ctx, store, words[1], err);
    store_close(store);
    return good;
}

int cli_rollouts(int argc, char **argv) {
    static const struct store_command command = {"rollouts", help, ending_options, read_option, run_rollouts};
    return store_command_run(&command, &(struct ending){0}, argc, argv);
}

int cli_rollback(int argc, char **argv) {
    static const struct store_command command = {"rollback", rollback_help, ending_options, read_option,
                                                 run_ending};
    return store_command_run(&command, &(struct ending){.to = ROLLOUT_ROLLED_BACK}, argc, argv);
}

int cli_promote(int argc, char **argv) {
    static const struct store_command command = {"promote", promote_help, ending_options, read_option,
                                                 run_ending};
    return store_command_run(&command, &(struct ending){.to = ROLLOUT_PROMOTED}, argc, argv);
}
