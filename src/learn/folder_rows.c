#include "learn/rows.h"

#include "learn/file_text.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { TEXT_FILE_MAX = 8 << 20 };

struct folder_rows {
    struct row_reader reader;
    char *path;
    struct dirent **classes, **files; /* sorted; of the current class */
    int class_count, class_at, file_count, file_at;
    char *text;
    char source[768], reason[512];
};

static void free_names(struct dirent **names, int count) {
    for (int i = 0; i < count; i++)
        free(names[i]);
    free(names);
}

static void folder_rows_free(struct row_reader *r) {
    struct folder_rows *f = CONTAINER_OF(r, struct folder_rows, reader);
    free_names(f->classes, f->class_count);
    free_names(f->files, f->file_count);
    free(f->text);
    free(f->path);
    free(f);
}

static int visible(const struct dirent *d) {
    return d->d_name[0] != '.';
}

/* Byte order, whatever the locale. */
static int by_name(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

static bool is_folder(const char *path) {
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static int keep_folders(const char *path, struct dirent **names, int count) {
    int kept = 0;
    for (int i = 0; i < count; i++) {
        char *full;
        bool keep = asprintf(&full, "%s/%s", path, names[i]->d_name) >= 0;
        if (keep) {
            keep = is_folder(full);
            free(full);
        }
        if (keep)
            names[kept++] = names[i];
        else
            free(names[i]);
    }
    return kept;
}

/* Opens the next class that has files; false when there is none. */
static bool next_class(struct folder_rows *f, struct error *err) {
    free_names(f->files, f->file_count);
    f->files = NULL;
    f->file_count = f->file_at = 0;
    char *full;
    if (asprintf(&full, "%s/%s", f->path, f->classes[f->class_at]->d_name) < 0)
        return fail(err, ERR_NO_MEMORY, "out of memory");
    int count = scandir(full, &f->files, visible, by_name);
    if (count < 0)
        fail(err, ERR_IO, "%s: %s.", full, strerror(errno));
    free(full);
    f->file_count = count < 0 ? 0 : count;
    return count >= 0;
}

static enum row_status reject(struct folder_rows *f, struct training_row *row, const char *reason) {
    snprintf(f->reason, sizeof f->reason, "%s", reason);
    *row = (struct training_row){.source = str_from(f->source), .reason = str_from(f->reason)};
    return ROW_REJECTED;
}

static enum row_status read_file(struct folder_rows *f, struct training_row *row) {
    struct error problem;
    char path[4096];
    const char *label = f->classes[f->class_at]->d_name, *name = f->files[f->file_at++]->d_name;
    snprintf(f->source, sizeof f->source, "%s/%s", label, name);
    if ((size_t)snprintf(path, sizeof path, "%s/%s/%s", f->path, label, name) >= sizeof path)
        return reject(f, row, "the path is too long");
    if (!str_ends(str_from(name), STR(".txt")))
        return reject(f, row, "not a .txt file");
    size_t n = 0, at;
    free(f->text);
    f->text = file_text(path, TEXT_FILE_MAX, &n, &problem);
    if (!f->text)
        return reject(f, row, problem.message);
    struct str text = {f->text, n};
    if (!str_is_utf8(text, &at)) {
        snprintf(problem.message, sizeof problem.message, "not valid UTF-8 at byte %zu", at);
        return reject(f, row, problem.message);
    }
    if (str_trim(text).n == 0)
        return reject(f, row, "the text is empty");
    *row = (struct training_row){.label = str_from(label), .text = text, .source = str_from(f->source)};
    return ROW_GOOD;
}

static enum row_status folder_rows_next(struct row_reader *r, struct training_row *row, struct error *err) {
    struct folder_rows *f = CONTAINER_OF(r, struct folder_rows, reader);
    while (f->file_at == f->file_count) {
        if (++f->class_at >= f->class_count)
            return ROW_END;
        if (!next_class(f, err))
            return ROW_FAILED;
    }
    return read_file(f, row);
}

struct row_reader *folder_rows_open(const char *path, struct error *err) {
    struct folder_rows *f = calloc(1, sizeof *f);
    if (!f || !(f->path = str_dup(str_from(path)))) {
        free(f);
        fail(err, ERR_NO_MEMORY, "out of memory");
        return NULL;
    }
    f->reader.next = folder_rows_next;
    f->reader.free = folder_rows_free;
    f->class_at = -1;
    int count = scandir(path, &f->classes, visible, by_name);
    if (count < 0)
        fail(err, ERR_IO, "%s: %s.", path, strerror(errno));
    else
        f->class_count = keep_folders(path, f->classes, count);
    if (count >= 0 && f->class_count == 0)
        fail(err, ERR_DATA, "%s has no sub-folders; expected one for each class, with its files inside.",
             path);
    if (f->class_count > 0)
        return &f->reader;
    folder_rows_free(&f->reader);
    return NULL;
}
