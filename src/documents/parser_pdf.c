/* A PDF's way: its text by pdftotext; pages without text are drawn by pdftoppm and recognised. */
#include "documents/parser_run.h"

#include "base/buf.h"
#include "base/clock.h"
#include "documents/poppler.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    RENDER_LONG_SIDE = 2200, /* A4 at 190 dpi; bounds the image whatever size the page claims */
    RENDER_MAX_BYTES = RENDER_LONG_SIDE * RENDER_LONG_SIDE + 4096,
    QUICK_RENDER_SIDE = 1280, /* for looks and for quick recognition, which reads no more than that */
    INFO_MAX_BYTES = 64 * 1024,
    LEAST_MS_FOR_A_PAGE = 100,
};

#define PDFTOTEXT "/usr/bin/pdftotext"
#define PDFTOPPM  "/usr/bin/pdftoppm"
#define PDFINFO   "/usr/bin/pdfinfo"

struct pdf {
    struct parser_bench *bench;
    const struct parser_task *task;
    struct document_result *result;
    int input;
    struct buf text;      /* pages behind one another, each ended by a form feed */
    bool read_anything;   /* some page gave text, embedded or recognised */
    bool broken;          /* some page cannot be drawn */
    struct error trouble; /* with the first of them */
};

static float elapsed_ms(int64_t since) {
    return (float)(clock_monotonic() - since) / (float)NS_PER_MS;
}

