#include "cli/cli.h"

#include "base/clock.h"
#include "cli/listing.h"
#include "cli/store_option.h"
#include "config/values.h"
#include "watch/alerts/alert_rules.h"
#include "watch/alerts/alert_trial.h"
#include "watch/alerts/delivery.h"
#include "watch/alerts/incidents.h"
#include "watch/alerts/notice.h"
#include "watch/alerts/outbox.h"
#include "watch/alerts/silences.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

static const char help[] =
    "Usage: penstock alerts list [ENDPOINT] [--all]\n"
    "       penstock alerts ack ID [--why TEXT]\n"
    "       penstock alerts silence [--endpoint NAME] [--monitor NAME] [--part TEXT] [--from TIME]\n"
    "                               (--until TIME | --for DURATION) --why TEXT\n"
    "       penstock alerts unsilence ID\n"
    "       penstock alerts silences [--all]\n"
    "       penstock alerts messages [--limit N]\n"
    "       penstock alerts test [RECEIVER] -c FILE\n\n"
    "  list       what is pending and firing; --all: what was, too\n"
    "  ack        takes an alert's incident on: no repeats, no escalation (also: penstock incidents ack)\n"
    "  silence    keeps messages about what matches back for a time; alerts go on\n"
    "  messages   what was sent to whom and what came of it, the newest first\n"
    "  test       sends a test message to each receiver, or the one that is named, and says what came "
    "back\n\n"
    "      --endpoint NAME, --monitor NAME, --part TEXT\n"
    "                        what a silence covers; left out: any\n"
    "      --from TIME       such as 2026-11-21T02:00:00Z (now)\n"
    "      --until TIME, --for DURATION\n"
    "                        when it ends, or after how long: 90m, 2h, 3d\n"
    "      --why TEXT        for others, and for the history\n"
    "      --by NAME         who does it (default: the user that runs this)\n"
    "      --all             also what is over\n"
    "      --limit N         how many (100)\n" STORE_OPTIONS_HELP;

enum {
    OPTION_ENDPOINT = OPTION_OWN,
    OPTION_MONITOR,
    OPTION_PART,
    OPTION_FROM,
    OPTION_UNTIL,
    OPTION_FOR,
    OPTION_WHY,
    OPTION_BY,
    OPTION_ALL,
    OPTION_LIMIT
};
enum { LIST_MAX = 1000, TRIAL_SECONDS = 60, CHECK_MS = 100 };

struct alerts_command {
    const char *endpoint, *monitor, *part, *why, *by;
    int64_t from, until, lasts;
    bool all;
    uint64_t limit;
};

static const char *actor(const struct alerts_command *c) {
    return c->by ? c->by : who_runs();
}

/* ---- list ---- */

static void cell_value(struct table *t, double value, const char *unit) {
    AUTO_BUF text = BUF_INIT(200);
    notice_value(&text, value, unit);
    table_cell(t, buf_str(&text));
}

static void add_alert(const struct alert_record *a, void *ctx) {
    struct listing *l = ctx;
    char time[CLOCK_TEXT_SIZE];
    if (l->json) {
        alert_record_json(a, &l->w);
        return;
    }
    clock_format(a->began, time);
    table_cell(&l->table, str_from(a->id));
    table_cell(&l->table, str_from(time));
    table_cell(&l->table, str_from(alert_state_name(a->progress.state)));
    table_cell(&l->table, str_from(alert_class_name(a->class)));
    table_cell(&l->table, str_from(a->endpoint));
    table_cell(&l->table, str_from(a->monitor));
    table_cell(&l->table, str_from(a->part));
    cell_value(&l->table, a->value, a->unit);
    cell_value(&l->table, a->limit, a->unit);
    table_cell(&l->table, str_from(alert_sight_name(a->progress.sight)));
    table_cell(&l->table, str_from(a->muted));
}

static bool list(const struct alerts_command *c, const struct store_option *o, const char *word,
                 struct store *s, struct error *err) {
    static const char *const heads[] = {"ID",   "SINCE", "STATE", "CLASS", "ENDPOINT",     "MONITOR",
                                        "PART", "VALUE", "LIMIT", "SEEN",  "KEPT QUIET BY"};
    struct listing l;
    struct alert_filter filter = {.endpoint = str_from(word), .active = !c->all, .limit = LIST_MAX};
    listing_begin(&l, heads, ARRAY_COUNT(heads), o->json);
    return listing_end(&l, alerts_list(s, &filter, add_alert, &l, err));
}

