#include "demo/sheet.h"

#include "base/check.h"

#include <string.h>

static const char *const font_names[FONT_COUNT] = {"Helvetica",  "Helvetica-Bold", "Times-Roman",
                                                   "Times-Bold", "Courier",        "Courier-Bold"};

/* Widths of the characters 32 to 126 in thousandths of the size, from Adobe's metrics of the standard fonts;
 * Courier's are all 600. */
static const uint16_t widths[4][95] = {
    {278, 278, 355, 556, 556, 889, 667, 222, 333, 333, 389, 584, 278, 333,  278, 278, 556, 556, 556,
     556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667,
     611, 778, 722, 278, 500, 667, 556, 833, 722, 778, 667, 778, 722, 667,  611, 722, 667, 944, 667,
     667, 611, 278, 278, 278, 469, 556, 222, 556, 556, 500, 556, 556, 278,  556, 556, 222, 222, 500,
     222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500,  500, 334, 260, 334, 584},
    {278, 333, 474, 556, 556, 889, 722, 278, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556,
     556, 556, 556, 556, 556, 556, 556, 333, 333, 584, 584, 584, 611, 975, 722, 722, 722, 722, 667,
     611, 778, 722, 278, 556, 722, 611, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667,
     667, 611, 333, 278, 333, 584, 556, 278, 556, 611, 556, 611, 556, 333, 611, 611, 278, 278, 556,
     278, 889, 611, 611, 611, 611, 389, 556, 333, 611, 556, 778, 556, 556, 500, 389, 280, 389, 584},
    {250, 333, 408, 500, 500, 833, 778, 333, 333, 333, 500, 564, 250, 333, 250, 278, 500, 500, 500,
     500, 500, 500, 500, 500, 500, 500, 278, 278, 564, 564, 564, 444, 921, 722, 667, 667, 722, 611,
     556, 722, 722, 333, 389, 722, 611, 889, 722, 722, 556, 722, 667, 556, 611, 722, 722, 944, 722,
     722, 611, 333, 278, 333, 469, 500, 333, 444, 500, 444, 500, 444, 333, 500, 500, 278, 278, 500,
     278, 778, 500, 500, 500, 500, 333, 389, 278, 500, 500, 722, 500, 500, 444, 480, 200, 480, 541},
    {250, 333, 555, 500, 500, 1000, 833, 333, 333, 333, 500, 570, 250, 333, 250, 278, 500, 500,  500,
     500, 500, 500, 500, 500, 500,  500, 333, 333, 570, 570, 570, 500, 930, 722, 667, 722, 722,  667,
     611, 778, 778, 389, 500, 778,  667, 944, 722, 778, 611, 778, 722, 556, 667, 722, 722, 1000, 722,
     722, 667, 333, 278, 333, 581,  500, 333, 500, 556, 444, 556, 444, 333, 500, 556, 278, 333,  556,
     278, 833, 556, 500, 556, 556,  444, 389, 333, 556, 500, 722, 500, 500, 444, 394, 220, 394,  520},
};

enum { SHEET_MARKS_MAX = 1 << 20, COURIER_WIDTH = 600, ACCENTED_WIDTH = 500 };

enum sheet_font sheet_bold(enum sheet_font font) {
    return font | 1;
}

struct sheet sheet_new(double width, double height) {
    return (struct sheet){
        .width = width, .height = height, .full_height = height, .marks = BUF_INIT(SHEET_MARKS_MAX)};
}

void sheet_free(struct sheet *sheet) {
    buf_free(&sheet->marks);
}

void sheet_cut(struct sheet *sheet, double height) {
    if (height < sheet->height)
        sheet->height = height;
}

/* The next character as a byte of code page 1252. */
static unsigned char next_byte(struct str text, size_t *at) {
    unsigned char c = (unsigned char)text.p[(*at)++];
    if (c < 0x80)
        return c;
    struct str rest = str_slice(text, *at, text.n);
    if ((c == 0xc2 || c == 0xc3) && rest.n >= 1) {
        *at += 1;
        return (unsigned char)((c & 3) << 6 | (rest.p[0] & 0x3f));
    }
    if (c == 0xe2 && rest.n >= 2 && memcmp(rest.p, "\x82\xac", 2) == 0) {
        *at += 2;
        return 0x80;
    }
    while (*at < text.n && ((unsigned char)text.p[*at] & 0xc0) == 0x80)
        *at += 1;
    return '?';
}

