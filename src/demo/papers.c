#include "demo/papers.h"

#include "base/check.h"
#include "demo/phrase.h"
#include "demo/words.h"

#include <stdio.h>

const struct paper_kind paper_kinds[PAPER_KINDS] = {
    {"invoice", paper_write_invoice, 50},
    {"receipt", paper_write_receipt, 85},
    {"bank_statement", paper_write_statement, 40},
    {"contract", paper_write_contract, 40},
    {"letter", paper_write_letter, 50},
};

void paper_free(struct paper *paper) {
    for (size_t i = 0; i < paper->count; i++)
        sheet_free(&paper->sheets[i]);
    paper->count = 0;
}

struct paper_style paper_begin(struct dice *d, struct paper *out) {
    bool letter = dice_chance(d, 30);
    out->sheets[0] = letter ? sheet_new(612, 792) : sheet_new(595, 842);
    out->count = 1;
    struct paper_style style = {
        .font = dice_chance(d, 50)   ? FONT_SANS
                : dice_chance(d, 85) ? FONT_SERIF
                                     : FONT_TYPEWRITER,
        .size = dice_real(d, 9, 11.5),
        .margin = dice_real(d, 42, 78),
    };
    if (style.font == FONT_TYPEWRITER)
        style.size -= 1.5;
    style.leading = style.size * dice_real(d, 1.2, 1.5);
    return style;
}

double paper_address(struct dice *d, struct sheet *sheet, const struct paper_style *style, const char *name,
                     double x, double y, bool right) {
    char lines[4][WORDS_SIZE];
    snprintf(lines[0], WORDS_SIZE, "%s", name);
    words_street(d, lines[1]);
    words_city(d, lines[2]);
    words_phone(d, lines[3]);
    int count = dice_between(d, 3, 4);
    for (int i = 0; i < count; i++, y += style->leading) {
        struct str line = str_from(lines[i]);
        if (right)
            sheet_text_right(sheet, x, y, style->font, style->size, line);
        else
            sheet_text(sheet, x, y, style->font, style->size, line);
    }
    return y;
}

double paper_phrase(struct dice *d, struct sheet *sheet, const struct paper_style *style,
                    const struct phrase_slot *slots, double y, const char *pattern) {
    AUTO_BUF text = BUF_INIT(1 << 16);
    phrase_write(&text, d, slots, pattern);
    CHECK(!text.failed);
    return sheet_paragraph(sheet, style->margin, y, sheet->width - 2 * style->margin, style->font,
                           style->size, style->leading, buf_str(&text));
}