/* ---- ack ---- */

static bool acknowledge(const struct alerts_command *c, const struct store_option *o, const char *word,
                        struct store *s, struct error *err) {
    struct incident_record i;
    if (!word)
        return fail(err, ERR_USAGE, "expected the ID of an alert or an incident");
    if (!incident_acknowledge(s, str_from(word), actor(c), c->why ? c->why : "", &i, err))
        return false;
    printf("Incident %s of %s%s%s is %s's.\n", i.id, i.endpoint[0] ? "endpoint \"" : "the server", i.endpoint,
           i.endpoint[0] ? "\"" : "", actor(c));
    return true;
}

/* ---- silences ---- */

static bool silence(const struct alerts_command *c, const struct store_option *o, const char *word,
                    struct store *s, struct error *err) {
    struct silence made = {.starts = c->from};
    int64_t starts = c->from ? c->from : clock_wall();
    char until[CLOCK_TEXT_SIZE];
    if (word)
        return fail(err, ERR_USAGE, "\"%.40s\" is too much", word);
    if (!c->until == !c->lasts)
        return fail(err, ERR_USAGE, "say when it ends: either --until TIME or --for DURATION");
    if (!c->why || !*c->why)
        return fail(err, ERR_USAGE, "say --why: others will wonder");
    if (!c->endpoint && !c->monitor && !c->part)
        return fail(err, ERR_USAGE, "say what it covers: --endpoint, --monitor, --part");
    made.ends = c->until ? c->until : starts + c->lasts;
    str_put(str_from(c->endpoint), made.endpoint, sizeof made.endpoint);
    str_put(str_from(c->monitor), made.monitor, sizeof made.monitor);
    str_put(str_from(c->part), made.part, sizeof made.part);
    str_put(str_from(actor(c)), made.who, sizeof made.who);
    str_put(str_from(c->why), made.why, sizeof made.why);
    if (!silence_add(s, &made, err))
        return false;
    clock_format(made.ends, until);
    printf("%s keeps messages back until %s.\n", made.id, until);
    return true;
}

static bool unsilence(const struct alerts_command *c, const struct store_option *o, const char *word,
                      struct store *s, struct error *err) {
    if (!word)
        return fail(err, ERR_USAGE, "expected the ID of a silence");
    if (!silence_end(s, str_from(word), actor(c), err))
        return false;
    printf("Silence %s has ended; what still fires is told.\n", word);
    return true;
}

static void add_silence(const struct silence *silence, void *ctx) {
    struct listing *l = ctx;
    char from[CLOCK_TEXT_SIZE], until[CLOCK_TEXT_SIZE];
    if (l->json) {
        silence_json(silence, &l->w);
        return;
    }
    clock_format(silence->starts, from);
    clock_format(silence->ended ? silence->ended : silence->ends, until);
    const char *const cells[] = {silence->id, silence->endpoint, silence->monitor, silence->part, from,
                                 until,       silence->who,      silence->why};
    for (size_t i = 0; i < ARRAY_COUNT(cells); i++)
        table_cell(&l->table, str_from(cells[i]));
}

static bool list_silences(const struct alerts_command *c, const struct store_option *o, const char *word,
                          struct store *s, struct error *err) {
    static const char *const heads[] = {"ID", "ENDPOINT", "MONITOR", "PART", "FROM", "UNTIL", "WHO", "WHY"};
    struct listing l;
    listing_begin(&l, heads, ARRAY_COUNT(heads), o->json);
    return listing_end(&l, silences_list(s, clock_wall(), c->all, add_silence, &l, err));
}

/* ---- messages ---- */

static void add_message(const struct outbox_message *m, void *ctx) {
    struct listing *l = ctx;
    char time[CLOCK_TEXT_SIZE];
    if (l->json) {
        outbox_json(m, &l->w);
        return;
    }
    clock_format(m->created, time);
    table_cell(&l->table, str_from(m->id));
    table_cell(&l->table, str_from(time));
    table_cell(&l->table, m->receiver);
    table_cell(&l->table, m->what);
    table_cell(&l->table, str_from(outbox_state_name(m->state)));
    table_cell_format(&l->table, "%u", m->tries);
    table_cell(&l->table, m->answer);
    table_cell(&l->table, m->subject);
}

