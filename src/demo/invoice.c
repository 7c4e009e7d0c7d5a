#include "demo/papers.h"

#include "demo/phrase.h"
#include "demo/words.h"

#include <stdio.h>

struct invoice {
    struct dice *d;
    struct sheet *sheet;
    struct paper_style style;
    struct words_currency currency;
    double y, left, right;
    unsigned date_style;
    int day;
    char seller[WORDS_SIZE];
};

static void write_head(struct invoice *v) {
    static const char *const titles[] = {"INVOICE", "Invoice", "TAX INVOICE", "INVOICE", "Commercial Invoice",
                                         "Bill"};
    double title_size = dice_real(v->d, 16, 28);
    enum sheet_font bold = sheet_bold(v->style.font);
    const char *title = DICE_PICK(v->d, titles);
    bool mirrored = dice_chance(v->d, 50);
    words_company(v->d, v->seller);
    if (dice_chance(v->d, 40))
        sheet_box(v->sheet, 0, 0, v->sheet->width, dice_real(v->d, 8, 26), dice_real(v->d, 0.2, 0.8));
    v->y = v->style.margin;
    if (mirrored)
        sheet_text_right(v->sheet, v->right, v->y + title_size, bold, title_size, str_from(title));
    else
        sheet_text(v->sheet, v->left, v->y + title_size, bold, title_size, str_from(title));
    double below = paper_address(v->d, v->sheet, &v->style, v->seller, mirrored ? v->left : v->right,
                                 v->y + 10, !mirrored);
    v->y = below + dice_real(v->d, 14, 40);
}

static void write_fact(struct invoice *v, double x, double *y, const char *name, const char *value) {
    char line[2 * WORDS_SIZE];
    snprintf(line, sizeof line, "%s: %s", name, value);
    sheet_text(v->sheet, x, *y, v->style.font, v->style.size, str_from(line));
    *y += v->style.leading;
}

static void write_parties(struct invoice *v) {
    static const char *const tos[] = {"Bill to", "Invoice to", "Customer", "Sold to", "Billed to:"};
    static const char *const numbers[] = {"Invoice No", "Invoice number", "Invoice #", "Reference"};
    char name[WORDS_SIZE], number[WORDS_SIZE], date[WORDS_SIZE], digits[WORDS_SIZE];
    sheet_text(v->sheet, v->left, v->y, sheet_bold(v->style.font), v->style.size,
               str_from(DICE_PICK(v->d, tos)));
    if (dice_chance(v->d, 75))
        words_company(v->d, name);
    else
        words_person(v->d, name);
    double end = paper_address(v->d, v->sheet, &v->style, name, v->left, v->y + v->style.leading, false);
    double x = v->sheet->width * dice_real(v->d, 0.55, 0.62), y = v->y;
    words_digits(v->d, 5, digits);
    snprintf(number, sizeof number, "%s%.10s", dice_chance(v->d, 50) ? "INV-" : "20", digits);
    write_fact(v, x, &y, DICE_PICK(v->d, numbers), number);
    words_date(v->day, v->date_style, date);
    write_fact(v, x, &y, dice_chance(v->d, 50) ? "Date" : "Invoice date", date);
    words_date(v->day + dice_between(v->d, 1, 4) * 14, v->date_style, date);
    write_fact(v, x, &y, dice_chance(v->d, 50) ? "Due date" : "Payment due", date);
    if (dice_chance(v->d, 50)) {
        words_digits(v->d, 6, digits);
        write_fact(v, x, &y, dice_chance(v->d, 50) ? "PO number" : "Your order", digits);
    }
    v->y = (end > y ? end : y) + dice_real(v->d, 14, 36);
}

/* Quantity, price and amount end at these; the description begins at the left. */
static double column(const struct invoice *v, int index) {
    static const double places[] = {0.66, 0.82, 1.0};
    return v->left + (v->right - v->left) * places[index];
}

static void write_row(struct invoice *v, enum sheet_font font, const char *const cells[4]) {
    sheet_text(v->sheet, v->left + 3, v->y, font, v->style.size, str_from(cells[0]));
    for (int i = 0; i < 3; i++)
        sheet_text_right(v->sheet, column(v, i) - 3, v->y, font, v->style.size, str_from(cells[i + 1]));
    v->y += v->style.leading * 1.25;
}

