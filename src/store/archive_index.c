#include "store/archive_index.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

enum { FORMAT = 1 };
static const size_t memory_max = (size_t)1 << 30;

void archive_index_free(struct archive_index *x) {
    arena_free(x->arena);
    *x = (struct archive_index){0};
}

static int by_hash(const void *a, const void *b) {
    return memcmp(((const struct archive_blob *)a)->hash, ((const struct archive_blob *)b)->hash,
                  SHA256_SIZE);
}

struct archive_blob *archive_index_blob(const struct archive_index *x,
                                        const unsigned char hash[SHA256_SIZE]) {
    struct archive_blob wanted;
    memcpy(wanted.hash, hash, SHA256_SIZE);
    return x->blob_count ? bsearch(&wanted, x->blobs, x->blob_count, sizeof *x->blobs, by_hash) : NULL;
}

/* ---- writing ---- */

static void write_head(struct json_writer *w, const char *name, unsigned version, int64_t created) {
    json_object(w);
    json_field_text(w, "name", name);
    json_field_int(w, "version", version);
    json_field_int(w, "created", created);
}

/* And the end of the object that has them. */
static void write_tags(const struct archive_index *x, struct json_writer *w, enum tag_subject subject,
                       const char *name, unsigned version) {
    json_key(w, "tags");
    json_array(w);
    for (size_t i = 0; i < x->tag_count; i++) {
        const struct tag *tag = &x->tags[i];
        if (tag->subject != subject || tag->version != version || strcmp(tag->name, name) != 0)
            continue;
        json_object(w);
        json_field_text(w, "key", tag->key);
        json_field_text(w, "value", tag->value);
        json_field_int(w, "created", tag->created);
        json_object_end(w);
    }
    json_array_end(w);
    json_object_end(w);
}

static void begin_list(struct json_writer *w, const char *key) {
    json_key(w, key);
    json_array(w);
}

static void write_objects(const struct archive_index *x, struct json_writer *w) {
    begin_list(w, "versions");
    for (size_t i = 0; i < x->version_count; i++) {
        const struct version_record *r = &x->versions[i];
        write_head(w, r->name, r->version, r->created);
        json_field_text(w, "backend", r->backend);
        json_field_text(w, "artefact", r->artefact);
        json_field_text(w, "manifest", r->manifest);
        write_tags(x, w, TAG_MODEL, r->name, r->version);
    }
    json_array_end(w);
    begin_list(w, "datasets");
    for (size_t i = 0; i < x->dataset_count; i++) {
        const struct dataset_record *r = &x->datasets[i];
        write_head(w, r->name, r->version, r->created);
        json_field_text(w, "manifest", r->manifest);
        json_field_text(w, "source", r->source);
        write_tags(x, w, TAG_DATASET, r->name, r->version);
    }
    json_array_end(w);
    begin_list(w, "prompts");
    for (size_t i = 0; i < x->prompt_count; i++) {
        const struct prompt_record *r = &x->prompts[i];
        write_head(w, r->name, r->version, r->created);
        json_field_text(w, "text", r->text);
        write_tags(x, w, TAG_PROMPT, r->name, r->version);
    }
    json_array_end(w);
    begin_list(w, "suites");
    for (size_t i = 0; i < x->suite_count; i++) {
        write_head(w, x->suites[i].name, x->suites[i].version, x->suites[i].created);
        json_field_text(w, "hash", x->suites[i].hash);
        json_key(w, "files");
        suite_files_write(&x->suites[i], w);
        json_object_end(w);
    }
    json_array_end(w);
}

void archive_index_write(const struct archive_index *x, struct buf *out) {
    struct json_writer w = JSON_WRITER(out);
    char hex[SHA256_HEX_SIZE];
    json_object(&w);
    json_field_int(&w, "format", FORMAT);
    write_objects(x, &w);
    begin_list(&w, "blobs");
    for (size_t i = 0; i < x->blob_count; i++) {
        json_object(&w);
        sha256_hex(x->blobs[i].hash, hex);
        json_field_text(&w, "sha256", hex);
        json_field_int(&w, "size", (int64_t)x->blobs[i].size);
        json_object_end(&w);
    }
    json_array_end(&w);
    json_object_end(&w);
}

