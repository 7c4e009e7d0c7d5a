#include "demo/papers.h"

#include "demo/phrase.h"
#include "demo/words.h"

#include <stdio.h>

enum { LAYOUTS = 4 };

/* The strip of paper while it is being printed. */
struct till {
    struct dice *d;
    struct sheet *sheet;
    enum sheet_font font;
    double size, leading, left, right, middle, y;
    struct words_currency currency;
    unsigned layout; /* how lines of goods are set: 0 to LAYOUTS - 1 */
    bool detailed;   /* a document's number, salesman and the like, one to a line */
};

static void centre(struct till *t, enum sheet_font font, double size, const char *text) {
    sheet_text_centred(t->sheet, t->middle, t->y, font, size, str_from(text));
    t->y += size * 1.25;
}

static void row(struct till *t, enum sheet_font font, const char *left, const char *right) {
    sheet_text(t->sheet, t->left, t->y, font, t->size, str_from(left));
    sheet_text_right(t->sheet, t->right, t->y, font, t->size, str_from(right));
    t->y += t->leading;
}

static void rule(struct till *t) {
    if (dice_chance(t->d, 70))
        sheet_dashes(t->sheet, t->left, t->right, t->y - t->size * 0.6);
    else
        sheet_line(t->sheet, t->left, t->y - t->size * 0.6, t->right, t->y - t->size * 0.6, 0.7);
    t->y += t->leading * 0.6;
}

static void print_shop(struct till *t) {
    char line[WORDS_SIZE], number[WORDS_SIZE];
    words_company(t->d, line);
    centre(t, sheet_bold(t->font), t->size * dice_real(t->d, 1.1, 1.6), line);
    words_street(t->d, line);
    centre(t, t->font, t->size, line);
    words_city(t->d, line);
    centre(t, t->font, t->size, line);
    if (dice_chance(t->d, 60)) {
        words_phone(t->d, number);
        snprintf(line, sizeof line, "Tel: %.60s", number);
        centre(t, t->font, t->size, line);
    }
    if (dice_chance(t->d, 50)) {
        words_digits(t->d, 10, number);
        static const char *const kinds[] = {"VAT No", "GST ID", "Tax ID", "Co. Reg"};
        snprintf(line, sizeof line, "%s: %.40s", DICE_PICK(t->d, kinds), number);
        centre(t, t->font, t->size, line);
    }
    static const char *const titles[] = {"RECEIPT", "TAX INVOICE", "CASH RECEIPT", "SALES RECEIPT", "",
                                         "",        "CASH BILL"};
    t->y += t->leading * 0.5;
    const char *title = DICE_PICK(t->d, titles);
    if (title[0])
        centre(t, sheet_bold(t->font), t->size * 1.1, title);
}

static void print_details(struct till *t) {
    static const char *const lines[] = {
        "[Document|Bill|Invoice|Slip] No : [CS|TD|KT|]{number}", "Date : {date} [9:14|11:32|17:05|20:41]",
        "[Cashier|Salesperson|Operator] : {first}", "Member : [{number}|]", "Ref. : {number}"};
    for (size_t i = 0, count = (size_t)dice_between(t->d, 2, 5); i < count; i++) {
        AUTO_BUF line = BUF_INIT(256);
        phrase_write(&line, t->d, NULL, lines[i]);
        row(t, t->font, buf_terminated(&line), "");
    }
    rule(t);
}

static void print_sale(struct till *t) {
    char date[WORDS_SIZE], number[WORDS_SIZE], left[WORDS_SIZE], right[WORDS_SIZE];
    int day = words_day(t->d);
    words_date(day, dice_below(t->d, 4), date);
    words_digits(t->d, 6, number);
    int hour = dice_between(t->d, 8, 21);
    snprintf(right, sizeof right, "%02d:%02d", hour, dice_between(t->d, 0, 59));
    row(t, t->font, date, right);
    snprintf(left, sizeof left, "%s %.20s", dice_chance(t->d, 50) ? "Receipt" : "Trans", number);
    snprintf(right, sizeof right, "Till %d", dice_between(t->d, 1, 12));
    row(t, t->font, left, right);
    if (dice_chance(t->d, 60)) {
        AUTO_BUF line = BUF_INIT(256);
        phrase_write(&line, t->d, NULL, "[Cashier|Served by|Operator]: {first}");
        row(t, t->font, buf_terminated(&line), "");
    }
    rule(t);
}

