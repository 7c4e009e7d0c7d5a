/* Paper: pages of text and lines, written as PDF 1.4 with the standard fonts (ISO 32000-1, 9.6.2.2), which
 * every reader has. Places are in points from the top left corner; a text's place is its baseline.
 * One thread per sheet. */
#pragma once

#include "base/buf.h"

enum sheet_font {
    FONT_SANS,
    FONT_SANS_BOLD,
    FONT_SERIF,
    FONT_SERIF_BOLD,
    FONT_TYPEWRITER,
    FONT_TYPEWRITER_BOLD,
    FONT_COUNT
};

/* Its bold face. */
enum sheet_font sheet_bold(enum sheet_font font);

struct sheet {
    double width, height;
    double full_height; /* before it was cut */
    struct buf marks;   /* the page's content stream */
};

/* Width 595 and height 842 are A4. */
struct sheet sheet_new(double width, double height);
void sheet_free(struct sheet *sheet);
/* Cuts the paper off below `height`. */
void sheet_cut(struct sheet *sheet, double height);

/* Texts are UTF-8; what Windows code page 1252's Latin-1 part and the euro cannot say becomes "?". */
double sheet_text_width(enum sheet_font font, double size, struct str text);
void sheet_text(struct sheet *sheet, double x, double y, enum sheet_font font, double size, struct str text);
void sheet_text_right(struct sheet *sheet, double right, double y, enum sheet_font font, double size,
                      struct str text);
void sheet_text_centred(struct sheet *sheet, double middle, double y, enum sheet_font font, double size,
                        struct str text);
/* Broken into lines at spaces, `leading` apart. Returns the baseline of the line after the last. */
double sheet_paragraph(struct sheet *sheet, double x, double y, double width, enum sheet_font font,
                       double size, double leading, struct str text);

void sheet_line(struct sheet *sheet, double x1, double y1, double x2, double y2, double thickness);
void sheet_dashes(struct sheet *sheet, double x1, double x2, double y);
/* Filled with `grey` (0 black to 1 white). */
void sheet_box(struct sheet *sheet, double x, double y, double width, double height, double grey);
void sheet_frame(struct sheet *sheet, double x, double y, double width, double height, double thickness);

/* The sheets as the pages of one file; `out` is marked failed when it is full. */
void sheet_write_pdf(const struct sheet *sheets, size_t count, struct buf *out);
