/* A content type up to the first LF, a multipart body behind it. What was accepted lies inside the body, in
 * order, and holds no delimiter. */
#include "base/check.h"
#include "net/multipart.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_inside(struct str part, struct str whole) {
    return part.p >= whole.p && part.p + part.n <= whole.p + whole.n;
}

static void check_name(struct str name) {
    CHECK(str_is_utf8(name, NULL));
    for (size_t i = 0; i < name.n; i++)
        CHECK((unsigned char)name.p[i] >= 0x20 || name.p[i] == '\t');
}

static void check_parts(const struct multipart_part *parts, size_t count, struct str body) {
    const char *behind = body.p;
    CHECK(count > 0 && count <= MULTIPART_PARTS_MAX);
    for (size_t i = 0; i < count; i++) {
        CHECK(parts[i].name.n && is_inside(parts[i].bytes, body) && parts[i].bytes.p > behind);
        behind = parts[i].bytes.p + parts[i].bytes.n;
        check_name(parts[i].name);
        if (parts[i].filename.p) {
            check_name(parts[i].filename);
            CHECK(str_find_char(parts[i].filename, '/') == SIZE_MAX &&
                  str_find_char(parts[i].filename, '\\') == SIZE_MAX);
        }
        if (parts[i].content_type.p)
            CHECK(is_inside(parts[i].content_type, body));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct str body = {(const char *)data, size};
    struct str content_type = str_split(&body, '\n');
    struct arena *arena = arena_new(65536);
    struct multipart_part *parts;
    size_t count;
    struct error err;
    if (multipart_parse(content_type, body, arena, &parts, &count, &err))
        check_parts(parts, count, body);
    else
        CHECK(err.code != ERR_NONE && err.message[0]);
    arena_free(arena);
    return 0;
}
