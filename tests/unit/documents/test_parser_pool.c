#include "documents/documents.h"

#include "../unit.h"

#include "base/clock.h"
#include "sample.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

static struct parser_pool *pool;

static int start_pool(void **state) {
    (void)state;
    struct error err;
    const struct parser_pool_options options = {.workers = 1, .queue = 4, .defaults = {.wall_ms = 120000}};
    pool = parser_pool_new(&options, &err);
    return pool ? 0 : -1;
}

static int stop_pool(void **state) {
    (void)state;
    parser_pool_free(pool);
    return 0;
}

static struct document_result *read_it(struct str bytes, unsigned want,
                                       const struct document_limits *limits) {
    struct document_result *result = NULL;
    struct error err = {0};
    if (!documents_extract(pool, bytes, want, limits, clock_monotonic() + 120 * NS_PER_SECOND, &result, &err))
        fail_msg("refused: %s", err.message);
    return result;
}

static void expect_refusal(struct str bytes, unsigned want, const struct document_limits *limits,
                           enum error_code code, const char *part) {
    struct document_result *result = NULL;
    struct error err = {0};
    const int64_t deadline = clock_monotonic() + 120 * NS_PER_SECOND;
    assert_false(documents_extract(pool, bytes, want, limits, deadline, &result, &err));
    if (err.code != code || !strstr(err.message, part))
        fail_msg("got %s: \"%s\", expected \"%s\" in it", error_name(err.code), err.message, part);
    assert_null(result);
}

static void assert_says(const struct document_result *result, const char *words) {
    if (str_find(result->text, str_from(words)) == SIZE_MAX)
        fail_msg("expected \"%s\" in \"%.*s\"", words, STR_ARG(result->text));
}

static void images_are_read(void **state) {
    (void)state;
    static const int formats[] = {IFF_JFIF_JPEG, IFF_PNG};
    for (size_t i = 0; i < ARRAY_COUNT(formats); i++) {
        struct str image = sample_image("Invoice number 4711\nTotal amount 120.00", 1000, 800, formats[i]);
        struct document_result *result = read_it(image, DOCUMENT_ALL, NULL);
        assert_int_equal(result->type, i == 0 ? FILE_TYPE_JPEG : FILE_TYPE_PNG);
        assert_int_equal(result->pages, 1);
        assert_int_equal(result->width, 1000);
        assert_int_equal(result->height, 800);
        assert_says(result, "number");
        assert_says(result, "120.00");
        assert_true(result->ocr_used);
        assert_false(result->partial);
        assert_true(result->ocr_confidence > 0.6F && result->ocr_confidence <= 1);
        assert_int_equal(result->visual_count, DOCUMENT_VISUAL_COUNT);
        assert_true(result->ms.ocr > 0 && result->ms.total >= result->ms.ocr);
        document_result_free(result);
        sample_free(image);
    }
}

/* As a telephone held sideways stores it: the picture lies down and a tag says so. */
static void a_picture_taken_sideways_is_read_upright(void **state) {
    (void)state;
    static const char exif[] = "\xff\xe1\0\x22"
                               "Exif\0\0MM\0\x2a\0\0\0\x08\0\1\x01\x12\0\3\0\0\0\1\0\x06\0\0\0\0\0\0";
    PIX *upright = sample_pix("Invoice number 4711", 1000, 800), *lying = pixRotateOrth(upright, 3);
    l_uint8 *bytes = NULL;
    size_t size = 0;
    assert_int_equal(pixWriteMem(&bytes, &size, lying, IFF_JFIF_JPEG), 0);
    struct buf tagged = BUF_INIT(size + sizeof exif);
    buf_add(&tagged, bytes, 2);
    buf_add(&tagged, exif, sizeof exif - 1);
    buf_add(&tagged, bytes + 2, size - 2);
    struct document_result *result = read_it(buf_str(&tagged), DOCUMENT_OCR, NULL);
    assert_says(result, "number");
    document_result_free(result);
    buf_free(&tagged);
    free(bytes);
    pixDestroy(&upright);
    pixDestroy(&lying);
}

