#include "learn/dataset_note.h"

#include "learn/file_text.h"
#include "store/blobs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX = 1 << 30 };

static bool keep_file(struct store *s, const char *path, const unsigned char hash[SHA256_SIZE],
                      struct error *err) {
    unsigned char digest[SHA256_SIZE];
    char hex[SHA256_HEX_SIZE];
    size_t n;
    char *bytes = file_text(path, FILE_MAX, &n, err);
    if (!bytes)
        return false;
    sha256((struct str){bytes, n}, digest);
    bool good = memcmp(digest, hash, sizeof digest) == 0
                    ? blob_put_unsynced(store_folder(s), (struct str){bytes, n}, hex, err)
                    : fail(err, ERR_DATA, "%s was changed while it was being read; try again.", path);
    free(bytes);
    return good;
}

/* Before the dataset is named, so that one that was to be kept is. */
static bool keep_files(struct store *s, const char *folder, const struct dataset_manifest *m,
                       struct error *err) {
    char path[4096];
    if (m->kind == DATASET_TABLE)
        return keep_file(s, folder, m->file_hash, err) && blob_sync(store_folder(s), err);
    for (size_t i = 0; i < m->count; i++) {
        snprintf(path, sizeof path, "%.2900s/%.*s", folder, STR_ARG(m->rows[i].path));
        if (!keep_file(s, path, m->rows[i].hash, err))
            return false;
    }
    return blob_sync(store_folder(s), err);
}

/* To the end. */
static bool read_rows(const struct dataset_reading *reading, struct row_reader *rows, size_t *rejected,
                      struct error *err) {
    for (;;) {
        struct training_row row = {0};
        enum row_status status = rows->next(rows, &row, err);
        if (status == ROW_END || status == ROW_FAILED)
            return status == ROW_END;
        if (status != ROW_REJECTED)
            continue;
        ++*rejected;
        if (reading->rejected)
            reading->rejected(&row);
    }
}

bool dataset_note(struct store *s, const struct dataset_reading *reading, struct row_reader *rows,
                  struct noted_rows *out, size_t *rejected, struct error *err) {
    struct row_reader *noting = noting_reader_open(rows, err);
    *rejected = 0;
    *out = (struct noted_rows){0};
    bool good = noting && read_rows(reading, noting, rejected, err) && noted_rows_take(noting, out, err);
    row_reader_free(noting);
    if (good && out->manifest.count == 0)
        good = fail(err, ERR_DATA, "%s: there are no rows (%zu were left out).", reading->path, *rejected);
    return good && (!reading->keep || keep_files(s, reading->path, &out->manifest, err));
}
