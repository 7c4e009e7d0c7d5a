#include "cli/cli.h"

#include "base/clock.h"
#include "base/json.h"
#include "cli/store_option.h"
#include "cli/table.h"
#include "store/history_json.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static const char help[] =
    "Usage: penstock history list [ENDPOINT]\n\n"
    "Shows what was changed, by whom and why, the newest first.\n\n" STORE_OPTIONS_HELP;
static const char at_help[] = "Usage: penstock at TIME ENDPOINT\n\n"
                              "Shows who served an endpoint at a time: models and prompts with their shares, "
                              "thresholds, rules and fallbacks.\n"
                              "TIME: 2026-11-20T13:05:00Z, in UTC, or \"now\".\n\n" STORE_OPTIONS_HELP;

enum { OUTPUT_MAX = 64 << 20, LIST_MAX = 10000 };

static void add_raw(struct json_writer *w, const char *name, const char *json) {
    json_key(w, name);
    if (*json)
        json_raw(w, str_from(json));
    else
        json_null(w);
}

static void add_json(const struct change *c, void *ctx) {
    history_write(c, ctx);
}

static void add_row(const struct change *c, void *ctx) {
    struct table *t = ctx;
    char time[CLOCK_TEXT_SIZE];
    clock_format(c->at, time);
    table_cell(t, str_from(time));
    table_cell(t, str_from(c->endpoint));
    table_cell(t, str_from(c->what));
    table_cell(t, str_from(c->who));
    table_cell(t, str_from(c->why));
    table_cell(t, str_from(c->after));
}

static bool list(const struct store_option *o, const char *endpoint, struct store *store, struct error *err) {
    static const char *const heads[] = {"AT", "ENDPOINT", "WHAT", "WHO", "WHY", "AFTER"};
    struct history_filter filter = {.endpoint = endpoint, .limit = LIST_MAX};
    if (!o->json) {
        struct table t = table_new(heads, ARRAY_COUNT(heads));
        bool good = history_list(store, &filter, add_row, &t, err);
        table_print(&t, stdout);
        return good;
    }
    AUTO_BUF out = BUF_INIT(OUTPUT_MAX);
    struct json_writer w = JSON_WRITER(&out);
    json_array(&w);
    bool good = history_list(store, &filter, add_json, &w, err);
    json_array_end(&w);
    if (good)
        puts(buf_terminated(&out) ? out.p : "[]");
    return good;
}

static bool run_list(void *ctx, const struct store_option *o, char **words, int count, struct error *err) {
    struct store *store;
    if (strcmp(words[0], "list") != 0 || count > 2)
        return fail(err, ERR_USAGE, "expected list [ENDPOINT]");
    if (!store_option_open(o, false, &store, err))
        return false;
    bool good = list(o, count > 1 ? words[1] : NULL, store, err);
    store_close(store);
    return good;
}

int cli_history(int argc, char **argv) {
    static const struct option options[] = {STORE_LONG_OPTIONS, {0}};
    static const struct store_command command = {"history", help, options, NULL, run_list};
    return store_command_run(&command, NULL, argc, argv);
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
    char time[CLOCK_TEXT_SIZE];
    clock_format(c->at, time);
    f->any = true;
    json_object(&f->w);
    json_field_text(&f->w, "endpoint", c->endpoint);
    json_field_text(&f->w, "since", time);
    json_field_text(&f->w, "why", c->why);
    add_raw(&f->w, "serving", c->after);
    json_object_end(&f->w);
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
