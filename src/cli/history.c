#include "cli/cli.h"

#include "base/clock.h"
#include "base/json.h"
#include "cli/listing.h"
#include "cli/store_option.h"
#include "store/history_json.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static const char help[] =
    "Usage: penstock history list [ENDPOINT] [--from TIME] [--to TIME]\n\n"
    "Shows what was changed, by whom and why, the newest first.\n\n" LISTING_TIMES_HELP STORE_OPTIONS_HELP;
static const char at_help[] = "Usage: penstock at TIME ENDPOINT\n\n"
                              "Shows who served an endpoint at a time: models and prompts with their shares, "
                              "thresholds, rules and fallbacks.\n"
                              "TIME: 2026-11-20T13:05:00Z, in UTC, or \"now\".\n\n" STORE_OPTIONS_HELP;

enum { OUTPUT_MAX = 64 << 20, LIST_MAX = 10000 };
enum { OPTION_FROM = OPTION_OWN, OPTION_TO };

static void add(const struct change *c, void *ctx) {
    struct listing *l = ctx;
    char time[CLOCK_TEXT_SIZE];
    if (l->json) {
        history_write(c, &l->w);
        return;
    }
    clock_format(c->at, time);
    table_cell(&l->table, str_from(time));
    table_cell(&l->table, str_from(c->endpoint));
    table_cell(&l->table, str_from(c->what));
    table_cell(&l->table, str_from(c->who));
    table_cell(&l->table, str_from(c->why));
    table_cell(&l->table, str_from(c->after));
}

static bool run_list(void *ctx, const struct store_option *o, char **words, int count, struct error *err) {
    static const char *const heads[] = {"AT", "ENDPOINT", "WHAT", "WHO", "WHY", "AFTER"};
    struct history_filter *filter = ctx;
    struct store *store;
    struct listing l;
    if (strcmp(words[0], "list") != 0 || count > 2)
        return fail(err, ERR_USAGE, "expected list [ENDPOINT]");
    if (!store_option_open(o, false, &store, err))
        return false;
    filter->endpoint = count > 1 ? words[1] : NULL;
    listing_begin(&l, heads, ARRAY_COUNT(heads), o->json);
    bool good = listing_end(&l, history_list(store, filter, add, &l, err));
    store_close(store);
    return good;
}

static bool read_option(void *ctx, int option, const char *value, struct error *err) {
    struct history_filter *filter = ctx;
    return option == OPTION_FROM ? listing_from(value, &filter->since, err)
                                 : listing_to(value, &filter->until, err);
}

int cli_history(int argc, char **argv) {
    static const struct option options[] = {{"from", required_argument, NULL, OPTION_FROM},
                                            {"to", required_argument, NULL, OPTION_TO},
                                            STORE_LONG_OPTIONS,
                                            {0}};
    static const struct store_command command = {"history", help, options, read_option, run_list};
    struct history_filter filter = {.limit = LIST_MAX};
    return store_command_run(&command, &filter, argc, argv);
}

/* ---- at ---- */

static bool read_time(const char *text, int64_t *out, struct error *err) {
    struct tm parts = {0};
    if (strcmp(text, "now") == 0) {
        *out = clock_wall();
        return true;
    }
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &parts);
    if (rest && *rest == '.')
        rest += 1 + strspn(rest + 1, "0123456789");
    if (!rest || strcmp(rest, "Z") != 0)
        return fail(err, ERR_USAGE,
                    "the time is \"%.40s\"; expected one in UTC, such as 2026-11-20T13:05:00Z, or now", text);
    *out = (int64_t)timegm(&parts) * NS_PER_SECOND + (NS_PER_SECOND - 1); /* all of that second */
    return true;
}

struct found {
    struct json_writer w;
    bool any;
};

static void show(const struct change *c, void *ctx) {
    struct found *f = ctx;
    f->any = true;
    history_write_serving(c, &f->w);
}

static bool run_at(void *ctx, const struct store_option *o, char **words, int count, struct error *err) {
    struct history_filter filter = {.what = "serving", .limit = 1};
    struct store *store;
    AUTO_BUF out = BUF_INIT(OUTPUT_MAX);
    struct found found = {.w = JSON_WRITER(&out)};
    if (count != 2)
        return fail(err, ERR_USAGE, "expected TIME and ENDPOINT");
    filter.endpoint = words[1];
    if (!read_time(words[0], &filter.until, err) || !store_option_open(o, false, &store, err))
        return false;
    bool good = history_list(store, &filter, show, &found, err);
    store_close(store);
    if (good && !found.any)
        return fail(err, ERR_NOT_FOUND,
                    "nothing is known of endpoint \"%.60s\" at that time: no server with it had run",
                    words[1]);
    if (good)
        puts(buf_terminated(&out) ? out.p : "");
    return good;
}

int cli_at(int argc, char **argv) {
    static const struct option options[] = {STORE_LONG_OPTIONS, {0}};
    static const struct store_command command = {"at", at_help, options, NULL, run_at};
    return store_command_run(&command, NULL, argc, argv);
}
