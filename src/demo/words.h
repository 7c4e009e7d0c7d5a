/* The demo's vocabulary: people, companies, places, goods, dates and amounts, all invented. One thread per
 * dice. */
#pragma once

#include "base/buf.h"
#include "demo/dice.h"

enum { WORDS_SIZE = 96 };

void words_person(struct dice *d, char out[WORDS_SIZE]);
void words_company(struct dice *d, char out[WORDS_SIZE]);
void words_street(struct dice *d, char out[WORDS_SIZE]);
void words_city(struct dice *d, char out[WORDS_SIZE]); /* with its postal code, either order */
void words_phone(struct dice *d, char out[WORDS_SIZE]);
void words_digits(struct dice *d, unsigned count, char out[WORDS_SIZE]);

/* Days since 1970-01-01, within the last few years. */
int words_day(struct dice *d);
enum { DATE_STYLES = 6 };
/* `style` 0 to DATE_STYLES - 1: a document keeps to one. */
void words_date(int day, unsigned style, char out[WORDS_SIZE]);

/* How a document writes money. */
struct words_currency {
    const char *before, *after; /* "$", " EUR" */
    char point, group;          /* group '\0': none */
};
struct words_currency words_currency(struct dice *d);
void words_amount(const struct words_currency *currency, long cents, char out[WORDS_SIZE]);
/* Without the sign of the currency. */
void words_figure(const struct words_currency *currency, long cents, char out[WORDS_SIZE]);

struct words_good {
    const char *name;
    long low, high; /* cents */
};
/* What shops sell to people, and what companies sell to companies. */
const struct words_good *words_grocery(struct dice *d);
const struct words_good *words_service(struct dice *d);
long words_price(struct dice *d, const struct words_good *good);

/* A word of a kind that phrase.h lists; aborts on any other. */
void words_write(struct buf *out, struct dice *d, struct str kind);
