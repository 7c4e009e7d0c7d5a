#include "documents/image_header.h"

#include "../unit.h"

#define SOF(height, width)  "\xff\xc0\0\x0b\x08" height width "\1\1\x11\0"
#define SCAN                "\xff\xda\0\x08\1\1\0\0\x3f\0abc\xff\0def\xff\xd3xyz"
#define END                 "\xff\xd9"
#define IHDR(width, height) "\x89PNG\r\n\x1a\n\0\0\0\rIHDR" width height "\x08\0\0\0\0CRC!"
#define IEND                "\0\0\0\0IENDCRC!"

static struct image_header jpeg(struct str bytes) {
    struct image_header header;
    const char *why = NULL;
    if (!image_header_jpeg(bytes, &header, &why))
        fail_msg("refused: %s", why);
    return header;
}

static void expect_jpeg_refused(struct str bytes, const char *part) {
    struct image_header header;
    const char *why = "";
    assert_false(image_header_jpeg(bytes, &header, &why));
    if (!strstr(why, part))
        fail_msg("got \"%s\", expected \"%s\" in it", why, part);
}

static void a_jpeg_tells_size_and_end(void **state) {
    (void)state;
    struct str whole = STR("\xff\xd8" SOF("\1\2", "\3\4") SCAN END);
    struct image_header header = jpeg(whole);
    assert_int_equal(header.height, 0x102);
    assert_int_equal(header.width, 0x304);
    assert_true(header.complete);
    assert_int_equal(header.end, whole.n);
    header = jpeg(STR("\xff\xd8" SOF("\1\2", "\3\4") SCAN END "trailer"));
    assert_int_equal(header.end, whole.n);
}

#define EXIF(tiff)                                                                                           \
    "\xff\xe1\0\x22"                                                                                         \
    "Exif\0\0" tiff

static void a_jpeg_tells_how_the_camera_was_held(void **state) {
    (void)state;
    struct image_header header = jpeg(STR("\xff\xd8" EXIF(
        "MM\0\x2a\0\0\0\x08\0\1\x01\x12\0\3\0\0\0\1\0\x06\0\0\0\0\0\0") SOF("\0\x40", "\0\x40") SCAN END));
    assert_int_equal(header.orientation, 6);
    header = jpeg(STR("\xff\xd8" EXIF("II\x2a\0\x08\0\0\0\1\0\x12\x01\3\0\1\0\0\0\x08\0\0\0\0\0\0\0")
                          SOF("\0\x40", "\0\x40") SCAN END));
    assert_int_equal(header.orientation, 8);
    /* A directory that lies beyond the segment, and one with more entries than there are. */
    header = jpeg(STR("\xff\xd8" EXIF("MM\0\x2a\xff\xff\xff\xff\0\1\x01\x12\0\3\0\0\0\1\0\x06\0\0\0\0\0\0")
                          SOF("\0\x40", "\0\x40") SCAN END));
    assert_int_equal(header.orientation, 0);
    header = jpeg(STR("\xff\xd8" EXIF("MM\0\x2a\0\0\0\x08\xff\xff\x01\x11\0\3\0\0\0\1\0\x06\0\0\0\0\0\0")
                          SOF("\0\x40", "\0\x40") SCAN END));
    assert_int_equal(header.orientation, 0);
}

static void an_end_marker_inside_pixels_or_thumbnails_is_none(void **state) {
    (void)state;
    struct image_header header =
        jpeg(STR("\xff\xd8\xff\xe1\0\x06\xff\xd9\xff\xd8" SOF("\0\x40", "\0\x40") SCAN));
    assert_false(header.complete);
    assert_int_equal(header.width, 64);
}

static void a_jpeg_cut_anywhere_is_never_complete(void **state) {
    (void)state;
    struct str whole = STR("\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0" SOF("\0\x40", "\0\x40") SCAN END);
    for (size_t n = 0; n < whole.n; n++) {
        /* A copy of just that size, so that a read beyond it is seen. */
        char *cut = malloc(n + 1);
        struct image_header header = {0};
        const char *why;
        memcpy(cut, whole.p, n);
        if (image_header_jpeg((struct str){cut, n}, &header, &why))
            assert_false(header.complete);
        free(cut);
    }
}

