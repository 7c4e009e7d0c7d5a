#include "cli/cli.h"

#include "base/clock.h"
#include "base/json.h"
#include "cli/store_option.h"
#include "cli/table.h"
#include "store/evaluations.h"
#include "store/object_json.h"
#include "store/registry.h"

#include <string.h>

static const char help[] =
    "Usage: penstock evaluations list [--model NAME[@VERSION]] [--suite NAME] [--endpoint NAME]\n"
    "       penstock evaluations show ID\n\n"
    "  list   what \"penstock eval\" came to, the newest first\n"
    "  show   one of them, with the cases that did not pass (JSON)\n\n"
    "      --model NAME[@VERSION]  only of this model, or this version of it\n"
    "      --suite NAME      only of this suite\n"
    "      --endpoint NAME   only of suites for this endpoint\n" STORE_OPTIONS_HELP;

enum { OUTPUT_MAX = 64 << 20, LIST_MAX = 1000, OPTION_MODEL = OPTION_OWN, OPTION_SUITE, OPTION_ENDPOINT };

struct evaluations_command {
    struct evaluation_filter filter;
    char model[MODEL_NAME_MAX + 1];
};

static void add_json(const struct evaluation_record *r, void *ctx) {
    struct json_writer *w = ctx;
    json_object(w);
    evaluation_fields(r, w);
    json_object_end(w);
}

static void add_row(const struct evaluation_record *r, void *ctx) {
    struct table *t = ctx;
    char time[CLOCK_TEXT_SIZE];
    clock_format(r->created, time);
    table_cell(t, str_from(r->id));
    table_cell(t, str_from(time));
    if (r->version)
        table_cell_format(t, "%s@%u", r->model, r->version);
    else
        table_cell(t, str_from(r->model));
    table_cell(t, str_from(evaluation_source_name(r->source)));
    table_cell(t, str_from(r->suite));
    table_cell(t, str_from(r->baseline[0] ? r->baseline : "-"));
    table_cell_format(t, "%u of %u", r->passed, r->cases);
    table_cell(t, str_from(evaluation_verdict_name(r->verdict)));
    table_cell(t, str_from(r->who));
}

static bool list(struct store *store, const struct evaluation_filter *filter, bool json, struct error *err) {
    static const char *const heads[] = {"ID",       "TIME",   "JUDGED",  "ASKED", "SUITE",
                                        "BASELINE", "PASSED", "VERDICT", "BY"};
    if (!json) {
        struct table t = table_new(heads, ARRAY_COUNT(heads));
        bool good = evaluations_list(store, filter, LIST_MAX, add_row, &t, err);
        if (good)
            table_print(&t, stdout);
        else
            buf_free(&t.text);
        return good;
    }
    AUTO_BUF out = BUF_INIT(OUTPUT_MAX);
    struct json_writer w = JSON_WRITER(&out);
    json_array(&w);
    if (!evaluations_list(store, filter, LIST_MAX, add_json, &w, err))
        return false;
    json_array_end(&w);
    puts(buf_terminated(&out) ? out.p : "[]");
    return true;
}

static bool show(struct store *store, const char *id, struct error *err) {
    struct evaluation_record r;
    AUTO_BUF out = BUF_INIT(OUTPUT_MAX);
    struct json_writer w = JSON_WRITER(&out);
    if (!evaluations_find(store, id, &r, err))
        return false;
    json_object(&w);
    evaluation_fields(&r, &w);
    json_key(&w, "report");
    json_raw(&w, str_from(r.report));
    json_object_end(&w);
    evaluation_record_clear(&r);
    if (!buf_terminated(&out))
        return fail(err, ERR_NO_MEMORY, "Out of memory while showing an evaluation.");
    puts(out.p);
    return true;
}

static bool run(void *ctx, const struct store_option *option, char **words, int count, struct error *err) {
    struct evaluations_command *c = ctx;
    struct store *store;
    bool lists = count == 1 && strcmp(words[0], "list") == 0,
         shows = count == 2 && strcmp(words[0], "show") == 0;
    if (!lists && !shows)
        return fail(err, ERR_USAGE, "expected \"list\" or \"show ID\"");
    if (!store_option_open(option, false, &store, err))
        return false;
    c->filter.model = c->model;
    bool good = lists ? list(store, &c->filter, option->json, err) : show(store, words[1], err);
    store_close(store);
    return good;
}

static bool read_option(void *ctx, int option, const char *value, struct error *err) {
    struct evaluations_command *c = ctx;
    switch (option) {
    case OPTION_SUITE: c->filter.suite = value; return true;
    case OPTION_ENDPOINT: c->filter.endpoint = value; return true;
    default: return reference_parse(str_from(value), "model", c->model, &c->filter.version, err);
    }
}

int cli_evaluations(int argc, char **argv) {
    static const struct option options[] = {{"model", required_argument, NULL, OPTION_MODEL},
                                            {"suite", required_argument, NULL, OPTION_SUITE},
                                            {"endpoint", required_argument, NULL, OPTION_ENDPOINT},
                                            STORE_LONG_OPTIONS,
                                            {0}};
    static const struct store_command command = {"evaluations", help, options, read_option, run};
    struct evaluations_command c = {.filter.recorded = true};
    return store_command_run(&command, &c, argc, argv);
}
