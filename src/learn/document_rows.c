#include "learn/document_rows.h"

#include "base/clock.h"
#include "documents/documents.h"
#include "learn/file_text.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DOCUMENT_MAX = 64 << 20, AHEAD_PER_WORKER = 3, DOCUMENT_SECONDS = 60 };

struct reading {
    struct document_rows *owner;
    char *path;
    const char *label; /* in the path, its last two parts: not terminated there */
    size_t label_length;
    char *bytes;
    struct row_file file;
    bool over;
    struct document_result *result; /* NULL: see error */
    struct error error;
};

struct document_rows {
    struct row_reader reader;
    struct parser_pool *pool; /* NULL: files are read and not understood */
    struct reading *list;
    size_t count, room;
    size_t submitted, given; /* the first so many */
    size_t ahead;
    pthread_mutex_t lock; /* over, result and error of readings under way */
    pthread_cond_t ended;
};

static void forget(struct reading *reading) {
    document_result_free(reading->result);
    free(reading->bytes);
    reading->result = NULL;
    reading->bytes = NULL;
}

static void document_rows_free(struct row_reader *r) {
    struct document_rows *d = CONTAINER_OF(r, struct document_rows, reader);
    /* Ends what is still under way, so that nobody calls back after this. */
    parser_pool_free(d->pool);
    for (size_t i = 0; i < d->count; i++) {
        forget(&d->list[i]);
        free(d->list[i].path);
    }
    free(d->list);
    pthread_mutex_destroy(&d->lock);
    pthread_cond_destroy(&d->ended);
    free(d);
}

/* On a thread of the pool. */
static void reading_over(void *ctx, struct document_result *result, const struct error *err) {
    struct reading *reading = ctx;
    struct document_rows *d = reading->owner;
    pthread_mutex_lock(&d->lock);
    reading->result = result;
    if (!result)
        reading->error = *err;
    reading->over = true;
    pthread_cond_signal(&d->ended);
    pthread_mutex_unlock(&d->lock);
}

/* Afterwards the reading is over or under way. */
static void submit(struct document_rows *d, struct reading *reading) {
    size_t n = 0;
    reading->bytes = file_text(reading->path, DOCUMENT_MAX, &n, &reading->error);
    if (reading->bytes) {
        reading->file = (struct row_file){.path = str_from(reading->label), .size = n};
        sha256((struct str){reading->bytes, n}, reading->file.sha256);
    }
    if (!d->pool) {
        reading->over = true;
        return;
    }
    struct parser_job job = {
        .bytes = {reading->bytes, n},
        .want = DOCUMENT_TEXT_EMBEDDED | DOCUMENT_VISUAL | DOCUMENT_OCR_QUICK,
        /* Recognition that is cut short after so many milliseconds, as in serving, would make the rows depend
         * on how busy the machine is; a text that was read to its end trains for its beginning too. */
        .limits = {.wall_ms = DOCUMENT_SECONDS * 1000, .quick_ms = DOCUMENT_SECONDS * 1000},
        /* The time that it waits behind others does not count. */
        .deadline = clock_monotonic() + (int64_t)(d->ahead + 1) * DOCUMENT_SECONDS * NS_PER_SECOND,
        .done = reading_over,
        .ctx = reading,
    };
    if (!reading->bytes || !parser_pool_submit(d->pool, &job, NULL, &reading->error))
        reading->over = true;
}

static void await(struct document_rows *d, struct reading *reading) {
    pthread_mutex_lock(&d->lock);
    while (!reading->over)
        pthread_cond_wait(&d->ended, &d->lock);
    pthread_mutex_unlock(&d->lock);
}

static bool has_text(struct str text) {
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.p[i] > ' ')
            return true;
    return false;
}

