#include "learn/pair_tuning.h"

#include "../unit.h"
#include "cache/pair_features.h"
#include "cache/tuning.h"
#include "learn/binomial.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char path[] = "/tmp/pairs-XXXXXX";
static const struct pair_rows_options rows = {.same_from = 4, .different_to = 2};

static bool read_file(const char *text, struct pair_set *out, struct error *err) {
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    return pair_rows_read(out, path, &rows, err);
}

static void labels_and_scores_are_read(void **state) {
    struct pair_set p;
    struct error err;
    assert_true(read_file(
        "label,text_a,text_b\nsame_intent,a b,\"b, a\"\ndifferent_hard,A B!,c d\nunsure,e,f\n", &p, &err));
    assert_int_equal(p.count, 2);
    assert_int_equal(p.same, 1);
    assert_int_equal(p.left_out, 1);
    assert_int_equal(p.text_count, 4);
    assert_int_equal(p.likenesses, 3); /* "a b" and "A B!" */
    assert_string_equal(p.labels[p.pairs[1].label], "different_hard");
    pair_set_free(&p);
    assert_true(read_file("score,text_a,text_b\n5,a,b\n4.0,a,c\n3,a,d\n0,a,e\n", &p, &err));
    assert_int_equal(p.count, 3);
    assert_int_equal(p.same, 2);
    pair_set_free(&p);
}

static void what_is_wrong_is_said_with_its_line(void **state) {
    struct pair_set p;
    struct error err;
    assert_false(read_file("", &p, &err));
    assert_false(read_file("label,text_a\nsame,a\n", &p, &err));
    assert_non_null(strstr(err.message, "no column text_b"));
    assert_false(read_file("label,text_a,text_b\nsame,a,b\nperhaps,a,b\n", &p, &err));
    assert_non_null(strstr(err.message, ":3: \"perhaps\" is no label"));
    assert_false(read_file("label,text_a,text_b\nsame,a\n", &p, &err));
    assert_non_null(strstr(err.message, ":2: 2 columns"));
    assert_false(read_file("label,text_a,text_b\nsame,a,\xff\n", &p, &err));
    assert_int_equal(err.code, ERR_DATA);
}

/* Questions about so many things, each asked in some ways. */
static void made_pairs(struct pair_set *p, unsigned same, unsigned different) {
    static const char *const ways[] = {"how do i get %s", "how can i get %s please", "where do i find %s",
                                       "where can i find %s then"};
    char *text = NULL;
    size_t n;
    struct error err;
    FILE *f = open_memstream(&text, &n);
    fputs("label,text_a,text_b\n", f);
    for (unsigned i = 0; i < same + different; i++) {
        char a[80], b[80], one[24], other[24];
        snprintf(one, sizeof one, "thing%c%c", 'a' + (int)(i % 26), 'a' + (int)(i / 26 % 26));
        snprintf(other, sizeof other, "stuff%c%c", 'a' + (int)(i / 26 % 26), 'a' + (int)(i % 26));
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
        snprintf(a, sizeof a, ways[i % 2], one);
        snprintf(b, sizeof b, ways[i < same ? 1 - i % 2 : 2 + i % 2], i < same ? one : other);
#pragma GCC diagnostic pop
        fprintf(f, "%s,%s,%s\n", i < same ? "same" : "different", a, b);
    }
    fclose(f);
    assert_true(read_file(text, p, &err));
    free(text);
}

static void no_text_is_on_both_sides(void **state) {
    struct pair_set p;
    struct error err;
    made_pairs(&p, 300, 400);
    uint8_t *part = calloc(p.text_count, 1);
    size_t sizes[5] = {0};
    assert_true(pair_parts(&p, 5, 3, part, &err));
    for (size_t i = 0; i < p.text_count; i++) {
        assert_true(part[i] < 5);
        sizes[part[i]]++;
        for (size_t k = 0; k < i; k++)
            assert_true(p.texts[i].likeness != p.texts[k].likeness || part[i] == part[k]);
    }
    for (int i = 0; i < 5; i++)
        assert_true(sizes[i] > p.text_count / 10);
    free(part);
    pair_set_free(&p);
}