static void only_what_is_wanted_is_done(void **state) {
    (void)state;
    struct str image = sample_image("nobody reads this", 600, 400, IFF_JFIF_JPEG);
    struct document_result *result = read_it(image, DOCUMENT_VISUAL, NULL);
    assert_false(result->ocr_used);
    assert_int_equal(result->text.n, 0);
    assert_true(result->ocr_confidence == 1);
    assert_int_equal(result->visual_count, DOCUMENT_VISUAL_COUNT);
    document_result_free(result);
    sample_free(image);
}

static void a_pdf_gives_its_text_page_by_page(void **state) {
    (void)state;
    struct str pdf = sample_pdf("contract page", 3);
    struct document_result *result = read_it(pdf, DOCUMENT_ALL, NULL);
    assert_int_equal(result->type, FILE_TYPE_PDF);
    assert_int_equal(result->pages, 3);
    assert_says(result, "contract page 1");
    assert_says(result, "contract page 3");
    assert_false(result->ocr_used);
    assert_true(result->ocr_confidence == 1);
    assert_int_equal(result->visual_count, DOCUMENT_VISUAL_COUNT);
    document_result_free(result);
    sample_free(pdf);
}

static void a_pdf_of_a_picture_is_recognised(void **state) {
    (void)state;
    struct str pdf = sample_picture_pdf("STATEMENT of account\nbalance 99.50");
    struct document_result *result = read_it(pdf, DOCUMENT_ALL, NULL);
    assert_true(result->ocr_used);
    assert_says(result, "STATEMENT");
    assert_true(result->ms.pdf_image > 0);
    document_result_free(result);
    sample_free(pdf);
}

static void plain_text_needs_no_process(void **state) {
    (void)state;
    struct document_result *result = read_it(STR("Z\xc3\xbcrich"), DOCUMENT_ALL, NULL);
    assert_int_equal(result->type, FILE_TYPE_TEXT);
    assert_str(result->text, "Z\xc3\xbcrich");
    document_result_free(result);
}

static void text_is_cut_between_characters(void **state) {
    (void)state;
    const struct document_limits limits = {.max_text_bytes = 2};
    struct document_result *result = read_it(STR("Z\xc3\xbcrich"), DOCUMENT_ALL, &limits);
    assert_str(result->text, "Z");
    assert_true(result->text_truncated);
    document_result_free(result);
    struct str pdf = sample_pdf("some longer line of text on a page", 3);
    const struct document_limits forty = {.max_text_bytes = 40};
    result = read_it(pdf, DOCUMENT_TEXT_EMBEDDED, &forty);
    assert_true(result->text.n <= 40 && result->text_truncated);
    assert_int_equal(result->pages, 3);
    document_result_free(result);
    sample_free(pdf);
}

static void limits_are_named_in_the_refusal(void **state) {
    (void)state;
    const struct document_limits pages = {.max_pages = 2}, pixels = {.max_pixels = 1000};
    struct str pdf = sample_pdf("page", 5), image = sample_image("x", 64, 64, IFF_PNG);
    expect_refusal(pdf, DOCUMENT_ALL, &pages, ERR_TOO_MANY_PAGES, "5 pages; at most 2");
    expect_refusal(image, DOCUMENT_ALL, &pixels, ERR_IMAGE_SIZE, "64 x 64");
    sample_free(pdf);
    sample_free(image);
}

