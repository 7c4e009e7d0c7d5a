#include "cli/models_archive.h"

#include "chat/prompt.h"

#include <stdio.h>

/* ---- export ---- */

struct parsed {
    char names[2 * ARCHIVE_WORDS_MAX][REFERENCE_NAME_MAX + 1];
    struct archive_reference list[2 * ARCHIVE_WORDS_MAX];
    size_t count;
};

static bool parse(struct parsed *p, const char *what, const char *const *words, size_t count,
                  struct error *err) {
    for (size_t i = 0; i < count; i++) {
        struct archive_reference *r = &p->list[p->count];
        r->name = p->names[p->count];
        if (!reference_parse(str_from(words[i]), what, p->names[p->count], &r->version, err))
            return false;
        p->count++;
    }
    return true;
}

bool models_export(struct store *s, const struct archive_words *words, const char *path, struct error *err) {
    struct parsed p = {0};
    uint64_t bytes;
    if (words->model_count > ARCHIVE_WORDS_MAX)
        return fail(err, ERR_USAGE, "there are more than %d models", ARCHIVE_WORDS_MAX);
    if (!parse(&p, "model", (const char *const *)words->models, words->model_count, err) ||
        !parse(&p, "prompt", words->prompts, words->prompt_count, err))
        return false;
    const struct archive_wish wish = {.versions = p.list,
                                      .version_count = words->model_count,
                                      .prompts = p.list + words->model_count,
                                      .prompt_count = words->prompt_count,
                                      .files = words->files};
    if (!archive_export(s, &wish, path, &bytes, err))
        return false;
    if (words->json)
        printf("{\"bytes\":%llu}\n", (unsigned long long)bytes);
    else
        printf("%s: %llu bytes\n", path, (unsigned long long)bytes);
    return true;
}

/* ---- import ---- */

static bool check_prompt(const struct prompt_record *r, struct error *err) {
    struct prompt *p = prompt_parse(str_from(r->text), err);
    if (!p)
        return fail_within(err, "The archive's prompt %s@%u", r->name, r->version);
    bool good = strcmp(prompt_name(p), r->name) == 0 ||
                fail(err, ERR_DATA, "The archive's prompt %s@%u calls itself %.80s.", r->name, r->version,
                     prompt_name(p));
    prompt_unref(p);
    return good;
}

static void print_object(const char *kind, const char *name, unsigned version, unsigned number, bool added,
                         void *ctx) {
    printf("%-8s %s@%u", kind, name, number);
    if (!added)
        fputs(" (it was there already)", stdout);
    else if (number != version)
        printf(" (%s@%u in the archive: that number is another's here)", name, version);
    putchar('\n');
}

static void write_object(const char *kind, const char *name, unsigned version, unsigned number, bool added,
                         void *ctx) {
    struct json_writer *w = ctx;
    json_object(w);
    json_field_text(w, "kind", kind);
    json_field_text(w, "name", name);
    json_field_int(w, "version", number);
    json_field_int(w, "archive_version", version);
    json_field_bool(w, "added", added);
    json_object_end(w);
}

bool models_import(struct store *s, const char *path, bool json, struct error *err) {
    AUTO_BUF out = BUF_INIT(ARCHIVE_INDEX_MAX);
    struct json_writer w = JSON_WRITER(&out);
    const struct archive_import how = {check_prompt, json ? write_object : print_object, &w};
    json_array(&w);
    if (!archive_import(s, path, &how, err))
        return false;
    json_array_end(&w);
    if (json)
        puts(buf_terminated(&out) ? out.p : "[]");
    return true;
}
