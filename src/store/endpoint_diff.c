#include "store/endpoint_diff.h"

#include <stdio.h>

enum { PATH_SIZE = 400, DEPTH_MAX = 32 };

struct comparison {
    void (*visit)(const char *option, yyjson_val *before, yyjson_val *after, void *ctx);
    void *ctx;
};

static void compare(const struct comparison *c, const char *path, yyjson_val *a, yyjson_val *b,
                    unsigned depth);

static void compare_members(const struct comparison *c, const char *path, yyjson_val *a, yyjson_val *b,
                            unsigned depth) {
    size_t i, max;
    yyjson_val *key, *value;
    char inner[PATH_SIZE];
    yyjson_obj_foreach(a, i, max, key, value) {
        snprintf(inner, sizeof inner, "%s%s%s", path, *path ? "." : "", yyjson_get_str(key));
        compare(c, inner, value, yyjson_obj_get(b, yyjson_get_str(key)), depth);
    }
    yyjson_obj_foreach(b, i, max, key, value) {
        if (yyjson_obj_get(a, yyjson_get_str(key)))
            continue;
        snprintf(inner, sizeof inner, "%s%s%s", path, *path ? "." : "", yyjson_get_str(key));
        c->visit(inner, NULL, value, c->ctx);
    }
}

static void compare(const struct comparison *c, const char *path, yyjson_val *a, yyjson_val *b,
                    unsigned depth) {
    if (depth < DEPTH_MAX && yyjson_is_obj(a) && yyjson_is_obj(b))
        compare_members(c, path, a, b, depth + 1);
    else if (!b || !yyjson_equals(a, b))
        c->visit(path, a, b, c->ctx);
}

bool endpoint_diff(struct str before, struct str after,
                   void (*visit)(const char *option, yyjson_val *before, yyjson_val *after, void *ctx),
                   void *ctx, struct error *err) {
    yyjson_doc *to = NULL, *from = json_parse(before, err);
    bool good = from && (to = json_parse(after, err));
    if (good)
        compare(&(struct comparison){visit, ctx}, "", yyjson_doc_get_root(from), yyjson_doc_get_root(to), 0);
    yyjson_doc_free(from);
    yyjson_doc_free(to);
    return good;
}