static void a_tuning_keeps_the_wanted_rate(void **state) {
    struct pair_set p;
    struct pair_tuning t, again;
    struct error err = {0};
    const struct pair_tuning_options o = {.false_hits = 0.02, .confidence = 0.95, .seed = 1};
    made_pairs(&p, 200, 200);
    if (!pair_tuning_make(&t, &p, &o, &err))
        fail_msg("%s", err.message);
    assert_true(t.upper <= 0.02 && t.hit_rate > 0.5);
    assert_true(t.hit_rate_at_wanted >= t.hit_rate);
    assert_true(pair_tuning_make(&again, &p, &o, &err));
    assert_int_equal(again.artefact.n, t.artefact.n);
    assert_memory_equal(again.artefact.p, t.artefact.p, t.artefact.n);
    struct tuning *opened;
    const char *reason;
    struct portrait *a = malloc(2 * sizeof *a);
    assert_true(tuning_open(&opened, buf_str(&t.artefact), &err));
    tuning_portrait(opened, &a[0], STR("how do i get thingab"));
    tuning_portrait(opened, &a[1], STR("how can i get thingab please"));
    assert_true(tuning_judge(opened, &a[0], &a[1], 0, &reason) > 0.5F);
    tuning_portrait(opened, &a[1], STR("how do i get thingab 100"));
    assert_true(tuning_judge(opened, &a[0], &a[1], 0, &reason) == 0);
    assert_string_equal(reason, "numbers differ");
    free(a);
    tuning_unref(opened);
    pair_tuning_free(&t);
    pair_tuning_free(&again);
    pair_set_free(&p);
}

/* Pairs of which no word tells whether they are the same. */
static void blind_pairs(struct pair_set *p, unsigned same, unsigned different) {
    static const char *const words[] = {"apple",  "basket", "candle", "drawer", "engine", "feather", "garden",
                                        "hammer", "island", "jacket", "kettle", "ladder", "magnet",  "needle",
                                        "orange", "pillow", "quilt",  "ribbon", "saddle", "teapot"};
    enum { WORDS = ARRAY_COUNT(words) };
    char *text = NULL;
    size_t n;
    struct error err;
    FILE *f = open_memstream(&text, &n);
    fputs("label,text_a,text_b\n", f);
    for (unsigned i = 0; i < same + different; i++) {
        unsigned at = i % WORDS, next = (at + 1 + i / WORDS) % WORDS;
        fprintf(f, "%s,how do i get a %s %s,where can i find the %s %s\n",
                i * 7919 % (same + different) < same ? "same" : "different", words[at], words[next],
                words[(at + 3) % WORDS], words[(next + 5) % WORDS]);
    }
    fclose(f);
    assert_true(read_file(text, p, &err));
    assert_int_equal(p->same, same);
    free(text);
}

/* So many degrees from the first direction, of two. */
static void point(struct text_vectors *v, size_t i, double degrees) {
    const double radians = degrees * 3.14159265358979 / 180;
    const float at[2] = {(float)cos(radians), (float)sin(radians)};
    assert_true(vector_quantise(at, 2, v->values + 2 * i, &v->factors[i]));
}

/* Texts of a pair point the same way, or far from each other: as their label says, or as chance has it. */
static void make_vectors(struct text_vectors *v, const struct pair_set *p, bool telling) {
    *v = (struct text_vectors){.count = p->text_count,
                               .dimensions = 2,
                               .values = calloc(p->text_count, 2),
                               .factors = calloc(p->text_count, sizeof(float))};
    for (size_t i = 0; i < p->count; i++) {
        point(v, p->pairs[i].a, (double)(i % 20));
        bool near = telling ? p->pairs[i].same : i * 2654435761U % 7 < 3;
        point(v, p->pairs[i].b, (double)(i % 20 + (near ? i % 3 : 60)));
    }
}