static bool list_messages(const struct alerts_command *c, const struct store_option *o, const char *word,
                          struct store *s, struct error *err) {
    static const char *const heads[] = {"ID",    "MADE",  "RECEIVER", "WHAT",
                                        "STATE", "TRIES", "ANSWER",   "SUBJECT"};
    struct listing l;
    struct outbox_filter filter = {.limit = c->limit ? (unsigned)c->limit : 100};
    listing_begin(&l, heads, ARRAY_COUNT(heads), o->json);
    return listing_end(&l, outbox_list(s, &filter, add_message, &l, err));
}

/* ---- test ---- */

struct trial_view {
    unsigned untried, failed, seen;
    bool print;
};

static void look_at(const struct outbox_message *m, void *ctx) {
    struct trial_view *v = ctx;
    bool good = m->state == OUTBOX_DELIVERED;
    v->seen++;
    v->untried += m->state == OUTBOX_WAITING && m->tries == 0;
    v->failed += !good;
    if (!v->print)
        return;
    printf("%-16.*s %-13.*s %-9.*s ", STR_ARG(m->receiver), STR_ARG(m->shape), STR_ARG(m->what));
    if (m->tries == 0)
        fputs("not tried: the one before it was not taken, or nobody delivers", stdout);
    else if (good && m->status)
        printf("taken (%d): ", m->status);
    else
        fputs(good ? "taken " : "NOT taken: ", stdout);
    print_plain(stdout, m->answer);
    putchar('\n');
}

static bool look_at_all(struct store *s, const struct alert_trial *t, bool print, struct trial_view *v,
                        struct error *err) {
    *v = (struct trial_view){.print = print};
    return outbox_list(s, &(struct outbox_filter){.incident = str_from(t->incident)}, look_at, v, err);
}

/* What was not taken at once is not tried for days: it is only a test. */
static bool give_rest_up(struct store *s, const struct alert_trial *t, struct error *err);

/* Whoever delivers (a running server, or this command) tries each once. */
static bool wait_for(struct store *s, const struct alert_trial *t, struct error *err) {
    struct trial_view v;
    int64_t end = clock_monotonic() + TRIAL_SECONDS * NS_PER_SECOND, settle = 0;
    for (;;) {
        if (!look_at_all(s, t, false, &v, err))
            return false;
        int64_t now = clock_monotonic();
        if (v.untried == 0 || now >= end)
            return true;
        /* The second message of a pair waits behind a first one that was not taken. */
        settle = v.failed > v.untried ? (settle ? settle : now) : 0;
        if (settle && now - settle > 12 * NS_PER_SECOND)
            return true;
        nanosleep(&(struct timespec){.tv_nsec = CHECK_MS * NS_PER_MS}, NULL);
    }
}

static void take_waiting(const struct outbox_message *m, void *ctx) {
    memcpy(ctx, m->id, ID_SIZE);
}

static bool give_rest_up(struct store *s, const struct alert_trial *t, struct error *err) {
    for (;;) {
        char id[ID_SIZE] = "";
        struct outbox_filter waiting = {.incident = str_from(t->incident), .waiting = true, .limit = 1};
        if (!outbox_list(s, &waiting, take_waiting, id, err))
            return false;
        if (!id[0])
            return true;
        if (!outbox_tried(s, id, OUTBOX_GIVEN_UP, 0, STR("it was only a test"), err))
            return false;
    }
}

/* Without a server this command holds its lock and delivers, whatever else waits there, too. */
static bool deliver(struct store *s, const struct config *config, const struct alert_trial *t,
                    struct error *err) {
    char path[4096];
    struct delivery *d = NULL;
    snprintf(path, sizeof path, "%s/alerts.lock", store_folder(s));
    int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    bool mine = lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) == 0;
    bool good = !mine || delivery_begin(&d, store_folder(s), config, err);
    printf("%u messages, sent by %s:\n", t->messages,
           mine ? "this command, since no server runs" : "the server");
    fflush(stdout);
    good = good && wait_for(s, t, err);
    delivery_end(d);
    if (lock >= 0)
        close(lock);
    return good;
}