double sheet_text_width(enum sheet_font font, double size, struct str text) {
    unsigned sum = 0;
    for (size_t at = 0; at < text.n;) {
        unsigned char c = next_byte(text, &at);
        if (font >= FONT_TYPEWRITER)
            sum += COURIER_WIDTH;
        else
            sum += c >= 32 && c < 127 ? widths[font][c - 32] : ACCENTED_WIDTH;
    }
    return sum * size / 1000;
}

static void add_number(struct buf *out, double value) {
    if (value < 0)
        buf_add_char(out, '-');
    buf_add_fixed(out, value < 0 ? -value : value, 2);
    buf_add_char(out, ' ');
}

/* PDF counts from the bottom. */
static void add_point(struct sheet *sheet, double x, double y) {
    add_number(&sheet->marks, x);
    add_number(&sheet->marks, sheet->full_height - y);
}

void sheet_text(struct sheet *sheet, double x, double y, enum sheet_font font, double size, struct str text) {
    struct buf *out = &sheet->marks;
    buf_printf(out, "BT /F%d ", (int)font);
    add_number(out, size);
    buf_add_str(out, STR("Tf "));
    add_point(sheet, x, y);
    buf_add_str(out, STR("Td ("));
    for (size_t at = 0; at < text.n;) {
        unsigned char c = next_byte(text, &at);
        if (c == '(' || c == ')' || c == '\\')
            buf_printf(out, "\\%c", c);
        else if (c < 32 || c > 126)
            buf_printf(out, "\\%03o", c);
        else
            buf_add_char(out, (char)c);
    }
    buf_add_str(out, STR(") Tj ET\n"));
}

void sheet_text_right(struct sheet *sheet, double right, double y, enum sheet_font font, double size,
                      struct str text) {
    sheet_text(sheet, right - sheet_text_width(font, size, text), y, font, size, text);
}

void sheet_text_centred(struct sheet *sheet, double middle, double y, enum sheet_font font, double size,
                        struct str text) {
    sheet_text(sheet, middle - sheet_text_width(font, size, text) / 2, y, font, size, text);
}

double sheet_paragraph(struct sheet *sheet, double x, double y, double width, enum sheet_font font,
                       double size, double leading, struct str text) {
    size_t start = 0, fits = 0;
    for (size_t at = 0; at <= text.n; at++) {
        if (at < text.n && text.p[at] != ' ')
            continue;
        if (fits > start && sheet_text_width(font, size, str_slice(text, start, at)) > width) {
            sheet_text(sheet, x, y, font, size, str_slice(text, start, fits));
            y += leading;
            start = fits + 1;
        }
        fits = at;
    }
    sheet_text(sheet, x, y, font, size, str_slice(text, start, text.n));
    return y + leading;
}

void sheet_line(struct sheet *sheet, double x1, double y1, double x2, double y2, double thickness) {
    add_number(&sheet->marks, thickness);
    buf_add_str(&sheet->marks, STR("w "));
    add_point(sheet, x1, y1);
    buf_add_str(&sheet->marks, STR("m "));
    add_point(sheet, x2, y2);
    buf_add_str(&sheet->marks, STR("l S\n"));
}

void sheet_dashes(struct sheet *sheet, double x1, double x2, double y) {
    buf_add_str(&sheet->marks, STR("[3 2] 0 d "));
    sheet_line(sheet, x1, y, x2, y, 0.6);
    buf_add_str(&sheet->marks, STR("[] 0 d\n"));
}

static void add_rectangle(struct sheet *sheet, double x, double y, double width, double height) {
    add_point(sheet, x, y + height);
    add_number(&sheet->marks, width);
    add_number(&sheet->marks, height);
    buf_add_str(&sheet->marks, STR("re "));
}

