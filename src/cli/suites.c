#include "cli/suites.h"

#include "base/clock.h"
#include "cli/cli.h"
#include "cli/listing.h"
#include "cli/store_option.h"
#include "cli/table.h"
#include "evals/suite.h"
#include "store/blobs.h"
#include "store/object_json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char help[] =
    "Usage: penstock suites add FILE\n"
    "       penstock suites list\n"
    "       penstock suites show NAME[@VERSION]\n"
    "       penstock suites write NAME[@VERSION] FOLDER\n\n"
    "  add    the next version of a suite (docs/evaluation.md) with all files that it names; what is there "
    "already\n"
    "         gets no new one. \"penstock eval\" adds what it judges by\n"
    "  list   all suites and versions, the newest first\n"
    "  show   its files\n"
    "  write  its files, into a folder that is not there yet\n\n" STORE_OPTIONS_HELP;

enum { OUTPUT_MAX = 16 << 20 };

/* ---- add ---- */

struct keeping {
    struct store *store;
    struct suite_record *r;
};

static bool keep_file(void *ctx, struct str name, struct str bytes, struct error *err) {
    const struct keeping *k = ctx;
    struct suite_record *r = k->r;
    if (r->file_count == SUITE_FILES_MAX)
        return fail(err, ERR_DATA, "A suite of more than %d files is not kept.", SUITE_FILES_MAX);
    struct suite_file *f = &r->files[r->file_count];
    if (!suite_file_check(name, err) || !blob_put_unsynced(store_folder(k->store), bytes, f->hash, err))
        return false;
    str_put(name, f->name, sizeof f->name);
    f->size = bytes.n;
    r->file_count++;
    return true;
}

bool suite_keep(struct store *s, const char *path, const char *expected, struct suite_record *out,
                bool *added, struct error *err) {
    struct keeping k = {s, out};
    struct suite *suite;
    *out = (struct suite_record){0};
    if (!suite_load_noting(path, keep_file, &k, &suite, err))
        return false;
    bool good = reference_check_name(suite->name, "suite", err);
    str_put(suite->name, out->name, sizeof out->name);
    str_put(str_from(suite->hash), out->hash, sizeof out->hash);
    suite_free(suite);
    if (good && expected && strcmp(expected, out->hash) != 0)
        return fail(err, ERR_DATA, "%s was changed meanwhile.", path);
    return good && blob_sync(store_folder(s), err) && suites_add(s, out, added, err);
}

static bool add(struct store *s, const char *path, bool json, struct error *err) {
    struct suite_record r;
    bool added;
    if (!suite_keep(s, path, NULL, &r, &added, err))
        return false;
    if (json)
        printf("{\"name\":\"%s\",\"version\":%u,\"hash\":\"%s\",\"added\":%s}\n", r.name, r.version, r.hash,
               added ? "true" : "false");
    else
        printf("%s@%u%s\n", r.name, r.version, added ? "" : " (it was there already)");
    return true;
}

/* ---- list, show ---- */

static void add_json(const struct suite_record *r, void *ctx) {
    struct listing *l = ctx;
    suite_write(r, &l->w);
}

static void add_row(const struct suite_record *r, void *ctx) {
    struct table *t = &((struct listing *)ctx)->table;
    char time[CLOCK_TEXT_SIZE];
    clock_format(r->created, time);
    table_cell_format(t, "%s@%u", r->name, r->version);
    table_cell_format(t, "%zu", r->file_count);
    table_cell(t, str_from(time));
    table_cell(t, str_slice(str_from(r->hash), 0, 12));
}

static bool list(struct store *s, bool json, struct error *err) {
    static const char *const heads[] = {"SUITE", "FILES", "CREATED", "HASH"};
    struct listing l;
    listing_begin(&l, heads, ARRAY_COUNT(heads), json);
    return listing_end(&l, suites_list(s, json ? add_json : add_row, &l, err));
}

static bool find(struct store *s, const char *reference, struct suite_record *out, struct error *err) {
    char name[REFERENCE_NAME_MAX + 1];
    unsigned version;
    return reference_parse(str_from(reference), "suite", name, &version, err) &&
           suites_find(s, name, version, out, err);
}

static bool show(struct store *s, const char *reference, bool json, struct error *err) {
    static const char *const heads[] = {"FILE", "BYTES", "SHA-256"};
    struct suite_record r;
    if (!find(s, reference, &r, err))
        return false;
    if (json) {
        AUTO_BUF out = BUF_INIT(OUTPUT_MAX);
        struct json_writer w = JSON_WRITER(&out);
        suite_write(&r, &w);
        puts(buf_terminated(&out) ? out.p : "{}");
        return true;
    }
    printf("%s@%u\nhash      %s\n\n", r.name, r.version, r.hash);
    struct table t = table_new(heads, ARRAY_COUNT(heads));
    for (size_t i = 0; i < r.file_count; i++) {
        table_cell(&t, str_from(r.files[i].name));
        table_cell_format(&t, "%llu", (unsigned long long)r.files[i].size);
        table_cell(&t, str_from(r.files[i].hash));
    }
    table_print(&t, stdout);
    return true;
}