static void damaged_images_are_refused_by_their_damage(void **state) {
    (void)state;
    struct str jpeg = sample_image("some text", 600, 400, IFF_JFIF_JPEG);
    struct str png = sample_image("some text", 600, 400, IFF_PNG);
    struct str tiny = sample_image("x", 8, 8, IFF_PNG);
    expect_refusal(str_slice(jpeg, 0, jpeg.n / 2), DOCUMENT_ALL, NULL, ERR_FILE_CORRUPT, "truncated");
    expect_refusal(str_slice(png, 0, png.n / 2), DOCUMENT_ALL, NULL, ERR_FILE_CORRUPT, "truncated");
    expect_refusal(tiny, DOCUMENT_ALL, NULL, ERR_IMAGE_SIZE, "at least 16");
    /* A wrong checksum in the middle of the pixels. */
    char *bent = malloc(png.n);
    memcpy(bent, png.p, png.n);
    bent[png.n / 2] ^= 0x55;
    expect_refusal((struct str){bent, png.n}, DOCUMENT_ALL, NULL, ERR_FILE_CORRUPT, "cannot be decoded");
    /* A header that promises far more than there is. */
    memcpy(bent, png.p, png.n);
    memcpy(bent + 16, "\0\0\x17\x70\0\0\x17\x70", 8);
    expect_refusal((struct str){bent, png.n}, DOCUMENT_ALL, NULL, ERR_FILE_CORRUPT, "cannot be decoded");
    memcpy(bent + 16, "\0\0\x75\x30\0\0\x75\x30", 8);
    expect_refusal((struct str){bent, png.n}, DOCUMENT_ALL, NULL, ERR_IMAGE_SIZE, "30000 x 30000");
    free(bent);
    sample_free(jpeg);
    sample_free(png);
    sample_free(tiny);
}

static void damaged_pdfs_are_refused(void **state) {
    (void)state;
    expect_refusal(STR("%PDF-1.4\nnothing else\n"), DOCUMENT_ALL, NULL, ERR_FILE_CORRUPT, "PDF");
    expect_refusal(STR(""), DOCUMENT_ALL, NULL, ERR_FILE_EMPTY, "empty");
}

static struct str long_page(void) {
    struct buf text = BUF_INIT(65536);
    for (int i = 0; i < 60; i++)
        buf_printf(&text, "line %d of a page that takes rather long to recognise altogether\n", i);
    struct str image = sample_image(buf_terminated(&text), 1600, 3400, IFF_PNG);
    buf_free(&text);
    return image;
}

/* Recognition ends in time with what it has. How much that is depends on the machine, so the time is raised
 * until there is some text and not yet all of it. */
static void time_bounds_recognition(void **state) {
    (void)state;
    struct str image = long_page();
    struct document_result *whole =
        read_it(image, DOCUMENT_OCR_QUICK, &(struct document_limits){.quick_ms = 15000});
    assert_false(whole->partial);
    bool some = false;
    for (unsigned tenth = 1; tenth < 10 && !some; tenth++) {
        const struct document_limits limits = {.quick_ms = (unsigned)(whole->ms.ocr * (float)tenth / 10) + 1};
        struct document_result *result = read_it(image, DOCUMENT_OCR_QUICK, &limits);
        some = result->partial && result->text.n > 0;
        assert_true(result->partial || result->text.n == whole->text.n);
        if (some)
            assert_true(result->text.n < whole->text.n && result->ms.ocr < whole->ms.ocr);
        document_result_free(result);
    }
    assert_true(some);
    document_result_free(whole);
    sample_free(image);
}

static void a_document_that_takes_too_long_costs_its_process(void **state) {
    (void)state;
    struct parser_pool_stats before, after;
    struct str image = long_page();
    const struct document_limits impossible = {.wall_ms = 20};
    parser_pool_stats(pool, &before);
    expect_refusal(image, DOCUMENT_OCR, &impossible, ERR_DOCUMENT_TIMEOUT, "within");
    sample_free(image);
    /* What ended that process is not counted again for a file that never reaches one. */
    expect_refusal(STR("\1\2\3"), DOCUMENT_OCR, NULL, ERR_FILE_TYPE, "send a PDF");
    /* The pool goes on with a new process. */
    images_are_read(state);
    parser_pool_stats(pool, &after);
    assert_int_equal(after.restarts, before.restarts + 1);
    assert_int_equal(after.timeouts, before.timeouts + 1);
}