/* Name or number above, then count, price and amount in columns. */
static long print_columns(struct till *t, const struct words_good *good, long price, int count) {
    char line[WORDS_SIZE], number[WORDS_SIZE], figure[WORDS_SIZE];
    double width = t->right - t->left;
    words_digits(t->d, 8, number);
    snprintf(line, sizeof line, "%.12s %.30s", dice_chance(t->d, 50) ? number : "", good->name);
    sheet_text(t->sheet, t->left, t->y, t->font, t->size, str_trim(str_from(line)));
    t->y += t->leading;
    snprintf(line, sizeof line, "%d PC", count);
    sheet_text(t->sheet, t->left + width * 0.08, t->y, t->font, t->size, str_from(line));
    words_figure(&t->currency, price, figure);
    sheet_text_right(t->sheet, t->left + width * 0.58, t->y, t->font, t->size, str_from(figure));
    words_figure(&t->currency, price * count, figure);
    sheet_text_right(t->sheet, t->right, t->y, t->font, t->size, str_from(figure));
    t->y += t->leading;
    return price * count;
}

static void print_column_heads(struct till *t) {
    double width = t->right - t->left;
    enum sheet_font font = dice_chance(t->d, 50) ? sheet_bold(t->font) : t->font;
    sheet_text(t->sheet, t->left, t->y, font, t->size,
               dice_chance(t->d, 50) ? STR("ITEM / QTY") : STR("Description"));
    sheet_text_right(t->sheet, t->left + width * 0.58, t->y, font, t->size, STR("Price"));
    sheet_text_right(t->sheet, t->right, t->y, font, t->size,
                     dice_chance(t->d, 50) ? STR("AMOUNT") : STR("Total"));
    t->y += t->leading;
    rule(t);
}

/* Returns what the line costs. */
static long print_good(struct till *t) {
    const struct words_good *good = words_grocery(t->d);
    long price = words_price(t->d, good);
    int count = dice_chance(t->d, 70) ? 1 : dice_between(t->d, 2, 6);
    char left[WORDS_SIZE], figure[WORDS_SIZE], total[WORDS_SIZE];
    if (t->layout == 3)
        return print_columns(t, good, price, count);
    words_figure(&t->currency, price, figure);
    words_figure(&t->currency, price * count, total);
    if (t->layout == 0) {
        snprintf(left, sizeof left, "%d %.60s", count, good->name);
        row(t, t->font, left, total);
    } else if (t->layout == 1) {
        row(t, t->font, good->name, count == 1 ? total : "");
        if (count > 1) {
            snprintf(left, sizeof left, "  %d x %.40s", count, figure);
            row(t, t->font, left, total);
        }
    } else {
        snprintf(left, sizeof left, "%.22s", good->name);
        for (char *c = left; *c; c++)
            if (*c >= 'a' && *c <= 'z')
                *c = (char)(*c - 32);
        snprintf(figure, sizeof figure, "%.40s %c", total, dice_chance(t->d, 70) ? 'A' : 'B');
        row(t, t->font, left, figure);
    }
    return price * count;
}

static void print_payment(struct till *t, long total) {
    char amount[WORDS_SIZE], line[WORDS_SIZE], number[WORDS_SIZE];
    if (dice_chance(t->d, 45)) {
        long given = (total / 1000 + 1) * 1000;
        words_amount(&t->currency, given, amount);
        row(t, t->font, "CASH", amount);
        words_amount(&t->currency, given - total, amount);
        row(t, t->font, dice_chance(t->d, 60) ? "CHANGE" : "Change due", amount);
        return;
    }
    static const char *const cards[] = {"VISA", "MASTERCARD", "DEBIT CARD", "Card"};
    words_digits(t->d, 4, number);
    snprintf(line, sizeof line, "%s ****%.8s", DICE_PICK(t->d, cards), number);
    words_amount(&t->currency, total, amount);
    row(t, t->font, line, amount);
    words_digits(t->d, 6, number);
    snprintf(line, sizeof line, "Auth code %.8s", number);
    row(t, t->font, line, "APPROVED");
}