static void impossible_jpegs_are_refused_with_the_reason(void **state) {
    (void)state;
    expect_jpeg_refused(STR("\xff\xd8" END), "no frame header");
    expect_jpeg_refused(STR("\xff\xd8\xff\xe0\0\x10JFIF"), "before its frame header");
    expect_jpeg_refused(STR("\xff\xd8" SOF("\0\0", "\0\x40") SCAN END), "height of 0");
    expect_jpeg_refused(STR("\xff\xd8" SCAN END), "before the frame header");
    expect_jpeg_refused(STR("\xff\xd8\xff\xe0\0\1JFIF"), "impossible length");
    expect_jpeg_refused(STR("\xff\xd8zz"), "marker was expected");
    expect_jpeg_refused(STR("GIF89a"), "start marker");
}

static void a_png_tells_size_animation_and_end(void **state) {
    (void)state;
    struct image_header header;
    const char *why;
    struct str whole = STR(IHDR("\0\0\x75\x30", "\0\0\0\x10") IEND);
    assert_true(image_header_png(whole, &header, &why));
    assert_int_equal(header.width, 30000);
    assert_int_equal(header.height, 16);
    assert_true(header.complete);
    assert_false(header.animated);
    assert_int_equal(header.end, whole.n);
    assert_true(image_header_png(STR(IHDR("\0\0\0\x20", "\0\0\0\x20") "\0\0\0\x02"
                                                                      "acTL12CRC!" IEND),
                                 &header, &why));
    assert_true(header.animated);
    assert_true(image_header_png(STR(IHDR("\0\0\0\x20", "\0\0\0\x20") "\xff\xff\xff\xf0"
                                                                      "IDATabc" IEND),
                                 &header, &why));
    assert_false(header.complete);
}

static void impossible_pngs_are_refused(void **state) {
    (void)state;
    struct image_header header;
    const char *why;
    assert_false(image_header_png(STR("\x89PNG\r\n\x1a\n"), &header, &why));
    assert_false(image_header_png(STR(IHDR("\0\0\0\0", "\0\0\0\x20") IEND), &header, &why));
    assert_false(image_header_png(STR(IHDR("\xff\0\0\0", "\0\0\0\x20") IEND), &header, &why));
}

static void a_grey_map_must_hold_its_pixels(void **state) {
    (void)state;
    struct image_header header;
    const char *why;
    assert_true(image_header_pgm(STR("P5\n3 2\n255\nabcdef"), &header, &why));
    assert_int_equal(header.width, 3);
    assert_int_equal(header.height, 2);
    assert_false(image_header_pgm(STR("P5\n3 2\n255\nabcde"), &header, &why));
    assert_false(image_header_pgm(STR("P5\n3 2\n255\nabcdefg"), &header, &why));
    assert_false(image_header_pgm(STR("P5\n0 2\n255\n"), &header, &why));
    assert_false(image_header_pgm(STR("P5\n999999999 2\n255\nabc"), &header, &why));
    assert_false(image_header_pgm(STR("P5\n3 2\n65535\nabcdef"), &header, &why));
    assert_false(image_header_pgm(STR("P5\n3"), &header, &why));
    assert_false(image_header_pgm(STR("P6\n3 2\n255\nabcdef"), &header, &why));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_jpeg_tells_size_and_end),
        cmocka_unit_test(a_jpeg_tells_how_the_camera_was_held),
        cmocka_unit_test(an_end_marker_inside_pixels_or_thumbnails_is_none),
        cmocka_unit_test(a_jpeg_cut_anywhere_is_never_complete),
        cmocka_unit_test(impossible_jpegs_are_refused_with_the_reason),
        cmocka_unit_test(a_png_tells_size_animation_and_end),
        cmocka_unit_test(impossible_pngs_are_refused),
        cmocka_unit_test(a_grey_map_must_hold_its_pixels),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
