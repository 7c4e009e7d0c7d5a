#include "cache/contrast.h"

#include "../unit.h"

static uint8_t known[KNOWN_BYTES];

static const char *between(const char *a, const char *b) {
    static struct wording v, w;
    wording_read(&v, str_from(a));
    wording_read(&w, str_from(b));
    const char *reason = contrast_between(&v, &w, known);
    const char *back = contrast_between(&w, &v, known);
    assert_int_equal(reason != NULL, back != NULL); /* whichever comes first */
    return reason;
}

#define APART(a, b, why)                                                                                     \
    do {                                                                                                     \
        const char *reason = between(a, b);                                                                  \
        if (!reason)                                                                                         \
            fail_msg("not kept apart: %s / %s", a, b);                                                       \
        assert_string_equal(reason, why);                                                                    \
    } while (0)
#define TOGETHER(a, b)                                                                                       \
    do {                                                                                                     \
        const char *reason = between(a, b);                                                                  \
        if (reason)                                                                                          \
            fail_msg("kept apart (%s): %s / %s", reason, a, b);                                              \
    } while (0)

static void numbers_must_be_the_same(void **state) {
    static const char why[] = "numbers differ";
    APART("transfer 100", "transfer 1000", why);
    APART("transfer 100 to my account", "transfer to my account", why);
    APART("send $5", "send 5 euros", why);
    APART("wait 5 days", "wait 5 weeks", why);
    APART("is -5 cold?", "is 5 cold?", why);
    APART("raise it by 5%", "raise it by 5", why);
    APART("set it to 1.5", "set it to 15", why);
    APART("meet at 10:30", "meet at 10:45", why);
    APART("change 10 to 20", "change 20 to 10", why);
    APART("use v2.3", "use v2.4", why);
    APART("pay two hundred", "pay two thousand", why);
    APART("send 1.000 euros", "send 1 euro", why);
    APART("open 12/03/2024", "open 12/04/2024", why);
    TOGETHER("transfer 1,000 now", "transfer 1000 now");
    TOGETHER("transfer 1k", "transfer 1000");
    TOGETHER("pay $5", "pay 5 dollars");
    TOGETHER("pay two hundred and fifty dollars", "pay $250");
    TOGETHER("I need twenty-five kilos", "I need 25kg");
    TOGETHER("wait three days", "wait 3 days");
    TOGETHER("10.00 dollars", "10 dollars");
}

static void negation_must_be_the_same(void **state) {
    static const char why[] = "one negates";
    APART("can I pay by card", "can't I pay by card", why);
    APART("can I pay by card", "can\xe2\x80\x99t I pay by card", why);
    APART("why can I log in", "why can I not log in", why);
    APART("coffee with milk", "coffee without milk", why);
    APART("do it", "dont do it", why);
    APART("I have never paid", "I have paid", why);
    TOGETHER("I cannot log in", "I can't log in");
}

static void names_must_be_the_same(void **state) {
    APART("pay Anna", "pay Ben", "names differ");
    APART("what is the capital of France", "what is the capital of Spain", "names differ");
    APART("does IBM pay", "does SAP pay", "names differ");
    APART("is \xd0\x90nna there", "is \xd0\x91nna there", "names differ"); /* Cyrillic capitals */
    APART("pay anna", "pay ben", "words that the tuning does not know differ");
    APART("Anna pays", "Ben pays", "words that the tuning does not know differ");
    TOGETHER("pay Anna", "please pay Anna");
    TOGETHER("Pay the bill", "pay the bill");
    TOGETHER("is that Anna's card", "is the card Anna's");
}

static void dates_must_be_the_same(void **state) {
    static const char why[] = "a date, rank or limit differs";
    APART("is it open on monday", "is it open on tuesday", why);
    APART("will it rain tomorrow", "will it rain today", why);
    APART("who came first", "who came third", why);
    APART("who came", "who came second", why);
}

static void opposites_are_kept_apart(void **state) {
    APART("how do I buy shares", "how do I sell shares", "opposites");
    APART("unlocking the door", "locking the door", "opposites");
    APART("activate my card", "deactivate my card", "opposites");
    APART("increase the limit", "decrease the limit", "opposites");
    APART("turn the light on", "turn the light off", "opposites");
    APART("before the trip", "after the trip", "opposites");
}

static void order_must_be_the_same(void **state) {
    static const char why[] = "another order or direction";
    APART("send it from Anna to Ben", "send it from Ben to Anna", why);
    APART("transfer from savings to checking", "transfer from checking to savings", why);
    APART("convert usd to eur", "convert eur to usd", why);
    APART("the dog bit the man", "the man bit the dog", why);
    APART("move money to savings", "move money from savings", why);
    TOGETHER("virtual disposable cards", "disposable virtual cards");
    TOGETHER("how do I send money to Ben", "how can I send money to Ben");
}

static void what_is_too_long_is_never_the_same(void **state) {
    static char longer[WORDING_BYTES_MAX + 2], words[2 * WORDING_WORDS_MAX + 3];
    memset(longer, 'a', sizeof longer - 1);
    for (size_t i = 0; i + 2 < sizeof words; i += 2)
        memcpy(words + i, "b ", 2);
    APART(longer, longer, "a text is too long to compare");
    APART(words, words, "a text is too long to compare");
    TOGETHER("", "");
}

static void any_bytes_are_read(void **state) {
    static struct wording w;
    char bytes[64];
    uint64_t seed = 1;
    for (int i = 0; i < 20000; i++) {
        for (size_t k = 0; k < sizeof bytes; k++) {
            seed = seed * UINT64_C(6364136223846793005) + 1;
            bytes[k] = (char)(seed >> (i & 1 ? 40 : 57)); /* every byte, or ASCII alone */
        }
        wording_read(&w, (struct str){bytes, sizeof bytes});
        for (size_t k = 0; k < w.count; k++)
            assert_true(w.words[k].n > 0 && w.words[k].at + w.words[k].n < sizeof w.letters);
    }
    /* Numbers that grow when they are written out. */
    static char many[WORDING_BYTES_MAX];
    for (size_t i = 0; i + 4 <= sizeof many; i += 4)
        memcpy(many + i, "9bn ", 4);
    wording_read(&w, (struct str){many, sizeof many});
    assert_int_equal(w.count, 256);
    assert_str(wording_word(&w, 255), "9000000000");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_must_be_the_same),
        cmocka_unit_test(negation_must_be_the_same),
        cmocka_unit_test(names_must_be_the_same),
        cmocka_unit_test(dates_must_be_the_same),
        cmocka_unit_test(opposites_are_kept_apart),
        cmocka_unit_test(order_must_be_the_same),
        cmocka_unit_test(what_is_too_long_is_never_the_same),
        cmocka_unit_test(any_bytes_are_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
