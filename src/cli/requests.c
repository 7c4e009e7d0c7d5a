#include "cli/cli.h"

#include "base/clock.h"
#include "cli/models_lineage.h"
#include "cli/request_story.h"
#include "cli/store_option.h"
#include "cli/table.h"
#include "review/review.h"
#include "watch/event_json.h"
#include "watch/records.h"
#include "watch/story.h"

#include <string.h>

static const char help[] =
    "Usage: penstock requests show ID\n"
    "       penstock requests list [--endpoint NAME] [--limit N]\n\n"
    "  show   the story of a request: what came in, each stage with its milliseconds, what came out and why\n"
    "  list   the newest requests\n\n"
    "      --endpoint NAME   only this endpoint's\n"
    "      --limit N         how many (20)\n" STORE_OPTIONS_HELP;

enum { OPTION_ENDPOINT = OPTION_OWN, OPTION_LIMIT };
enum { LIMIT_DEFAULT = 20, LIMIT_MAX = 100000, OUTPUT_MAX = 256 << 20 };

struct requests_command {
    struct str endpoint;
    uint64_t limit;
    const struct store_option *store;
};

struct showing {
    struct store *store;
    struct buf *reviews; /* JSON array */
    struct error *err;
    bool json, any, good;
};

/* Nothing where no model answered, or one that the registry does not know. */
static void write_lineage(struct store *store, const struct event *e, struct buf *out) {
    struct json_writer w = JSON_WRITER(out);
    struct lineage_wish wish = {.model = e->model, .input = e->has_input ? e->input_hash : NULL};
    if (e->model.n == 0 || !lineage_write(store, &wish, &w, NULL))
        buf_clear(out);
}

static void print_lineage(struct str lineage) {
    yyjson_doc *doc = lineage.n ? json_parse(lineage, NULL) : NULL;
    if (doc)
        lineage_print(yyjson_doc_get_root(doc), "  ", 11, stdout);
    yyjson_doc_free(doc);
}

static void show_record(const struct record *r, void *ctx) {
    struct showing *s = ctx;
    AUTO_BUF out = BUF_INIT(OUTPUT_MAX);
    s->any = true;
    if (!s->json) {
        write_lineage(s->store, r->event, &out);
        story_print(r, s->store, buf_str(s->reviews), stdout);
        print_lineage(buf_str(&out));
        return;
    }
    s->good = story_write_record(s->store, r, &JSON_WRITER(&out), s->err);
    if (s->good)
        puts(buf_terminated(&out) ? out.p : "{}");
}

static bool show(const struct requests_command *c, struct store *store, const char *id, struct error *err) {
    AUTO_BUF reviews = BUF_INIT(OUTPUT_MAX);
    struct record_filter filter = {.request_id = str_from(id), .limit = 16};
    struct showing s = {
        .store = store, .reviews = &reviews, .err = err, .json = c->store->json, .good = true};
    if (!review_of_request(store, filter.request_id, &reviews, err) ||
        !records_visit(store, &filter, show_record, &s, err) || !s.good)
        return false;
    return s.any ||
           fail(err, ERR_NOT_FOUND,
                "no request \"%.80s\" is recorded in %s; the ID is in the reply's request_id and in the log",
                id, store_folder(store));
}

static void add_json(const struct record *r, void *ctx) {
    struct json_writer *w = ctx;
    char time[CLOCK_TEXT_SIZE];
    clock_format(r->event->wall_ns, time);
    json_object(w);
    json_field_text(w, "time", time);
    event_write_fields(r->event, w);
    json_object_end(w);
}

static void add_row(const struct record *r, void *ctx) {
    struct table *t = ctx;
    const struct event *e = r->event;
    char time[CLOCK_TEXT_SIZE];
    clock_format(e->wall_ns, time);
    table_cell(t, str_from(time));
    table_cell(t, e->request_id);
    table_cell(t, e->endpoint);
    table_cell_format(t, "%d", e->status);
    table_cell(t, e->error_code.n ? e->error_code : str_from(decision_name(e->decision)));
    table_cell(t, e->model);
    table_cell(t, e->prediction);
    if (e->confidence >= 0)
        table_cell_format(t, "%.2f", (double)e->confidence);
    else
        table_cell(t, STR(""));
    table_cell_format(t, "%.3f", e->total_us / 1000.0);
}

static bool list(const struct requests_command *c, struct store *store, struct error *err) {
    static const char *const heads[] = {"TIME",  "REQUEST",    "ENDPOINT",   "STATUS", "OUTCOME",
                                        "MODEL", "PREDICTION", "CONFIDENCE", "MS"};
    struct record_filter filter = {.endpoint = c->endpoint, .limit = (unsigned)c->limit};
    if (!c->store->json) {
        struct table t = table_new(heads, ARRAY_COUNT(heads));
        bool ok = records_visit(store, &filter, add_row, &t, err);
        if (ok)
            table_print(&t, stdout);
        else
            buf_free(&t.text);
        return ok;
    }
    AUTO_BUF out = BUF_INIT(OUTPUT_MAX);
    struct json_writer w = JSON_WRITER(&out);
    json_array(&w);
    if (!records_visit(store, &filter, add_json, &w, err))
        return false;
    json_array_end(&w);
    puts(buf_terminated(&out) ? out.p : "[]");
    return true;
}

static bool run(void *ctx, const struct store_option *option, char **words, int count, struct error *err) {
    struct requests_command *c = ctx;
    c->store = option;
    struct store *store;
    bool is_list = strcmp(words[0], "list") == 0 && count == 1, ok;
    if (!is_list && !(strcmp(words[0], "show") == 0 && count == 2))
        return fail(err, ERR_USAGE, "expected \"show ID\" or \"list\"");
    if (!store_option_open(c->store, false, &store, err))
        return false;
    ok = is_list ? list(c, store, err) : show(c, store, words[1], err);
    store_close(store);
    return ok;
}

static bool read_option(void *ctx, int option, const char *value, struct error *err) {
    struct requests_command *c = ctx;
    switch (option) {
    case OPTION_ENDPOINT: c->endpoint = str_from(value); return true;
    case OPTION_LIMIT:
        return (str_to_u64(str_from(value), &c->limit) && c->limit > 0 && c->limit <= LIMIT_MAX) ||
               fail(err, ERR_USAGE, "--limit is \"%.40s\"; expected 1 to %d", value, LIMIT_MAX);
    default: return fail(err, ERR_USAGE, "see \"penstock requests --help\"");
    }
}

int cli_requests(int argc, char **argv) {
    static const struct option options[] = {{"endpoint", required_argument, NULL, OPTION_ENDPOINT},
                                            {"limit", required_argument, NULL, OPTION_LIMIT},
                                            STORE_LONG_OPTIONS,
                                            {0}};
    static const struct store_command command = {"requests", help, options, read_option, run};
    struct requests_command c = {.limit = LIMIT_DEFAULT};
    return store_command_run(&command, &c, argc, argv);
}
