#include "net/multipart.h"
#include "pipeline/stages/stages.h"

#include <stdlib.h>
#include <string.h>

static bool accepts(struct request *r, enum endpoint_accepts kind, const char *what) {
    unsigned mask = r->endpoint->config->accepts;
    if (mask & kind)
        return true;
    return fail(&r->error, ERR_BAD_REQUEST, "Endpoint \"%s\" does not take %s. It takes:%s%s%s.",
                r->endpoint->config->name, what, mask & ACCEPTS_TEXT ? " {\"text\": …}" : "",
                mask & ACCEPTS_FILE ? " a file (PDF, JPEG, PNG)" : "",
                mask & ACCEPTS_FEATURES ? " {\"features\": {…}}" : "");
}

static bool check_text(struct request *r, struct str text) {
    size_t bad;
    if (text.n > (size_t)r->endpoint->config->text_max)
        return fail_at(&r->error, ERR_INVALID_TEXT, "text", "The text has %zu bytes; at most %lld are taken.",
                       text.n, (long long)r->endpoint->config->text_max);
    if (!str_is_utf8(text, &bad))
        return fail_at(&r->error, ERR_INVALID_TEXT, "text", "The text is not valid UTF-8 at byte %zu.", bad);
    for (size_t i = 0; i < text.n; i++)
        if (!strchr(" \t\r\n", text.p[i]))
            return true;
    return fail_at(&r->error, ERR_INVALID_TEXT, "text", "The text is empty; send at least one word.");
}

static bool take_text(struct request *r, struct str text) {
    if (!accepts(r, ACCEPTS_TEXT, "a text") || !check_text(r, text))
        return false;
    r->input.kind = INPUT_TEXT;
    r->input.bytes = r->input.text = text;
    r->input.type = STR("text/plain");
    return true;
}

static bool take_file(struct request *r, struct str bytes) {
    if (!accepts(r, ACCEPTS_FILE, "a file") || !file_type_detect(bytes, &r->input.file_type, &r->error))
        return false;
    r->input.kind = INPUT_FILE;
    r->input.bytes = bytes;
    r->input.type = str_from(file_type_mime(r->input.file_type));
    if (r->input.file_type != FILE_TYPE_TEXT)
        return true;
    r->input.text = bytes;
    return check_text(r, bytes);
}

static bool take_features(struct request *r, yyjson_val *features) {
    if (!accepts(r, ACCEPTS_FEATURES, "features"))
        return false;
    if (!yyjson_is_obj(features))
        return fail_at(&r->error, ERR_INVALID_FIELD, "features",
                       "\"features\" is %s; expected an object of names and values.",
                       yyjson_get_type_desc(features));
    size_t n;
    char *minified = yyjson_val_write(features, YYJSON_WRITE_NOFLAG, &n);
    r->input.bytes = minified ? arena_copy(r->arena, (struct str){minified, n}) : STR("");
    free(minified);
    if (!r->input.bytes.p)
        return fail(&r->error, ERR_NO_MEMORY, "The features are too large.");
    r->input.kind = INPUT_FEATURES;
    r->input.type = STR("application/json");
    r->input.features = features;
    return true;
}

enum { USER_MAX = 256 };

static bool check_user(struct request *r, struct str user) {
    if (user.n > USER_MAX)
        return fail_at(&r->error, ERR_INVALID_FIELD, "user", "\"user\" has %zu bytes; at most %d are taken.",
                       user.n, USER_MAX);
    r->input.user = user;
    return true;
}

/* A file sent as it is has no place for a name but the head. One that the body gives goes before it. */
static bool take_user_header(struct request *r) {
    struct str user = exchange_header(r->exchange, STR("x-penstock-user"));
    if (user.n > USER_MAX || str_has_control(user))
        return fail_at(&r->error, ERR_INVALID_FIELD, "x-penstock-user",
                       "The header X-Penstock-User takes at most %d bytes without control characters.",
                       USER_MAX);
    if (user.n)
        r->input.user = user;
    return true;
}

static bool unknown_key(struct request *r, struct str name) {
    static const char *const known[] = {"text", "features", "user"};
    const char *nearest = str_nearest(name, known, ARRAY_COUNT(known));
    struct str shown = str_slice(name, 0, 60);
    return fail_at(&r->error, ERR_INVALID_FIELD, nearest ? nearest : "",
                   "The request has the unknown key \"%.*s\"%s%s%s; expected \"text\" or \"features\", and "
                   "maybe \"user\".",
                   STR_ARG(shown), nearest ? ", did you mean \"" : "", nearest ? nearest : "",
                   nearest ? "\"?" : "");
}

