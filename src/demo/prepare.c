#include "demo/prepare.h"

#include "base/buf.h"
#include "base/clock.h"
#include "demo/folder.h"
#include "documents/documents.h"
#include "learn/document_rows.h"
#include "learn/registration.h"

#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Goes up whenever what is written or trained changes, so that older folders are made anew. */
enum { DEMO_VERSION = 3 };

enum { TEXTS_PER_INTENT = 170, TEXTS_HELD_OUT = 30 };

/* A step that says how long it took. */
static int64_t begin(const char *what) {
    printf("    %s … ", what);
    fflush(stdout);
    return clock_monotonic();
}

static double since(int64_t start) {
    return (double)(clock_monotonic() - start) / NS_PER_SECOND;
}

static void describe(const struct demo_options *o, char out[128]) {
    snprintf(out, 128, "penstock demo %d, visual %d, count %u, seed %" PRIu64 "\n", DEMO_VERSION,
             DOCUMENT_VISUAL_VERSION, o->count, o->seed);
}

/* The stamp is written last, so a folder that was given up half way has none. */
static bool is_prepared(const struct demo_folder *folder, const char *description, struct error *err) {
    char path[PATH_MAX], text[128] = "";
    if (!demo_path(folder, path, err, "prepared"))
        return false;
    FILE *in = fopen(path, "re");
    if (!in)
        return false;
    size_t n = fread(text, 1, sizeof text - 1, in);
    fclose(in);
    return n > 0 && strcmp(text, description) == 0;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *place) {
    return remove(path);
}

/* Only what an earlier run made may be replaced: a folder with anything in it but our marker is not ours. */
static bool claim(const struct demo_folder *folder, struct error *err) {
    static const char *const made[] = {"documents", "holdout", "rules", "penstock-data"};
    char path[PATH_MAX];
    if (mkdir(folder->path, 0777) != 0 && errno != EEXIST)
        return fail(err, ERR_IO, "%s cannot be made: %s", folder->path, strerror(errno));
    if (!demo_path(folder, path, err, ".penstock-demo"))
        return false;
    if (access(path, F_OK) != 0 && rmdir(folder->path) != 0)
        return fail(err, ERR_IO,
                    "%s is there and was not made by `penstock demo prepare`; choose another with --folder",
                    folder->path);
    if (mkdir(folder->path, 0777) != 0 && errno != EEXIST)
        return fail(err, ERR_IO, "%s cannot be made: %s", folder->path, strerror(errno));
    if (!demo_write_file(path, STR("made by penstock demo prepare, which replaces what is in this folder\n"),
                         err) ||
        !demo_path(folder, path, err, "prepared"))
        return false;
    unlink(path);
    for (size_t i = 0; i < ARRAY_COUNT(made); i++) {
        if (!demo_path(folder, path, err, "%s", made[i]))
            return false;
        nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
        if (mkdir(path, 0700) != 0)
            return fail(err, ERR_IO, "%s cannot be made anew: %s", path, strerror(errno));
    }
    return true;
}

static bool write_data(const struct demo_folder *folder, struct error *err) {
    char what[128];
    snprintf(what, sizeof what, "drawing and photographing %u documents",
             5 * (folder->documents + folder->documents_held_out));
    int64_t start = begin(what);
    if (!demo_write_documents(folder, err) || !demo_write_texts(folder, err))
        return false;
    printf("%.1f s\n", since(start));
    return true;
}

/* Trains on what the reader gives (which is freed) and stores the next version of `name`. */
static bool train(struct store *store, const char *name, const char *source, struct row_reader *reader,
                  char reference[80], struct error *err) {
    char what[128];
    snprintf(what, sizeof what, "training %s", name);
    int64_t start = begin(what);
    struct train_options options = {.name = name};
    struct registration registration = {.name = name, .backend = "linear", .source = source};
    struct registered registered;
    struct trained trained;
    bool good = learn_train(&options, reader, &trained, err);
    row_reader_free(reader);
    if (!good)
        return fail_within(err, "training %s", name);
    good = registration_add(store, &registration, &trained, &registered, err);
    if (good) {
        snprintf(reference, 80, "%s@%u", name, registered.version);
        printf("%.1f s: %s, %zu rows, accuracy %.1f %% (cross-validated)\n", since(start), reference,
               trained.rows, trained.quality.accuracy * 100);
    }
    trained_free(&trained);
    return good;
}

static bool train_support(const struct demo_folder *folder, struct store *store, const char *file,
                          char reference[80], struct error *err) {
    char path[PATH_MAX];
    if (!demo_path(folder, path, err, "%s", file))
        return false;
    struct row_reader *reader = csv_rows_open(path, &(struct csv_rows_options){0}, err);
    return reader && train(store, "support", path, reader, reference, err);
}

static bool train_documents(const struct demo_folder *folder, struct store *store, char reference[80],
                            struct error *err) {
    char path[PATH_MAX];
    if (!demo_path(folder, path, err, "documents"))
        return false;
    struct row_reader *reader = document_rows_open(path, err);
    return reader && train(store, "documents", path, reader, reference, err);
}

/* The first version of support knows half of the texts: something for the second to be better than. */
static bool train_all(const struct demo_folder *folder, struct error *err) {
    char path[PATH_MAX], documents[80], first[80], second[80];
    struct store *store;
    if (!demo_path(folder, path, err, "penstock-data") || !store_open(&store, path, err))
        return false;
    bool good = train_support(folder, store, "support-early.csv", first, err) &&
                train_support(folder, store, "support.csv", second, err) &&
                train_documents(folder, store, documents, err);
    store_close(store);
    const struct demo_versions versions = {documents, second, first};
    return good && demo_write_configuration(folder, &versions, err);
}

bool demo_prepare(const struct demo_options *o, struct error *err) {
    struct demo_folder folder = {
        .path = o->folder,
        .documents = o->count,
        .documents_held_out = (o->count + 4) / 5,
        .texts = TEXTS_PER_INTENT,
        .texts_held_out = TEXTS_HELD_OUT,
        .seed = o->seed,
        .camera_program = o->camera_program,
    };
    char description[128], path[PATH_MAX];
    describe(o, description);
    *err = (struct error){0};
    if (is_prepared(&folder, description, err)) {
        printf("    %s is prepared\n", o->folder);
        return true;
    }
    return err->code == ERR_NONE && claim(&folder, err) && write_data(&folder, err) &&
           train_all(&folder, err) && demo_path(&folder, path, err, "prepared") &&
           demo_write_file(path, str_from(description), err);
}
