#include "cli/cli.h"

#include "base/clock.h"
#include "cli/listing.h"
#include "cli/store_option.h"
#include "watch/monitors/monitor_series.h"
#include "watch/monitors/monitor_store.h"

#include <math.h>
#include <string.h>

static const char help[] =
    "Usage: penstock monitors list [ENDPOINT] [--breached]\n\n"
    "  list   what the monitors said at the end of the last minute that the store has: those that are held\n"
    "         against a limit or against what was before (the others: GET /v1/admin/monitors)\n\n"
    "      --breached        only those over their limit\n" STORE_OPTIONS_HELP;

enum { OPTION_BREACHED = OPTION_OWN };
#define LOOK_BACK_NS (2 * 86400 * NS_PER_SECOND)

struct monitors_command {
    bool breached;
};

struct printing {
    struct listing listing;
    const struct monitors_command *command;
    struct str endpoint;
    int64_t at;
};

static void number_cell(struct table *t, double value) {
    if (isfinite(value))
        table_cell_format(t, "%.4g", value);
    else
        table_cell(t, STR("-"));
}

static void print_one(const struct reading *r, void *ctx) {
    struct printing *p = ctx;
    char time[CLOCK_TEXT_SIZE];
    if (p->command->breached && r->state != READING_BREACHED)
        return;
    clock_format(p->at, time);
    if (!p->listing.json) {
        struct table *t = &p->listing.table;
        table_cell(t, p->endpoint);
        table_cell(t, str_from(r->monitor));
        table_cell(t, str_from(r->part));
        table_cell(t, str_from(reading_state_name(r->state)));
        number_cell(t, r->value);
        number_cell(t, r->expected);
        number_cell(t, r->limit);
        table_cell(t, str_from(r->unit));
        table_cell_format(t, "%llu", (unsigned long long)r->samples);
        table_cell(t, str_from(time));
        return;
    }
    struct json_writer *w = &p->listing.w;
    json_object(w);
    json_field_str(w, "endpoint", p->endpoint);
    reading_fields(r, w);
    json_field_text(w, "at", time);
    json_object_end(w);
}

static void print_row(const struct monitor_kept *row, void *ctx) {
    struct printing *p = ctx;
    p->endpoint = row->endpoint;
    p->at = row->at;
    if (!monitor_readings_visit(row->readings, print_one, p))
        fprintf(stderr, "penstock monitors: readings of endpoint %.*s are damaged\n", STR_ARG(row->endpoint));
}

static bool run(void *ctx, const struct store_option *option, char **words, int count, struct error *err) {
    static const char *const heads[] = {"ENDPOINT", "MONITOR", "PART", "STATE",   "VALUE",
                                        "EXPECTED", "LIMIT",   "UNIT", "SAMPLES", "AT"};
    struct printing p = {.command = ctx};
    struct store *store;
    if (strcmp(words[0], "list") != 0 || count > 2)
        return fail(err, ERR_USAGE, "expected \"list\" or \"list ENDPOINT\"");
    if (!store_option_open(option, false, &store, err))
        return false;
    listing_begin(&p.listing, heads, ARRAY_COUNT(heads), option->json);
    struct str endpoint = count == 2 ? str_from(words[1]) : STR("");
    bool good = listing_end(
        &p.listing, monitor_rows_newest(store, endpoint, clock_wall() - LOOK_BACK_NS, print_row, &p, err));
    store_close(store);
    return good;
}

static bool read_option(void *ctx, int option, const char *value, struct error *err) {
    struct monitors_command *c = ctx;
    if (option != OPTION_BREACHED)
        return fail(err, ERR_USAGE, "see \"penstock monitors --help\"");
    c->breached = true;
    return true;
}

int cli_monitors(int argc, char **argv) {
    static const struct option options[] = {
        {"breached", no_argument, NULL, OPTION_BREACHED}, STORE_LONG_OPTIONS, {0}};
    static const struct store_command command = {"monitors", help, options, read_option, run};
    struct monitors_command c = {0};
    return store_command_run(&command, &c, argc, argv);
}
