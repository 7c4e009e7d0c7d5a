#include "net/http_head.h"

#include <string.h>

/* tchar of RFC 9110, 5.6.2, in lower case; 0 for everything else. */
static const unsigned char token_lower[256] = {
    ['!'] = '!', ['#'] = '#', ['$'] = '$', ['%'] = '%', ['&'] = '&', ['\''] = '\'', ['*'] = '*', ['+'] = '+',
    ['-'] = '-', ['.'] = '.', ['^'] = '^', ['_'] = '_', ['`'] = '`', ['|'] = '|',   ['~'] = '~', ['0'] = '0',
    ['1'] = '1', ['2'] = '2', ['3'] = '3', ['4'] = '4', ['5'] = '5', ['6'] = '6',   ['7'] = '7', ['8'] = '8',
    ['9'] = '9', ['A'] = 'a', ['B'] = 'b', ['C'] = 'c', ['D'] = 'd', ['E'] = 'e',   ['F'] = 'f', ['G'] = 'g',
    ['H'] = 'h', ['I'] = 'i', ['J'] = 'j', ['K'] = 'k', ['L'] = 'l', ['M'] = 'm',   ['N'] = 'n', ['O'] = 'o',
    ['P'] = 'p', ['Q'] = 'q', ['R'] = 'r', ['S'] = 's', ['T'] = 't', ['U'] = 'u',   ['V'] = 'v', ['W'] = 'w',
    ['X'] = 'x', ['Y'] = 'y', ['Z'] = 'z', ['a'] = 'a', ['b'] = 'b', ['c'] = 'c',   ['d'] = 'd', ['e'] = 'e',
    ['f'] = 'f', ['g'] = 'g', ['h'] = 'h', ['i'] = 'i', ['j'] = 'j', ['k'] = 'k',   ['l'] = 'l', ['m'] = 'm',
    ['n'] = 'n', ['o'] = 'o', ['p'] = 'p', ['q'] = 'q', ['r'] = 'r', ['s'] = 's',   ['t'] = 't', ['u'] = 'u',
    ['v'] = 'v', ['w'] = 'w', ['x'] = 'x', ['y'] = 'y', ['z'] = 'z',
};

