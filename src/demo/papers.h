/* The documents of the demo: five kinds, each drawn afresh with its own layout, fonts, names and amounts.
 * What they have in common with each other is on purpose (letters remind of invoices, contracts hold tables
 * of payments, receipts call themselves tax invoices), so that a heading alone does not tell them apart. */
#pragma once

#include "demo/dice.h"
#include "demo/sheet.h"

enum { PAPER_SHEETS = 2, PAPER_KINDS = 5 };

struct paper {
    struct sheet sheets[PAPER_SHEETS];
    size_t count; /* of sheets, at least 1 */
};
void paper_free(struct paper *paper);

struct paper_kind {
    const char *label;
    void (*write)(struct dice *d, struct paper *out);
    unsigned photographed; /* percent of them that people photograph; the others stay PDF */
};
extern const struct paper_kind paper_kinds[PAPER_KINDS];

void paper_write_receipt(struct dice *d, struct paper *out);
void paper_write_invoice(struct dice *d, struct paper *out);
void paper_write_statement(struct dice *d, struct paper *out);
void paper_write_contract(struct dice *d, struct paper *out);
void paper_write_letter(struct dice *d, struct paper *out);

/* What the writers share: a page and how it is set. */
struct paper_style {
    enum sheet_font font;
    double size, leading, margin;
};
/* An A4 or letter page with a style of its own, as the paper's only one. */
struct paper_style paper_begin(struct dice *d, struct paper *out);
/* Three or four lines: company, street, city, telephone. Returns the baseline of the line after. */
double paper_address(struct dice *d, struct sheet *sheet, const struct paper_style *style, const char *name,
                     double x, double y, bool right);
/* A paragraph from a pattern (phrase.h). Returns the baseline of the line after. */
struct phrase_slot;
double paper_phrase(struct dice *d, struct sheet *sheet, const struct paper_style *style,
                    const struct phrase_slot *slots, double y, const char *pattern);