static long write_goods(struct invoice *v) {
    static const char *const heads[][4] = {{"Description", "Qty", "Unit price", "Amount"},
                                           {"Item", "Quantity", "Rate", "Total"},
                                           {"Service", "Units", "Price", "Line total"}};
    bool boxed = dice_chance(v->d, 40), ruled = dice_chance(v->d, 50);
    double top = v->y - v->style.leading;
    if (dice_chance(v->d, 50))
        sheet_box(v->sheet, v->left, top, v->right - v->left, v->style.leading * 1.3,
                  dice_real(v->d, 0.75, 0.92));
    write_row(v, sheet_bold(v->style.font), heads[dice_below(v->d, ARRAY_COUNT(heads))]);
    long sum = 0;
    for (int rows = dice_between(v->d, 1, 9); rows > 0; rows--) {
        const struct words_good *good = words_service(v->d);
        long price = words_price(v->d, good);
        int count = dice_chance(v->d, 40) ? 1 : dice_between(v->d, 2, 12);
        char name[48], quantity[16], each[WORDS_SIZE], total[WORDS_SIZE];
        /* What a typewriter could fit into the column. */
        snprintf(name, sizeof name, "%.34s", good->name);
        snprintf(quantity, sizeof quantity, "%d", count);
        words_figure(&v->currency, price, each);
        words_figure(&v->currency, price * count, total);
        write_row(v, v->style.font, (const char *const[]){name, quantity, each, total});
        if (ruled)
            sheet_line(v->sheet, v->left, v->y - v->style.leading * 0.95, v->right,
                       v->y - v->style.leading * 0.95, 0.3);
        sum += price * count;
    }
    if (boxed)
        sheet_frame(v->sheet, v->left, top, v->right - v->left, v->y - top - v->style.leading * 0.8, 0.8);
    return sum;
}

static void write_total(struct invoice *v, enum sheet_font font, const char *name, long cents) {
    char amount[WORDS_SIZE];
    words_amount(&v->currency, cents, amount);
    sheet_text_right(v->sheet, column(v, 1), v->y, font, v->style.size, str_from(name));
    sheet_text_right(v->sheet, column(v, 2) - 3, v->y, font, v->style.size, str_from(amount));
    v->y += v->style.leading * 1.2;
}

static void write_totals(struct invoice *v, long sum) {
    static const long rates[] = {0, 7, 19, 20, 21, 25};
    static const char *const dues[] = {"Total due", "TOTAL", "Amount due", "Balance due", "Invoice total"};
    long rate = rates[dice_below(v->d, ARRAY_COUNT(rates))], tax = sum * rate / 100;
    char name[32];
    v->y += v->style.leading * 0.6;
    write_total(v, v->style.font, "Subtotal", sum);
    snprintf(name, sizeof name, "%s (%ld%%)", dice_chance(v->d, 60) ? "VAT" : "Tax", rate);
    if (rate)
        write_total(v, v->style.font, name, tax);
    write_total(v, sheet_bold(v->style.font), DICE_PICK(v->d, dues), sum + tax);
}

static void write_foot(struct invoice *v) {
    const struct phrase_slot slots[] = {{"seller", v->seller}, {NULL, NULL}};
    v->y += dice_real(v->d, 16, 50);
    v->y =
        paper_phrase(v->d, v->sheet, &v->style, slots, v->y,
                     "[Payment terms: [14|30|60] days net.|Please pay within [14|30] days of the invoice "
                     "date.|Terms: net [15|30|45]. "
                     "Late payments bear interest of [1|1.5|2]% per month.|Payable upon receipt.] [Please "
                     "quote the invoice number "
                     "with your payment.|Thank you for your business.|Make cheques payable to {seller}.|]");
    v->y = paper_phrase(v->d, v->sheet, &v->style, slots, v->y + v->style.leading * 0.5,
                        "[Bank transfer: {seller}, account {number}, sort code "
                        "[20|30|40]-[11|45|78]-[09|62|35]|IBAN XX[12|47|83] {number} "
                        "{number}, BIC DEMOXX[21|33]|Account holder: {seller}. Account number: {number}. "
                        "Bank: [First|Union|City] Savings Bank|]");
}

void paper_write_invoice(struct dice *d, struct paper *out) {
    struct invoice v = {.d = d, .style = paper_begin(d, out)};
    v.sheet = &out->sheets[0];
    v.currency = words_currency(d);
    v.left = v.style.margin;
    v.right = v.sheet->width - v.style.margin;
    v.date_style = dice_below(d, DATE_STYLES);
    v.day = words_day(d);
    write_head(&v);
    write_parties(&v);
    write_totals(&v, write_goods(&v));
    write_foot(&v);
}