static void print_totals(struct till *t, long sum) {
    static const long rates[] = {5, 6, 7, 10, 19, 20, 21};
    char amount[WORDS_SIZE], line[WORDS_SIZE];
    long rate = rates[dice_below(t->d, ARRAY_COUNT(rates))], total = sum;
    rule(t);
    if (dice_chance(t->d, 70)) {
        bool included = dice_chance(t->d, 50);
        long tax = included ? sum * rate / (100 + rate) : sum * rate / 100;
        total = included ? sum : sum + tax;
        words_amount(&t->currency, included ? sum - tax : sum, amount);
        row(t, t->font, dice_chance(t->d, 50) ? "Subtotal" : "SUB-TOTAL", amount);
        snprintf(line, sizeof line, "%s %ld%%", dice_chance(t->d, 50) ? "VAT" : "Sales tax", rate);
        words_amount(&t->currency, tax, amount);
        row(t, t->font, line, amount);
    }
    static const char *const totals[] = {"TOTAL", "Total", "TOTAL DUE", "AMOUNT", "Grand total"};
    words_amount(&t->currency, total, amount);
    row(t, sheet_bold(t->font), DICE_PICK(t->d, totals), amount);
    print_payment(t, total);
    if (!dice_chance(t->d, 40))
        return;
    t->y += t->leading * 0.5;
    row(t, t->font, dice_chance(t->d, 50) ? "GST Summary   Amount" : "VAT summary   Net", "Tax");
    words_figure(&t->currency, sum, amount);
    snprintf(line, sizeof line, "%s @ %ld%%   %.40s", dice_chance(t->d, 50) ? "SR" : "A", rate, amount);
    words_figure(&t->currency, total * rate / (100 + rate), amount);
    row(t, t->font, line, amount);
}

static void print_farewell(struct till *t) {
    static const char *const lines[] = {"THANK YOU",
                                        "Thank you for your visit!",
                                        "Please come again",
                                        "Thank you, have a nice day",
                                        "Goods sold are not returnable",
                                        "Keep this receipt for exchange within 14 days",
                                        "Customer copy",
                                        "Follow us for offers",
                                        "*** THANK YOU FOR SHOPPING ***"};
    rule(t);
    for (int i = dice_between(t->d, 1, 3); i > 0; i--)
        centre(t, t->font, t->size, DICE_PICK(t->d, lines));
    if (dice_chance(t->d, 30)) {
        /* A bar code, of no meaning. */
        for (double x = t->left + 20; x < t->right - 20; x += dice_real(t->d, 1.6, 4))
            sheet_box(t->sheet, x, t->y, dice_real(t->d, 0.7, 2), 24, 0);
        t->y += 34;
    }
}

void paper_write_receipt(struct dice *d, struct paper *out) {
    double width = dice_real(d, 180, 300);
    /* Its length is what is printed on it: drawn on a strip that is long enough, then cut. */
    out->sheets[0] = sheet_new(width, 1400);
    out->count = 1;
    struct till t = {
        .d = d,
        .sheet = &out->sheets[0],
        .font = dice_chance(d, 60) ? FONT_TYPEWRITER : FONT_SANS,
        .left = dice_real(d, 8, 18),
        .middle = width / 2,
        .y = dice_real(d, 20, 40),
        .currency = words_currency(d),
        .layout = dice_below(d, LAYOUTS),
        .detailed = dice_chance(d, 40),
    };
    t.size = width / (t.font == FONT_TYPEWRITER ? dice_real(d, 27, 35) : dice_real(d, 21, 31));
    t.leading = t.size * dice_real(d, 1.1, 1.7);
    t.right = width - t.left;
    print_shop(&t);
    if (t.detailed)
        print_details(&t);
    else
        print_sale(&t);
    if (t.layout == 3)
        print_column_heads(&t);
    long sum = 0;
    for (int i = dice_between(d, 2, 14); i > 0; i--)
        sum += print_good(&t);
    print_totals(&t, sum);
    print_farewell(&t);
    sheet_cut(t.sheet, t.y + dice_real(d, 5, 30));
}
