#include "chat/embedding.h"

#include "base/json.h"
#include "chat/usage_read.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

void embedding_request_write(struct buf *out, struct str model, const struct str *texts, size_t count) {
    struct json_writer w = JSON_WRITER(out);
    json_object(&w);
    json_field_str(&w, "model", model);
    json_key(&w, "input");
    json_array(&w);
    for (size_t i = 0; i < count; i++)
        json_str(&w, texts[i]);
    json_array_end(&w);
    json_field_text(&w, "encoding_format", "float");
    json_object_end(&w);
}

/* One vector of as many dimensions as the first. */
static bool read_vector(yyjson_val *from, size_t at, size_t dimensions, float *to, struct error *err) {
    size_t i, max;
    yyjson_val *value;
    bool directed = false;
    if (!yyjson_is_arr(from))
        return fail(err, ERR_UPSTREAM, "its reply has something else than an array of numbers as vector %zu",
                    at);
    if (yyjson_arr_size(from) != dimensions)
        return fail(err, ERR_UPSTREAM, "its vectors have %zu and %zu dimensions in one reply", dimensions,
                    yyjson_arr_size(from));
    yyjson_arr_foreach(from, i, max, value) {
        if (!yyjson_is_num(value) || !(fabs(yyjson_get_num(value)) <= (double)FLT_MAX))
            return fail(err, ERR_UPSTREAM, "its vectors have something else than a finite number at %zu", i);
        to[i] = (float)yyjson_get_num(value);
        directed |= to[i] != 0;
    }
    return directed || fail(err, ERR_UPSTREAM, "its vectors have only zeros");
}

/* Which text an item is about: as it says, or, where it says nothing, by its place. */
static bool place_of(yyjson_val *item, size_t at, size_t count, const bool *seen, size_t *out,
                     struct error *err) {
    yyjson_val *index = yyjson_obj_get(item, "index");
    uint64_t place = yyjson_is_uint(index) ? yyjson_get_uint(index) : at;
    if ((index && !yyjson_is_uint(index)) || place >= count || seen[place])
        return fail(err, ERR_UPSTREAM, "its reply numbers its vectors in no sensible way");
    *out = (size_t)place;
    return true;
}

static bool read_vectors(yyjson_val *data, struct embeddings *e, struct error *err) {
    bool seen[EMBEDDING_TEXTS_MAX] = {false};
    size_t i, max, place;
    yyjson_val *item;
    yyjson_arr_foreach(data, i, max, item) {
        if (!place_of(item, i, e->count, seen, &place, err) ||
            !read_vector(yyjson_obj_get(item, "embedding"), place, e->dimensions,
                         e->values + place * e->dimensions, err))
            return false;
        seen[place] = true;
    }
    return true;
}

static bool read_reply(yyjson_val *root, size_t count, struct embeddings *e, struct error *err) {
    yyjson_val *data = yyjson_obj_get(root, "data");
    struct chat_usage usage = CHAT_USAGE_UNKNOWN;
    if (!yyjson_is_arr(data) || yyjson_arr_size(data) != count)
        return fail(err, ERR_UPSTREAM, "its reply has %zu vectors for %zu text%s", yyjson_arr_size(data),
                    count, count == 1 ? "" : "s");
    e->count = count;
    e->dimensions = yyjson_arr_size(yyjson_obj_get(yyjson_arr_get_first(data), "embedding"));
    if (e->dimensions == 0 || e->dimensions > EMBEDDING_DIMENSIONS_MAX)
        return fail(err, ERR_UPSTREAM,
                    "its vectors have %zu dimensions; expected an array of 1 to %d numbers", e->dimensions,
                    EMBEDDING_DIMENSIONS_MAX);
    e->values = calloc(count * e->dimensions, sizeof *e->values);
    if (!e->values)
        return fail(err, ERR_NO_MEMORY, "Out of memory for an upstream's vectors.");
    chat_usage_read(yyjson_obj_get(root, "usage"), CHAT_EMBEDDINGS, &usage);
    e->tokens = usage.input;
    return read_vectors(data, e, err);
}

bool embeddings_read(struct str body, size_t count, struct embeddings *out, struct error *err) {
    yyjson_read_err problem = {0};
    struct embeddings read = {0};
    if (count == 0 || count > EMBEDDING_TEXTS_MAX)
        return fail(err, ERR_UPSTREAM, "its reply is to %zu texts; expected 1 to %d", count,
                    EMBEDDING_TEXTS_MAX);
    yyjson_doc *doc = yyjson_read_opts((char *)(uintptr_t)body.p, body.n, 0, NULL, &problem);
    if (!doc && problem.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION)
        return fail(err, ERR_NO_MEMORY, "Out of memory for an upstream's vectors.");
    if (!doc)
        return fail(err, ERR_UPSTREAM, "its reply is not JSON: %s at byte %zu", problem.msg, problem.pos);
    bool good = read_reply(yyjson_doc_get_root(doc), count, &read, err);
    yyjson_doc_free(doc);
    if (good)
        *out = read;
    else
        embeddings_clear(&read);
    return good;
}

void embeddings_clear(struct embeddings *e) {
    free(e->values);
    *e = (struct embeddings){0};
}