/* ---- reading ---- */

static bool no_memory(struct error *err) {
    return fail(err, ERR_NO_MEMORY, "Out of memory for the index of an archive.");
}

static bool wrong(struct error *err, const char *what) {
    return fail(err, ERR_DATA, "The archive's index is no good: %s.", what);
}

static bool read_int(yyjson_val *object, const char *key, int64_t least, int64_t most, int64_t *out) {
    yyjson_val *value = yyjson_obj_get(object, key);
    if (!yyjson_is_int(value) || (yyjson_is_uint(value) && yyjson_get_uint(value) > INT64_MAX))
        return false;
    *out = yyjson_get_sint(value);
    return *out >= least && *out <= most;
}

/* Text that fits and has no control characters. */
static bool read_text(yyjson_val *object, const char *key, char *to, size_t size) {
    struct str text = json_str_of(yyjson_obj_get(object, key));
    if (!text.p || text.n >= size || str_has_control(text))
        return false;
    str_put(text, to, size);
    return true;
}

static bool read_hash(yyjson_val *object, const char *key, char to[SHA256_HEX_SIZE]) {
    unsigned char digest[SHA256_SIZE];
    if (!sha256_from_hex(json_str_of(yyjson_obj_get(object, key)), digest))
        return false;
    sha256_hex(digest, to);
    return true;
}

static bool read_head(yyjson_val *object, const char *what, char name[REFERENCE_NAME_MAX + 1],
                      unsigned *version, int64_t *created, struct error *err) {
    struct str text = json_str_of(yyjson_obj_get(object, "name"));
    int64_t number;
    if (!reference_check_name(text.p ? text : STR(""), what, err))
        return fail_within(err, "The archive's index");
    if (!read_int(object, "version", 1, INT_MAX, &number) ||
        !read_int(object, "created", 0, INT64_MAX, created))
        return wrong(err, "something has no version number, or no time");
    str_put(text, name, REFERENCE_NAME_MAX + 1);
    *version = (unsigned)number;
    return true;
}

/* A terminated copy, of what holds no NUL; NULL and *err. */
static char *keep_text(struct archive_index *x, yyjson_val *object, const char *key, struct error *err) {
    struct str text = json_str_of(yyjson_obj_get(object, key));
    if (!text.p || memchr(text.p, '\0', text.n)) {
        wrong(err, "a manifest or a prompt is no text");
        return NULL;
    }
    struct str copy = arena_copy(x->arena, text);
    if (!copy.p)
        no_memory(err);
    return (char *)(uintptr_t)copy.p;
}

static bool read_version(struct archive_index *x, yyjson_val *object, void *out, struct error *err) {
    struct version_record *r = out;
    if (!read_head(object, "model", r->name, &r->version, &r->created, err))
        return false;
    if (!read_text(object, "backend", r->backend, sizeof r->backend) || !r->backend[0] ||
        !read_hash(object, "artefact", r->artefact))
        return wrong(err, "a version has no backend or no artefact");
    r->manifest = keep_text(x, object, "manifest", err);
    if (!r->manifest)
        return false;
    yyjson_doc *doc = json_parse(str_from(r->manifest), err);
    bool good = doc && yyjson_is_obj(yyjson_doc_get_root(doc));
    yyjson_doc_free(doc);
    if (doc && !good)
        return wrong(err, "a version's manifest is no JSON object");
    return good || fail_within(err, "The manifest of %s@%u", r->name, r->version);
}

static bool read_dataset(struct archive_index *x, yyjson_val *object, void *out, struct error *err) {
    struct dataset_record *r = out;
    if (!read_head(object, "dataset", r->name, &r->version, &r->created, err))
        return false;
    return (read_hash(object, "manifest", r->manifest) &&
            read_text(object, "source", r->source, sizeof r->source)) ||
           wrong(err, "a dataset has no manifest or no source");
}

