#include "learn/document_rows.h"

#include "learn/document_ahead.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct named_file {
    char *path;
    const char *label; /* in the path, its last two parts: not terminated there */
    size_t label_length;
};

struct document_rows {
    struct row_reader reader;
    struct document_ahead *files;
    bool understand; /* false: files are read, no more */
    struct named_file *list;
    size_t count, room;
    size_t given; /* the first so many */
    struct row_file file;
};

static void document_rows_free(struct row_reader *r) {
    struct document_rows *d = CONTAINER_OF(r, struct document_rows, reader);
    document_ahead_free(d->files);
    for (size_t i = 0; i < d->count; i++)
        free(d->list[i].path);
    free(d->list);
    free(d);
}

static const char *path_of(void *ctx, size_t i) {
    const struct document_rows *d = ctx;
    return d->list[i].path;
}

static enum row_status document_rows_next(struct row_reader *r, struct training_row *row, struct error *err) {
    struct document_rows *d = CONTAINER_OF(r, struct document_rows, reader);
    if (d->given == d->count)
        return ROW_END;
    const struct named_file *name = &d->list[d->given];
    const struct document_file *file = document_ahead_get(d->files, d->given++);
    const struct document_result *result = file->result;
    *row = (struct training_row){.label = {name->label, name->label_length},
                                 .source = str_from(name->label),
                                 .file = file->bytes.p ? &d->file : NULL};
    if (file->bytes.p) {
        d->file = (struct row_file){.path = str_from(name->label), .size = file->bytes.n};
        sha256(file->bytes, d->file.sha256);
        if (!d->understand)
            return ROW_GOOD;
    }
    if (!result) {
        row->reason = str_from(file->error.message);
        return ROW_REJECTED;
    }
    if (!document_file_has_text(file) && !result->visual) {
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

static bool add_file(struct document_rows *d, const char *folder, const char *label, const char *name) {
    if (d->count == d->room) {
        size_t room = d->room ? 2 * d->room : 256;
        struct named_file *list = realloc(d->list, room * sizeof *list);
        if (!list)
            return false;
        d->list = list;
        d->room = room;
    }
    struct named_file *file = &d->list[d->count];
    *file = (struct named_file){0};
    if (asprintf(&file->path, "%s/%s/%s", folder, label, name) < 0)
        return false;
    file->label = file->path + strlen(folder) + 1;
    file->label_length = strlen(label);
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
        good = good && add_file(d, folder, label, names[i]->d_name);
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

static bool read_ahead(struct document_rows *d, struct error *err) {
    const struct document_ahead_options o = {.count = d->count,
                                             .path = path_of,
                                             .ctx = d,
                                             .understand = d->understand,
                                             .want = DOCUMENT_TEXT_EMBEDDED | DOCUMENT_VISUAL |
                                                     DOCUMENT_OCR_QUICK};
    d->files = document_ahead_new(&o, err);
    return d->files != NULL;
}

static struct row_reader *open_rows(const char *path, bool understand, struct error *err) {
    struct document_rows *d = calloc(1, sizeof *d);
    if (!d) {
        fail(err, ERR_NO_MEMORY, "out of memory");
        return NULL;
    }
    d->reader.next = document_rows_next;
    d->reader.free = document_rows_free;
    d->understand = understand;
    if (list_documents(d, path, err) && read_ahead(d, err))
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