/* A tab may stand between words. */
static bool has_control(struct str line) {
    if (!str_has_control(line))
        return false;
    for (size_t i = 0; i < line.n; i++) {
        unsigned char c = (unsigned char)line.p[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return true;
    }
    return false;
}

/* One finished line without its LF. */
static bool check_line(struct str line, size_t number, struct error *err) {
    if (line.n == 0 || line.p[line.n - 1] != '\r')
        return fail(err, ERR_BAD_REQUEST, "line %zu of the request head ends in LF without CR", number + 1);
    line.n--;
    if (number > 0 && line.n && (line.p[0] == ' ' || line.p[0] == '\t'))
        return fail(err, ERR_BAD_REQUEST,
                    "line %zu of the request head begins with a space: headers are not folded", number + 1);
    if (has_control(line))
        return fail(err, ERR_BAD_REQUEST, "line %zu of the request head contains a control character",
                    number + 1);
    return true;
}

/* The LF that ends the line begun at `at`, when CR stands before it and nothing in the line needs a closer
 * look; else SIZE_MAX. Eight bytes at a time: bit 7 of each byte below 0x20 or equal to 0x7f (Bit Twiddling
 * Hacks, "determine if a word has a byte less than n"), and by a carry of some behind such a byte. */
static size_t plain_line_end(struct str bytes, size_t at, size_t end) {
    const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones * 0x80;
    for (uint64_t word; at + sizeof word <= end; at += sizeof word) {
        memcpy(&word, bytes.p + at, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        word = __builtin_bswap64(word);
#endif
        uint64_t deletes = word ^ ones * 0x7f;
        uint64_t found = (((word - ones * 0x20) & ~word) | ((deletes - ones) & ~deletes)) & tops;
        for (; found; found &= found - 1) {
            size_t i = at + (size_t)__builtin_ctzll(found) / 8;
            unsigned char c = (unsigned char)bytes.p[i];
            if (c == '\r' && i + 1 < end && bytes.p[i + 1] == '\n')
                return i + 1;
            if ((c < 0x20 && c != '\t') || c == 0x7f)
                return SIZE_MAX;
        }
    }
    return SIZE_MAX;
}

enum head_state head_scan(struct head_scan *scan, struct str bytes, size_t max, struct error *err) {
    size_t end = bytes.n < max ? bytes.n : max;
    while (scan->at < end) {
        bool fresh = scan->at == scan->line && bytes.p[scan->at] != ' ' && bytes.p[scan->at] != '\t';
        size_t plain = fresh ? plain_line_end(bytes, scan->at, end) : SIZE_MAX;
        const char *lf =
            plain != SIZE_MAX ? bytes.p + plain : memchr(bytes.p + scan->at, '\n', end - scan->at);
        if (!lf) {
            scan->at = (uint32_t)end;
            break;
        }
        scan->at = (uint32_t)(lf - bytes.p) + 1;
        struct str line = str_slice(bytes, scan->line, scan->at - 1);
        if (plain == SIZE_MAX && !check_line(line, scan->lines, err))
            return HEAD_REFUSED;
        scan->line = scan->at;
        if (line.n == 1 && scan->lines > 0) {
            scan->length = (uint16_t)scan->at;
            return HEAD_WHOLE;
        }
        /* An empty line before the request line is the rest of a sloppy client's body (RFC 9112, 2.2); it
         * stays in the head and llhttp skips it. A second one is not. */
        if (line.n == 1 && scan->at > 2) {
            fail(err, ERR_BAD_REQUEST, "the request begins with empty lines");
            return HEAD_REFUSED;
        }
        if (line.n > 1)
            scan->lines++;
    }
    if (bytes.n < max)
        return HEAD_PARTIAL;
    fail(err, ERR_HEAD_TOO_LARGE, "the request head is larger than %zu bytes", max);
    return HEAD_REFUSED;
}

/* ---- what llhttp reports ---- */

struct parse {
    struct http_header *headers;
    size_t count, room;
    struct str target;
    struct str name, value;
    uint64_t content_length;
    bool keep_alive;
    bool complete;
};

static void extend(struct str *view, const char *at, size_t n) {
    if (view->n)
        view->n += n; /* llhttp gives pieces of one run of memory in order */
    else
        *view = (struct str){at, n};
}

static int on_target(llhttp_t *parser, const char *at, size_t n) {
    extend(&((struct parse *)parser->data)->target, at, n);
    return 0;
}

static int on_name(llhttp_t *parser, const char *at, size_t n) {
    extend(&((struct parse *)parser->data)->name, at, n);
    return 0;
}

static int on_value(llhttp_t *parser, const char *at, size_t n) {
    extend(&((struct parse *)parser->data)->value, at, n);
    return 0;
}

static int on_value_complete(llhttp_t *parser) {
    struct parse *parse = parser->data;
    if (parse->count == parse->room)
        return -1;
    struct str value = parse->value.n ? str_trim(parse->value) : STR("");
    parse->headers[parse->count++] = (struct http_header){parse->name, value};
    parse->name = parse->value = (struct str){NULL, 0};
    return 0;
}

static int on_headers_complete(llhttp_t *parser) {
    struct parse *parse = parser->data;
    parse->complete = true;
    parse->content_length = parser->content_length; /* both are forgotten at the end of a message */
    parse->keep_alive = llhttp_should_keep_alive(parser);
    return 0;
}

static const llhttp_settings_t head_settings = {
    .on_url = on_target,
    .on_header_field = on_name,
    .on_header_value = on_value,
    .on_header_value_complete = on_value_complete,
    .on_headers_complete = on_headers_complete,
};

/* ---- the request line ---- */

static enum http_method method_of(int method) {
    switch (method) {
    case HTTP_GET: return METHOD_GET;
    case HTTP_HEAD: return METHOD_HEAD;
    case HTTP_POST: return METHOD_POST;
    case HTTP_PUT: return METHOD_PUT;
    case HTTP_PATCH: return METHOD_PATCH;
    case HTTP_DELETE: return METHOD_DELETE;
    case HTTP_OPTIONS: return METHOD_OPTIONS;
    default: return METHOD_OTHER;
    }
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool check_version(struct str version, struct http_head *head, struct error *err) {
    if (version.n != 8 || memcmp(version.p, "HTTP/", 5) != 0 || !is_digit(version.p[5]) ||
        version.p[6] != '.' || !is_digit(version.p[7]))
        return fail(err, ERR_BAD_REQUEST, "the request line does not end in \" HTTP/1.1\"");
    if (version.p[5] != '1' || version.p[7] > '1')
        return fail(err, ERR_HTTP_VERSION, "HTTP/%c.%c is not spoken here, HTTP/1.1 is", version.p[5],
                    version.p[7]);
    head->is_1_1 = version.p[7] == '1';
    return true;
}

/* Before llhttp, whose own reading of a request line also knows RTSP, ICE and HTTP/2. */
static bool check_request_line(struct str line, struct http_head *head, struct error *err) {
    struct str rest = line;
    struct str method = str_split(&rest, ' ');
    struct str target = str_split(&rest, ' ');
    if (method.n == 0 || target.n == 0)
        return fail(err, ERR_BAD_REQUEST, "the request line is not METHOD TARGET HTTP/1.1");
    for (size_t i = 0; i < method.n; i++)
        if (!token_lower[(unsigned char)method.p[i]])
            return fail(err, ERR_BAD_REQUEST,
                        "the request's method contains a character that is not allowed");
    for (size_t i = 0; i < target.n; i++)
        if ((unsigned char)target.p[i] <= 0x20 || (unsigned char)target.p[i] >= 0x7f || target.p[i] == '#')
            return fail(err, ERR_BAD_REQUEST,
                        "the request target contains a character that has to be percent-encoded");
    if (!check_version(rest, head, err))
        return false;
    if (target.p[0] != '/' && !(str_eq(target, STR("*")) && str_eq(method, STR("OPTIONS"))))
        return fail(err, ERR_BAD_REQUEST, "the request target does not begin with \"/\"");
    head->method_name = method;
    head->target = target;
    head->query = target;
    head->path = str_split(&head->query, '?');
    return true;
}

/* ---- the headers ---- */

/* Counted and collected in one walk over the headers. */
struct framing {
    unsigned hosts, lengths, codings, expects;
    struct str host, length, coding, expect;
};

static void collect(struct framing *f, const struct http_header *h) {
    switch (h->name.n) {
    case 4:
        if (memcmp(h->name.p, "host", 4) == 0)
            f->hosts++, f->host = h->value;
        break;
    case 6:
        if (memcmp(h->name.p, "expect", 6) == 0)
            f->expects++, f->expect = h->value;
        break;
    case 14:
        if (memcmp(h->name.p, "content-length", 14) == 0)
            f->lengths++, f->length = h->value;
        break;
    case 17:
        if (memcmp(h->name.p, "transfer-encoding", 17) == 0)
            f->codings++, f->coding = h->value;
        break;
    default: break;
    }
}

static bool lower_name(struct str name, struct error *err) {
    char *p = (char *)name.p; /* the caller's own, writable bytes */
    for (size_t i = 0; i < name.n; i++) {
        char c = (char)token_lower[(unsigned char)p[i]];
        if (!c)
            return fail(err, ERR_BAD_REQUEST, "a header's name contains a character that is not allowed");
        p[i] = c;
    }
    return name.n || fail(err, ERR_BAD_REQUEST, "a header has no name");
}

static bool check_host(const struct framing *f, const struct http_head *head, struct error *err) {
    if (f->hosts == 0)
        return !head->is_1_1 || fail(err, ERR_BAD_REQUEST, "the Host header is missing");
    if (f->hosts > 1)
        return fail(err, ERR_BAD_REQUEST, "the Host header is there twice");
    if (f->host.n == 0)
        return fail(err, ERR_BAD_REQUEST, "the Host header is empty");
    for (size_t i = 0; i < f->host.n; i++) {
        unsigned char c = (unsigned char)f->host.p[i];
        /* RFC 3986: reg-name, IP-literal, port */
        if (!token_lower[c] && !strchr("[]:()=,;", c))
            return fail(err, ERR_BAD_REQUEST, "the Host header contains a character that is not allowed");
    }
    return true;
}

static bool check_framing(const struct framing *f, struct http_head *head, struct error *err) {
    if (f->lengths && f->codings)
        return fail(err, ERR_BAD_REQUEST, "Content-Length and Transfer-Encoding exclude each other");
    if (f->lengths > 1)
        return fail(err, ERR_BAD_REQUEST, "the Content-Length header is there twice");
    if (f->lengths && !str_to_u64(f->length, &head->content_length))
        return fail(err, ERR_BAD_REQUEST, "Content-Length is not a number of bytes");
    if (f->codings) {
        if (!head->is_1_1)
            return fail(err, ERR_BAD_REQUEST, "HTTP/1.0 has no Transfer-Encoding");
        if (f->codings > 1 || !str_eq_nocase(f->coding, STR("chunked")))
            return fail(err, ERR_BAD_REQUEST, "the only Transfer-Encoding understood is \"chunked\", once");
        head->chunked = true;
    }
    if (f->expects && head->is_1_1) {
        if (f->expects > 1 || !str_eq_nocase(f->expect, STR("100-continue")))
            return fail(err, ERR_EXPECTATION, "the only Expect understood is \"100-continue\"");
        head->expects_continue = true;
    }
    return true;
}

static bool check_headers(const struct parse *parse, struct http_head *head, struct error *err) {
    struct framing framing = {0};
    for (size_t i = 0; i < parse->count; i++) {
        if (!lower_name(parse->headers[i].name, err))
            return false;
        collect(&framing, &parse->headers[i]);
    }
    return check_host(&framing, head, err) && check_framing(&framing, head, err);
}

static bool run_parser(struct str bytes, llhttp_t *parser, struct parse *parse, struct error *err) {
    llhttp_init(parser, HTTP_REQUEST, &head_settings);
    parser->data = parse;
    llhttp_errno_t result = llhttp_execute(parser, bytes.p, bytes.n);
    parser->data = NULL;
    if (result == HPE_PAUSED_UPGRADE) { /* offers of other protocols are not taken up */
        llhttp_resume_after_upgrade(parser);
        result = HPE_OK;
    }
    if (result == HPE_INVALID_METHOD)
        return fail(err, ERR_METHOD, "the request's method is not known");
    if (result != HPE_OK) {
        const char *reason = llhttp_get_error_reason(parser);
        return fail(err, ERR_BAD_REQUEST, "the request head is malformed: %s", reason ? reason : "unknown");
    }
    return parse->complete || fail(err, ERR_BAD_REQUEST, "the request head is malformed");
}

/* ---- heads that leave no doubt ---- */

static enum http_method plain_method(struct str name) {
    static const struct {
        struct str name;
        enum http_method method;
    } methods[] = {{{"POST", 4}, METHOD_POST},      {{"GET", 3}, METHOD_GET},
                   {{"HEAD", 4}, METHOD_HEAD},      {{"PUT", 3}, METHOD_PUT},
                   {{"DELETE", 6}, METHOD_DELETE},  {{"PATCH", 5}, METHOD_PATCH},
                   {{"OPTIONS", 7}, METHOD_OPTIONS}};
    for (size_t i = 0; i < ARRAY_COUNT(methods); i++)
        if (str_eq(name, methods[i].name))
            return methods[i].method;
    return METHOD_OTHER;
}

/* "name: value" up to its CR; *at moves to the next line. Lower-cases the name, which llhttp reads as well.
 */
static bool plain_header(char *line, const char *end, struct http_header *out, char **next) {
    char *p = line;
    for (unsigned char c; p < end && (c = token_lower[(unsigned char)*p]); p++)
        *p = (char)c;
    if (p == line || p == end || *p != ':')
        return false;
    const char *cr = memchr(p, '\r', (size_t)(end - p));
    if (!cr)
        return false;
    out->name = (struct str){line, (size_t)(p - line)};
    out->value = str_trim((struct str){p + 1, (size_t)(cr - p) - 1});
    if (out->value.n == 0)
        out->value = STR("");
    *next = line + (cr - line) + 2;
    return true;
}

/* Headers that change what the rest means, and that llhttp is to read too. */
static bool needs_llhttp(const struct http_header *h) {
    switch (h->name.n) {
    case 7: return memcmp(h->name.p, "upgrade", 7) == 0;
    case 10: return memcmp(h->name.p, "connection", 10) == 0 && !str_eq_nocase(h->value, STR("keep-alive"));
    case 16: return memcmp(h->name.p, "proxy-connection", 16) == 0;
    case 17: return memcmp(h->name.p, "transfer-encoding", 17) == 0;
    default: return false;
    }
}

bool http_head_parse_plain(struct str bytes, const struct head_scan *scan, struct http_header *headers,
                           struct http_head *head) {
    struct http_head result = {0};
    struct framing framing = {0};
    char *at = (char *)bytes.p; /* the caller's own, writable bytes */
    const char *end = bytes.p + bytes.n, *cr = memchr(bytes.p, '\r', bytes.n);
    size_t count = scan->lines - 1u;
    if (!cr || !check_request_line((struct str){bytes.p, (size_t)(cr - bytes.p)}, &result, NULL))
        return false;
    result.method = plain_method(result.method_name);
    if (result.method == METHOD_OTHER || !result.is_1_1)
        return false;
    at += cr - bytes.p + 2;
    for (size_t i = 0; i < count; i++) {
        if (!plain_header(at, end, &headers[i], &at) || needs_llhttp(&headers[i]))
            return false;
        collect(&framing, &headers[i]);
    }
    if (at + 2 != end || !check_host(&framing, &result, NULL) || !check_framing(&framing, &result, NULL))
        return false;
    result.headers = headers;
    result.header_count = count;
    result.keep_alive = true;
    *head = result;
    return true;
}

bool http_head_parse_llhttp(struct str bytes, const struct head_scan *scan, struct http_header *headers,
                            llhttp_t *parser, struct http_head *head, struct error *err) {
    struct http_head result = {0};
    size_t header_count = scan->lines - 1u;
    struct parse parse = {.headers = headers, .room = header_count};
    struct str start = bytes;
    if (str_starts(start, STR("\r\n")))
        start = str_slice(start, 2, start.n);
    struct str line = str_slice(start, 0, str_find_char(start, '\r'));
    if (!check_request_line(line, &result, err) || !run_parser(bytes, parser, &parse, err))
        return false;
    if (!str_eq(parse.target, result.target) || parse.count != header_count)
        return fail(err, ERR_BAD_REQUEST, "the request head can be read in two ways");
    if (!check_headers(&parse, &result, err))
        return false;
    if (!result.chunked && parse.content_length != result.content_length)
        return fail(err, ERR_BAD_REQUEST, "Content-Length can be read in two ways");
    result.headers = parse.headers;
    result.header_count = parse.count;
    result.method = method_of(llhttp_get_method(parser));
    result.keep_alive = parse.keep_alive;
    *head = result;
    return true;
}

bool http_head_parse(struct str bytes, const struct head_scan *scan, size_t header_count_max,
                     struct arena *arena, llhttp_t *parser, struct http_head *head, struct error *err) {
    size_t header_count = scan->lines - 1u;
    if (header_count > header_count_max)
        return fail(err, ERR_HEAD_TOO_LARGE, "the request has more than %zu headers", header_count_max);
    struct http_header *headers = arena_alloc(arena, header_count * sizeof *headers);
    if (!headers)
        return fail(err, ERR_NO_MEMORY, "no memory for the request's headers");
    return http_head_parse_plain(bytes, scan, headers, head) ||
           http_head_parse_llhttp(bytes, scan, headers, parser, head, err);
}
