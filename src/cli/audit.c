#include "cli/cli.h"

#include "base/clock.h"
#include "base/json.h"
#include "cli/listing.h"
#include "cli/store_option.h"
#include "store/audit.h"
#include "store/history_json.h"

#include <stdio.h>
#include <string.h>

static const char help[] =
    "Usage: penstock audit list [--class CLASS] [--what WHAT] [--who WHO] [--endpoint NAME] [--limit N]\n"
    "                          [--from TIME] [--to TIME]\n"
    "       penstock audit verify [--head MARK]\n"
    "       penstock audit head\n\n"
    "  list     what was done, by whom and why, the newest first\n"
    "  verify   proves that no row was altered, removed, inserted or moved, and names the first that was\n"
    "  head     prints the last row's number and hash; noted elsewhere, it proves later on that the end was\n"
    "           not cut off\n\n"
    "      --class CLASS     configuration, decision or access\n"
    "      --what WHAT       such as rollout.started or key.created\n"
    "      --who WHO         only this one's\n"
    "      --endpoint NAME   only what is about this endpoint\n"
    "      --limit N         how many (100)\n" LISTING_TIMES_HELP
    "      --head MARK       what \"penstock audit head\", or an audit.head line of the log, once "
    "said\n" STORE_OPTIONS_HELP;

enum {
    OPTION_CLASS = OPTION_OWN,
    OPTION_WHAT,
    OPTION_WHO,
    OPTION_ENDPOINT,
    OPTION_LIMIT,
    OPTION_HEAD,
    OPTION_FROM,
    OPTION_TO
};
enum { LIMIT_DEFAULT = 100, LIMIT_MAX = 1000000, AT_ONCE = 10000 };

struct audit_command {
    struct history_filter filter;
    uint64_t limit;
    struct audit_mark mark;
    bool has_mark;
};

static void add(const struct change *c, void *ctx) {
    struct listing *l = ctx;
    char time[CLOCK_TEXT_SIZE];
    if (l->json) {
        history_write(c, &l->w);
        return;
    }
    clock_format(c->at, time);
    table_cell_format(&l->table, "%lld", (long long)c->number);
    table_cell(&l->table, str_from(time));
    table_cell(&l->table, str_from(c->what));
    table_cell(&l->table, str_from(c->endpoint));
    table_cell(&l->table, str_from(c->who));
    table_cell(&l->table, str_from(c->why));
    table_cell(&l->table, str_from(c->after));
}

static bool list(const struct audit_command *c, bool json, struct store *store, struct error *err) {
    static const char *const heads[] = {"NUMBER", "AT", "WHAT", "ENDPOINT", "WHO", "WHY", "AFTER"};
    struct listing l;
    listing_begin(&l, heads, ARRAY_COUNT(heads), json);
    return listing_end(&l, history_list(store, &c->filter, add, &l, err));
}

/* In pieces, so that a server beside us is not kept from its checkpoints. */
static bool walk(struct store *store, const struct audit_command *c, struct audit_mark *at,
                 struct audit_flaw *flaw, struct error *err) {
    bool more = true;
    *flaw = (struct audit_flaw){0};
    while (more && !flaw->found)
        if (!audit_verify(store, at, AT_ONCE, &more, flaw, err))
            return false;
    return flaw->found || !c->has_mark || audit_has(store, &c->mark, flaw, err);
}