/* What several jobs came to. */
struct tally {
    atomic_uint calls, results, cancelled, late, other;
};

static void count(void *ctx, struct document_result *result, const struct error *err) {
    struct tally *tally = ctx;
    if (result)
        atomic_fetch_add(&tally->results, 1);
    else if (err->code == ERR_CANCELLED)
        atomic_fetch_add(&tally->cancelled, 1);
    else if (err->code == ERR_DEADLINE || err->code == ERR_DOCUMENT_TIMEOUT)
        atomic_fetch_add(&tally->late, 1);
    else
        atomic_fetch_add(&tally->other, 1);
    document_result_free(result);
    atomic_fetch_add(&tally->calls, 1);
}

static void wait_for(const atomic_uint *value, unsigned expected) {
    for (int i = 0; i < 120000 && atomic_load(value) < expected; i++)
        nanosleep(&(struct timespec){.tv_nsec = NS_PER_MS}, NULL);
    assert_int_equal(atomic_load(value), expected);
}

static bool submit(struct str bytes, int64_t deadline, struct tally *tally, struct parser_ticket **ticket,
                   struct error *err) {
    const struct parser_job job = {
        .bytes = bytes, .want = DOCUMENT_OCR, .deadline = deadline, .done = count, .ctx = tally};
    return parser_pool_submit(pool, &job, ticket, err);
}

static void a_full_queue_refuses(void **state) {
    (void)state;
    struct tally tally = {0};
    struct error err = {0};
    struct str page = long_page();
    struct parser_ticket *tickets[6] = {NULL};
    unsigned accepted = 0;
    for (unsigned i = 0; i < 6; i++)
        if (submit(page, 0, &tally, &tickets[i], &err))
            accepted++;
    /* One runs, unless the worker had not taken it yet, and four wait. */
    assert_true(accepted == 4 || accepted == 5);
    assert_int_equal(err.code, ERR_OVERLOADED);
    assert_true(error_retryable(err.code));
    for (unsigned i = 0; i < 6; i++)
        if (tickets[i]) {
            parser_ticket_cancel(tickets[i]);
            parser_ticket_cancel(tickets[i]);
        }
    wait_for(&tally.calls, accepted);
    assert_int_equal(tally.other, 0);
    assert_true(tally.cancelled >= 4);
    for (unsigned i = 0; i < 6; i++)
        parser_ticket_free(tickets[i]);
    sample_free(page);
}

static void cancelling_a_running_job_is_prompt(void **state) {
    (void)state;
    struct tally tally = {0};
    struct error err = {0};
    struct str page = long_page();
    struct parser_ticket *ticket;
    assert_true(submit(page, 0, &tally, &ticket, &err));
    nanosleep(&(struct timespec){.tv_nsec = 200 * NS_PER_MS}, NULL);
    int64_t began = clock_monotonic();
    parser_ticket_cancel(ticket);
    wait_for(&tally.calls, 1);
    assert_int_equal(tally.cancelled, 1);
    assert_true(clock_monotonic() - began < 30 * NS_PER_SECOND);
    parser_ticket_free(ticket);
    sample_free(page);
}

static void a_waiting_job_ends_at_its_deadline(void **state) {
    (void)state;
    struct tally first = {0}, second = {0};
    struct error err = {0};
    struct str page = long_page();
    struct parser_ticket *running;
    assert_true(submit(page, 0, &first, &running, &err));
    nanosleep(&(struct timespec){.tv_nsec = 50 * NS_PER_MS}, NULL);
    int64_t began = clock_monotonic();
    assert_true(submit(page, began + 100 * NS_PER_MS, &second, NULL, &err));
    wait_for(&second.calls, 1);
    assert_int_equal(second.late, 1);
    assert_true(clock_monotonic() - began < 30 * NS_PER_SECOND);
    parser_ticket_cancel(running);
    wait_for(&first.calls, 1);
    parser_ticket_free(running);
    sample_free(page);
}

