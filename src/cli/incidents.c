#include "cli/cli.h"

#include "base/clock.h"
#include "cli/listing.h"
#include "cli/store_option.h"
#include "watch/alerts/alert_rules.h"
#include "watch/alerts/incident_report.h"

#include <stdio.h>
#include <string.h>

static const char help[] =
    "Usage: penstock incidents list [ENDPOINT] [--all]\n"
    "       penstock incidents show ID\n"
    "       penstock incidents ack ID [--why TEXT]\n"
    "       penstock incidents escalate ID --why TEXT\n"
    "       penstock incidents comment ID --why TEXT\n"
    "       penstock incidents resolve ID --why TEXT\n"
    "       penstock incidents export ID > post-mortem.md\n\n"
    "  list      incidents that are not over, the newest first; --all: the others, too\n"
    "  show      one with its alerts and its timeline, as JSON\n"
    "  ack       takes it on: no repeats, no escalation\n"
    "  escalate  hands it on: whom escalation would tell later is told now\n"
    "  resolve   ends one whose alerts nobody can measure any more; others end by themselves\n"
    "  export    the draft of a post-mortem, in Markdown\n\n"
    "      --why TEXT        for the timeline and the history\n"
    "      --by NAME         who does it (default: the user that runs this)\n"
    "      --all             also what is over\n" STORE_OPTIONS_HELP;

enum { OPTION_WHY = OPTION_OWN, OPTION_BY, OPTION_ALL };
enum { LIST_MAX = 1000, OUTPUT_MAX = 64 << 20 };

struct incidents_command {
    const char *why, *by;
    bool all;
};

static void add(const struct incident_record *i, void *ctx) {
    struct listing *l = ctx;
    char opened[CLOCK_TEXT_SIZE], resolved[CLOCK_TEXT_SIZE] = "";
    if (l->json) {
        incident_record_json(i, &l->w);
        return;
    }
    clock_format(i->opened, opened);
    if (i->resolved)
        clock_format(i->resolved, resolved);
    const char *const cells[] = {i->id,
                                 opened,
                                 incident_state_name(i->progress.state),
                                 alert_class_name(i->class),
                                 i->endpoint,
                                 i->owner,
                                 i->acknowledged_by,
                                 resolved,
                                 i->summary};
    for (size_t k = 0; k < ARRAY_COUNT(cells); k++)
        table_cell(&l->table, str_from(cells[k]));
}

static bool list(const struct incidents_command *c, const struct store_option *o, const char *word,
                 struct store *s, struct error *err) {
    static const char *const heads[] = {"ID",    "OPENED",      "STATE",    "CLASS",  "ENDPOINT",
                                        "OWNER", "TAKEN ON BY", "RESOLVED", "SUMMARY"};
    struct listing l;
    struct incident_filter filter = {
        .endpoint = {word, word ? strlen(word) : 0}, .open = !c->all, .limit = LIST_MAX};
    listing_begin(&l, heads, ARRAY_COUNT(heads), o->json);
    return listing_end(&l, incidents_list(s, &filter, add, &l, err));
}

static bool find(struct store *s, const char *word, struct incident_record *out, struct error *err) {
    bool found;
    if (!word)
        return fail(err, ERR_USAGE, "expected the ID of an incident");
    return incidents_find(s, str_from(word), &found, out, err) &&
           (found || fail(err, ERR_NOT_FOUND, "there is no incident \"%.40s\"", word));
}

static bool print_report(struct store *s, const char *word,
                         bool (*report)(struct store *, const struct incident_record *, struct buf *,
                                        struct error *),
                         struct error *err) {
    AUTO_BUF out = BUF_INIT(OUTPUT_MAX);
    struct incident_record i;
    if (!find(s, word, &i, err) || !report(s, &i, &out, err))
        return false;
    if (!buf_terminated(&out))
        return fail(err, ERR_NO_MEMORY, "out of memory for the report");
    puts(out.p);
    return true;
}

static bool show(const struct incidents_command *c, const struct store_option *o, const char *word,
                 struct store *s, struct error *err) {
    return print_report(s, word, incident_report_json, err);
}

static bool export(const struct incidents_command *c, const struct store_option *o, const char *word,
                   struct store *s, struct error *err) {
    return print_report(s, word, incident_report_markdown, err);
}

/* What people do with one. */
static bool act(const struct incidents_command *c, const char *word, struct store *s, bool needs_why,
                bool (*how)(struct store *, struct str, const char *, const char *, struct incident_record *,
                            struct error *),
                const char *done, struct error *err) {
    struct incident_record i;
    if (!word)
        return fail(err, ERR_USAGE, "expected the ID of an incident");
    if (needs_why && (!c->why || !*c->why))
        return fail(err, ERR_USAGE, "say --why");
    if (!how(s, str_from(word), c->by ? c->by : who_runs(), c->why ? c->why : "", &i, err))
        return false;
    printf("Incident %s %s.\n", i.id, done);
    return true;
}

static bool acknowledge(const struct incidents_command *c, const struct store_option *o, const char *word,
                        struct store *s, struct error *err) {
    return act(c, word, s, false, incident_acknowledge, "is taken on", err);
}

static bool escalate(const struct incidents_command *c, const struct store_option *o, const char *word,
                     struct store *s, struct error *err) {
    return act(c, word, s, true, incident_escalate, "is handed on; the server tells those who are next", err);
}

static bool comment(const struct incidents_command *c, const struct store_option *o, const char *word,
                    struct store *s, struct error *err) {
    return act(c, word, s, true, incident_comment, "has the comment", err);
}

static bool resolve(const struct incidents_command *c, const struct store_option *o, const char *word,
                    struct store *s, struct error *err) {
    return act(c, word, s, true, incident_resolve, "ends with the server's next look at its alerts", err);
}

static bool run(void *ctx, const struct store_option *o, char **words, int count, struct error *err) {
    static const char *const verbs[] = {"list",    "show",    "ack",    "escalate",
                                        "comment", "resolve", "export", NULL};
    static bool (*const runs[])(const struct incidents_command *c, const struct store_option *o,
                                const char *word, struct store *s, struct error *err) = {
        list, show, acknowledge, escalate, comment, resolve, export};
    struct store *store;
    size_t verb;
    if (!store_option_open_for(o, verbs, words, count, &verb, &store, err))
        return false;
    bool good = runs[verb](ctx, o, count > 1 ? words[1] : NULL, store, err);
    store_close(store);
    return good;
}

static bool read_option(void *ctx, int option, const char *value, struct error *err) {
    struct incidents_command *c = ctx;
    if (option == OPTION_ALL)
        c->all = true;
    else
        *(option == OPTION_WHY ? &c->why : &c->by) = value;
    return true;
}

int cli_incidents(int argc, char **argv) {
    static const struct option options[] = {{"why", required_argument, NULL, OPTION_WHY},
                                            {"by", required_argument, NULL, OPTION_BY},
                                            {"all", no_argument, NULL, OPTION_ALL},
                                            STORE_LONG_OPTIONS,
                                            {0}};
    static const struct store_command command = {"incidents", help, options, read_option, run};
    return store_command_run(&command, &(struct incidents_command){0}, argc, argv);
}