static bool read_prompt(struct archive_index *x, yyjson_val *object, void *out, struct error *err) {
    struct prompt_record *r = out;
    if (!read_head(object, "prompt", r->name, &r->version, &r->created, err) ||
        !(r->text = keep_text(x, object, "text", err)))
        return false;
    unsigned char digest[SHA256_SIZE];
    sha256(str_from(r->text), digest);
    sha256_hex(digest, r->hash);
    return true;
}

static bool read_suite(struct archive_index *x, yyjson_val *object, void *out, struct error *err) {
    struct suite_record *r = out;
    if (!read_head(object, "suite", r->name, &r->version, &r->created, err))
        return false;
    if (!read_hash(object, "hash", r->hash))
        return wrong(err, "a suite has no hash");
    return suite_files_read(r, yyjson_obj_get(object, "files"), err) ||
           fail_within(err, "The archive's index");
}

static bool read_blob(struct archive_index *x, yyjson_val *object, void *out, struct error *err) {
    struct archive_blob *blob = out;
    int64_t size;
    if (!sha256_from_hex(json_str_of(yyjson_obj_get(object, "sha256")), blob->hash) ||
        !read_int(object, "size", 0, INT64_MAX, &size))
        return wrong(err, "a blob has no hash or no size");
    blob->size = (uint64_t)size;
    return true;
}

typedef bool read_object(struct archive_index *x, yyjson_val *object, void *out, struct error *err);

/* An array of `size` bytes each, read one by one; NULL and *err. */
static void *read_list(struct archive_index *x, yyjson_val *list, size_t most, size_t size, size_t *count,
                       read_object *read, struct error *err) {
    size_t index, max;
    yyjson_val *item;
    if (!yyjson_is_arr(list) || yyjson_arr_size(list) > most) {
        wrong(err, "a list is missing or too long; was it made by a newer penstock?");
        return NULL;
    }
    char *array = arena_zalloc(x->arena, (yyjson_arr_size(list) + 1) * size);
    if (!array) {
        no_memory(err);
        return NULL;
    }
    yyjson_arr_foreach(list, index, max, item) if (!read(x, item, array + index * size, err)) return NULL;
    *count = yyjson_arr_size(list);
    return array;
}

struct owner {
    enum tag_subject subject;
    const char *name;
    unsigned version;
};

static bool read_tag(struct archive_index *x, const struct owner *owner, yyjson_val *object,
                     struct error *err) {
    struct tag *tag = &x->tags[x->tag_count];
    char text[TAG_KEY_MAX + TAG_VALUE_MAX + 2];
    struct str key = json_str_of(yyjson_obj_get(object, "key")),
               value = json_str_of(yyjson_obj_get(object, "value"));
    if (!key.p || !value.p || key.n > TAG_KEY_MAX || value.n > TAG_VALUE_MAX || memchr(key.p, '=', key.n) ||
        !read_int(object, "created", 0, INT64_MAX, &tag->created))
        return wrong(err, "a tag has no key, value and time");
    int n = snprintf(text, sizeof text, "%.*s=", STR_ARG(key));
    memcpy(text + n, value.p, value.n);
    if (!tag_parse((struct str){text, (size_t)n + value.n}, false, tag, err))
        return fail_within(err, "The archive's index");
    tag->subject = owner->subject;
    str_put(str_from(owner->name), tag->name, sizeof tag->name);
    tag->version = owner->version;
    x->tag_count++;
    return true;
}

static size_t tags_in(yyjson_val *list) {
    size_t index, max, n = 0;
    yyjson_val *item;
    yyjson_arr_foreach(list, index, max, item) {
        size_t tags = yyjson_arr_size(yyjson_obj_get(item, "tags"));
        n += tags > TAGS_MAX ? TAGS_MAX + 1 : tags;
    }
    return n;
}

