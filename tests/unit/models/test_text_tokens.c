#include "../unit.h"

#include "models/text_tokens.h"

#include <stdio.h>

static struct text_tokens *tokens;

static int set_up(void **state) {
    tokens = malloc(sizeof *tokens);
    return tokens ? 0 : -1;
}

static int tear_down(void **state) {
    free(tokens);
    return 0;
}

static void assert_words(struct str text, const char *expected) {
    char found[1024] = "";
    text_tokenise(tokens, text);
    for (size_t i = 0; i < tokens->word_count; i++)
        snprintf(found + strlen(found), sizeof found - strlen(found), "%s%.*s", i ? "|" : "",
                 (int)tokens->words[i].n, tokens->letters + tokens->words[i].at);
    assert_string_equal(found, expected);
}

static void test_words(void **state) {
    assert_words(STR("Why isn't my CARD-payment working?"), "why|isn|t|my|card|payment|working");
    assert_words(STR(""), "");
    assert_words(STR(" \t\n..!"), "");
    assert_words(STR("Total 12.50 on 2024-01-31"), "total|12|50|on|0000|01|31");
    assert_words(STR("\xc3\x84RGER \xc3\x89t\xc3\xa9 \xd0\x9c\xd0\x98\xd0\xa0 \xce\xa3\xce\xa9"),
                 "\xc3\xa4rger|\xc3\xa9t\xc3\xa9|\xd0\xbc\xd0\xb8\xd1\x80|\xcf\x83\xcf\x89");
    /* Ideographs and emoji stand alone. */
    assert_words(STR("\xe4\xbb\x8a\xe5\xa4\xa9 ok\xf0\x9f\x98\x80"),
                 "\xe4\xbb\x8a|\xe5\xa4\xa9|ok|\xf0\x9f\x98\x80");
    /* Bytes that are not UTF-8 separate. */
    assert_words(STR("ab\xff"
                     "cd\xc3"),
                 "ab|cd");
    assert_words((struct str){"a\0b", 3}, "a|b");
}

static uint64_t hash_of(struct str word) {
    text_tokenise(tokens, word);
    assert_int_equal(tokens->word_count, 1);
    return tokens->words[0].hash;
}

static void test_case_does_not_matter_but_letters_do(void **state) {
    assert_true(hash_of(STR("Card")) == hash_of(STR("cARD")));
    assert_true(hash_of(STR("card")) != hash_of(STR("cart")));
    assert_true(hash_of(STR("card")) != hash_of(STR("drac")));
}

static void test_repeated_tokens_are_counted(void **state) {
    text_tokenise(tokens, STR("ping pong ping pong ping"));
    /* ping, pong; "ping pong", "pong ping" */
    assert_int_equal(tokens->token_count, 4);
    assert_int_equal(tokens->tokens[0].count, 3);
    assert_int_equal(tokens->tokens[1].count, 2);
    assert_int_equal(tokens->tokens[2].word, TEXT_PAIR);
    assert_int_equal(tokens->tokens[2].count, 2);
    assert_int_equal(tokens->tokens[3].count, 2);
}

static void test_pairs_have_an_order(void **state) {
    text_tokenise(tokens, STR("from bank"));
    uint64_t one = tokens->tokens[2].hash;
    text_tokenise(tokens, STR("bank from"));
    assert_true(tokens->tokens[2].hash != one);
}

static void test_grams(void **state) {
    uint64_t grams[TEXT_GRAMS_MAX];
    /* " ab ": " a", " ab", " ab ", "ab", "ab ", "b " */
    text_tokenise(tokens, STR("ab"));
    assert_int_equal(text_grams(tokens, 0, grams), 6);
    /* By characters, not bytes. */
    text_tokenise(tokens, STR("\xd0\xb0\xd0\xb1"));
    assert_int_equal(text_grams(tokens, 0, grams), 6);
    /* A typing error leaves most of the word's n-grams in place. */
    uint64_t right[TEXT_GRAMS_MAX];
    text_tokenise(tokens, STR("transfer"));
    size_t n = text_grams(tokens, 0, right), shared = 0;
    text_tokenise(tokens, STR("transfr"));
    size_t m = text_grams(tokens, 0, grams);
    for (size_t i = 0; i < m; i++)
        for (size_t k = 0; k < n; k++)
            if (grams[i] == right[k]) {
                shared++;
                break;
            }
    assert_true(shared * 2 > m);
}

static void test_endless_texts_end(void **state) {
    size_t n = 1 << 20;
    char *text = malloc(n);
    uint64_t grams[TEXT_GRAMS_MAX];
    memset(text, 'x', n);
    text_tokenise(tokens, (struct str){text, n});
    assert_true(tokens->truncated);
    for (size_t i = 0; i < tokens->word_count; i++) {
        assert_true(tokens->words[i].n <= TEXT_WORD_BYTES_MAX);
        assert_true(text_grams(tokens, (uint32_t)i, grams) <= TEXT_GRAMS_MAX);
    }
    for (size_t i = 0; i < n; i++)
        text[i] = i % 2 ? ' ' : (char)('a' + i % 26);
    text_tokenise(tokens, (struct str){text, n});
    assert_true(tokens->truncated && tokens->word_count <= TEXT_WORDS_MAX);
    for (size_t i = 0; i + 4 <= n; i += 4)
        memcpy(text + i, "\xf0\x9f\x98\x80", 4);
    text_tokenise(tokens, (struct str){text, n});
    assert_true(tokens->truncated && tokens->word_count <= TEXT_WORDS_MAX);
    free(text);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_case_does_not_matter_but_letters_do),
        cmocka_unit_test(test_repeated_tokens_are_counted),
        cmocka_unit_test(test_pairs_have_an_order),
        cmocka_unit_test(test_grams),
        cmocka_unit_test(test_endless_texts_end),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