/* A tuning on pairs of which only the vectors tell anything, where they do. */
static bool tune_blindly(struct pair_tuning *t, bool telling, struct error *err) {
    struct pair_set p;
    struct text_vectors vectors;
    blind_pairs(&p, 60, 160);
    make_vectors(&vectors, &p, telling);
    const struct pair_tuning_options o = {
        .false_hits = 0.02, .confidence = 0.95, .seed = 1, .vectors = &vectors, .vectors_name = "main/small"};
    bool good = pair_tuning_make(t, &p, &o, err);
    text_vectors_free(&vectors);
    pair_set_free(&p);
    return good;
}

static void vectors_of_another_model_count(void **state) {
    struct pair_tuning t;
    struct error err = {0};
    if (!tune_blindly(&t, true, &err))
        fail_msg("%s", err.message);
    assert_float_equal(t.hit_rate, 1, 0.001);
    assert_float_equal(t.vectors_rate_at_wanted, 1, 0);
    struct tuning *opened;
    const char *reason;
    struct portrait *a = malloc(2 * sizeof *a);
    assert_true(tuning_open(&opened, buf_str(&t.artefact), &err));
    assert_string_equal(tuning_vectors(opened), "main/small");
    assert_int_equal(tuning_dimensions(opened), 2);
    tuning_portrait(opened, &a[0], STR("how do i get a kettle basket"));
    tuning_portrait(opened, &a[1], STR("where can i find the apple needle"));
    tuning_judge(opened, &a[0], &a[1], 0.999F, &reason);
    assert_null(reason);
    tuning_judge(opened, &a[0], &a[1], 0.5F, &reason);
    assert_string_equal(reason, "not sure enough");
    free(a);
    tuning_unref(opened);
    pair_tuning_free(&t);
}

/* What they are said to mean is measured, not believed. */
static void vectors_that_tell_nothing_are_found_out(void **state) {
    struct pair_tuning t;
    struct error err = {0};
    assert_false(tune_blindly(&t, false, &err));
    assert_int_equal(err.code, ERR_DATA);
    assert_true(t.vectors_rate_at_wanted < 0.1);
    pair_tuning_free(&t);
}

static void too_few_pairs_carry_no_claim(void **state) {
    struct pair_set p;
    struct pair_tuning t;
    struct error err;
    struct pair_tuning_options o = {.false_hits = 0.01, .confidence = 0.95, .seed = 1};
    made_pairs(&p, 40, 60);
    assert_false(pair_tuning_make(&t, &p, &o, &err));
    assert_int_equal(err.code, ERR_DATA);
    assert_non_null(strstr(err.message, "it takes 299"));
    pair_tuning_free(&t);
    o.against = "nothing";
    assert_false(pair_tuning_make(&t, &p, &o, &err));
    assert_non_null(strstr(err.message, "\"nothing\""));
    pair_tuning_free(&t);
    pair_set_free(&p);
}

/* Values of R's binom.test. */
static void intervals_are_exact(void **state) {
    size_t k;
    assert_float_equal(binomial_upper(0, 299, 0.95), 0.009969, 1e-5);
    assert_float_equal(binomial_upper(5, 100, 0.975), 0.112835, 1e-5);
    assert_float_equal(binomial_lower(5, 100, 0.975), 0.016432, 1e-5);
    assert_int_equal(binomial_needed(0.01, 0.95), 299);
    assert_false(binomial_allowed(298, 0.01, 0.95, &k));
    assert_true(binomial_allowed(299, 0.01, 0.95, &k));
    assert_int_equal(k, 0);
    assert_true(binomial_allowed(2000, 0.01, 0.95, &k));
    assert_true(binomial_upper(k, 2000, 0.95) <= 0.01 && binomial_upper(k + 1, 2000, 0.95) > 0.01);
}

static int set_up(void **state) {
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int tear_down(void **state) {
    return unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labels_and_scores_are_read),
        cmocka_unit_test(what_is_wrong_is_said_with_its_line),
        cmocka_unit_test(no_text_is_on_both_sides),
        cmocka_unit_test(a_tuning_keeps_the_wanted_rate),
        cmocka_unit_test(too_few_pairs_carry_no_claim),
        cmocka_unit_test(intervals_are_exact),
        cmocka_unit_test(vectors_of_another_model_count),
        cmocka_unit_test(vectors_that_tell_nothing_are_found_out),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
