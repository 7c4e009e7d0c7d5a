#include "store/dataset_manifest.h"

#include "base/json.h"

#include <stdlib.h>

enum { FORMAT = 1, RECENT = 1024 };
static const size_t text_max = (size_t)1 << 30, memory_max = (size_t)4 << 30;

/* Labels that came lately: most rows' labels need no copy of their own. */
struct dataset_labels {
    struct str recent[RECENT];
    struct str *of_rows; /* row by row */
};

static bool no_memory(struct error *err) {
    return fail(err, ERR_NO_MEMORY, "Out of memory for a dataset's manifest.");
}

void dataset_manifest_free(struct dataset_manifest *m) {
    if (m->seen)
        free(m->seen->of_rows);
    free(m->seen);
    free(m->rows);
    free(m->labels);
    arena_free(m->arena);
    *m = (struct dataset_manifest){0};
}

uint64_t dataset_manifest_bytes(const struct dataset_manifest *m) {
    uint64_t bytes = m->kind == DATASET_TABLE ? m->file_size : 0;
    for (size_t i = 0; m->kind == DATASET_FILES && i < m->count; i++)
        bytes += m->rows[i].size;
    return bytes;
}

/* ---- what may stand in one ---- */

static bool check_label(struct str label, struct error *err) {
    if (label.n > 0 && label.n <= DATASET_LABEL_BYTES_MAX && str_is_utf8(label, NULL) &&
        !memchr(label.p, '\0', label.n))
        return true;
    return fail(err, ERR_DATA, "The label \"%.40s\" is no text of 1 to %d bytes of UTF-8.",
                label.n ? label.p : "", DATASET_LABEL_BYTES_MAX);
}

/* Relative, and staying below its folder: a manifest may come from somebody else's machine. */
static bool check_path(struct str path, struct error *err) {
    bool good =
        path.n > 0 && path.n <= DATASET_PATH_MAX && str_is_utf8(path, NULL) && !memchr(path.p, '\0', path.n);
    for (struct str rest = path; good && rest.n;) {
        struct str part = str_split(&rest, '/');
        good = part.n > 0 && !str_eq(part, STR(".")) && !str_eq(part, STR(".."));
    }
    if (good && path.p[path.n - 1] != '/')
        return true;
    return fail(
        err, ERR_DATA,
        "\"%.*s\" is no path of a dataset's file: expected at most %d bytes of UTF-8 below its folder.",
        (int)(path.n > 80 ? 80 : path.n), path.n ? path.p : "", DATASET_PATH_MAX);
}

static bool room_for_row(struct dataset_manifest *m) {
    if (m->count < m->room)
        return true;
    size_t room = m->room ? 2 * m->room : 256;
    struct dataset_row *rows = realloc(m->rows, room * sizeof *rows);
    if (!rows)
        return false;
    m->rows = rows;
    if (m->seen) {
        struct str *labels = realloc(m->seen->of_rows, room * sizeof *labels);
        if (!labels)
            return false;
        m->seen->of_rows = labels;
    }
    m->room = room;
    return true;
}

/* ---- making ---- */

bool dataset_manifest_begin(struct dataset_manifest *m, enum dataset_kind kind, struct error *err) {
    *m = (struct dataset_manifest){
        .kind = kind, .arena = arena_new(memory_max), .seen = calloc(1, sizeof *m->seen)};
    if (m->arena && m->seen)
        return true;
    dataset_manifest_free(m);
    return no_memory(err);
}

/* A copy that lives as long as the manifest; .p is NULL when memory is out. */
static struct str keep_label(struct dataset_manifest *m, struct str label) {
    struct str *slot = &m->seen->recent[hash64(label, 0) % RECENT];
    if (!slot->p || !str_eq(*slot, label))
        *slot = arena_copy(m->arena, label);
    return *slot;
}

bool dataset_manifest_add(struct dataset_manifest *m, struct str label, const struct dataset_row *row,
                          struct error *err) {
    if (!check_label(label, err) || (m->kind == DATASET_FILES && !check_path(row->path, err)))
        return false;
    struct dataset_row kept = *row;
    if (!room_for_row(m))
        return no_memory(err);
    kept.path = m->kind == DATASET_FILES ? arena_copy(m->arena, row->path) : STR("");
    struct str kept_label = keep_label(m, label);
    if (!kept.path.p || !kept_label.p)
        return no_memory(err);
    if (m->kind == DATASET_TABLE)
        memset(kept.hash + DATASET_ROW_HASH_SIZE, 0, SHA256_SIZE - DATASET_ROW_HASH_SIZE);
    m->seen->of_rows[m->count] = kept_label;
    m->rows[m->count++] = kept;
    return true;
}

