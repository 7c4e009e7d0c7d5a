#include "cli/cli.h"

#include "base/clock.h"
#include "base/json.h"
#include "cli/store_option.h"
#include "cli/table.h"
#include "store/keys.h"
#include "store/object_json.h"

#include <stdlib.h>
#include <string.h>

static const char help[] =
    "Usage: penstock keys create --client NAME --role client|reviewer|admin [--rate N] [--burst N]\n"
    "       penstock keys list\n"
    "       penstock keys revoke ID\n\n"
    "  create   makes a key and prints it, this once; only its hash is stored\n"
    "  list     shows all keys without their secrets\n"
    "  revoke   ends a key at once, also on a running server\n\n"
    "      --client NAME     who it is for\n"
    "      --role ROLE       client: predictions; reviewer: the review queue as well; admin: everything\n"
    "      --rate N          requests per second (default: the configuration's)\n"
    "      --burst N         requests at once (default: the configuration's)\n" STORE_OPTIONS_HELP;

enum { OPTION_CLIENT = OPTION_OWN, OPTION_ROLE, OPTION_RATE, OPTION_BURST };

struct keys_command {
    const char *client, *role;
    double rate;
    uint64_t burst;
    const struct store_option *store;
};

static bool create(const struct keys_command *c, struct store *store, struct error *err) {
    enum role role;
    char text[KEY_TEXT_SIZE];
    struct key_record key;
    if (!c->client || !c->role)
        return fail(err, ERR_USAGE, "create needs --client NAME and --role client|reviewer|admin");
    if (!role_parse(str_from(c->role), &role))
        return fail(err, ERR_USAGE, "--role is \"%.40s\"; expected client, reviewer or admin", c->role);
    if (!key_create(store, c->client, role, c->rate, (unsigned)c->burst, text, &key, err))
        return false;
    if (c->store->json) {
        AUTO_BUF out = BUF_INIT(8192);
        key_write(&key, text, &JSON_WRITER(&out));
        puts(buf_terminated(&out));
        return true;
    }
    printf("%s\n", text);
    fprintf(stderr, "Key %s for %s \"%s\". It is shown only now: keep it where only that client reads it.\n",
            key.id, role_name(role), key.client);
    return true;
}

static void print_table(const struct key_record *keys, size_t count) {
    static const char *const heads[] = {"ID", "CLIENT", "ROLE", "RATE", "BURST", "CREATED", "REVOKED"};
    struct table t = table_new(heads, ARRAY_COUNT(heads));
    for (size_t i = 0; i < count; i++) {
        char time[CLOCK_TEXT_SIZE];
        table_cell(&t, str_from(keys[i].id));
        table_cell(&t, str_from(keys[i].client));
        table_cell(&t, str_from(role_name(keys[i].role)));
        if (keys[i].rate > 0)
            table_cell_format(&t, "%g/s", keys[i].rate);
        else
            table_cell(&t, STR("default"));
        if (keys[i].burst)
            table_cell_format(&t, "%u", keys[i].burst);
        else
            table_cell(&t, STR("default"));
        clock_format(keys[i].created, time);
        table_cell(&t, str_from(time));
        clock_format(keys[i].revoked, time);
        table_cell(&t, str_from(keys[i].revoked ? time : ""));
    }
    table_print(&t, stdout);
}

static bool list(const struct keys_command *c, struct store *store, struct error *err) {
    struct key_record *keys;
    size_t count;
    if (!key_list(store, &keys, &count, err))
        return false;
    if (c->store->json) {
        AUTO_BUF out = BUF_INIT(64 << 20);
        struct json_writer w = JSON_WRITER(&out);
        json_array(&w);
        for (size_t i = 0; i < count; i++)
            key_write(&keys[i], NULL, &w);
        json_array_end(&w);
        puts(buf_terminated(&out) ? out.p : "[]");
    } else {
        print_table(keys, count);
    }
    free(keys);
    return true;
}

static bool revoke(const char *id, struct store *store, struct error *err) {
    if (!id)
        return fail(err, ERR_USAGE, "revoke needs the ID of a key, as \"penstock keys list\" shows it");
    if (!key_revoke(store, id, err))
        return false;
    fprintf(stderr, "Key %s is revoked.\n", id);
    return true;
}

static bool run(void *ctx, const struct store_option *option, char **words, int count, struct error *err) {
    struct keys_command *c = ctx;
    struct store *store;
    const char *verb = words[0], *argument = count > 1 ? words[1] : NULL;
    c->store = option;
    if (count > 2)
        return fail(err, ERR_USAGE, "\"%.40s\" is too much", words[2]);
    bool is_create = strcmp(verb, "create") == 0, ok;
    if (!is_create && strcmp(verb, "list") != 0 && strcmp(verb, "revoke") != 0)
        return fail(err, ERR_USAGE, "\"%.40s\" is no command; expected create, list or revoke", verb);
    if (!store_option_open(c->store, is_create, &store, err))
        return false;
    if (is_create)
        ok = create(c, store, err);
    else
        ok = strcmp(verb, "list") == 0 ? list(c, store, err) : revoke(argument, store, err);
    store_close(store);
    return ok;
}

static bool read_option(void *ctx, int option, const char *value, struct error *err) {
    struct keys_command *c = ctx;
    switch (option) {
    case OPTION_CLIENT: c->client = value; return true;
    case OPTION_ROLE: c->role = value; return true;
    case OPTION_RATE:
        return (str_to_double(str_from(value), &c->rate) && c->rate > 0) ||
               fail(err, ERR_USAGE, "--rate is \"%.40s\"; expected a number above 0", value);
    case OPTION_BURST:
        return (str_to_u64(str_from(value), &c->burst) && c->burst > 0 && c->burst <= UINT32_MAX) ||
               fail(err, ERR_USAGE, "--burst is \"%.40s\"; expected a whole number above 0", value);
    default: return fail(err, ERR_USAGE, "see \"penstock keys --help\"");
    }
}

int cli_keys(int argc, char **argv) {
    static const struct option options[] = {{"client", required_argument, NULL, OPTION_CLIENT},
                                            {"role", required_argument, NULL, OPTION_ROLE},
                                            {"rate", required_argument, NULL, OPTION_RATE},
                                            {"burst", required_argument, NULL, OPTION_BURST},
                                            STORE_LONG_OPTIONS,
                                            {0}};
    static const struct store_command command = {"keys", help, options, read_option, run};
    struct keys_command c = {0};
    return store_command_run(&command, &c, argc, argv);
}
