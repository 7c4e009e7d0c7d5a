#include "cli/cli.h"

#include "base/clock.h"
#include "base/json.h"
#include "chat/prompt.h"
#include "cli/file_argument.h"
#include "cli/listing.h"
#include "cli/store_option.h"
#include "cli/table.h"
#include "cli/tags.h"
#include "store/object_json.h"
#include "store/prompts.h"
#include "store/registry.h"

#include <string.h>

static const char help[] =
    "Usage: penstock prompts add FILE\n"
    "       penstock prompts list\n"
    "       penstock prompts show NAME[@VERSION]\n"
    "       penstock prompts render NAME[@VERSION] [--var NAME=VALUE…]\n"
    "       penstock prompts tag NAME[@VERSION] KEY=VALUE… | untag NAME[@VERSION] KEY… | tags "
    "NAME[@VERSION]\n\n"
    "  add     the next version of the template's name (docs/prompts.md); a text that is there already gets "
    "no "
    "new one\n"
    "  list    all prompts and versions, the newest first\n"
    "  show    a version's text\n"
    "  render  the messages that it becomes with these values\n" TAGS_HELP "\n"
    "      --var NAME=VALUE  a variable's value; JSON where its type is json\n"
    "      --history         tags that no longer hold, too\n" STORE_OPTIONS_HELP;

enum { OUTPUT_MAX = 64 << 20, VALUES_MAX = PROMPT_VARIABLES_MAX, OPTION_VAR = OPTION_OWN, OPTION_HISTORY };

struct values {
    const char *list[VALUES_MAX];
    size_t count;
};

struct prompts_command {
    struct values values;
    bool history;
};

/* ---- add ---- */

static bool add(struct store *store, const char *path, bool json, struct error *err) {
    AUTO_BUF text = BUF_INIT(PROMPT_BYTES_MAX + 1);
    unsigned version;
    bool added;
    if (!file_argument_read(path, "a prompt", PROMPT_BYTES_MAX, &text, err))
        return false;
    struct prompt *p = prompt_parse(buf_str(&text), err);
    if (!p)
        return fail_within(err, "%s", path);
    bool good = prompts_add(store, prompt_name(p), buf_str(&text), &version, &added, err);
    if (good && json)
        printf("{\"name\":\"%s\",\"version\":%u,\"added\":%s}\n", prompt_name(p), version,
               added ? "true" : "false");
    else if (good)
        printf("%s@%u%s\n", prompt_name(p), version, added ? "" : " (it was there already)");
    prompt_unref(p);
    return good;
}

/* ---- list, show ---- */

static void add_json(const struct prompt_record *r, void *ctx) {
    struct json_writer *w = &((struct listing *)ctx)->w;
    json_object(w);
    prompt_fields(r, w);
    json_object_end(w);
}

static void add_row(const struct prompt_record *r, void *ctx) {
    struct table *t = &((struct listing *)ctx)->table;
    char time[CLOCK_TEXT_SIZE];
    clock_format(r->created, time);
    table_cell_format(t, "%s@%u", r->name, r->version);
    table_cell(t, str_from(time));
    table_cell(t, str_slice(str_from(r->hash), 0, 12));
}

static bool list(struct store *store, bool json, struct error *err) {
    static const char *const heads[] = {"PROMPT", "CREATED", "HASH"};
    struct listing l;
    listing_begin(&l, heads, ARRAY_COUNT(heads), json);
    return listing_end(&l, prompts_list(store, json ? add_json : add_row, &l, err));
}

static bool find(struct store *store, const char *reference, struct prompt_record *out, struct error *err) {
    char name[MODEL_NAME_MAX + 1];
    unsigned version;
    return registry_parse_reference(str_from(reference), name, &version, err) &&
           prompts_find(store, name, version, out, err);
}

static bool show(struct store *store, const char *reference, bool json, struct error *err) {
    struct prompt_record r;
    if (!find(store, reference, &r, err))
        return false;
    if (json) {
        AUTO_BUF out = BUF_INIT(OUTPUT_MAX);
        struct json_writer w = JSON_WRITER(&out);
        json_object(&w);
        prompt_fields(&r, &w);
        json_field_text(&w, "text", r.text);
        json_object_end(&w);
        puts(buf_terminated(&out) ? out.p : "{}");
    } else {
        printf("# %s@%u, %.12s\n", r.name, r.version, r.hash);
        fputs(r.text, stdout);
    }
    prompt_record_clear(&r);
    return true;
}

/* ---- render ---- */

