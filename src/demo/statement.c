#include "demo/papers.h"

#include "demo/phrase.h"
#include "demo/words.h"

#include <stdio.h>

struct statement {
    struct dice *d;
    struct sheet *sheet;
    struct paper_style style;
    struct words_currency currency;
    double y, left, right;
    unsigned date_style;
    int day;
    long balance;
    bool two_columns; /* money in and money out apart, rather than one signed amount */
    char bank[WORDS_SIZE];
};

static void name_bank(struct dice *d, char out[WORDS_SIZE]) {
    static const char *const first[] = {"First",    "Union",    "Harbour", "City",
                                        "Northern", "Meridian", "Kestrel", "Valley"};
    static const char *const second[] = {"National Bank", "Savings Bank", "Credit Union",
                                         "Bank",          "Trust Bank",   "Building Society"};
    const char *name = DICE_PICK(d, first);
    snprintf(out, WORDS_SIZE, "%s %s", name, DICE_PICK(d, second));
}

static void write_head(struct statement *s) {
    static const char *const titles[] = {"Account Statement", "STATEMENT OF ACCOUNT",
                                         "Bank Statement",    "Your current account statement",
                                         "Monthly Statement", "Statement"};
    double size = dice_real(s->d, 13, 20);
    enum sheet_font bold = sheet_bold(s->style.font);
    name_bank(s->d, s->bank);
    s->y = s->style.margin + size;
    sheet_text(s->sheet, s->left, s->y, bold, size, str_from(s->bank));
    const char *title = DICE_PICK(s->d, titles);
    if (dice_chance(s->d, 50)) {
        sheet_text_right(s->sheet, s->right, s->y, s->style.font, s->style.size * 1.2, str_from(title));
    } else {
        s->y += size * 1.4;
        sheet_text(s->sheet, s->left, s->y, s->style.font, s->style.size * 1.3, str_from(title));
    }
    s->y += dice_real(s->d, 18, 40);
}

static void write_fact(struct statement *s, double *y, const char *name, const char *value) {
    double x = s->sheet->width * 0.56;
    sheet_text(s->sheet, x, *y, s->style.font, s->style.size, str_from(name));
    sheet_text_right(s->sheet, s->right, *y, s->style.font, s->style.size, str_from(value));
    *y += s->style.leading;
}

static void write_holder(struct statement *s) {
    char name[WORDS_SIZE], value[2 * WORDS_SIZE], from[WORDS_SIZE], to[WORDS_SIZE];
    words_person(s->d, name);
    double end = paper_address(s->d, s->sheet, &s->style, name, s->left, s->y, false), y = s->y;
    words_digits(s->d, 8, from);
    snprintf(value, sizeof value, "%s%.20s", dice_chance(s->d, 50) ? "****" : "", from);
    write_fact(s, &y, dice_chance(s->d, 60) ? "Account number" : "Account", value);
    if (dice_chance(s->d, 50))
        write_fact(s, &y, "Sort code", "20-45-62");
    words_date(s->day, s->date_style, from);
    words_date(s->day + 30, s->date_style, to);
    if (s->date_style < 4) {
        snprintf(value, sizeof value, "%.30s - %.30s", from, to);
        write_fact(s, &y, dice_chance(s->d, 50) ? "Period" : "Statement period", value);
    } else {
        write_fact(s, &y, "From", from);
        write_fact(s, &y, "To", to);
    }
    snprintf(value, sizeof value, "%d of %d", 1, dice_between(s->d, 1, 4));
    write_fact(s, &y, "Page", value);
    s->y = (end > y ? end : y) + dice_real(s->d, 14, 34);
}

static double column(const struct statement *s, int index) {
    static const double places[] = {0.68, 0.84, 1.0};
    return s->left + (s->right - s->left) * places[index];
}

static void write_row(struct statement *s, enum sheet_font font, const char *const cells[5]) {
    double size = s->style.size - 0.5;
    sheet_text(s->sheet, s->left, s->y, font, size, str_from(cells[0]));
    sheet_text(s->sheet, s->left + size * 7.2, s->y, font, size, str_from(cells[1]));
    for (int i = 0; i < 3; i++)
        sheet_text_right(s->sheet, column(s, i), s->y, font, size, str_from(cells[i + 2]));
    s->y += s->style.leading;
}

