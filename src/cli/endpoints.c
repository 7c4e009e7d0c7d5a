#include "cli/cli.h"

#include "base/clock.h"
#include "base/json.h"
#include "cli/listing.h"
#include "cli/store_option.h"
#include "store/endpoint_versions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] = "Usage: penstock endpoints list [ENDPOINT]\n"
                           "       penstock endpoints show ENDPOINT[@VERSION]\n"
                           "       penstock endpoints diff ENDPOINT@VERSION ENDPOINT[@VERSION]\n\n"
                           "Tells how endpoints were configured: each distinct configuration that a server "
                           "took up has a number. show "
                           "prints\n"
                           "all of its options and the hashes of its files (secrets: only whether they are "
                           "set); diff what differs.\n\n" STORE_OPTIONS_HELP;

enum { OUTPUT_MAX = 64 << 20, PATH_SIZE = 400, DEPTH_MAX = 32 };

/* ---- list ---- */

static void add(const struct endpoint_version *v, void *ctx) {
    struct listing *l = ctx;
    char time[CLOCK_TEXT_SIZE];
    clock_format(v->created, time);
    if (l->json) {
        json_object(&l->w);
        json_field_text(&l->w, "endpoint", v->endpoint);
        json_field_int(&l->w, "version", v->version);
        json_field_text(&l->w, "created", time);
        json_field_text(&l->w, "hash", v->hash);
        json_object_end(&l->w);
        return;
    }
    table_cell_format(&l->table, "%s@%u", v->endpoint, v->version);
    table_cell(&l->table, str_from(time));
    table_cell(&l->table, str_slice(str_from(v->hash), 0, 12));
}

static bool list(struct store *store, const char *endpoint, bool json, struct error *err) {
    static const char *const heads[] = {"ENDPOINT", "SINCE", "HASH"};
    struct listing l;
    listing_begin(&l, heads, ARRAY_COUNT(heads), json);
    return listing_end(&l, endpoint_versions_list(store, endpoint, add, &l, err));
}

/* ---- show ---- */

static void keep_body(const struct endpoint_version *v, void *ctx) {
    *(char **)ctx = str_dup(str_from(v->body));
}

/* Freed by the caller. */
static bool body_of(struct store *store, const char *reference, char **out, struct error *err) {
    char name[REFERENCE_NAME_MAX + 1];
    unsigned version;
    bool found;
    *out = NULL;
    if (!reference_parse(str_from(reference), "endpoint", name, &version, err) ||
        !endpoint_versions_find(store, name, version, &found, keep_body, out, err))
        return false;
    if (!found)
        return fail(err, ERR_NOT_FOUND, "no server has taken up a configuration \"%.80s\"", reference);
    return *out || fail(err, ERR_NO_MEMORY, "out of memory");
}

static bool show(struct store *store, const char *reference, struct error *err) {
    char *body;
    if (!body_of(store, reference, &body, err))
        return false;
    puts(body);
    free(body);
    return true;
}

/* ---- diff ---- */

struct diff {
    bool json, any;
    struct buf text;
    struct json_writer w;
};

static void write_value(struct buf *out, yyjson_val *value) {
    size_t n = 0;
    char *text = value ? yyjson_val_write(value, YYJSON_WRITE_NOFLAG, &n) : NULL;
    buf_add_str(out, text ? (struct str){text, n} : STR("nothing"));
    free(text);
}

static void tell(struct diff *d, const char *path, yyjson_val *before, yyjson_val *after) {
    AUTO_BUF from = BUF_INIT(OUTPUT_MAX);
    AUTO_BUF to = BUF_INIT(OUTPUT_MAX);
    write_value(&from, before);
    write_value(&to, after);
    d->any = true;
    if (d->json) {
        json_object(&d->w);
        json_field_text(&d->w, "option", path);
        json_key(&d->w, "before");
        before ? json_raw(&d->w, buf_str(&from)) : json_null(&d->w);
        json_key(&d->w, "after");
        after ? json_raw(&d->w, buf_str(&to)) : json_null(&d->w);
        json_object_end(&d->w);
        return;
    }
    printf("%s: ", path);
    print_plain(stdout, buf_str(&from));
    fputs(" → ", stdout);
    print_plain(stdout, buf_str(&to));
    putchar('\n');
}

static void compare(struct diff *d, const char *path, yyjson_val *a, yyjson_val *b, unsigned depth);

static void compare_members(struct diff *d, const char *path, yyjson_val *a, yyjson_val *b, unsigned depth) {
    size_t i, max;
    yyjson_val *key, *value;
    char inner[PATH_SIZE];
    yyjson_obj_foreach(a, i, max, key, value) {
        snprintf(inner, sizeof inner, "%s%s%s", path, *path ? "." : "", yyjson_get_str(key));
        compare(d, inner, value, yyjson_obj_get(b, yyjson_get_str(key)), depth);
    }
    yyjson_obj_foreach(b, i, max, key, value) {
        if (yyjson_obj_get(a, yyjson_get_str(key)))
            continue;
        snprintf(inner, sizeof inner, "%s%s%s", path, *path ? "." : "", yyjson_get_str(key));
        tell(d, inner, NULL, value);
    }
}

static void compare(struct diff *d, const char *path, yyjson_val *a, yyjson_val *b, unsigned depth) {
    if (depth < DEPTH_MAX && yyjson_is_obj(a) && yyjson_is_obj(b))
        compare_members(d, path, a, b, depth + 1);
    else if (!b || !yyjson_equals(a, b))
        tell(d, path, a, b);
}

static bool diff(struct store *store, const char *before, const char *after, bool json, struct error *err) {
    struct diff d = {.json = json, .text = BUF_INIT(OUTPUT_MAX)};
    char *a = NULL, *b = NULL;
    yyjson_doc *from = NULL, *to = NULL;
    bool good = body_of(store, before, &a, err) && body_of(store, after, &b, err) &&
                (from = json_parse(str_from(a), err)) && (to = json_parse(str_from(b), err));
    d.w = JSON_WRITER(&d.text);
    json_array(&d.w);
    if (good)
        compare(&d, "", yyjson_doc_get_root(from), yyjson_doc_get_root(to), 0);
    json_array_end(&d.w);
    if (good && json)
        puts(buf_terminated(&d.text) ? d.text.p : "[]");
    else if (good && !d.any)
        printf("%s and %s are the same.\n", before, after);
    buf_free(&d.text);
    yyjson_doc_free(from);
    yyjson_doc_free(to);
    free(a);
    free(b);
    return good;
}

/* ---- the command ---- */

static bool run(void *ctx, const struct store_option *o, char **words, int count, struct error *err) {
    bool lists = strcmp(words[0], "list") == 0 && count <= 2,
         shows = strcmp(words[0], "show") == 0 && count == 2,
         compares = strcmp(words[0], "diff") == 0 && count == 3;
    struct store *store;
    if (!lists && !shows && !compares)
        return fail(err, ERR_USAGE,
                    "expected list [ENDPOINT], show ENDPOINT[@VERSION] or diff ENDPOINT@VERSION ENDPOINT");
    if (!store_option_open(o, false, &store, err))
        return false;
    bool good = lists   ? list(store, count > 1 ? words[1] : NULL, o->json, err)
                : shows ? show(store, words[1], err)
                        : diff(store, words[1], words[2], o->json, err);
    store_close(store);
    return good;
}

int cli_endpoints(int argc, char **argv) {
    static const struct option options[] = {STORE_LONG_OPTIONS, {0}};
    static const struct store_command command = {"endpoints", help, options, NULL, run};
    return store_command_run(&command, NULL, argc, argv);
}