static bool verify(const struct audit_command *c, bool json, struct store *store, struct error *err) {
    struct audit_mark at = {0};
    struct audit_flaw flaw;
    char mark[AUDIT_MARK_SIZE];
    if (!walk(store, c, &at, &flaw, err))
        return false;
    audit_mark_text(&at, mark);
    if (json) {
        AUTO_BUF out = BUF_INIT(4096);
        struct json_writer w = JSON_WRITER(&out);
        json_object(&w);
        json_field_bool(&w, "intact", !flaw.found);
        json_field_int(&w, "verified", at.number);
        json_field_text(&w, "head", mark);
        json_key(&w, "first_bad");
        if (flaw.found)
            json_int(&w, flaw.number);
        else
            json_null(&w);
        json_field_text(&w, "message", flaw.found ? flaw.message : NULL);
        json_object_end(&w);
        puts(buf_terminated(&out) ? out.p : "{}");
    } else if (!flaw.found) {
        printf("%lld rows, unbroken; the last is %s\n", (long long)at.number, mark);
    }
    return !flaw.found || fail(err, ERR_DATA, "the audit log is broken: %s", flaw.message);
}

static bool head(bool json, struct store *store, struct error *err) {
    struct audit_mark at;
    char mark[AUDIT_MARK_SIZE];
    if (!audit_head(store, &at, err))
        return false;
    audit_mark_text(&at, mark);
    printf(json ? "\"%s\"\n" : "%s\n", mark);
    return true;
}

static bool run(void *ctx, const struct store_option *o, char **words, int count, struct error *err) {
    struct audit_command *c = ctx;
    struct store *store;
    bool is_list = strcmp(words[0], "list") == 0, is_verify = strcmp(words[0], "verify") == 0;
    if (count != 1 || (!is_list && !is_verify && strcmp(words[0], "head") != 0))
        return fail(err, ERR_USAGE, "expected list, verify or head");
    if (!store_option_open(o, false, &store, err))
        return false;
    c->filter.limit = (unsigned)c->limit;
    bool good = is_list     ? list(c, o->json, store, err)
                : is_verify ? verify(c, o->json, store, err)
                            : head(o->json, store, err);
    store_close(store);
    return good;
}

static bool read_option(void *ctx, int option, const char *value, struct error *err) {
    struct audit_command *c = ctx;
    switch (option) {
    case OPTION_CLASS:
        return change_class_parse(str_from(value), &c->filter.class) ||
               fail(err, ERR_USAGE, "--class is \"%.40s\"; expected configuration, decision or access",
                    value);
    case OPTION_WHAT: c->filter.what = value; return true;
    case OPTION_WHO: c->filter.who = value; return true;
    case OPTION_ENDPOINT: c->filter.endpoint = value; return true;
    case OPTION_FROM: return listing_from(value, &c->filter.since, err);
    case OPTION_TO: return listing_to(value, &c->filter.until, err);
    case OPTION_LIMIT:
        return (str_to_u64(str_from(value), &c->limit) && c->limit > 0 && c->limit <= LIMIT_MAX) ||
               fail(err, ERR_USAGE, "--limit is \"%.40s\"; expected 1 to %d", value, LIMIT_MAX);
    case OPTION_HEAD:
        c->has_mark = true;
        return audit_mark_parse(str_from(value), &c->mark) ||
               fail(err, ERR_USAGE,
                    "--head is \"%.100s\"; expected NUMBER:HASH, as \"penstock audit head\" prints it",
                    value);
    default: return fail(err, ERR_USAGE, "see \"penstock audit --help\"");
    }
}

int cli_audit(int argc, char **argv) {
    static const struct option options[] = {{"class", required_argument, NULL, OPTION_CLASS},
                                            {"what", required_argument, NULL, OPTION_WHAT},
                                            {"who", required_argument, NULL, OPTION_WHO},
                                            {"endpoint", required_argument, NULL, OPTION_ENDPOINT},
                                            {"limit", required_argument, NULL, OPTION_LIMIT},
                                            {"head", required_argument, NULL, OPTION_HEAD},
                                            {"from", required_argument, NULL, OPTION_FROM},
                                            {"to", required_argument, NULL, OPTION_TO},
                                            STORE_LONG_OPTIONS,
                                            {0}};
    static const struct store_command command = {"audit", help, options, read_option, run};
    struct audit_command c = {.limit = LIMIT_DEFAULT, .filter.class = CHANGE_ANY};
    return store_command_run(&command, &c, argc, argv);
}
