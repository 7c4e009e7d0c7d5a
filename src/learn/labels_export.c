#include "learn/labels_export.h"

#include "base/json.h"
#include "store/blobs.h"
#include "watch/label_rows.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { COLUMNS_MAX = 2000 };
enum shape { SHAPE_TEXT, SHAPE_FEATURES, SHAPE_FILES };

/* One column after the other, as they are first met. */
struct columns {
    char *names[COLUMNS_MAX];
    size_t count;
};

struct writing {
    struct store *store;
    FILE *file;
    const char *path;
    FILE *fields; /* of files: what people corrected; NULL: nothing */
    bool corrected;
    struct columns columns;
    size_t written, unread;
};

static bool cannot(const char *path, struct error *err) {
    return fail(err, ERR_IO, "%s cannot be written: %s", path, strerror(errno));
}

/* ---- tables ---- */

static void write_cell(FILE *f, struct str text) {
    fputc('"', f);
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '"')
            fputc('"', f);
        fputc(text.p[i], f);
    }
    fputc('"', f);
}

static void write_end(const struct writing *w, const struct label_row *row) {
    FILE *f = w->file;
    write_cell(f, str_from(row->label));
    fprintf(f, ",%s,", row->held_out ? "heldout" : "train");
    write_cell(f, str_from(row->request_id));
    if (w->corrected) {
        fputc(',', f);
        if (row->fields[0])
            write_cell(f, str_from(row->fields));
    }
    fputc('\n', f);
}

static bool note_columns(struct columns *c, yyjson_val *object, struct error *err) {
    size_t index, max;
    yyjson_val *key, *value;
    yyjson_obj_foreach(object, index, max, key, value) {
        size_t i = 0;
        while (i < c->count && !str_eq(str_from(c->names[i]), json_str_of(key)))
            i++;
        if (i < c->count)
            continue;
        if (c->count == COLUMNS_MAX)
            return fail(err, ERR_DATA, "The inputs have more than %d features.", COLUMNS_MAX);
        c->names[c->count] = str_dup(json_str_of(key));
        if (!c->names[c->count])
            return fail(err, ERR_NO_MEMORY, "out of memory");
        c->count++;
    }
    return true;
}

static void write_value(FILE *f, yyjson_val *value) {
    size_t n;
    if (yyjson_is_str(value)) {
        write_cell(f, json_str_of(value));
    } else if (value && !yyjson_is_null(value)) {
        char *text = yyjson_val_write(value, 0, &n);
        if (text)
            fwrite(text, 1, n, f);
        free(text);
    }
}

/* Twice over the rows: first for the names of the columns, then for the cells. */
static bool write_features(struct writing *w, const struct label_row *row, struct str bytes, bool cells,
                           struct error *err) {
    struct error broken;
    yyjson_doc *doc = json_parse(bytes, &broken);
    yyjson_val *root = yyjson_doc_get_root(doc);
    bool good = true;
    if (!yyjson_is_obj(root) || yyjson_obj_get(root, "messages")) {
        w->unread += cells;
    } else if (!cells) {
        good = note_columns(&w->columns, root, err);
    } else {
        for (size_t i = 0; i < w->columns.count; i++) {
            write_value(w->file, yyjson_obj_get(root, w->columns.names[i]));
            fputc(',', w->file);
        }
        write_end(w, row);
        w->written++;
    }
    yyjson_doc_free(doc);
    return good;
}

static bool write_text(struct writing *w, const struct label_row *row, struct str bytes) {
    write_cell(w->file, bytes);
    fputc(',', w->file);
    write_end(w, row);
    w->written++;
    return true;
}

/* ---- files ---- */

static const char *ending_of(const char *type) {
    return strstr(type, "pdf") ? "pdf" : strstr(type, "png") ? "png" : strstr(type, "jpeg") ? "jpg" : "txt";
}

/* `file`: below the folder. */
static void note_fields(struct writing *w, const char *file, const struct label_row *row) {
    AUTO_BUF line = BUF_INIT(64 << 10);
    struct json_writer j = JSON_WRITER(&line);
    if (!w->fields || !row->fields[0])
        return;
    json_object(&j);
    json_field_text(&j, "file", file);
    json_field_text(&j, "request_id", row->request_id);
    json_key(&j, "fields");
    json_raw(&j, str_from(row->fields));
    json_object_end(&j);
    if (buf_terminated(&line))
        fprintf(w->fields, "%s\n", line.p);
}

/* A label becomes a folder's name. */
static bool is_name(const char *label) {
    return *label && *label != '.' && strlen(label) < 200 && !strchr(label, '/');
}

static bool make_folder(const char *path, struct error *err) {
    return mkdir(path, 0700) == 0 || errno == EEXIST || cannot(path, err);
}

static bool write_file(struct writing *w, const struct label_row *row, struct str bytes, struct error *err) {
    char path[4096];
    const char *split = row->held_out ? "heldout" : "train";
    if (!is_name(row->label)) {
        w->unread++;
        return true;
    }
    snprintf(path, sizeof path, "%.3000s/%s/%s", w->path, split, row->label);
    if (!make_folder(path, err))
        return false;
    size_t n = strlen(path);
    snprintf(path + n, sizeof path - n, "/%.16s.%s", row->blob, ending_of(row->type));
    FILE *f = fopen(path, "wbx");
    if (!f)
        return cannot(path, err);
    bool good = fwrite(bytes.p, 1, bytes.n, f) == bytes.n;
    good = fclose(f) == 0 && good;
    w->written++;
    note_fields(w, path + strlen(w->path) + 1, row);
    return good || cannot(path, err);
}

