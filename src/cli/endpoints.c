#include "cli/cli.h"

#include "base/clock.h"
#include "base/json.h"
#include "cli/listing.h"
#include "cli/store_option.h"
#include "store/endpoint_diff.h"
#include "store/endpoint_versions.h"
#include "store/object_json.h"

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

enum { OUTPUT_MAX = 64 << 20 };

/* ---- list ---- */

static void add(const struct endpoint_version *v, void *ctx) {
    struct listing *l = ctx;
    char time[CLOCK_TEXT_SIZE];
    clock_format(v->created, time);
    if (l->json) {
        json_object(&l->w);
        endpoint_version_fields(v, &l->w);
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

static void print_value(yyjson_val *value) {
    AUTO_BUF text = BUF_INIT(OUTPUT_MAX);
    json_value(&JSON_WRITER(&text), value);
    print_plain(stdout, value ? buf_str(&text) : STR("nothing"));
}

static void tell(const char *option, yyjson_val *before, yyjson_val *after, void *ctx) {
    struct diff *d = ctx;
    d->any = true;
    if (d->json) {
        endpoint_difference_write(option, before, after, &d->w);
        return;
    }
    printf("%s: ", option);
    print_value(before);
    fputs(" → ", stdout);
    print_value(after);
    putchar('\n');
}

static bool diff(struct store *store, const char *before, const char *after, bool json, struct error *err) {
    struct diff d = {.json = json, .text = BUF_INIT(OUTPUT_MAX)};
    char *a = NULL, *b = NULL;
    d.w = JSON_WRITER(&d.text);
    json_array(&d.w);
    bool good = body_of(store, before, &a, err) && body_of(store, after, &b, err) &&
                endpoint_diff(str_from(a), str_from(b), tell, &d, err) &&
                (!d.text.failed || fail(err, ERR_NO_MEMORY, "out of memory"));
    json_array_end(&d.w);
    if (good && json)
        puts(buf_terminated(&d.text) ? d.text.p : "[]");
    else if (good && !d.any)
        printf("%s and %s are the same.\n", before, after);
    buf_free(&d.text);
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