static enum row_status document_rows_next(struct row_reader *r, struct training_row *row, struct error *err) {
    struct document_rows *d = CONTAINER_OF(r, struct document_rows, reader);
    if (d->given > 0)
        forget(&d->list[d->given - 1]);
    if (d->given == d->count)
        return ROW_END;
    while (d->submitted < d->count && d->submitted < d->given + d->ahead)
        submit(d, &d->list[d->submitted++]);
    struct reading *reading = &d->list[d->given++];
    await(d, reading);
    const struct document_result *result = reading->result;
    *row = (struct training_row){.label = {reading->label, reading->label_length},
                                 .source = str_from(reading->label),
                                 .file = reading->bytes ? &reading->file : NULL};
    if (reading->bytes && !d->pool)
        return ROW_GOOD;
    if (!result) {
        row->reason = str_from(reading->error.message);
        return ROW_REJECTED;
    }
    if (!has_text(result->text) && !result->visual) {
        row->reason = STR("there is no text in it");
        return ROW_REJECTED;
    }
    row->text = result->text.p ? result->text : STR("");
    row->visual = result->visual;
    row->visual_count = result->visual_count;
    row->ocr_confidence = result->ocr_confidence;
    return ROW_GOOD;
}

static int visible(const struct dirent *entry) {
    return entry->d_name[0] != '.';
}

/* Byte order, whatever the locale. */
static int by_name(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

static bool add_reading(struct document_rows *d, const char *folder, const char *label, const char *name) {
    if (d->count == d->room) {
        size_t room = d->room ? 2 * d->room : 256;
        struct reading *list = realloc(d->list, room * sizeof *list);
        if (!list)
            return false;
        d->list = list;
        d->room = room;
    }
    struct reading *reading = &d->list[d->count];
    *reading = (struct reading){.owner = d};
    if (asprintf(&reading->path, "%s/%s/%s", folder, label, name) < 0)
        return false;
    reading->label = reading->path + strlen(folder) + 1;
    reading->label_length = strlen(label);
    d->count++;
    return true;
}

static bool add_class(struct document_rows *d, const char *folder, const char *label, struct error *err) {
    char path[4096];
    struct stat st;
    struct dirent **names;
    if ((size_t)snprintf(path, sizeof path, "%s/%s", folder, label) >= sizeof path)
        return fail(err, ERR_IO, "%.200s…: the path is too long.", path);
    if (stat(path, &st) != 0 || !S_ISDIR(st.st_mode))
        return true;
    int count = scandir(path, &names, visible, by_name);
    if (count < 0)
        return fail(err, ERR_IO, "%s: %s.", path, strerror(errno));
    bool good = true;
    for (int i = 0; i < count; i++) {
        good = good && add_reading(d, folder, label, names[i]->d_name);
        free(names[i]);
    }
    free(names);
    return good || fail(err, ERR_NO_MEMORY, "out of memory");
}

static bool list_documents(struct document_rows *d, const char *folder, struct error *err) {
    struct dirent **labels;
    int count = scandir(folder, &labels, visible, by_name);
    if (count < 0)
        return fail(err, ERR_IO, "%s: %s.", folder, strerror(errno));
    bool good = true;
    for (int i = 0; i < count; i++) {
        good = good && add_class(d, folder, labels[i]->d_name, err);
        free(labels[i]);
    }
    free(labels);
    if (good && d->count == 0)
        return fail(err, ERR_DATA, "%s: expected a sub-folder for each class, with its files inside.",
                    folder);
    return good;
}

static bool start_pool(struct document_rows *d, struct error *err) {
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    struct parser_pool_options options = {.workers = cores < 1 ? 1 : (unsigned)cores, .prewarm = true};
    d->ahead = (size_t)options.workers * AHEAD_PER_WORKER;
    d->pool = parser_pool_new(&options, err);
    return d->pool != NULL;
}

static struct row_reader *open_rows(const char *path, bool understand, struct error *err) {
    struct document_rows *d = calloc(1, sizeof *d);
    if (!d) {
        fail(err, ERR_NO_MEMORY, "out of memory");
        return NULL;
    }
    d->reader.next = document_rows_next;
    d->reader.free = document_rows_free;
    pthread_mutex_init(&d->lock, NULL);
    pthread_cond_init(&d->ended, NULL);
    d->ahead = 1;
    if (list_documents(d, path, err) && (!understand || start_pool(d, err)))
        return &d->reader;
    document_rows_free(&d->reader);
    return NULL;
}

struct row_reader *document_rows_open(const char *path, struct error *err) {
    return open_rows(path, true, err);
}

struct row_reader *document_files_open(const char *path, struct error *err) {
    return open_rows(path, false, err);
}
