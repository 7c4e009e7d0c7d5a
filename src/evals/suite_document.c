/* Cases that ask about a file (PDF, JPEG, PNG, text): named by a case, or a folder with a sub-folder for each
 * label. */
#include "learn/document_rows.h"
#include "learn/file_text.h"

#include "evals/suite_parts.h"

#include <stdlib.h>

bool reader_keep_document(struct suite_reader *r, struct str name, struct case_draft *d) {
    AUTO_BUF bytes = BUF_INIT(0);
    char path[4096];
    if (r->prompt_count)
        return reader_wrong(r, d->c.line, "a file cannot be asked about in a conversation");
    if (!reader_open(r, name, d->c.line, SUITE_DOCUMENT_MAX, &bytes, path))
        return false;
    if (bytes.n == 0)
        return reader_wrong(r, d->c.line, "%.300s is empty", path);
    sha256(buf_str(&bytes), d->c.document_hash);
    return reader_keep(r, str_from(path), &d->c.document);
}

bool suite_case_unchanged(const struct suite_case *c, struct str bytes, struct error *err) {
    unsigned char now[SHA256_SIZE];
    sha256(bytes, now);
    return memcmp(now, c->document_hash, sizeof now) == 0 ||
           fail(err, ERR_DATA, "%.300s was changed while the suite was being asked.", c->document.p);
}

char *suite_case_document(const struct suite_case *c, size_t *n, struct error *err) {
    char *bytes = file_text(c->document.p, SUITE_DOCUMENT_MAX, n, err);
    if (bytes && suite_case_unchanged(c, (struct str){bytes, *n}, err))
        return bytes;
    free(bytes);
    return NULL;
}

/* ---- folders ---- */

static bool add_file(struct suite_reader *r, struct str folder, const struct training_row *row,
                     struct case_draft *d) {
    char name[4096];
    *d = (struct case_draft){.c.line = d->c.line, .c.id = row->source, .c.label = row->label};
    if (snprintf(name, sizeof name, "%.*s%.*s", STR_ARG(folder), STR_ARG(row->source)) >= (int)sizeof name)
        return reader_wrong(r, d->c.line, "the path of %.200s is too long", row->source.p);
    return reader_keep_document(r, str_from(name), d) && reader_add_case(r, d);
}

static bool add_files(struct suite_reader *r, struct str folder, struct row_reader *rows,
                      struct case_draft *d) {
    struct training_row row;
    enum row_status status;
    while ((status = rows->next(rows, &row, r->err)) == ROW_GOOD)
        if (!add_file(r, folder, &row, d))
            return false;
    if (status == ROW_REJECTED)
        return reader_wrong(r, d->c.line, "%.200s: %.*s", row.source.p, STR_ARG(row.reason));
    return status == ROW_END;
}

bool suite_read_folder(struct suite_reader *r, struct str name, unsigned line) {
    char path[4096];
    struct error reason;
    if (!reader_path(r, name, line, path))
        return false;
    struct case_draft *d = calloc(1, sizeof *d);
    struct row_reader *rows = d ? document_files_open(path, &reason) : NULL;
    bool good = d ? rows || reader_wrong(r, line, "%.300s", reason.message) : reader_no_memory(r);
    if (good) {
        d->c.line = line;
        good = add_files(r, name, rows, d);
    }
    row_reader_free(rows);
    free(d);
    return good;
}
