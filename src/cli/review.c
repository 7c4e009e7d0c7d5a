#include "cli/cli.h"

#include "cli/request_story.h"
#include "cli/store_option.h"
#include "cli/table.h"
#include "base/clock.h"
#include "cli/review_stats.h"
#include "review/gold.h"
#include "review/review.h"
#include "review/stats.h"

#include <string.h>

static const char help[] =
    "Usage: penstock review list [--endpoint NAME] [--status open|resolved|all] [--order time|urgency] "
    "[--limit N] [--after ID]\n"
    "       penstock review show ID\n"
    "       penstock review resolve ID --label LABEL --reviewer NAME\n"
    "       penstock review stats ENDPOINT\n"
    "       penstock review gold ENDPOINT [--opinions N] [--limit N] | --retire\n\n"
    "  list      what waits for a person, the oldest first, or by urgency as people get it\n"
    "  show      one item with its input, where that is kept\n"
    "  resolve   says what it really is\n"
    "  stats     how the queue does, and each reviewer: labels, errors on gold, second opinions that did not "
    "stay\n"
    "  gold      makes gold of resolved items on which N people agreed (2), to be mixed in unseen (option\n"
    "            review.gold); --retire: of this endpoint no more\n\n" STORE_OPTIONS_HELP;

enum {
    OPTION_ENDPOINT = OPTION_OWN,
    OPTION_STATUS,
    OPTION_LIMIT,
    OPTION_AFTER,
    OPTION_ORDER,
    OPTION_LABEL,
    OPTION_REVIEWER,
    OPTION_OPINIONS,
    OPTION_RETIRE
};
enum { OUTPUT_MAX = 256 << 20, GOLD_DEFAULT = 100 };

struct review_command {
    struct review_filter filter;
    struct str label, reviewer;
    uint64_t opinions;
    bool retire;
    const struct store_option *store;
};

static void print_list(yyjson_val *root) {
    static const char *const heads[] = {"ID",         "CREATED", "ENDPOINT", "PREDICTION",
                                        "CONFIDENCE", "REASON",  "STATUS"};
    struct table t = table_new(heads, ARRAY_COUNT(heads));
    size_t index, max;
    yyjson_val *item;
    yyjson_arr_foreach(yyjson_obj_get(root, "data"), index, max, item) {
        yyjson_val *confidence = yyjson_obj_get(item, "confidence"), *label = yyjson_obj_get(item, "label");
        table_cell(&t, json_str_of(yyjson_obj_get(item, "id")));
        table_cell(&t, json_str_of(yyjson_obj_get(item, "created")));
        table_cell(&t, json_str_of(yyjson_obj_get(item, "endpoint")));
        table_cell(&t, json_str_of(yyjson_obj_get(item, "prediction")));
        if (yyjson_is_num(confidence))
            table_cell_format(&t, "%.4f", yyjson_get_num(confidence));
        else
            table_cell(&t, STR(""));
        table_cell(&t, json_str_of(yyjson_obj_get(item, "reason")));
        if (yyjson_is_str(label))
            table_cell_format(&t, "%.300s", yyjson_get_str(label));
        else
            table_cell(&t, STR("open"));
    }
    table_print(&t, stdout);
    fprintf(stderr, "%lld open%s\n", (long long)yyjson_get_sint(yyjson_obj_get(root, "open")),
            yyjson_get_bool(yyjson_obj_get(root, "has_more")) ? "; more follow: --after the last ID" : "");
}

static void print_item(yyjson_val *item, struct store *store) {
    fputs("Review item ", stdout);
    print_plain(stdout, json_str_of(yyjson_obj_get(item, "id")));
    fputs("\n  request    ", stdout);
    print_plain(stdout, json_str_of(yyjson_obj_get(item, "request_id")));
    fputs("\n  model      ", stdout);
    print_plain(stdout, json_str_of(yyjson_obj_get(item, "model")));
    fputs(" says ", stdout);
    print_plain(stdout, json_str_of(yyjson_obj_get(item, "prediction")));
    printf(", confidence %.4f\n", yyjson_get_num(yyjson_obj_get(item, "confidence")));
    story_print_review(item, store_inputs_folder(store), "  ", stdout);
}

/* What the verb answers is JSON; people get it as a table or as lines. */
static bool print(const struct review_command *c, struct buf *out, bool is_list, struct store *store,
                  struct error *err) {
    if (c->store->json) {
        puts(buf_terminated(out) ? out->p : "");
        return true;
    }
    yyjson_doc *doc = json_parse(buf_str(out), err);
    if (!doc)
        return false;
    if (is_list)
        print_list(yyjson_doc_get_root(doc));
    else
        print_item(yyjson_doc_get_root(doc), store);
    yyjson_doc_free(doc);
    return true;
}