void sheet_box(struct sheet *sheet, double x, double y, double width, double height, double grey) {
    add_number(&sheet->marks, grey);
    buf_add_str(&sheet->marks, STR("g "));
    add_rectangle(sheet, x, y, width, height);
    buf_add_str(&sheet->marks, STR("f 0 g\n"));
}

void sheet_frame(struct sheet *sheet, double x, double y, double width, double height, double thickness) {
    add_number(&sheet->marks, thickness);
    buf_add_str(&sheet->marks, STR("w "));
    add_rectangle(sheet, x, y, width, height);
    buf_add_str(&sheet->marks, STR("S\n"));
}

enum { PAGES_MAX = 8, OBJECTS_MAX = 2 + FONT_COUNT + 2 * PAGES_MAX };

/* Objects in the order of their numbers; `offsets` is for the table at the end. */
struct pdf {
    struct buf *out;
    size_t start, offsets[OBJECTS_MAX], count;
};

static void begin_object(struct pdf *pdf) {
    pdf->offsets[pdf->count++] = pdf->out->n - pdf->start;
    buf_printf(pdf->out, "%zu 0 obj\n", pdf->count);
}

static void add_page(struct pdf *pdf, const struct sheet *sheet) {
    begin_object(pdf);
    buf_add_str(pdf->out, STR("<</Type/Page/Parent 2 0 R/MediaBox[0 "));
    add_number(pdf->out, sheet->full_height - sheet->height);
    add_number(pdf->out, sheet->width);
    add_number(pdf->out, sheet->full_height);
    buf_add_str(pdf->out, STR("]/Resources<</Font<<"));
    for (int font = 0; font < FONT_COUNT; font++)
        buf_printf(pdf->out, "/F%d %d 0 R", font, 3 + font);
    buf_printf(pdf->out, ">>>>/Contents %zu 0 R>>\nendobj\n", pdf->count + 1);
    begin_object(pdf);
    buf_printf(pdf->out, "<</Length %zu>>\nstream\n", sheet->marks.n);
    buf_add_str(pdf->out, buf_str(&sheet->marks));
    buf_add_str(pdf->out, STR("endstream\nendobj\n"));
}

static void add_trailer(struct pdf *pdf) {
    size_t table = pdf->out->n - pdf->start;
    buf_printf(pdf->out, "xref\n0 %zu\n0000000000 65535 f \n", pdf->count + 1);
    for (size_t i = 0; i < pdf->count; i++)
        buf_printf(pdf->out, "%010zu 00000 n \n", pdf->offsets[i]);
    buf_printf(pdf->out, "trailer\n<</Size %zu/Root 1 0 R>>\nstartxref\n%zu\n%%%%EOF\n", pdf->count + 1,
               table);
}

void sheet_write_pdf(const struct sheet *sheets, size_t count, struct buf *out) {
    CHECK(count >= 1 && count <= PAGES_MAX);
    struct pdf pdf = {.out = out, .start = out->n};
    buf_add_str(out, STR("%PDF-1.4\n%\xe2\xe3\xcf\xd3\n"));
    begin_object(&pdf);
    buf_add_str(out, STR("<</Type/Catalog/Pages 2 0 R>>\nendobj\n"));
    begin_object(&pdf);
    buf_printf(out, "<</Type/Pages/Count %zu/Kids[", count);
    for (size_t i = 0; i < count; i++)
        buf_printf(out, "%zu 0 R ", 3 + FONT_COUNT + 2 * i);
    buf_add_str(out, STR("]>>\nendobj\n"));
    for (int font = 0; font < FONT_COUNT; font++) {
        begin_object(&pdf);
        buf_printf(out, "<</Type/Font/Subtype/Type1/BaseFont/%s/Encoding/WinAnsiEncoding>>\nendobj\n",
                   font_names[font]);
    }
    for (size_t i = 0; i < count; i++) {
        if (sheets[i].marks.failed)
            out->failed = true;
        add_page(&pdf, &sheets[i]);
    }
    add_trailer(&pdf);
}