/* ---- write ---- */

/* The folders above a file, below `folder`. */
static bool make_folders(char *path, size_t from, struct error *err) {
    for (char *slash = strchr(path + from, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        bool good =
            mkdir(path, 0777) == 0 || errno == EEXIST || fail(err, ERR_IO, "Cannot make %s: %m.", path);
        *slash = '/';
        if (!good)
            return false;
    }
    return true;
}

/* A suite may name a file twice: then it is there. */
static bool write_file(const char *folder, const struct suite_file *f, struct str bytes, struct error *err) {
    char path[4096];
    if (snprintf(path, sizeof path, "%s/%s", folder, f->name) >= (int)sizeof path)
        return fail(err, ERR_IO, "%.100s…: the path is too long.", path);
    if (!make_folders(path, strlen(folder) + 1, err))
        return false;
    FILE *out = fopen(path, "wxe");
    if (!out)
        return errno == EEXIST || fail(err, ERR_IO, "Cannot make %s: %m.", path);
    bool good = fwrite(bytes.p, 1, bytes.n, out) == bytes.n;
    good = fclose(out) == 0 && good;
    return good || fail(err, ERR_IO, "Writing %s failed: %m.", path);
}

/* Its files one after the other: adds them to the hash, or writes them into a folder that is not NULL. */
static bool each_file(struct store *s, const struct suite_record *r, struct sha256 *hash, const char *folder,
                      struct error *err) {
    for (size_t i = 0; i < r->file_count; i++) {
        struct blob blob;
        if (!blob_map(store_folder(s), r->files[i].hash, true, &blob, err))
            return false;
        if (hash)
            sha256_add(hash, blob.bytes);
        bool good = !folder || write_file(folder, &r->files[i], blob.bytes, err);
        blob_unmap(&blob);
        if (!good)
            return false;
    }
    return true;
}

/* An archive may say that a suite's hash is whatever it likes. */
static bool check_hash(struct store *s, const struct suite_record *r, struct error *err) {
    unsigned char digest[SHA256_SIZE];
    char hex[SHA256_HEX_SIZE] = "";
    struct sha256 *hash = sha256_begin();
    bool good = hash ? each_file(s, r, hash, NULL, err) : fail(err, ERR_NO_MEMORY, "out of memory");
    sha256_end(hash, hash ? digest : NULL);
    if (good)
        sha256_hex(digest, hex);
    return good &&
           (strcmp(hex, r->hash) == 0 ||
            fail(err, ERR_ARTEFACT, "The files of %s@%u do not have the suite's hash.", r->name, r->version));
}

static bool write_files(struct store *s, const char *reference, const char *folder, struct error *err) {
    struct suite_record r;
    if (!find(s, reference, &r, err) || !check_hash(s, &r, err))
        return false;
    if (mkdir(folder, 0777) != 0)
        return fail(err, ERR_IO, "Cannot make the folder %s: %m.", folder);
    if (!each_file(s, &r, NULL, folder, err))
        return false;
    printf("%s/%s\n", folder, r.files[0].name);
    return true;
}

/* ---- the command ---- */

static bool run(void *ctx, const struct store_option *option, char **words, int count, struct error *err) {
    const char *verb = words[0];
    bool lists = strcmp(verb, "list") == 0 && count == 1, adds = strcmp(verb, "add") == 0 && count == 2,
         shows = strcmp(verb, "show") == 0 && count == 2, writes = strcmp(verb, "write") == 0 && count == 3;
    struct store *store;
    if (!lists && !adds && !shows && !writes)
        return fail(
            err, ERR_USAGE,
            "expected \"add FILE\", \"list\", \"show NAME[@VERSION]\" or \"write NAME[@VERSION] FOLDER\"");
    if (!store_option_open(option, adds, &store, err))
        return false;
    bool good = lists   ? list(store, option->json, err)
                : adds  ? add(store, words[1], option->json, err)
                : shows ? show(store, words[1], option->json, err)
                        : write_files(store, words[1], words[2], err);
    store_close(store);
    return good;
}

int cli_suites(int argc, char **argv) {
    static const struct option options[] = {STORE_LONG_OPTIONS, {0}};
    static const struct store_command command = {"suites", help, options, NULL, run};
    return store_command_run(&command, NULL, argc, argv);
}
