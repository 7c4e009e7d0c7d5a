/* JSON in tests, readable: 'single' quotes are read as double ones; wholes are compared by meaning, not by
 * bytes. */
#pragma once

#include "../unit.h"

#include "base/json.h"

/* Malloc'ed, so that a read behind its end is seen. */
static inline struct str quoted(const char *text) {
    size_t n = strlen(text);
    char *copy = malloc(n ? n : 1);
    for (size_t i = 0; i < n; i++)
        copy[i] = text[i] == '\'' ? '"' : text[i];
    return (struct str){copy, n};
}

static inline void unquoted(struct str s) {
    free((char *)(uintptr_t)s.p);
}

static inline void assert_json(struct str actual, const char *expected) {
    struct error err = {0};
    struct str wanted = quoted(expected);
    yyjson_doc *a = json_parse(actual, &err), *b = json_parse(wanted, &err);
    if (!b)
        fail_msg("the expectation is not JSON: %s\n%.*s", err.message, STR_ARG(wanted));
    if (!a)
        fail_msg("not JSON: %s\n%.*s", err.message, STR_ARG(actual));
    if (!yyjson_equals(yyjson_doc_get_root(a), yyjson_doc_get_root(b)))
        fail_msg("got      %.*s\nexpected %.*s", STR_ARG(actual), STR_ARG(wanted));
    yyjson_doc_free(a);
    yyjson_doc_free(b);
    unquoted(wanted);
}