static int by_label(const void *a, const void *b) {
    return str_compare(*(const struct str *)a, *(const struct str *)b);
}

static int by_place(const void *a, const void *b) {
    const struct dataset_row *x = a, *y = b;
    int difference = str_compare(x->path, y->path);
    return difference ? difference : (x->line > y->line) - (x->line < y->line);
}

/* Rows get the numbers of their labels, which are sorted. */
static bool number_labels(struct dataset_manifest *m, struct error *err) {
    struct str *all = malloc((m->count + 1) * sizeof *all);
    if (!all)
        return no_memory(err);
    size_t count = 0;
    if (m->count)
        memcpy(all, m->seen->of_rows, m->count * sizeof *all);
    qsort(all, m->count, sizeof *all, by_label);
    for (size_t i = 0; i < m->count; i++)
        if (count == 0 || !str_eq(all[count - 1], all[i]))
            all[count++] = all[i];
    if (count > DATASET_LABELS_MAX) {
        free(all);
        return fail(err, ERR_DATA,
                    "There are %zu different labels, more than the limit of %d: is this the label column?",
                    count, DATASET_LABELS_MAX);
    }
    for (size_t i = 0; i < m->count; i++) {
        const struct str *found = bsearch(&m->seen->of_rows[i], all, count, sizeof *all, by_label);
        m->rows[i].label = (uint32_t)(found - all);
    }
    m->labels = all;
    m->label_count = count;
    return true;
}

static void write_row(const struct dataset_manifest *m, const struct dataset_row *r, struct json_writer *w) {
    char hex[SHA256_HEX_SIZE];
    sha256_hex(r->hash, hex);
    json_array(w);
    if (m->kind == DATASET_FILES)
        json_str(w, r->path);
    else
        json_int(w, (int64_t)r->line);
    json_int(w, r->label);
    json_int(w, (int64_t)r->size);
    json_str(w, str_slice(str_from(hex), 0,
                          m->kind == DATASET_FILES ? 2 * SHA256_SIZE : 2 * DATASET_ROW_HASH_SIZE));
    json_array_end(w);
}

static void write_manifest(const struct dataset_manifest *m, struct json_writer *w) {
    char hex[SHA256_HEX_SIZE];
    json_object(w);
    json_field_int(w, "format", FORMAT);
    json_field_text(w, "kind", m->kind == DATASET_FILES ? "files" : "table");
    if (m->kind == DATASET_TABLE) {
        json_key(w, "file");
        json_object(w);
        json_field_int(w, "size", (int64_t)m->file_size);
        sha256_hex(m->file_hash, hex);
        json_field_text(w, "sha256", hex);
        json_object_end(w);
    }
    json_key(w, "labels");
    json_array(w);
    for (size_t i = 0; i < m->label_count; i++)
        json_str(w, m->labels[i]);
    json_array_end(w);
    json_key(w, "rows");
    json_array(w);
    for (size_t i = 0; i < m->count; i++)
        write_row(m, &m->rows[i], w);
    json_array_end(w);
    json_object_end(w);
}

bool dataset_manifest_finish(struct dataset_manifest *m, struct buf *text, struct error *err) {
    if (m->count == 0)
        return fail(err, ERR_DATA, "There are no rows.");
    if (!number_labels(m, err))
        return false;
    qsort(m->rows, m->count, sizeof *m->rows, by_place);
    *text = BUF_INIT(text_max);
    struct json_writer w = JSON_WRITER(text);
    write_manifest(m, &w);
    if (!text->failed)
        return true;
    buf_free(text);
    return fail(err, ERR_NO_MEMORY,
                "The manifest of %zu rows does not fit into memory, or is over %zu bytes.", m->count,
                text_max);
}

/* ---- reading ---- */

static bool wrong(struct error *err, const char *what) {
    return fail(err, ERR_DATA, "The dataset's manifest is no good: %s.", what);
}

static bool read_size(yyjson_val *value, uint64_t *out) {
    if (!yyjson_is_uint(value) || yyjson_get_uint(value) > INT64_MAX)
        return false;
    *out = yyjson_get_uint(value);
    return true;
}

static bool read_hash(yyjson_val *value, size_t size, unsigned char out[SHA256_SIZE]) {
    char digits[2 * SHA256_SIZE];
    struct str text = json_str_of(value);
    if (text.n != 2 * size)
        return false;
    memset(digits, '0', sizeof digits);
    memcpy(digits, text.p, text.n);
    return sha256_from_hex((struct str){digits, sizeof digits}, out);
}

