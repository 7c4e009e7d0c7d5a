#include "cli/models_alias.h"

#include "base/clock.h"
#include "cli/listing.h"
#include "cli/store_option.h"
#include "store/aliases.h"
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

static bool set(struct store *store, const char *reference, const char *alias, struct error *err) {
    char name[MODEL_NAME_MAX + 1];
    unsigned version;
    struct version_record r;
    if (!check_alias(alias, err) || !registry_parse_reference(str_from(reference), name, &version, err) ||
        !registry_find(store, name, version, &r, err))
        return false;
    bool good = aliases_set(store, r.name, alias, r.version, who_runs(), "", err);
    if (good)
        printf("%s@%s is %s@%u.\n", r.name, alias, r.name, r.version);
    version_record_clear(&r);
    return good;
}

static bool take_away(struct store *store, const char *name, const char *alias, struct error *err) {
    unsigned version;
    if (!check_alias(alias, err) || !reference_check_name(str_from(name), "model", err) ||
        !aliases_find(store, name, alias, &version, err))
        return false;
    if (!version)
        return fail(err, ERR_NOT_FOUND, "the model \"%s\" has no alias \"%s\"", name, alias);
    if (!aliases_set(store, name, alias, 0, who_runs(), "", err))
        return false;
    printf("%s@%s is no more.\n", name, alias);
    return true;
}

static void add(const char *model, const char *alias, unsigned version, int64_t changed, void *ctx) {
    struct listing *l = ctx;
    char time[CLOCK_TEXT_SIZE], reference[REFERENCE_SIZE];
    clock_format(changed, time);
    snprintf(reference, sizeof reference, "%s@%u", model, version);
    if (l->json) {
        json_object(&l->w);
        json_field_text(&l->w, "model", model);
        json_field_text(&l->w, "alias", alias);
        json_field_text(&l->w, "version", reference);
        json_field_text(&l->w, "changed", time);
        json_object_end(&l->w);
        return;
    }
    table_cell_format(&l->table, "%s@%s", model, alias);
    table_cell(&l->table, str_from(reference));
    table_cell(&l->table, str_from(time));
}

bool models_alias_run(struct store *store, char **words, int count, bool json, struct error *err) {
    static const char *const heads[] = {"ALIAS", "VERSION", "SINCE"};
    struct listing l;
    if (strcmp(words[0], "alias") == 0)
        return set(store, words[1], words[2], err);
    if (strcmp(words[0], "unalias") == 0)
        return take_away(store, words[1], words[2], err);
    listing_begin(&l, heads, ARRAY_COUNT(heads), json);
    return listing_end(&l, aliases_list(store, count > 1 ? words[1] : NULL, add, &l, err));
}
