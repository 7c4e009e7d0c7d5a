#include "cli/models_alias.h"

#include "base/clock.h"
#include "cli/listing.h"
#include "cli/store_option.h"
#include "store/aliases.h"
#include "store/object_json.h"
#include "store/registry.h"

#include <stdio.h>
#include <string.h>

bool models_alias_is_verb(char **words, int count) {
    return (strcmp(words[0], "alias") == 0 && count == 3) ||
           (strcmp(words[0], "unalias") == 0 && count == 3) ||
           (strcmp(words[0], "aliases") == 0 && count <= 2);
}

static bool check_alias(const char *alias, struct error *err) {
    return alias_is_name(str_from(alias)) ||
           fail(err, ERR_USAGE,
                "\"%.60s\" is no alias; use 1 to %d small letters, digits, - and _, a letter first", alias,
                ALIAS_MAX);
}

static void print_where(const char *model, const char *alias, const char *endpoint) {
    printf("%s@%s%s%s is ", model, alias, *endpoint ? " at " : "", endpoint);
}

static bool set(struct store *store, const char *reference, const char *alias, const char *endpoint,
                struct error *err) {
    char name[MODEL_NAME_MAX + 1];
    unsigned version;
    struct version_record r;
    if (!check_alias(alias, err) || !registry_parse_reference(str_from(reference), name, &version, err) ||
        !registry_find_at(store, *endpoint ? endpoint : NULL, name, version, &r, err))
        return false;
    const struct alias a = {.model = r.name, .name = alias, .endpoint = endpoint, .version = r.version};
    bool good = aliases_set(store, &a, who_runs(), "", err);
    if (good) {
        print_where(r.name, alias, endpoint);
        printf("%s@%u.\n", r.name, r.version);
    }
    version_record_clear(&r);
    return good;
}

static bool take_away(struct store *store, const char *name, const char *alias, const char *endpoint,
                      struct error *err) {
    const struct alias a = {.model = name, .name = alias, .endpoint = endpoint};
    bool there;
    if (!check_alias(alias, err) || !reference_check_name(str_from(name), "model", err) ||
        !aliases_there(store, &a, &there, err))
        return false;
    if (!there)
        return fail(err, ERR_NOT_FOUND, "the model \"%s\" has no alias \"%s\"%s%s", name, alias,
                    *endpoint ? " at " : "", endpoint);
    if (!aliases_set(store, &a, who_runs(), "", err))
        return false;
    print_where(name, alias, endpoint);
    puts("no more.");
    return true;
}

static void add(const struct alias *a, void *ctx) {
    struct listing *l = ctx;
    char time[CLOCK_TEXT_SIZE];
    if (l->json) {
        alias_write(a, &l->w);
        return;
    }
    clock_format(a->changed, time);
    table_cell_format(&l->table, "%s@%s", a->model, a->name);
    table_cell(&l->table, *a->endpoint ? str_from(a->endpoint) : STR("-"));
    table_cell_format(&l->table, "%s@%u", a->model, a->version);
    table_cell(&l->table, str_from(time));
}

bool models_alias_run(struct store *store, const char *endpoint, char **words, int count, bool json,
                      struct error *err) {
    static const char *const heads[] = {"ALIAS", "ENDPOINT", "VERSION", "SINCE"};
    struct listing l;
    if (endpoint && !reference_check_name(str_from(endpoint), "endpoint", err))
        return false;
    const char *where = endpoint ? endpoint : "";
    if (strcmp(words[0], "alias") == 0)
        return set(store, words[1], words[2], where, err);
    if (strcmp(words[0], "unalias") == 0)
        return take_away(store, words[1], words[2], where, err);
    const struct alias_filter filter = {.model = count > 1 ? words[1] : NULL, .endpoint = endpoint};
    listing_begin(&l, heads, ARRAY_COUNT(heads), json);
    return listing_end(&l, aliases_list(store, &filter, add, &l, err));
}
