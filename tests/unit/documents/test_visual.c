#include "documents/visual.h"

#include "../unit.h"

#include "documents/frame.h"

#include <math.h>

enum { WIDTH = 300, HEIGHT = 400 };

/* A page of dashes: lines of words, `pitch` pixels apart, in a column from `left` to `right`. */
static void draw_page(uint8_t *pixels, int left, int right, int pitch, int paper, int ink) {
    memset(pixels, paper, WIDTH * HEIGHT);
    for (int y = 20; y + 6 < HEIGHT - 20; y += pitch)
        for (int x = left; x < right; x++)
            if ((x + y * 7) % 23 > 5)
                for (int row = 0; row < 5; row++)
                    pixels[(y + row) * WIDTH + x] = (uint8_t)ink;
}

static float distance(const float *a, const float *b) {
    float sum = 0;
    for (size_t i = 0; i < DOCUMENT_VISUAL_COUNT; i++)
        sum += (a[i] - b[i]) * (a[i] - b[i]);
    return sqrtf(sum);
}

static void vector_of(const uint8_t *pixels, float *out) {
    struct grey_image image = {WIDTH, HEIGHT, pixels};
    assert_true(visual_vector(&image, out));
    for (size_t i = 0; i < DOCUMENT_VISUAL_COUNT; i++)
        assert_true(out[i] >= 0 && out[i] <= 1);
}

static void light_matters_less_than_layout(void **state) {
    (void)state;
    static uint8_t page[WIDTH * HEIGHT], dark[WIDTH * HEIGHT], narrow[WIDTH * HEIGHT];
    float a[DOCUMENT_VISUAL_COUNT], b[DOCUMENT_VISUAL_COUNT], c[DOCUMENT_VISUAL_COUNT];
    draw_page(page, 30, 270, 14, 240, 20);
    draw_page(dark, 30, 270, 14, 120, 10);
    draw_page(narrow, 100, 200, 24, 240, 20);
    vector_of(page, a);
    vector_of(dark, b);
    vector_of(narrow, c);
    assert_true(distance(a, b) < 0.1F);
    assert_true(distance(a, c) > 10 * distance(a, b));
}

static void a_shadow_across_the_page_hardly_shows(void **state) {
    (void)state;
    static uint8_t page[WIDTH * HEIGHT], shaded[WIDTH * HEIGHT], narrow[WIDTH * HEIGHT];
    float a[DOCUMENT_VISUAL_COUNT], b[DOCUMENT_VISUAL_COUNT], c[DOCUMENT_VISUAL_COUNT];
    draw_page(page, 30, 270, 14, 240, 20);
    draw_page(narrow, 100, 200, 24, 240, 20);
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++)
            shaded[y * WIDTH + x] = (uint8_t)(page[y * WIDTH + x] * (1.0 - 0.4 * x / WIDTH));
    vector_of(page, a);
    vector_of(shaded, b);
    vector_of(narrow, c);
    assert_true(distance(a, c) > 1.5F * distance(a, b));
}

static void any_size_within_the_bounds_has_a_vector(void **state) {
    (void)state;
    static const uint32_t sizes[][2] = {{1, 1}, {1, 640}, {640, 1}, {2, 3}, {16, 16}, {640, 640}, {17, 639}};
    for (size_t i = 0; i < ARRAY_COUNT(sizes); i++) {
        uint8_t *pixels = malloc(sizes[i][0] * sizes[i][1]);
        float out[DOCUMENT_VISUAL_COUNT];
        for (size_t at = 0; at < (size_t)sizes[i][0] * sizes[i][1]; at++)
            pixels[at] = (uint8_t)(at * 2654435761U >> 13);
        struct grey_image image = {sizes[i][0], sizes[i][1], pixels};
        assert_true(visual_vector(&image, out));
        for (size_t at = 0; at < DOCUMENT_VISUAL_COUNT; at++)
            assert_true(out[at] >= 0 && out[at] <= 1);
        free(pixels);
    }
}

static void sizes_beyond_the_bounds_are_refused(void **state) {
    (void)state;
    uint8_t pixel = 0;
    float out[DOCUMENT_VISUAL_COUNT];
    assert_false(visual_vector(&(struct grey_image){0, 1, &pixel}, out));
    assert_false(visual_vector(&(struct grey_image){1, 641, &pixel}, out));
}

static void a_reply_beyond_its_bounds_is_no_reply(void **state) {
    (void)state;
    struct frame_reply good = {.magic = FRAME_MAGIC, .text_size = 10, .visual_count = DOCUMENT_VISUAL_COUNT};
    assert_true(frame_reply_valid(&good, 10));
    struct frame_reply bad = good;
    bad.text_size = 11;
    assert_false(frame_reply_valid(&bad, 10));
    bad = good;
    bad.magic++;
    assert_false(frame_reply_valid(&bad, 10));
    bad = good;
    bad.visual_count = UINT32_MAX;
    assert_false(frame_reply_valid(&bad, 10));
    bad = good;
    bad.message_size = FRAME_MESSAGE_MAX + 1;
    assert_false(frame_reply_valid(&bad, 10));
    bad = good;
    bad.status = 99;
    assert_false(frame_reply_valid(&bad, 10));
}

static void numbers_from_outside_are_brought_into_range(void **state) {
    (void)state;
    float values[] = {-1, 0.5F, 2, NAN, INFINITY, -INFINITY};
    frame_clamp(values, ARRAY_COUNT(values));
    const float expected[] = {0, 0.5F, 1, 0, 1, 0};
    for (size_t i = 0; i < ARRAY_COUNT(values); i++)
        assert_true(values[i] == expected[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(light_matters_less_than_layout),
        cmocka_unit_test(a_shadow_across_the_page_hardly_shows),
        cmocka_unit_test(any_size_within_the_bounds_has_a_vector),
        cmocka_unit_test(sizes_beyond_the_bounds_are_refused),
        cmocka_unit_test(a_reply_beyond_its_bounds_is_no_reply),
        cmocka_unit_test(numbers_from_outside_are_brought_into_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