static bool figures(const struct review_command *c, struct store *store, struct str endpoint,
                    struct error *err) {
    AUTO_BUF out = BUF_INIT(OUTPUT_MAX);
    if (!review_stats(store, endpoint, STR(""), true, clock_wall(), &out, err))
        return false;
    if (c->store->json)
        puts(buf_terminated(&out) ? out.p : "");
    else
        review_print_stats(buf_str(&out));
    return true;
}

static bool gold(const struct review_command *c, struct store *store, struct str endpoint,
                 struct error *err) {
    unsigned n, opinions = c->opinions ? (unsigned)c->opinions : 2;
    bool good = c->retire ? gold_retire(store, endpoint, &n, err)
                          : gold_from_resolved(store, endpoint, opinions,
                                               c->filter.limit ? c->filter.limit : GOLD_DEFAULT, &n, err);
    if (good)
        printf(c->retire ? "%u items are gold no more\n" : "%u items became gold\n", n);
    return good;
}

static bool run_endpoint(struct review_command *c, char **words, struct error *err) {
    struct store *store;
    if (!store_option_open(c->store, false, &store, err))
        return false;
    bool good = (strcmp(words[0], "gold") == 0 ? gold : figures)(c, store, str_from(words[1]), err);
    store_close(store);
    return good;
}

static bool run(void *ctx, const struct store_option *option, char **words, int count, struct error *err) {
    struct review_command *c = ctx;
    c->store = option;
    if (count == 2 && (strcmp(words[0], "gold") == 0 || strcmp(words[0], "stats") == 0))
        return run_endpoint(c, words, err);
    static const char *const verbs[] = {"list", "show", "resolve"};
    unsigned verb = 0;
    while (verb < ARRAY_COUNT(verbs) && strcmp(words[0], verbs[verb]) != 0)
        verb++;
    if (verb == ARRAY_COUNT(verbs) || count != (verb == 0 ? 1 : 2))
        return fail(
            err, ERR_USAGE,
            "expected \"list\", \"show ID\", \"resolve ID\", \"stats ENDPOINT\" or \"gold ENDPOINT\"");
    if (verb == 2 && (c->label.n == 0 || c->reviewer.n == 0))
        return fail(err, ERR_USAGE, "resolve needs --label LABEL and --reviewer NAME");
    struct store *store;
    if (!store_option_open(c->store, false, &store, err))
        return false;
    AUTO_BUF out = BUF_INIT(OUTPUT_MAX);
    struct str id = str_from(count > 1 ? words[1] : NULL);
    bool ok = verb == 0   ? review_list(store, &c->filter, &out, err)
              : verb == 1 ? review_get(store, id, NULL, &out, err)
                          : review_resolve(store, id, c->label, c->reviewer, &out, err);
    ok = ok && print(c, &out, verb == 0, store, err);
    store_close(store);
    return ok;
}

static bool read_option(void *ctx, int option, const char *value, struct error *err) {
    struct review_command *c = ctx;
    uint64_t limit;
    switch (option) {
    case OPTION_ENDPOINT: c->filter.endpoint = str_from(value); return true;
    case OPTION_STATUS: c->filter.status = str_from(value); return true;
    case OPTION_AFTER: c->filter.after = str_from(value); return true;
    case OPTION_ORDER: c->filter.order = str_from(value); return true;
    case OPTION_LABEL: c->label = str_from(value); return true;
    case OPTION_REVIEWER: c->reviewer = str_from(value); return true;
    case OPTION_RETIRE: c->retire = true; return true;
    case OPTION_OPINIONS:
        return (str_to_u64(str_from(value), &c->opinions) && c->opinions >= 1 && c->opinions <= 3) ||
               fail(err, ERR_USAGE, "--opinions is \"%.40s\"; expected 1 to 3", value);
    case OPTION_LIMIT:
        if (!str_to_u64(str_from(value), &limit) || limit < 1 || limit > 1000)
            return fail(err, ERR_USAGE, "--limit is \"%.40s\"; expected 1 to 1000", value);
        c->filter.limit = (unsigned)limit;
        return true;
    default: return fail(err, ERR_USAGE, "see \"penstock review --help\"");
    }
}

int cli_review(int argc, char **argv) {
    static const struct option options[] = {{"endpoint", required_argument, NULL, OPTION_ENDPOINT},
                                            {"status", required_argument, NULL, OPTION_STATUS},
                                            {"limit", required_argument, NULL, OPTION_LIMIT},
                                            {"after", required_argument, NULL, OPTION_AFTER},
                                            {"order", required_argument, NULL, OPTION_ORDER},
                                            {"label", required_argument, NULL, OPTION_LABEL},
                                            {"reviewer", required_argument, NULL, OPTION_REVIEWER},
                                            {"opinions", required_argument, NULL, OPTION_OPINIONS},
                                            {"retire", no_argument, NULL, OPTION_RETIRE},
                                            STORE_LONG_OPTIONS,
                                            {0}};
    static const struct store_command command = {"review", help, options, read_option, run};
    struct review_command c = {0};
    return store_command_run(&command, &c, argc, argv);
}
