#include "net/multipart.h"

#include <string.h>

enum { BOUNDARY_MAX = 70 };

/* ---- parameters: ; name=value; name="value" (RFC 9110, 5.6.6) ---- */

static bool is_token_char(char c) {
    return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

static void skip_spaces(struct str *s) {
    while (s->n && (s->p[0] == ' ' || s->p[0] == '\t'))
        *s = str_slice(*s, 1, s->n);
}

static struct str take_token(struct str *s) {
    size_t n = 0;
    while (n < s->n && is_token_char(s->p[n]))
        n++;
    struct str token = str_slice(*s, 0, n);
    *s = str_slice(*s, n, s->n);
    return token;
}

/* What is between the quotes, escapes still in it. Only \" counts as one: browsers send other backslashes as
 * they are, and " as %22 (WHATWG HTML, 4.10.21.8). */
static bool take_quoted(struct str *s, struct str *value) {
    for (size_t i = 1; i < s->n; i++) {
        if (s->p[i] == '\\' && i + 1 < s->n && s->p[i + 1] == '"') {
            i++;
        } else if (s->p[i] == '"') {
            *value = str_slice(*s, 1, i);
            *s = str_slice(*s, i + 1, s->n);
            return true;
        }
    }
    return false;
}

/* Takes one parameter off the front of *rest. Call while *rest is not empty; false: malformed. */
static bool take_parameter(struct str *rest, struct str *name, struct str *value) {
    skip_spaces(rest);
    if (!rest->n || rest->p[0] != ';')
        return false;
    *rest = str_slice(*rest, 1, rest->n);
    skip_spaces(rest);
    *name = take_token(rest);
    if (!name->n || !rest->n || rest->p[0] != '=')
        return false;
    *rest = str_slice(*rest, 1, rest->n);
    if (rest->n && rest->p[0] == '"') {
        if (!take_quoted(rest, value))
            return false;
    } else {
        *value = take_token(rest);
        if (!value->n)
            return false;
    }
    skip_spaces(rest);
    return true;
}

/* ---- the content type ---- */

static bool take_type(struct str *rest) {
    struct str type = STR("multipart/form-data");
    if (!str_eq_nocase(str_slice(*rest, 0, type.n), type))
        return false;
    *rest = str_slice(*rest, type.n, rest->n);
    skip_spaces(rest);
    return rest->n == 0 || rest->p[0] == ';';
}

bool multipart_is(struct str content_type) {
    struct str rest = str_trim(content_type);
    return take_type(&rest);
}

static bool check_boundary(struct str boundary, struct error *err) {
    if (boundary.n == 0)
        return fail(err, ERR_INVALID_MULTIPART, "the content type has no boundary");
    if (boundary.n > BOUNDARY_MAX)
        return fail(err, ERR_INVALID_MULTIPART, "the boundary has %zu characters; at most %d are allowed",
                    boundary.n, BOUNDARY_MAX);
    for (size_t i = 0; i < boundary.n; i++) {
        char c = boundary.p[i];
        bool alphanumeric = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
        if (!alphanumeric && (c == '\0' || !strchr("'()+_,-./:=? ", c)))
            return fail(err, ERR_INVALID_MULTIPART, "the boundary contains a character that is not allowed");
    }
    return boundary.p[boundary.n - 1] != ' ' ||
           fail(err, ERR_INVALID_MULTIPART, "the boundary ends in a space");
}

static bool find_boundary(struct str content_type, struct str *boundary, struct error *err) {
    struct str rest = str_trim(content_type);
    if (!take_type(&rest))
        return fail(err, ERR_INVALID_MULTIPART, "the content type is not multipart/form-data");
    *boundary = STR("");
    while (rest.n) {
        struct str name, value;
        if (!take_parameter(&rest, &name, &value))
            return fail(err, ERR_INVALID_MULTIPART, "the content type's parameters are malformed");
        if (!str_eq_nocase(name, STR("boundary")))
            continue;
        if (boundary->n)
            return fail(err, ERR_INVALID_MULTIPART, "the content type has two boundaries");
        *boundary = value;
    }
    return check_boundary(*boundary, err);
}

/* ---- a part's head ---- */

struct reader {
    struct str body;
    size_t at;
    struct arena *arena;
    struct error *err;
    char delimiter[BOUNDARY_MAX + 4]; /* CR LF - - boundary */
    size_t delimiter_length;
};

static struct str rest_of(const struct reader *r) {
    return str_slice(r->body, r->at, r->body.n);
}

static bool fail_here(const struct reader *r, const char *what) {
    return fail(r->err, ERR_INVALID_MULTIPART, "%s (at byte %zu of the body)", what, r->at);
}

static bool has_control(struct str s) {
    for (size_t i = 0; i < s.n; i++)
        if (((unsigned char)s.p[i] < 0x20 && s.p[i] != '\t') || s.p[i] == 0x7f)
            return true;
    return false;
}

/* A line without its CR LF. */
static bool take_line(struct reader *r, struct str *line) {
    struct str rest = rest_of(r);
    size_t end = str_find(str_slice(rest, 0, MULTIPART_PART_HEAD_MAX), STR("\r\n"));
    if (end == SIZE_MAX)
        return fail_here(r, rest.n < MULTIPART_PART_HEAD_MAX ? "the body ends within the head of a part"
                                                             : "a part's head is too large");
    *line = str_slice(rest, 0, end);
    if (has_control(*line))
        return fail_here(r, "a part's head contains a control character");
    r->at += end + 2;
    return true;
}

static bool unescape(struct reader *r, struct str quoted, struct str *plain) {
    if (!str_is_utf8(quoted, NULL))
        return fail_here(r, "a part's name is not UTF-8");
    if (str_find(quoted, STR("\\\"")) == SIZE_MAX) {
        *plain = quoted;
        return true;
    }
    char *p = arena_alloc(r->arena, quoted.n);
    if (!p)
        return fail(r->err, ERR_NO_MEMORY, "no memory for a part's name");
    size_t n = 0;
    for (size_t i = 0; i < quoted.n; i++) {
        if (quoted.p[i] == '\\' && i + 1 < quoted.n && quoted.p[i + 1] == '"')
            i++;
        p[n++] = quoted.p[i];
    }
    *plain = (struct str){p, n};
    return true;
}

static struct str bare_name(struct str filename) {
    for (size_t i = filename.n; i > 0; i--)
        if (filename.p[i - 1] == '/' || filename.p[i - 1] == '\\')
            return str_slice(filename, i, filename.n);
    return filename;
}

static bool read_disposition(struct reader *r, struct str value, struct multipart_part *part) {
    struct str rest = value;
    if (part->name.p)
        return fail_here(r, "a part has two Content-Disposition headers");
    if (!str_eq_nocase(take_token(&rest), STR("form-data")))
        return fail_here(r, "a part's Content-Disposition is not form-data");
    while (rest.n) {
        struct str name, quoted;
        if (!take_parameter(&rest, &name, &quoted))
            return fail_here(r, "a part's Content-Disposition is malformed");
        bool is_name = str_eq_nocase(name, STR("name"));
        bool is_filename = str_eq_nocase(name, STR("filename"));
        struct str *target = is_name ? &part->name : &part->filename;
        if (!is_name && !is_filename)
            continue;
        if (target->p)
            return fail_here(r, "a part's Content-Disposition names the same thing twice");
        if (!unescape(r, quoted, target))
            return false;
    }
    if (!part->name.n)
        return fail_here(r, "a part has no name");
    if (part->filename.p)
        part->filename = bare_name(part->filename);
    return true;
}

static bool read_part_header(struct reader *r, struct str line, struct multipart_part *part) {
    struct str rest = line;
    struct str name = take_token(&rest);
    if (!name.n || !rest.n || rest.p[0] != ':')
        return fail_here(r, "a part's header is malformed");
    struct str value = str_trim(str_slice(rest, 1, rest.n));
    if (str_eq_nocase(name, STR("content-disposition")))
        return read_disposition(r, value, part);
    if (str_eq_nocase(name, STR("content-type"))) {
        if (part->content_type.p)
            return fail_here(r, "a part has two Content-Type headers");
        part->content_type = value;
    } else if (str_eq_nocase(name, STR("content-transfer-encoding"))) {
        /* RFC 7578, 4.7: deprecated. An encoding that nobody undoes would be taken for the content. */
        if (!str_eq_nocase(value, STR("binary")) && !str_eq_nocase(value, STR("8bit")) &&
            !str_eq_nocase(value, STR("7bit")))
            return fail_here(r, "a part's Content-Transfer-Encoding is not binary");
    }
    return true;
}

static bool read_part_head(struct reader *r, struct multipart_part *part) {
    size_t from = r->at;
    for (;;) {
        struct str line;
        if (!take_line(r, &line))
            return false;
        if (r->at - from > MULTIPART_PART_HEAD_MAX)
            return fail_here(r, "a part's head is too large");
        if (line.n == 0)
            return part->name.p || fail_here(r, "a part has no Content-Disposition");
        if (!read_part_header(r, line, part))
            return false;
    }
}

/* ---- the body ---- */

enum { NEXT_PART, NEXT_END, NEXT_BAD };

/* Behind a delimiter: what follows it? */
static int after_delimiter(struct reader *r) {
    struct str rest = rest_of(r);
    if (str_starts(rest, STR("--"))) {
        rest = str_slice(rest, 2, rest.n);
        if (rest.n == 0 || str_eq(rest, STR("\r\n")))
            return NEXT_END;
        fail_here(r, "there are bytes behind the last boundary");
        return NEXT_BAD;
    }
    size_t before = rest.n;
    skip_spaces(&rest); /* padding that relays may add (RFC 2046, 5.1.1) */
    if (!str_starts(rest, STR("\r\n"))) {
        fail_here(r, rest.n ? "the boundary is followed by other bytes" : "the body ends behind a boundary");
        return NEXT_BAD;
    }
    r->at += before - rest.n + 2;
    return NEXT_PART;
}

static bool read_part(struct reader *r, struct multipart_part *part) {
    *part = (struct multipart_part){{NULL, 0}, {NULL, 0}, {NULL, 0}, {NULL, 0}};
    if (!read_part_head(r, part))
        return false;
    /* The delimiter begins with the CR LF that ends the part; of an empty part that is the empty line's. */
    size_t from = r->at - 2;
    struct str delimiter = {r->delimiter, r->delimiter_length};
    size_t found = str_find(str_slice(r->body, from, r->body.n), delimiter);
    if (found == SIZE_MAX)
        return fail_here(r, "the body ends before its last boundary");
    size_t end = from + found;
    part->bytes = end < r->at ? str_slice(r->body, r->at, r->at) : str_slice(r->body, r->at, end);
    r->at = end + delimiter.n;
    return true;
}

static bool read_first_delimiter(struct reader *r) {
    if (str_starts(r->body, STR("\r\n")))
        r->at = 2; /* an empty preamble */
    struct str dashed = {r->delimiter + 2, r->delimiter_length - 2};
    if (!str_starts(rest_of(r), dashed))
        return fail_here(r, "the body does not begin with the boundary");
    r->at += dashed.n;
    return true;
}

static bool read_parts(struct reader *r, struct multipart_part *parts, size_t *count) {
    if (!read_first_delimiter(r))
        return false;
    for (size_t n = 0;; n++) {
        switch (after_delimiter(r)) {
        case NEXT_END: *count = n; return n > 0 || fail_here(r, "the body has no parts");
        case NEXT_BAD: return false;
        default: break;
        }
        if (n == MULTIPART_PARTS_MAX)
            return fail(r->err, ERR_INVALID_MULTIPART, "the body has more than %d parts",
                        MULTIPART_PARTS_MAX);
        if (!read_part(r, &parts[n]))
            return false;
    }
}

bool multipart_parse(struct str content_type, struct str body, struct arena *arena,
                     struct multipart_part **parts, size_t *count, struct error *err) {
    struct str boundary = STR("");
    if (!find_boundary(content_type, &boundary, err))
        return false;
    struct reader r = {.body = body, .arena = arena, .err = err};
    memcpy(r.delimiter, "\r\n--", 4);
    memcpy(r.delimiter + 4, boundary.p, boundary.n);
    r.delimiter_length = boundary.n + 4;
    struct multipart_part *found = arena_alloc(arena, MULTIPART_PARTS_MAX * sizeof *found);
    if (!found)
        return fail(err, ERR_NO_MEMORY, "no memory for the parts of the body");
    size_t n = 0;
    if (!read_parts(&r, found, &n))
        return false;
    *parts = found;
    *count = n;
    return true;
}

const struct multipart_part *multipart_find(const struct multipart_part *parts, size_t count,
                                            struct str name) {
    for (size_t i = 0; i < count; i++)
        if (str_eq(parts[i].name, name))
            return &parts[i];
    return NULL;
}
