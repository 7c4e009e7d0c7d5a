#include "cli/cli.h"

#include "base/clock.h"
#include "cli/store_option.h"
#include "store/presence.h"
#include "store/spend_journal.h"
#include "watch/forget.h"
#include "watch/retention.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char help[] =
    "Usage: penstock forget --subject ID [--why TEXT]\n"
    "       penstock forget --client NAME [--why TEXT]\n"
    "       penstock forget --subject ID --dry-run\n"
    "       penstock forget list\n\n"
    "Removes what is kept of a person: inputs, answers, conversations, open review items, texts. Says what\n"
    "was removed; what stays is in docs/privacy.md. Where a server runs, it does the work, and this "
    "waits.\n\n"
    "      --subject ID   an end user, by the ID that callers send as \"user\"\n"
    "      --client NAME  all that this client's keys ever sent\n"
    "      --why TEXT     for the audit log\n"
    "      --dry-run      only says what would go\n" STORE_OPTIONS_HELP;

enum { OPTION_SUBJECT = OPTION_OWN, OPTION_CLIENT, OPTION_WHY, OPTION_DRY_RUN };
enum { OUTPUT_MAX = 16 << 20, LOOK_MS = 100, PATIENCE_S = 3600 };

struct forget_command {
    struct forget_wish wish;
    bool dry_run;
};

static void print_counts(yyjson_val *removed) {
    static const struct {
        const char *key, *text;
    } lines[] = {{"records", "records of requests, whose texts and mark of the person are gone"},
                 {"inputs", "kept inputs"},
                 {"bytes", "bytes of them"},
                 {"reviews", "review items: open ones, and texts of others"},
                 {"feedback", "labels of feedback"},
                 {"responses", "responses that later requests could build on"},
                 {"conversations", "conversations"},
                 {"spend", "rows of spend by user"}};
    for (size_t i = 0; i < ARRAY_COUNT(lines); i++)
        printf("%10lld  %s\n", (long long)yyjson_get_sint(yyjson_obj_get(removed, lines[i].key)),
               lines[i].text);
}

static void print_json(struct buf *out, bool json, const char *head, const char *key) {
    const char *text = buf_terminated(out);
    if (json || !text) {
        puts(text ? text : "{}");
        return;
    }
    yyjson_doc *doc = json_parse(buf_str(out), NULL);
    yyjson_val *root = yyjson_doc_get_root(doc);
    puts(head);
    print_counts(key ? yyjson_obj_get(root, key) : root);
    yyjson_doc_free(doc);
}

static bool count(const struct forget_command *c, bool json, struct store *store, struct error *err) {
    struct forget_counts counts;
    AUTO_BUF out = BUF_INIT(OUTPUT_MAX);
    struct json_writer w = JSON_WRITER(&out);
    if (!forget_count(store, &c->wish, &counts, err))
        return false;
    forget_write_counts(&counts, &w);
    print_json(&out, json, "Would be removed:", NULL);
    return true;
}

static bool finished(struct buf *out, struct store *store, struct str id, bool *done, struct error *err) {
    buf_clear(out);
    if (!forget_show(store, id, out, err))
        return false;
    yyjson_doc *doc = json_parse(buf_str(out), err);
    *done = yyjson_is_str(yyjson_obj_get(yyjson_doc_get_root(doc), "finished_at"));
    yyjson_doc_free(doc);
    return doc != NULL;
}

/* By ourselves where no server runs; else until the server has done it, or has ended before. */
static bool see_to_it(struct store *store, struct str id, struct buf *out, struct error *err) {
    bool done = false;
    for (int64_t end = clock_monotonic() + PATIENCE_S * NS_PER_SECOND; !done && clock_monotonic() < end;) {
        int fd = -1;
        if (!presence_exclude(store_folder(store), &fd, err))
            return false;
        bool good = true, more = fd >= 0;
        while (good && more)
            good = forget_step(store, &more, err);
        if (fd >= 0)
            close(fd);
        if (!good || !finished(out, store, id, &done, err))
            return false;
        struct timespec pause = {.tv_nsec = LOOK_MS * NS_PER_MS};
        if (!done)
            nanosleep(&pause, NULL);
    }
    return done || fail(err, ERR_DEADLINE,
                        "the server has not finished within an hour; \"penstock forget list\" shows how far "
                        "it is");
}

/* Where no server runs: amounts that one left in its journal are rows, too. */
static bool settle_left(struct store *store, struct error *err) {
    int fd = -1;
    if (!presence_exclude(store_folder(store), &fd, err))
        return false;
    bool good = fd < 0 || spend_journal_settle_left(store, err);
    if (fd >= 0)
        close(fd);
    return good;
}

static bool forget(const struct forget_command *c, bool json, struct store *store, struct error *err) {
    AUTO_BUF out = BUF_INIT(OUTPUT_MAX);
    char id[64];
    if (!settle_left(store, err) || !forget_ask(store, &c->wish, &out, err))
        return false;
    yyjson_doc *doc = json_parse(buf_str(&out), err);
    str_put(json_str_of(yyjson_obj_get(yyjson_doc_get_root(doc), "id")), id, sizeof id);
    yyjson_doc_free(doc);
    if (!doc || !see_to_it(store, str_from(id), &out, err))
        return false;
    print_json(&out, json, "Removed:", "removed");
    return true;
}

static bool run(void *ctx, const struct store_option *o, char **words, int count_of_words,
                struct error *err) {
    struct forget_command *c = ctx;
    struct store *store;
    bool list = count_of_words == 1 && strcmp(words[0], "list") == 0;
    if (count_of_words > 0 && !list)
        return fail(err, ERR_USAGE, "expected --subject ID, --client NAME or list");
    if (!store_option_open(o, false, &store, err))
        return false;
    AUTO_BUF out = BUF_INIT(OUTPUT_MAX);
    bool good;
    c->wish.who = str_from(who_runs());
    if (!list) {
        good = c->dry_run ? count(c, o->json, store, err) : forget(c, o->json, store, err);
    } else {
        good = forget_show(store, STR(""), &out, err);
        if (good)
            puts(buf_terminated(&out) ? out.p : "{}");
    }
    store_close(store);
    if (!good && (err->code == ERR_MISSING_FIELD || err->code == ERR_INVALID_FIELD))
        err->code = ERR_USAGE;
    return good;
}

static bool read_option(void *ctx, int option, const char *value, struct error *err) {
    struct forget_command *c = ctx;
    switch (option) {
    case OPTION_SUBJECT: c->wish.subject = str_from(value); return true;
    case OPTION_CLIENT: c->wish.client = str_from(value); return true;
    case OPTION_WHY: c->wish.why = str_from(value); return true;
    case OPTION_DRY_RUN: c->dry_run = true; return true;
    default: return fail(err, ERR_USAGE, "see \"penstock forget --help\"");
    }
}

int cli_forget(int argc, char **argv) {
    static const struct option options[] = {{"subject", required_argument, NULL, OPTION_SUBJECT},
                                            {"client", required_argument, NULL, OPTION_CLIENT},
                                            {"why", required_argument, NULL, OPTION_WHY},
                                            {"dry-run", no_argument, NULL, OPTION_DRY_RUN},
                                            STORE_LONG_OPTIONS,
                                            {0}};
    static const struct store_command command = {"forget", help, options, read_option, run, true};
    struct forget_command c = {.wish = {STR(""), STR(""), STR(""), STR("")}};
    return store_command_run(&command, &c, argc, argv);
}
