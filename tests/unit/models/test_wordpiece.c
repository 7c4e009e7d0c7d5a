#include "models/wordpiece.h"

#include "../unit.h"

#include <stdio.h>
#include <stdlib.h>

static const char uncased[] =
    "[PAD]\n[UNK]\n[CLS]\n[SEP]\nun\n##aff\n##able\nrun\n##ning\ncafe\n,\n!\n\u4e2d\n##s\n\u043c\u043e\u0441"
    "\u043a\u0432\u0430\n\u03b1\u03b8\u03b7\u03bd\u03b1\n\u0142odz\n";
enum { PAD, UNK, CLS, SEP, UN, AFF, ABLE, RUN, NING, CAFE, COMMA, BANG, MIDDLE, S, MOSCOW, ATHENS, LODZ };

static struct wordpiece *made(const char *vocabulary, bool cased) {
    struct wordpiece *w;
    struct error err;
    if (!wordpiece_new(&w, str_from(vocabulary), cased, &err))
        fail_msg("%s", err.message);
    return w;
}

/* The tokens between [CLS] and [SEP]; the list ends at -1. */
static void assert_tokens(const struct wordpiece *w, const char *text, const int64_t *wanted) {
    int64_t got[64];
    size_t n = wordpiece_encode(w, str_from(text), got, ARRAY_COUNT(got)), i = 0;
    assert_true(n >= 2 && got[0] == CLS && got[n - 1] == SEP);
    for (; i + 2 < n && wanted[i] >= 0; i++)
        if (got[i + 1] != wanted[i])
            fail_msg("\"%s\": token %zu is %lld; expected %lld", text, i, (long long)got[i + 1],
                     (long long)wanted[i]);
    if (i + 2 != n || wanted[i] >= 0)
        fail_msg("\"%s\": %zu tokens", text, n - 2);
}
#define TOKENS(...) ((const int64_t[]){__VA_ARGS__, -1})

/* The examples of BERT's own tests, and more. */
static void words_are_taken_apart_longest_piece_first(void **state) {
    struct wordpiece *w = made(uncased, false);
    assert_tokens(w, "unaffable running", TOKENS(UN, AFF, ABLE, RUN, NING));
    assert_tokens(w, "unaffablex running", TOKENS(UNK, RUN, NING));
    assert_tokens(w, "UN\u00a0run,runs!", TOKENS(UN, RUN, COMMA, RUN, S, BANG));
    assert_tokens(w, " \t\n ", TOKENS(-1));
    assert_tokens(w, "", TOKENS(-1));
    assert_tokens(w, "run\u4e2drun", TOKENS(RUN, MIDDLE, RUN));
    wordpiece_free(w);
}

static void uncased_words_are_lower_case_without_accents(void **state) {
    struct wordpiece *w = made(uncased, false), *cased = made(uncased, true);
    assert_tokens(w, "CAF\u00c9 cafe\u0301 Caf\u00e8", TOKENS(CAFE, CAFE, CAFE));
    assert_tokens(w, "\u041c\u043e\u0441\u043a\u0432\u0430 \u0391\u03b8\u03ae\u03bd\u03b1",
                  TOKENS(MOSCOW, ATHENS));
    assert_tokens(w, "\u0141\u00f3d\u017a", TOKENS(LODZ)); /* a stroke is no accent */
    assert_tokens(cased, "caf\u00e9 Run run", TOKENS(UNK, UNK, RUN));
    wordpiece_free(w);
    wordpiece_free(cased);
}

static void what_is_too_long_ends(void **state) {
    struct wordpiece *w = made(uncased, false);
    int64_t got[4];
    assert_int_equal(wordpiece_encode(w, STR("run run run run run"), got, 4), 4);
    assert_int_equal(got[2], RUN);
    assert_int_equal(got[3], SEP);
    assert_int_equal(wordpiece_encode(w, STR("run"), got, 2), 2);
    char longer[2 * WORDPIECE_WORD_MAX];
    memset(longer, 's', sizeof longer);
    memcpy(longer, "un", 2);
    longer[WORDPIECE_WORD_MAX + 1] = '\0';
    assert_tokens(w, longer, TOKENS(UNK));
    wordpiece_free(w);
}

static void any_bytes_are_fine(void **state) {
    struct wordpiece *w = made(uncased, false);
    int64_t got[16];
    assert_int_equal(wordpiece_encode(w, (struct str){"run\xff\xc3 run\0\xf0\x9f", 12}, got, 16), 4);
    assert_int_equal(got[1], RUN);
    assert_int_equal(got[2], RUN);
    wordpiece_free(w);
}

static void what_is_no_vocabulary_is_refused(void **state) {
    static const char *const bad[] = {"", "a\nb\n", "[CLS]\n[SEP]\nrun\n", "[UNK]\n[SEP]\nrun\n",
                                      "[UNK]\n[CLS]\nrun\n"};
    struct wordpiece *w;
    struct error err;
    for (size_t i = 0; i < ARRAY_COUNT(bad); i++) {
        assert_false(wordpiece_new(&w, str_from(bad[i]), false, &err));
        assert_int_equal(err.code, ERR_ARTEFACT);
    }
    w = made("[UNK]\r\n[CLS]\r\n[SEP]\r\nrun\r\nrun", false); /* of two the first counts */
    int64_t got[3];
    assert_int_equal(wordpiece_encode(w, STR("run"), got, 3), 3);
    assert_int_equal(got[1], 3);
    wordpiece_free(w);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_taken_apart_longest_piece_first),
        cmocka_unit_test(uncased_words_are_lower_case_without_accents),
        cmocka_unit_test(what_is_too_long_ends),
        cmocka_unit_test(any_bytes_are_fine),
        cmocka_unit_test(what_is_no_vocabulary_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