static bool make_folders(const char *path, struct error *err) {
    char below[4096];
    if (mkdir(path, 0700) != 0)
        return cannot(path, err);
    snprintf(below, sizeof below, "%.3000s/train", path);
    if (!make_folder(below, err))
        return false;
    snprintf(below, sizeof below, "%.3000s/heldout", path);
    return make_folder(below, err);
}

/* ---- all rows ---- */

static enum shape shape_of(const struct label_rows *rows) {
    size_t features = 0;
    for (size_t i = 0; i < rows->count; i++) {
        const char *type = rows->list[i].type;
        if (strncmp(type, "image/", 6) == 0 || strstr(type, "pdf"))
            return SHAPE_FILES;
        features += strncmp(type, "application/json", 16) == 0;
    }
    return features > 0 ? SHAPE_FEATURES : SHAPE_TEXT;
}

static bool write_row(struct writing *w, enum shape shape, const struct label_row *row, bool cells,
                      struct error *err) {
    struct blob blob;
    struct error gone;
    if (!blob_map(store_inputs_folder(w->store), row->blob, true, &blob, &gone)) {
        w->unread += cells;
        return true;
    }
    bool good = shape == SHAPE_FILES      ? write_file(w, row, blob.bytes, err)
                : shape == SHAPE_FEATURES ? write_features(w, row, blob.bytes, cells, err)
                                          : write_text(w, row, blob.bytes);
    blob_unmap(&blob);
    return good;
}

static bool write_rows(struct writing *w, enum shape shape, const struct label_rows *rows, bool cells,
                       struct error *err) {
    for (size_t i = 0; i < rows->count; i++)
        if (!write_row(w, shape, &rows->list[i], cells, err))
            return false;
    return true;
}

static bool write_table(struct writing *w, enum shape shape, const struct label_rows *rows,
                        struct error *err) {
    if (shape == SHAPE_FEATURES && !write_rows(w, shape, rows, false, err))
        return false;
    w->file = fopen(w->path, "wbx");
    if (!w->file)
        return cannot(w->path, err);
    for (size_t i = 0; i < w->columns.count; i++) {
        write_cell(w->file, str_from(w->columns.names[i]));
        fputc(',', w->file);
    }
    fprintf(w->file, "%slabel,split,request_id%s\n", shape == SHAPE_TEXT ? "text," : "",
            w->corrected ? ",fields" : "");
    bool good = write_rows(w, shape, rows, true, err), whole = !ferror(w->file);
    whole = fclose(w->file) == 0 && whole;
    return good && (whole || cannot(w->path, err));
}

static bool write_folder(struct writing *w, const struct label_rows *rows, struct error *err) {
    char path[4096];
    snprintf(path, sizeof path, "%.3000s/fields.jsonl", w->path);
    if (!make_folders(w->path, err))
        return false;
    if (w->corrected && !(w->fields = fopen(path, "wbx")))
        return cannot(path, err);
    bool good = write_rows(w, SHAPE_FILES, rows, true, err), whole = !w->fields || !ferror(w->fields);
    if (w->fields)
        whole = fclose(w->fields) == 0 && whole;
    return good && (whole || cannot(path, err));
}

static struct labels_exported summary(const struct label_rows *rows, const struct writing *w,
                                      enum shape shape) {
    struct labels_exported e = {.folder = shape == SHAPE_FILES,
                                .said = rows->said,
                                .written = w->written,
                                .corrected = rows->corrected,
                                .repeated = rows->repeated,
                                .overruled = rows->overruled,
                                .gone = rows->gone,
                                .ties = rows->ties,
                                .unread = w->unread};
    for (size_t i = 0; i < rows->count; i++)
        e.held_out += rows->list[i].held_out;
    memcpy(e.tie, rows->tie, sizeof e.tie);
    return e;
}

bool labels_export(struct store *s, const char *endpoint, const char *path, struct labels_exported *out,
                   struct error *err) {
    struct label_rows rows;
    struct writing w = {.store = s, .path = path};
    if (!label_rows_collect(s, str_from(endpoint), &rows, err)) {
        label_rows_free(&rows);
        return false;
    }
    enum shape shape = shape_of(&rows);
    w.corrected = rows.corrected > 0;
    bool good = rows.count > 0 || fail(err, ERR_DATA,
                                       "Endpoint \"%s\" has no labels whose inputs are kept (%zu labels in "
                                       "all); see keep_inputs.",
                                       endpoint, rows.said);
    good = good && (shape == SHAPE_FILES ? write_folder(&w, &rows, err) : write_table(&w, shape, &rows, err));
    if (good)
        *out = summary(&rows, &w, shape);
    for (size_t i = 0; i < w.columns.count; i++)
        free(w.columns.names[i]);
    label_rows_free(&rows);
    return good;
}
