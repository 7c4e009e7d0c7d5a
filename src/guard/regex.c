#include "guard/regex.h"

#include "base/buf.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* Without UCP, so that \d and \w are ASCII's, as in ECMA-262. "$" is the very end. */
enum { HEAP_KIB = 4096, DEPTH = 2000 };

static const uint32_t options = PCRE2_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_ALT_BSUX | PCRE2_ALLOW_EMPTY_CLASS |
                                PCRE2_MATCH_UNSET_BACKREF | PCRE2_NEVER_BACKSLASH_C;

/* struct regex is PCRE2's own code; only the pointer's name differs. */
static const pcre2_code *code_of(const struct regex *r) {
    return (const pcre2_code *)(const void *)r;
}

/* PCRE2 knows the short names of Unicode's general categories only. */
static const struct {
    struct str name, code;
} categories[] = {
    {STR("Letter"), STR("L")},
    {STR("Uppercase_Letter"), STR("Lu")},
    {STR("Lowercase_Letter"), STR("Ll")},
    {STR("Mark"), STR("M")},
    {STR("Titlecase_Letter"), STR("Lt")},
    {STR("Number"), STR("N")},
    {STR("Punctuation"), STR("P")},
    {STR("Decimal_Number"), STR("Nd")},
    {STR("digit"), STR("Nd")},
    {STR("Symbol"), STR("S")},
    {STR("Currency_Symbol"), STR("Sc")},
    {STR("Math_Symbol"), STR("Sm")},
    {STR("Separator"), STR("Z")},
    {STR("Space_Separator"), STR("Zs")},
    {STR("Other"), STR("C")},
};

/* The name in \p{name}: without "Script=" and the like, and short. */
static struct str category(struct str name) {
    size_t equals = str_find_char(name, '=');
    if (equals != SIZE_MAX)
        name = str_slice(name, equals + 1, name.n);
    for (size_t i = 0; i < ARRAY_COUNT(categories); i++)
        if (str_eq(name, categories[i].name))
            return categories[i].code;
    return name;
}

static void write_for_pcre(struct str pattern, struct buf *out) {
    for (size_t i = 0; i < pattern.n; i++) {
        buf_add_char(out, pattern.p[i]);
        if (pattern.p[i] != '\\' || i + 1 == pattern.n)
            continue;
        buf_add_char(out, pattern.p[++i]);
        struct str rest = str_slice(pattern, i + 1, pattern.n);
        size_t end = str_find_char(rest, '}');
        if ((pattern.p[i] | 32) != 'p' || !str_starts(rest, STR("{")) || end == SIZE_MAX)
            continue;
        buf_add_char(out, '{');
        buf_add_str(out, category(str_slice(rest, 1, end)));
        i += end;
    }
}

struct regex *regex_compile(struct str pattern, struct error *err) {
    int code;
    PCRE2_SIZE at;
    PCRE2_UCHAR reason[120] = "";
    if (pattern.n > REGEX_BYTES_MAX) {
        fail(err, ERR_INVALID_FIELD, "a regular expression of %zu bytes; at most %d are taken", pattern.n,
             REGEX_BYTES_MAX);
        return NULL;
    }
    AUTO_BUF text = BUF_INIT(REGEX_BYTES_MAX + 1);
    write_for_pcre(pattern, &text);
    if (!buf_terminated(&text)) {
        fail(err, ERR_NO_MEMORY, "out of memory for a regular expression");
        return NULL;
    }
    pcre2_code *compiled = pcre2_compile((PCRE2_SPTR)text.p, text.n, options, &code, &at, NULL);
    if (compiled)
        return (struct regex *)(void *)compiled;
    pcre2_get_error_message(code, reason, sizeof(reason));
    if (code == PCRE2_ERROR_HEAP_FAILED)
        fail(err, ERR_NO_MEMORY, "out of memory for a regular expression");
    else
        fail(err, ERR_INVALID_FIELD, "not a regular expression: %s, at byte %zu", (const char *)reason,
             (size_t)at);
    return NULL;
}

void regex_free(struct regex *r) {
    pcre2_code_free((pcre2_code *)(void *)r);
}

enum regex_outcome regex_find(const struct regex *r, struct str text) {
    enum regex_outcome outcome = REGEX_UNDECIDED;
    pcre2_match_context *bounds = pcre2_match_context_create(NULL);
    pcre2_match_data *match = pcre2_match_data_create(1, NULL);
    if (bounds && match) {
        pcre2_set_match_limit(bounds, REGEX_STEPS);
        pcre2_set_depth_limit(bounds, DEPTH);
        pcre2_set_heap_limit(bounds, HEAP_KIB);
        int found = pcre2_match(code_of(r), (PCRE2_SPTR)text.p, text.n, 0, 0, match, bounds);
        if (found >= 0)
            outcome = REGEX_MATCH;
        else if (found == PCRE2_ERROR_NOMATCH)
            outcome = REGEX_NO_MATCH;
    }
    pcre2_match_data_free(match);
    pcre2_match_context_free(bounds);
    return outcome;
}
