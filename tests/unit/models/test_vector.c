#include "../unit.h"

#include "models/confidence.h"
#include "models/vector.h"

#include <math.h>

static void test_exponential(void **state) {
    for (size_t n = 1; n < 70; n++) {
        float values[70];
        double sum = 0;
        for (size_t i = 0; i < n; i++)
            values[i] = 3 - (float)i * 0.37f;
        float total = vector_exp(values, 3, n);
        for (size_t i = 0; i < n; i++) {
            double exact = exp(-(double)((float)i * 0.37f));
            assert_true(fabs((double)values[i] - exact) < 2e-6 * exact + 1e-12);
            sum += exact;
        }
        assert_true(fabs((double)total - sum) < 1e-5 * sum);
    }
    float far[3] = {0, -90, -INFINITY};
    assert_true(vector_exp(far, 0, 3) == 1.0f && far[1] == 0 && far[2] == 0);
}

static void test_maximum(void **state) {
    for (size_t n = 1; n < 70; n++)
        for (size_t at = 0; at < n; at++) {
            float values[70];
            for (size_t i = 0; i < n; i++)
                values[i] = i == at ? -1 : -2 - (float)i;
            assert_true(vector_max(values, n) == -1);
        }
}

static void test_sums(void **state) {
    float sums[32] = {0}, row[32];
    int8_t bytes[32];
    for (int i = 0; i < 32; i++) {
        bytes[i] = (int8_t)(i * 8 - 128);
        row[i] = (float)i;
    }
    vector_add_bytes(sums, bytes, 0.5f, 32);
    vector_add(sums, row, 2, 32);
    for (int i = 0; i < 32; i++)
        assert_true(sums[i] == 0.5f * (float)(i * 8 - 128) + 2 * (float)i);
    assert_true(vector_dot(row, row, 32) == 31 * 32 * 63 / 6);
}

/* Every width that a register kernel may be cut into, and no column beyond it. */
static void test_many_rows(void **state) {
    enum { ROWS = 37, ROOM = 512 };
    static int8_t bytes[ROWS][ROOM];
    struct vector_row rows[ROWS];
    for (int r = 0; r < ROWS; r++) {
        for (int i = 0; i < ROOM; i++)
            bytes[r][i] = (int8_t)((r * 31 + i * 7) % 255 - 127);
        rows[r] = (struct vector_row){bytes[r], (float)(r % 5) * 0.25f - 0.5f};
    }
    for (size_t n = 0; n < ROOM; n += VECTOR_ALIGN)
        for (size_t count = 0; count <= ROWS; count += 12) {
            float sums[ROOM] = {0};
            sums[3] = 7;
            vector_add_rows(sums, rows, count, n);
            for (size_t i = 0; i < ROOM; i++) {
                float sum = i == 3 ? 7 : 0;
                for (size_t r = 0; i < n && r < count; r++)
                    sum += rows[r].scale * (float)bytes[r][i];
                assert_true(sums[i] == sum);
            }
        }
}

/* More novelty never means more confidence, whatever the rest, as long as the weights keep their signs. */
static void test_confidence_moves_the_right_way(void **state) {
    struct confidence c = {.novelty = {0.4f, 1, 3, 0.1f, 0.6f, 1.8f},
                           .correct = {0, 0.4f, 0.1f, 0.5f, 0.2f, 0}};
    struct confidence_signals s = {
        .best = 0.9f, .second = 0.05f, .decision = 0.5f, .known_words = 1, .known_grams = 1};
    float sure = confidence_of(&c, &s, confidence_novelty(&c, &s));
    s.known_words = s.known_grams = 0.5f;
    float strange = confidence_of(&c, &s, confidence_novelty(&c, &s));
    s.known_words = s.known_grams = 1;
    s.best = 0.5f;
    float torn = confidence_of(&c, &s, confidence_novelty(&c, &s));
    assert_true(sure > strange && sure > torn && torn > 0 && sure < 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_exponential),
        cmocka_unit_test(test_maximum),
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_many_rows),
        cmocka_unit_test(test_confidence_moves_the_right_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