static bool read_labels(struct dataset_manifest *m, yyjson_val *list, struct error *err) {
    size_t index, max;
    yyjson_val *item;
    if (!yyjson_is_arr(list) || yyjson_arr_size(list) > DATASET_LABELS_MAX)
        return wrong(err, "\"labels\" is no list, or too long a one");
    m->labels = calloc(yyjson_arr_size(list) + 1, sizeof *m->labels);
    if (!m->labels)
        return no_memory(err);
    yyjson_arr_foreach(list, index, max, item) {
        struct str label = json_str_of(item);
        if (!check_label(label, err))
            return false;
        if (index && str_compare(m->labels[index - 1], label) >= 0)
            return wrong(err, "its labels do not ascend");
        m->labels[index] = arena_copy(m->arena, label);
        if (!m->labels[index].p)
            return no_memory(err);
        m->label_count++;
    }
    return true;
}

static bool read_row(struct dataset_manifest *m, yyjson_val *row, struct error *err) {
    struct dataset_row r = {.path = STR("")};
    yyjson_val *place = yyjson_arr_get(row, 0), *label = yyjson_arr_get(row, 1);
    bool files = m->kind == DATASET_FILES;
    if (yyjson_arr_size(row) != 4 || !yyjson_is_uint(label) || yyjson_get_uint(label) >= m->label_count ||
        !read_size(yyjson_arr_get(row, 2), &r.size) ||
        !read_hash(yyjson_arr_get(row, 3), files ? SHA256_SIZE : DATASET_ROW_HASH_SIZE, r.hash))
        return wrong(err, "a row is not [path or line, label, size, hash]");
    r.label = (uint32_t)yyjson_get_uint(label);
    if (files ? !check_path(json_str_of(place), err)
              : !read_size(place, &r.line) && !wrong(err, "a row has no line"))
        return false;
    if (!room_for_row(m))
        return no_memory(err);
    if (files && !(r.path = arena_copy(m->arena, json_str_of(place))).p)
        return no_memory(err);
    m->rows[m->count++] = r;
    if (m->count > 1 && by_place(&m->rows[m->count - 2], &r) >= 0)
        return wrong(err, "its rows do not ascend");
    return true;
}

static bool read_root(struct dataset_manifest *m, yyjson_val *root, struct error *err) {
    struct str kind = json_str_of(yyjson_obj_get(root, "kind"));
    yyjson_val *file = yyjson_obj_get(root, "file"), *rows = yyjson_obj_get(root, "rows"), *row;
    size_t index, max;
    yyjson_val *format = yyjson_obj_get(root, "format");
    if (!yyjson_is_uint(format) || yyjson_get_uint(format) != FORMAT)
        return wrong(err, "its \"format\" is not 1; was it made by a newer penstock?");
    m->kind = str_eq(kind, STR("table")) ? DATASET_TABLE : DATASET_FILES;
    if (m->kind == DATASET_FILES && !str_eq(kind, STR("files")))
        return wrong(err, "its \"kind\" is neither \"files\" nor \"table\"");
    if (m->kind == DATASET_TABLE && (!read_size(yyjson_obj_get(file, "size"), &m->file_size) ||
                                     !read_hash(yyjson_obj_get(file, "sha256"), SHA256_SIZE, m->file_hash)))
        return wrong(err, "\"file\" has no size and SHA-256");
    if (!read_labels(m, yyjson_obj_get(root, "labels"), err))
        return false;
    if (!yyjson_is_arr(rows))
        return wrong(err, "\"rows\" is no list");
    yyjson_arr_foreach(rows, index, max, row) if (!read_row(m, row, err)) return false;
    return true;
}

bool dataset_manifest_parse(struct dataset_manifest *out, struct str text, struct error *err) {
    struct dataset_manifest m = {.arena = arena_new(memory_max)};
    yyjson_doc *doc = m.arena ? json_parse(text, err) : NULL;
    bool good = m.arena || no_memory(err);
    if (good && !doc)
        good = fail_within(err, "The dataset's manifest");
    good = good && read_root(&m, yyjson_doc_get_root(doc), err);
    yyjson_doc_free(doc);
    if (good)
        *out = m;
    else
        dataset_manifest_free(&m);
    return good;
}

const struct dataset_row *dataset_manifest_find(const struct dataset_manifest *m,
                                                const unsigned char hash[SHA256_SIZE]) {
    size_t size = m->kind == DATASET_FILES ? SHA256_SIZE : DATASET_ROW_HASH_SIZE;
    for (size_t i = 0; i < m->count; i++)
        if (memcmp(m->rows[i].hash, hash, size) == 0)
            return &m->rows[i];
    return NULL;
}