static void write_movement(struct statement *s) {
    static const char *const outs[] = {"[Card payment|POS|Debit card] {surname} [Store|Cafe|Market]",
                                       "Direct debit [energy|water|insurance]",
                                       "[ATM|Cash] withdrawal {number}",
                                       "Standing order rent",
                                       "Transfer to {surname}",
                                       "Online purchase {number}",
                                       "[Monthly|Account] fee",
                                       "Mobile phone bill"};
    static const char *const ins[] = {"Salary {month}", "Transfer from {surname}", "Refund {number}",
                                      "Interest", "Deposit"};
    bool in = dice_chance(s->d, 22);
    long cents = in ? dice_between(s->d, 5000, 320000) : dice_between(s->d, 250, 45000);
    AUTO_BUF what = BUF_INIT(256);
    phrase_write(&what, s->d, NULL, in ? DICE_PICK(s->d, ins) : DICE_PICK(s->d, outs));
    char date[WORDS_SIZE], out_text[WORDS_SIZE] = "", in_text[WORDS_SIZE] = "", balance[WORDS_SIZE],
                           short_what[32];
    words_date(s->day, s->date_style % 4, date);
    snprintf(short_what, sizeof short_what, "%.28s", buf_terminated(&what));
    s->balance += in ? cents : -cents;
    words_figure(&s->currency, in || s->two_columns ? cents : -cents,
                 in || !s->two_columns ? in_text : out_text);
    words_figure(&s->currency, s->balance, balance);
    write_row(s, s->style.font, (const char *const[]){date, short_what, out_text, in_text, balance});
    s->day += dice_between(s->d, 0, 3);
}

static void write_balance(struct statement *s, const char *name) {
    char amount[WORDS_SIZE];
    words_amount(&s->currency, s->balance, amount);
    write_row(s, sheet_bold(s->style.font), (const char *const[]){"", name, "", "", amount});
}

static void write_movements(struct statement *s) {
    static const char *const apart[][5] = {{"Date", "Description", "Paid out", "Paid in", "Balance"},
                                           {"Date", "Details", "Debit", "Credit", "Balance"},
                                           {"Date", "Transaction", "Withdrawals", "Deposits", "Balance"}};
    static const char *const together[5] = {"Date", "Description", "", "Amount", "Balance"};
    sheet_line(s->sheet, s->left, s->y - s->style.leading, s->right, s->y - s->style.leading, 0.8);
    write_row(s, sheet_bold(s->style.font),
              s->two_columns ? apart[dice_below(s->d, ARRAY_COUNT(apart))] : together);
    sheet_line(s->sheet, s->left, s->y - s->style.leading * 0.8, s->right, s->y - s->style.leading * 0.8,
               0.5);
    write_balance(s, dice_chance(s->d, 50) ? "Opening balance" : "Balance brought forward");
    bool shaded = dice_chance(s->d, 35);
    for (int i = 0, rows = dice_between(s->d, 8, 28); i < rows; i++) {
        if (shaded && i % 2)
            sheet_box(s->sheet, s->left - 2, s->y - s->style.leading * 0.75, s->right - s->left + 4,
                      s->style.leading, 0.92);
        write_movement(s);
    }
    sheet_line(s->sheet, s->left, s->y - s->style.leading * 0.8, s->right, s->y - s->style.leading * 0.8,
               0.5);
    write_balance(s, dice_chance(s->d, 50) ? "Closing balance" : "Balance carried forward");
}

void paper_write_statement(struct dice *d, struct paper *out) {
    struct statement s = {.d = d, .style = paper_begin(d, out)};
    s.sheet = &out->sheets[0];
    s.currency = words_currency(d);
    s.left = s.style.margin * 0.8;
    s.right = s.sheet->width - s.left;
    s.date_style = dice_below(d, DATE_STYLES);
    s.day = words_day(d);
    s.balance = dice_between(d, 20000, 900000);
    s.two_columns = dice_chance(d, 70);
    write_head(&s);
    write_holder(&s);
    write_movements(&s);
    s.y += dice_real(d, 10, 30);
    const struct phrase_slot slots[] = {{"bank", s.bank}, {NULL, NULL}};
    paper_phrase(d, s.sheet, &s.style, slots, s.y,
                 "[Please check your statement and report errors within [30|60] days.|Deposits are protected "
                 "up to the statutory limit.|"
                 "{bank} is authorised and regulated. Overdraft interest [15.9|19.4|23.1]% EAR.|Questions? "
                 "Call {phone} or write to {email}.|]");
}