/* Cancels as the job runs, at every point of its life: exactly one call each. */
static void a_job_is_answered_exactly_once_however_the_race_ends(void **state) {
    (void)state;
    struct str image = sample_image("short", 200, 100, IFF_PNG);
    struct tally tally = {0};
    const unsigned rounds = 60;
    for (unsigned i = 0; i < rounds; i++) {
        struct error err = {0};
        struct parser_ticket *ticket;
        const struct parser_job job = {.bytes = image, .want = DOCUMENT_VISUAL, .done = count, .ctx = &tally};
        assert_true(parser_pool_submit(pool, &job, &ticket, &err));
        nanosleep(&(struct timespec){.tv_nsec = (long)i * 50 * 1000}, NULL);
        parser_ticket_cancel(ticket);
        parser_ticket_free(ticket);
        wait_for(&tally.calls, i + 1);
    }
    assert_int_equal(tally.other, 0);
    assert_int_equal(tally.results + tally.cancelled, rounds);
    sample_free(image);
}

static void freeing_the_pool_ends_every_job(void **state) {
    (void)state;
    struct tally tally = {0};
    struct error err = {0};
    struct str page = long_page();
    for (unsigned i = 0; i < 4; i++)
        assert_true(submit(page, 0, &tally, NULL, &err));
    parser_pool_free(pool);
    assert_int_equal(tally.calls, 4);
    assert_int_equal(tally.cancelled, 4);
    sample_free(page);
    assert_int_equal(start_pool(state), 0);
}

static void the_isolation_is_reported(void **state) {
    (void)state;
    struct parser_pool_stats stats;
    struct str pdf = sample_pdf("page", 1);
    document_result_free(read_it(pdf, DOCUMENT_ALL, NULL));
    sample_free(pdf);
    parser_pool_stats(pool, &stats);
    assert_int_equal(stats.image_layers & SANDBOX_REQUIRED, SANDBOX_REQUIRED);
    assert_int_equal(stats.pdf_layers & SANDBOX_REQUIRED, SANDBOX_REQUIRED);
    assert_true(stats.spawn_ms > 0);
}

static void a_missing_program_is_named(void **state) {
    (void)state;
    struct error err = {0};
    const struct parser_pool_options options = {.parser_program = "/nowhere/penstock-parser"};
    assert_null(parser_pool_new(&options, &err));
    assert_non_null(strstr(err.message, "/nowhere/penstock-parser"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(images_are_read),
        cmocka_unit_test(a_picture_taken_sideways_is_read_upright),
        cmocka_unit_test(only_what_is_wanted_is_done),
        cmocka_unit_test(a_pdf_gives_its_text_page_by_page),
        cmocka_unit_test(a_pdf_of_a_picture_is_recognised),
        cmocka_unit_test(plain_text_needs_no_process),
        cmocka_unit_test(text_is_cut_between_characters),
        cmocka_unit_test(limits_are_named_in_the_refusal),
        cmocka_unit_test(damaged_images_are_refused_by_their_damage),
        cmocka_unit_test(damaged_pdfs_are_refused),
        cmocka_unit_test(time_bounds_recognition),
        cmocka_unit_test(a_document_that_takes_too_long_costs_its_process),
        cmocka_unit_test(a_full_queue_refuses),
        cmocka_unit_test(cancelling_a_running_job_is_prompt),
        cmocka_unit_test(a_waiting_job_ends_at_its_deadline),
        cmocka_unit_test(a_job_is_answered_exactly_once_however_the_race_ends),
        cmocka_unit_test(freeing_the_pool_ends_every_job),
        cmocka_unit_test(the_isolation_is_reported),
        cmocka_unit_test(a_missing_program_is_named),
    };
    return cmocka_run_group_tests(tests, start_pool, stop_pool);
}