/* {"name":value,…} of the command line's words. */
static bool write_values(const struct prompt *p, const struct values *values, struct buf *out,
                         struct error *err) {
    struct json_writer w = JSON_WRITER(out);
    json_object(&w);
    for (size_t i = 0; i < values->count; i++) {
        struct str rest = str_from(values->list[i]), name = str_split(&rest, '=');
        if (name.n == strlen(values->list[i]))
            return fail(err, ERR_USAGE, "--var \"%.60s\": expected NAME=VALUE", values->list[i]);
        if (!prompt_value_from_text(p, name, rest, &w, err))
            return false;
    }
    json_object_end(&w);
    return true;
}

static void print_messages(yyjson_val *messages) {
    size_t i, max;
    yyjson_val *message;
    yyjson_arr_foreach(messages, i, max, message) {
        struct str role = json_str_of(yyjson_obj_get(message, "role")),
                   content = json_str_of(yyjson_obj_get(message, "content"));
        printf("%s%.*s:\n%.*s\n", i ? "\n" : "", STR_ARG(role), STR_ARG(content));
    }
}

static bool print_rendered(const struct prompt *p, const struct values *values, bool json,
                           struct error *err) {
    AUTO_BUF given = BUF_INIT(OUTPUT_MAX), out = BUF_INIT(OUTPUT_MAX);
    if (!write_values(p, values, &given, err))
        return false;
    yyjson_doc *doc = json_parse(buf_str(&given), err);
    if (!doc)
        return false;
    buf_add_char(&out, '[');
    bool good = prompt_render(p, yyjson_doc_get_root(doc), &out, err);
    yyjson_doc_free(doc);
    if (!good)
        return false;
    buf_add_char(&out, ']');
    if (json) {
        puts(buf_terminated(&out) ? out.p : "[]");
        return true;
    }
    doc = json_parse(buf_str(&out), err);
    if (!doc)
        return false;
    print_messages(yyjson_doc_get_root(doc));
    yyjson_doc_free(doc);
    return true;
}

static bool render(struct store *store, const char *reference, const struct values *values, bool json,
                   struct error *err) {
    struct prompt_record r;
    if (!find(store, reference, &r, err))
        return false;
    struct prompt *p = prompt_parse(str_from(r.text), err);
    bool good = p && print_rendered(p, values, json, err);
    prompt_unref(p);
    prompt_record_clear(&r);
    return good;
}

/* ---- the command ---- */

static bool exists(struct store *store, const char *name, unsigned version, struct error *err) {
    struct prompt_record r;
    if (!prompts_find(store, name, version, &r, err))
        return false;
    prompt_record_clear(&r);
    return true;
}

static bool run(void *ctx, const struct store_option *option, char **words, int count, struct error *err) {
    const struct prompts_command *c = ctx;
    const struct tags_command tag_verbs = {TAG_PROMPT, "prompt", exists, c->history, option->json};
    const char *verb = words[0];
    bool adds = strcmp(verb, "add") == 0, shows = strcmp(verb, "show") == 0,
         renders = strcmp(verb, "render") == 0, lists = strcmp(verb, "list") == 0,
         tags = tags_is_verb(words, count);
    struct store *store;
    if (!tags && (lists ? count != 1 : !(adds || shows || renders) || count != 2))
        return fail(
            err, ERR_USAGE,
            "expected \"add FILE\", \"list\", \"show NAME[@VERSION]\", \"render NAME[@VERSION]\", \"tag NAME "
            "KEY=VALUE\", \"untag NAME KEY\" or \"tags NAME\"");
    if (!store_option_open(option, adds, &store, err))
        return false;
    bool good = tags    ? tags_run(store, &tag_verbs, words, count, err)
                : lists ? list(store, option->json, err)
                : adds  ? add(store, words[1], option->json, err)
                : shows ? show(store, words[1], option->json, err)
                        : render(store, words[1], &c->values, option->json, err);
    store_close(store);
    return good;
}

static bool read_option(void *ctx, int option, const char *value, struct error *err) {
    struct prompts_command *c = ctx;
    if (option == OPTION_HISTORY) {
        c->history = true;
        return true;
    }
    if (c->values.count == VALUES_MAX)
        return fail(err, ERR_USAGE, "there are more than %d values", VALUES_MAX);
    c->values.list[c->values.count++] = value;
    return true;
}

int cli_prompts(int argc, char **argv) {
    static const struct option options[] = {{"var", required_argument, NULL, OPTION_VAR},
                                            {"history", no_argument, NULL, OPTION_HISTORY},
                                            STORE_LONG_OPTIONS,
                                            {0}};
    static const struct store_command command = {"prompts", help, options, read_option, run};
    struct prompts_command c = {0};
    return store_command_run(&command, &c, argc, argv);
}