/* poppler's first line about the trouble, without its "Syntax Error (12): " and what cannot be printed. */
static void first_complaint(const char *complaints, char *out, size_t size) {
    const char *text = strstr(complaints, "Error");
    const char *colon = text ? strstr(text, ": ") : NULL;
    text = colon ? colon + 2 : complaints;
    size_t n = strcspn(text, "\r\n");
    if (n >= size)
        n = size - 1;
    for (size_t i = 0; i < n; i++)
        out[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
    out[n] = '\0';
}

static bool pdf_refused(const struct poppler_outcome *outcome, struct error *err) {
    char line[160];
    if (strstr(outcome->complaints, "Incorrect password"))
        return fail(err, ERR_FILE_ENCRYPTED,
                    "the PDF is encrypted and needs a password; send it decrypted, without a password");
    if (strstr(outcome->complaints, "Unsupported") && strstr(outcome->complaints, "encryption"))
        return fail(err, ERR_FILE_ENCRYPTED,
                    "the PDF is encrypted by a method that cannot be read; send it decrypted");
    if (outcome->exit_status == 3)
        return fail(err, ERR_FILE_ENCRYPTED,
                    "the PDF's permissions forbid taking its text; send it without restrictions");
    if (strstr(outcome->complaints, "Wrong page range"))
        return fail(err, ERR_FILE_CORRUPT, "the PDF has no pages; save it anew and send it again");
    first_complaint(outcome->complaints, line, sizeof line);
    return fail(err, ERR_FILE_CORRUPT, "the PDF cannot be read%s%s; save it anew and send it again",
                line[0] ? ": " : "", line);
}

static bool run_program(struct pdf *pdf, const char *const *arguments, struct buf *output,
                        struct poppler_outcome *outcome, struct error *err) {
    struct poppler_run run = {
        .sandbox = pdf->bench->programs->sandbox,
        .input = pdf->input,
        .arguments = arguments,
        .required_layers = pdf->bench->required_layers,
        .limits = &pdf->task->limits,
        .patience = pdf->task->patience,
    };
    if (!poppler_run(&run, output, outcome, err))
        return false;
    pdf->bench->pdf_layers = outcome->layers;
    return outcome->exit_status == 0 || outcome->overflowed || pdf_refused(outcome, err);
}

/* The number of pages, as pdfinfo says; only asked when the text alone does not tell. */
static bool count_pages(struct pdf *pdf, unsigned *pages, struct error *err) {
    static const char *const arguments[] = {PDFINFO, "-", NULL};
    struct poppler_outcome outcome;
    struct buf output = BUF_INIT(INFO_MAX_BYTES);
    bool ok = run_program(pdf, arguments, &output, &outcome, err);
    struct str rest = buf_str(&output);
    uint64_t count = 0;
    while (ok && rest.n > 0) {
        struct str line = str_split(&rest, '\n');
        if (str_starts(line, STR("Pages:")) && !str_to_u64(str_trim(str_slice(line, 6, line.n)), &count))
            count = 0;
    }
    buf_free(&output);
    if (ok && (count == 0 || count > INT32_MAX))
        return fail(err, ERR_FILE_CORRUPT, "the PDF does not say how many pages it has; save it anew");
    *pages = (unsigned)count;
    return ok;
}

static unsigned count_form_feeds(struct str text) {
    unsigned count = 0;
    for (size_t i = 0; i < text.n; i++)
        count += text.p[i] == '\f';
    return count;
}

/* One run gives text and page count alike: pdftotext ends each page with a form feed, and one page more
 * than allowed is asked for. */
static bool read_text(struct pdf *pdf, struct error *err) {
    struct poppler_outcome outcome;
    char last[16];
    size_t most = pdf->task->limits.max_pages;
    const char *const arguments[] = {PDFTOTEXT, "-enc", "UTF-8", "-l", last, "-", "-", NULL};
    int64_t started = clock_monotonic();
    snprintf(last, sizeof last, "%zu", most + 1);
    if (!run_program(pdf, arguments, &pdf->text, &outcome, err))
        return false;
    unsigned pages = count_form_feeds(buf_str(&pdf->text));
    pdf->result->text_truncated = outcome.overflowed;
    /* Pages that cannot be read are left out without a form feed. */
    if ((outcome.overflowed || pages == 0 || pages > most) && !count_pages(pdf, &pages, err))
        return false;
    pdf->result->ms.pdf_text = elapsed_ms(started);
    if (pages > most)
        return fail(err, ERR_TOO_MANY_PAGES,
                    "the PDF has %u pages; at most %zu are accepted: send a part of it", pages, most);
    pdf->result->pages = pages;
    return true;
}

/* Draws one page as a grey PGM of bounded size. */
static bool draw_page(struct pdf *pdf, unsigned page, unsigned long_side, struct buf *image,
                      struct error *err) {
    char number[16], side[16];
    const char *const arguments[] = {PDFTOPPM,      "-gray",     "-f", number, "-l", number,
                                     "-singlefile", "-scale-to", side, "-",    NULL};
    struct poppler_outcome outcome;
    int64_t started = clock_monotonic();
    snprintf(number, sizeof number, "%u", page);
    snprintf(side, sizeof side, "%u", long_side);
    bool ok = run_program(pdf, arguments, image, &outcome, err);
    pdf->result->ms.pdf_image += elapsed_ms(started);
    if (!ok)
        return false;
    if (outcome.overflowed || image->n == 0)
        return fail(err, ERR_FILE_CORRUPT,
                    "page %u of the PDF cannot be drawn; save it anew and send it again", page);
    return true;
}

static bool is_blank(struct str s) {
    for (size_t i = 0; i < s.n; i++)
        if (!strchr(" \t\r\n\f\v", s.p[i]) || s.p[i] == '\0')
            return false;
    return true;
}

/* A page on which nothing is recognised is taken for blank: its confidence says nothing. */
static void merge_page(struct pdf *pdf, const struct parser_answer *answer) {
    struct document_result *result = pdf->result;
    uint32_t flags = answer->head.flags;
    result->ocr_used = result->ocr_used || (flags & FRAME_OCR_USED);
    result->normalised = result->normalised || (flags & FRAME_NORMALISED);
    result->partial = result->partial || (flags & FRAME_PARTIAL);
    result->text_truncated = result->text_truncated || (flags & FRAME_TEXT_TRUNCATED);
    if (answer->head.text_size == 0)
        return;
    pdf->read_anything = true;
    if (answer->head.confidence < result->ocr_confidence)
        result->ocr_confidence = answer->head.confidence;
}

/* Appends what still fits; more than the limit on text is cut off in the end anyway. */
static void add_text(struct pdf *pdf, struct buf *all, struct str text) {
    size_t room = all->cap - all->n;
    if (text.n > room) {
        text = str_slice(text, 0, room);
        pdf->result->text_truncated = true;
    }
    buf_add_str(all, text);
}

/* Draws and recognises one page; appends its text. */
static bool recognise_page(struct pdf *pdf, unsigned page, unsigned want, struct buf *text,
                           struct error *err) {
    struct buf image = BUF_INIT(RENDER_MAX_BYTES);
    struct parser_answer answer;
    unsigned side = want & DOCUMENT_OCR ? RENDER_LONG_SIDE : QUICK_RENDER_SIDE;
    bool ok =
        draw_page(pdf, page, side, &image, err) &&
        parser_run_image(pdf->bench, pdf->task, buf_str(&image), FRAME_PGM, want, pdf->result, &answer, err);
    buf_free(&image);
    if (!ok)
        return false;
    merge_page(pdf, &answer);
    add_text(pdf, text, (struct str){answer.text, answer.head.text_size});
    parser_answer_free(&answer);
    return true;
}

static bool time_left(const struct pdf *pdf) {
    return patience_left_ns(pdf->task->patience) > LEAST_MS_FOR_A_PAGE * NS_PER_MS;
}

/* A page that cannot be drawn leaves a gap; it is the whole document's failure only when nothing else is
 * there to read. */
static bool try_page(struct pdf *pdf, unsigned page, unsigned want, struct buf *all, struct error *err) {
    struct error trouble;
    if (recognise_page(pdf, page, want, all, &trouble))
        return true;
    if (trouble.code != ERR_FILE_CORRUPT && trouble.code != ERR_IMAGE_SIZE) {
        if (err)
            *err = trouble;
        return false;
    }
    if (!pdf->broken)
        fail(&pdf->trouble, ERR_FILE_CORRUPT,
             "page %u of the PDF cannot be read; save it anew and send it again", page);
    pdf->broken = true;
    return true;
}

/* Goes over the pages: those with text keep it, the others are recognised while time is left. */
static bool complete_pages(struct pdf *pdf, struct buf *all, struct error *err) {
    unsigned recognition = pdf->task->want & (DOCUMENT_OCR | DOCUMENT_OCR_QUICK);
    struct str rest = buf_str(&pdf->text);
    for (unsigned page = 1; page <= pdf->result->pages; page++) {
        struct str own = str_split(&rest, '\f');
        bool blank = is_blank(own);
        unsigned want = blank ? recognition : 0;
        if (page == 1)
            want |= pdf->task->want & DOCUMENT_VISUAL;
        pdf->read_anything = pdf->read_anything || !blank;
        if (!blank)
            add_text(pdf, all, own);
        if (want && page > 1 && !time_left(pdf))
            pdf->result->partial = true;
        else if (want && !try_page(pdf, page, want, all, err))
            return false;
        add_text(pdf, all, STR("\f"));
    }
    pdf->result->partial = pdf->result->partial || pdf->broken;
    if (!pdf->broken || pdf->read_anything)
        return true;
    if (err)
        *err = pdf->trouble;
    return false;
}

static bool run(struct pdf *pdf, struct error *err) {
    size_t most = pdf->task->limits.max_text_bytes;
    if (!read_text(pdf, err))
        return false;
    struct buf all = BUF_INIT(most * 2 + pdf->result->pages + 1);
    bool ok = complete_pages(pdf, &all, err);
    if (ok && pdf->result->ocr_used && !pdf->read_anything)
        pdf->result->ocr_confidence = 0;
    struct str text = buf_str(&all);
    while (text.n > 0 && text.p[text.n - 1] == '\f')
        text = str_slice(text, 0, text.n - 1);
    if (ok && all.failed)
        ok = fail(err, ERR_NO_MEMORY, "no memory was left for the document's text");
    ok = ok && parser_run_keep_text(pdf->result, text, most, err);
    buf_free(&all);
    return ok;
}

bool parser_run_pdf(struct parser_bench *bench, const struct parser_task *task,
                    struct document_result *result, struct error *err) {
    struct pdf pdf = {.bench = bench, .task = task, .result = result};
    pdf.input = poppler_input(task->bytes, err);
    if (pdf.input < 0)
        return false;
    pdf.text = BUF_INIT(task->limits.max_text_bytes + task->limits.max_pages + 1);
    bool ok = run(&pdf, err);
    buf_free(&pdf.text);
    close(pdf.input);
    return ok;
}