static bool take_json(struct request *r) {
    r->input.json = json_parse(r->exchange->body, &r->error);
    if (!r->input.json)
        return false;
    yyjson_val *root = yyjson_doc_get_root(r->input.json), *key, *value, *text = NULL, *features = NULL;
    if (!yyjson_is_obj(root))
        return fail(&r->error, ERR_INVALID_JSON,
                    "The body is %s; expected an object such as {\"text\": \"…\"}.",
                    yyjson_get_type_desc(root));
    size_t index, max;
    yyjson_obj_foreach(root, index, max, key, value) {
        struct str name = json_str_of(key);
        bool is_text = str_eq(name, STR("text")), is_user = str_eq(name, STR("user"));
        if ((is_text || is_user) && !yyjson_is_str(value))
            return fail_at(&r->error, ERR_INVALID_FIELD, is_text ? "text" : "user",
                           "\"%.*s\" is %s; expected a string.", STR_ARG(name), yyjson_get_type_desc(value));
        if (is_text)
            text = value;
        else if (str_eq(name, STR("features")))
            features = value;
        else if (!is_user)
            return unknown_key(r, name);
        else if (!check_user(r, json_str_of(value)))
            return false;
    }
    if (!text == !features)
        return fail_at(&r->error, ERR_MISSING_FIELD, "text", "Send either \"text\" or \"features\"; %s.",
                       text ? "both are there" : "neither is there");
    return text ? take_text(r, json_str_of(text)) : take_features(r, features);
}

static bool take_multipart(struct request *r, struct str type) {
    struct multipart_part *parts;
    size_t count;
    if (!multipart_parse(type, r->exchange->body, r->arena, &parts, &count, &r->error))
        return false;
    const struct multipart_part *user = multipart_find(parts, count, STR("user"));
    if (user && !check_user(r, user->bytes))
        return false;
    const struct multipart_part *file = multipart_find(parts, count, STR("file"));
    if (file)
        return take_file(r, file->bytes);
    const struct multipart_part *text = multipart_find(parts, count, STR("text"));
    if (text)
        return take_text(r, text->bytes);
    return fail_at(&r->error, ERR_MISSING_FIELD, "file",
                   "The form has no part named \"file\" (nor \"text\").");
}

static bool looks_like_json(struct str body) {
    size_t i = 0;
    while (i < body.n && strchr(" \t\r\n", body.p[i]))
        i++;
    return i < body.n && body.p[i] == '{';
}

/* The declared type says how the body is packed; what a file is, its content says. */
static bool take_body(struct request *r) {
    struct str declared = exchange_header(r->exchange, STR("content-type"));
    struct str rest = declared.p ? declared : STR("");
    struct str type = str_trim(str_split(&rest, ';'));
    if (!take_user_header(r))
        return false;
    if (multipart_is(type))
        return take_multipart(r, declared);
    if (str_eq_nocase(type, STR("application/json")) || str_ends(type, STR("+json")))
        return take_json(r);
    if (str_eq_nocase(type, STR("text/plain")) && !(r->endpoint->config->accepts & ACCEPTS_FILE))
        return take_text(r, r->exchange->body);
    if (str_eq_nocase(type, STR("application/x-www-form-urlencoded")) || type.n == 0) {
        if (looks_like_json(r->exchange->body))
            return take_json(r);
        if (type.n)
            return fail_at(
                &r->error, ERR_BAD_REQUEST, "content-type",
                "The body is sent as a web form. Send JSON with \"Content-Type: application/json\", or a "
                "file as multipart/form-data or with its own type.");
    }
    return take_file(r, r->exchange->body);
}

/* Its features are JSON that was made from a tensor. */
static bool take_given(struct request *r) {
    const struct request_given *given = r->given;
    if (given->error.code != ERR_NONE) {
        r->error = given->error;
        return false;
    }
    if (!check_user(r, given->user))
        return false;
    if (given->kind == INPUT_TEXT)
        return take_text(r, given->bytes);
    if (given->kind == INPUT_FILE)
        return take_file(r, given->bytes);
    r->input.json = json_parse(given->bytes, &r->error);
    return r->input.json && take_features(r, yyjson_doc_get_root(r->input.json));
}

static enum stage_answer run(struct request *r) {
    if (r->given ? !take_given(r) : !take_body(r))
        return STAGE_FAIL;
    sha256(r->input.bytes, r->input.hash);
    r->input.hashed = true;
    return STAGE_NEXT;
}

static void on_end(struct request *r) {
    yyjson_doc_free(r->input.json);
    r->input.json = NULL;
}

const struct stage stage_validate = {.name = "validate", .run = run, .on_end = on_end};