static bool run_trial(const struct alerts_command *c, const struct config *config, const char *word,
                      struct store *s, struct error *err) {
    struct alert_trial t;
    struct trial_view v;
    if (!alert_trial_add(s, config, str_from(word), actor(c), &t, err) || !deliver(s, config, &t, err) ||
        !look_at_all(s, &t, true, &v, err) || !give_rest_up(s, &t, err))
        return false;
    return v.failed == 0 || fail(err, ERR_UPSTREAM, "%u of %u messages were not taken", v.failed, v.seen);
}

static bool test(const struct alerts_command *c, const struct store_option *o, const char *word,
                 struct store *s, struct error *err) {
    struct config_problems problems = {0};
    if (!o->config)
        return fail(err, ERR_USAGE, "say -c FILE: the configuration names the receivers");
    const struct config *config = config_load(o->config, NULL, &problems);
    if (!config) {
        config_problems_print(&problems, stderr);
        return fail(err, ERR_CONFIG, "%s does not validate", o->config);
    }
    bool good = run_trial(c, config, word, s, err);
    config_unref(config);
    return good;
}

/* ---- the command ---- */

static bool run(void *ctx, const struct store_option *o, char **words, int count, struct error *err) {
    static const char *const verbs[] = {"list",     "ack",      "silence", "unsilence",
                                        "silences", "messages", "test",    NULL};
    static bool (*const runs[])(const struct alerts_command *c, const struct store_option *o,
                                const char *word, struct store *s, struct error *err) = {
        list, acknowledge, silence, unsilence, list_silences, list_messages, test};
    struct store *store;
    size_t verb;
    if (!store_option_open_for(o, verbs, words, count, &verb, &store, err))
        return false;
    bool good = runs[verb](ctx, o, count > 1 ? words[1] : NULL, store, err);
    store_close(store);
    return good;
}

static bool read_time(const char *value, int64_t *to, struct error *err) {
    return clock_parse(str_from(value), to) ||
           fail(err, ERR_USAGE, "\"%.40s\" is no time; expected one such as 2026-11-21T13:05:00Z", value);
}

static bool read_option(void *ctx, int option, const char *value, struct error *err) {
    struct alerts_command *c = ctx;
    switch (option) {
    case OPTION_ENDPOINT: c->endpoint = value; return true;
    case OPTION_MONITOR: c->monitor = value; return true;
    case OPTION_PART: c->part = value; return true;
    case OPTION_WHY: c->why = value; return true;
    case OPTION_BY: c->by = value; return true;
    case OPTION_ALL: c->all = true; return true;
    case OPTION_FROM: return read_time(value, &c->from, err);
    case OPTION_UNTIL: return read_time(value, &c->until, err);
    case OPTION_FOR:
        return (value_duration(str_from(value), &c->lasts) && c->lasts > 0) ||
               fail(err, ERR_USAGE, "--for is \"%.40s\"; expected a duration such as 90m, 2h or 3d", value);
    default:
        return (str_to_u64(str_from(value), &c->limit) && c->limit >= 1 && c->limit <= 100000) ||
               fail(err, ERR_USAGE, "--limit is \"%.40s\"; expected a number from 1 to 100000", value);
    }
}

int cli_alerts(int argc, char **argv) {
    static const struct option options[] = {{"endpoint", required_argument, NULL, OPTION_ENDPOINT},
                                            {"monitor", required_argument, NULL, OPTION_MONITOR},
                                            {"part", required_argument, NULL, OPTION_PART},
                                            {"from", required_argument, NULL, OPTION_FROM},
                                            {"until", required_argument, NULL, OPTION_UNTIL},
                                            {"for", required_argument, NULL, OPTION_FOR},
                                            {"why", required_argument, NULL, OPTION_WHY},
                                            {"by", required_argument, NULL, OPTION_BY},
                                            {"all", no_argument, NULL, OPTION_ALL},
                                            {"limit", required_argument, NULL, OPTION_LIMIT},
                                            STORE_LONG_OPTIONS,
                                            {0}};
    static const struct store_command command = {"alerts", help, options, read_option, run};
    return store_command_run(&command, &(struct alerts_command){0}, argc, argv);
}
