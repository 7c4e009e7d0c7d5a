#include "cli/tags.h"

#include "base/clock.h"
#include "base/json.h"
#include "cli/listing.h"

#include <string.h>

bool tags_is_verb(char **words, int count) {
    bool sets = strcmp(words[0], "tag") == 0 || strcmp(words[0], "untag") == 0;
    return sets ? count >= 3 : strcmp(words[0], "tags") == 0 && count == 2;
}

static bool set_all(struct store *s, const struct tag *subject, bool remove, char **words, int count,
                    bool *changed, struct error *err) {
    for (int i = 0; i < count; i++) {
        struct tag tag = *subject;
        if (!tag_parse(str_from(words[i]), remove, &tag, err) || !tags_set(s, &tag, &changed[i], err))
            return false;
    }
    return true;
}

/* All of them or none. */
static bool set(struct store *s, const struct tag *subject, bool remove, char **words, int count,
                struct error *err) {
    bool changed[TAGS_MAX];
    if (count > TAGS_MAX)
        return fail(err, ERR_USAGE, "%d tags are more than there may be (%d).", count, TAGS_MAX);
    if (!store_begin(s, true, err))
        return false;
    if (!set_all(s, subject, remove, words, count, changed, err)) {
        store_rollback(s);
        return false;
    }
    if (!store_commit(s, err))
        return false;
    for (int i = 0; i < count; i++)
        printf("%s%s%s\n", remove ? "without " : "", words[i], changed[i] ? "" : " (it was so already)");
    return true;
}

static const char *standing(const struct tag *tag) {
    return tag->superseded ? "superseded" : tag->removed ? "removed" : "holds";
}

static void add_row(const struct tag *tag, void *ctx) {
    struct table *t = &((struct listing *)ctx)->table;
    char time[CLOCK_TEXT_SIZE];
    clock_format(tag->created, time);
    table_cell(t, str_from(tag->key));
    table_cell(t, str_from(tag->removed ? "(taken away)" : tag->value));
    table_cell(t, str_from(time));
    table_cell(t, str_from(standing(tag)));
}

static void add_json(const struct tag *tag, void *ctx) {
    struct json_writer *w = &((struct listing *)ctx)->w;
    char time[CLOCK_TEXT_SIZE];
    clock_format(tag->created, time);
    json_object(w);
    json_field_text(w, "key", tag->key);
    json_field_text(w, "value", tag->removed ? NULL : tag->value);
    json_field_text(w, "created", time);
    json_field_bool(w, "holds", !tag->superseded && !tag->removed);
    json_object_end(w);
}

static bool print_all(struct store *s, const struct tags_command *c, const struct tag *of,
                      struct error *err) {
    static const char *const heads[] = {"KEY", "VALUE", "SET", ""};
    struct listing l;
    listing_begin(&l, heads, ARRAY_COUNT(heads), c->json);
    return listing_end(&l, tags_visit(s, of->subject, of->name, of->version, c->history,
                                      c->json ? add_json : add_row, &l, err));
}

bool tags_run(struct store *s, const struct tags_command *c, char **words, int count, struct error *err) {
    struct tag of = {.subject = c->subject};
    if (!reference_parse(str_from(words[1]), c->noun, of.name, &of.version, err) ||
        !c->exists(s, of.name, of.version, err))
        return false;
    if (strcmp(words[0], "tags") == 0)
        return print_all(s, c, &of, err);
    return set(s, &of, strcmp(words[0], "untag") == 0, words + 2, count - 2, err);
}

static void print_tag(const struct tag *tag, void *ctx) {
    bool *any = ctx;
    fputs(*any ? ", " : "tags      ", stdout);
    printf("%s=", tag->key);
    print_plain(stdout, str_from(tag->value));
    *any = true;
}

bool tags_print_line(struct store *s, enum tag_subject subject, const char *name, unsigned version,
                     struct error *err) {
    bool any = false, good = tags_visit(s, subject, name, version, false, print_tag, &any, err);
    if (any)
        putchar('\n');
    return good;
}
