/* multipart/form-data bodies (RFC 7578, RFC 2046) that lie whole in memory. A pure function: parts are views
 * into the body. Any thread. */
#pragma once

#include "base/arena.h"
#include "base/error.h"

enum { MULTIPART_PARTS_MAX = 32, MULTIPART_PART_HEAD_MAX = 4096 };

struct multipart_part {
    struct str name;
    struct str filename;     /* .p == NULL when the part has none; a bare name, never to be used as a path */
    struct str content_type; /* .p == NULL when the part has none */
    struct str bytes;
};

/* Is this content type multipart/form-data? */
bool multipart_is(struct str content_type);

/* Errors are ERR_INVALID_MULTIPART and say what is wrong, and at which byte. Strict: the boundary is 1 to 70
 * characters of RFC 2046, every part has a Content-Disposition with a name, nothing lies outside the parts
 * but an empty line before and after, and the end is there. *parts lies in the arena. */
bool multipart_parse(struct str content_type, struct str body, struct arena *arena,
                     struct multipart_part **parts, size_t *count, struct error *err) MUST_USE;

/* The first part of that name, or NULL. */
const struct multipart_part *multipart_find(const struct multipart_part *parts, size_t count,
                                            struct str name);
