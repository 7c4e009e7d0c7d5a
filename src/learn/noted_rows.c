#include "learn/noted_rows.h"

#include <stdio.h>
#include <stdlib.h>

struct noting {
    struct row_reader reader;
    struct row_reader *inner;
    struct dataset_manifest manifest;
    struct error problem;
};

void noted_rows_free(struct noted_rows *n) {
    dataset_manifest_free(&n->manifest);
    buf_free(&n->text);
}

static void noting_free(struct row_reader *r) {
    struct noting *n = CONTAINER_OF(r, struct noting, reader);
    dataset_manifest_free(&n->manifest);
    free(n);
}

static void add_field(struct sha256 *s, uint64_t *size, struct str field) {
    sha256_add(s, field);
    *size += field.n;
}

/* A text by itself, so that a request with the same text has the same hash; cells with their lengths before
 * them, so that no two different rows look alike. */
static bool hash_content(const struct row_reader *inner, const struct training_row *row,
                         struct dataset_row *out) {
    struct sha256 *s = sha256_begin();
    if (!s)
        return false;
    if (row->text.p)
        add_field(s, &out->size, row->text);
    for (size_t i = 0; row->cells && i < inner->column_count; i++) {
        uint64_t lengths[2] = {strlen(inner->columns[i]), row->cells[i].n};
        sha256_add(s, (struct str){(const char *)lengths, sizeof lengths});
        sha256_add(s, str_from(inner->columns[i]));
        add_field(s, &out->size, row->cells[i]);
    }
    sha256_end(s, out->hash);
    return true;
}

static bool note(struct noting *n, const struct training_row *row, struct error *err) {
    struct dataset_row noted = {.path = STR(""), .line = row->line};
    if (row->file) {
        noted.path = row->file->path;
        noted.size = row->file->size;
        memcpy(noted.hash, row->file->sha256, sizeof noted.hash);
    } else if (!hash_content(n->inner, row, &noted)) {
        return fail(err, ERR_NO_MEMORY, "out of memory");
    }
    return dataset_manifest_add(&n->manifest, row->label, &noted, err);
}

static enum row_status noting_next(struct row_reader *r, struct training_row *row, struct error *err) {
    struct noting *n = CONTAINER_OF(r, struct noting, reader);
    enum row_status status = n->inner->next(n->inner, row, err);
    if (status == ROW_END || status == ROW_FAILED)
        return status;
    bool known = row->file || (n->inner->table && status == ROW_GOOD);
    if (!known || note(n, row, &n->problem))
        return status;
    if (n->problem.code != ERR_DATA) {
        if (err)
            *err = n->problem;
        return ROW_FAILED;
    }
    row->reason = str_from(n->problem.message);
    return ROW_REJECTED;
}

struct row_reader *noting_reader_open(struct row_reader *inner, struct error *err) {
    struct noting *n = calloc(1, sizeof *n);
    if (!n) {
        fail(err, ERR_NO_MEMORY, "out of memory");
        return NULL;
    }
    if (!dataset_manifest_begin(&n->manifest, inner->table ? DATASET_TABLE : DATASET_FILES, err)) {
        free(n);
        return NULL;
    }
    if (inner->table) {
        n->manifest.file_size = inner->table->size;
        memcpy(n->manifest.file_hash, inner->table->sha256, SHA256_SIZE);
    }
    n->inner = inner;
    n->reader = *inner;
    n->reader.next = noting_next;
    n->reader.free = noting_free;
    return &n->reader;
}

bool noted_rows_take(struct row_reader *noting, struct noted_rows *out, struct error *err) {
    struct noting *n = CONTAINER_OF(noting, struct noting, reader);
    unsigned char digest[SHA256_SIZE];
    struct buf text;
    *out = (struct noted_rows){0};
    if (n->manifest.count == 0)
        return true;
    if (!dataset_manifest_finish(&n->manifest, &text, err))
        return false;
    out->text = text;
    sha256(buf_str(&text), digest);
    sha256_hex(digest, out->hash);
    out->manifest = n->manifest;
    n->manifest = (struct dataset_manifest){0};
    return true;
}