static bool read_tags(struct archive_index *x, const struct owner *owner, yyjson_val *object,
                      struct error *err) {
    yyjson_val *list = yyjson_obj_get(object, "tags"), *item;
    size_t index, max;
    if (!yyjson_is_arr(list) || yyjson_arr_size(list) > TAGS_MAX)
        return wrong(err, "\"tags\" is no list, or too long a one");
    yyjson_arr_foreach(list, index, max, item) if (!read_tag(x, owner, item, err)) return false;
    return true;
}

static bool read_all_tags(struct archive_index *x, yyjson_val *root, struct error *err) {
    yyjson_val *versions = yyjson_obj_get(root, "versions"), *datasets = yyjson_obj_get(root, "datasets"),
               *prompts = yyjson_obj_get(root, "prompts"), *item;
    size_t index, max, n = tags_in(versions) + tags_in(datasets) + tags_in(prompts);
    if (n > ARCHIVE_TAGS_MAX)
        return wrong(err, "it has too many tags");
    x->tags = arena_zalloc(x->arena, (n + 1) * sizeof *x->tags);
    if (!x->tags)
        return no_memory(err);
    yyjson_arr_foreach(versions, index, max, item) {
        struct owner owner = {TAG_MODEL, x->versions[index].name, x->versions[index].version};
        if (!read_tags(x, &owner, item, err))
            return false;
    }
    yyjson_arr_foreach(datasets, index, max, item) {
        struct owner owner = {TAG_DATASET, x->datasets[index].name, x->datasets[index].version};
        if (!read_tags(x, &owner, item, err))
            return false;
    }
    yyjson_arr_foreach(prompts, index, max, item) {
        struct owner owner = {TAG_PROMPT, x->prompts[index].name, x->prompts[index].version};
        if (!read_tags(x, &owner, item, err))
            return false;
    }
    return true;
}

static bool check_order(const struct archive_index *x, struct error *err) {
    for (size_t i = 1; i < x->blob_count; i++)
        if (by_hash(&x->blobs[i - 1], &x->blobs[i]) >= 0)
            return wrong(err, "its blobs do not ascend");
    return true;
}

static bool read_root(struct archive_index *x, yyjson_val *root, struct error *err) {
    int64_t format;
    if (!read_int(root, "format", FORMAT, FORMAT, &format))
        return wrong(err, "its \"format\" is not 1; was it made by a newer penstock?");
    x->versions = read_list(x, yyjson_obj_get(root, "versions"), ARCHIVE_OBJECTS_MAX, sizeof *x->versions,
                            &x->version_count, read_version, err);
    x->datasets = !x->versions ? NULL
                               : read_list(x, yyjson_obj_get(root, "datasets"), ARCHIVE_OBJECTS_MAX,
                                           sizeof *x->datasets, &x->dataset_count, read_dataset, err);
    x->prompts = !x->datasets ? NULL
                              : read_list(x, yyjson_obj_get(root, "prompts"), ARCHIVE_OBJECTS_MAX,
                                          sizeof *x->prompts, &x->prompt_count, read_prompt, err);
    x->suites = !x->prompts ? NULL
                            : read_list(x, yyjson_obj_get(root, "suites"), ARCHIVE_SUITES_MAX,
                                        sizeof *x->suites, &x->suite_count, read_suite, err);
    x->blobs = !x->suites ? NULL
                          : read_list(x, yyjson_obj_get(root, "blobs"), ARCHIVE_BLOBS_MAX, sizeof *x->blobs,
                                      &x->blob_count, read_blob, err);
    return x->blobs && check_order(x, err) && read_all_tags(x, root, err);
}

bool archive_index_parse(struct archive_index *out, struct str text, struct error *err) {
    struct archive_index x = {.arena = arena_new(memory_max)};
    if (!x.arena)
        return no_memory(err);
    yyjson_doc *doc = json_parse(text, err);
    bool good = doc || fail_within(err, "The archive's index");
    good = good && read_root(&x, yyjson_doc_get_root(doc), err);
    yyjson_doc_free(doc);
    if (good)
        *out = x;
    else
        archive_index_free(&x);
    return good;
}
