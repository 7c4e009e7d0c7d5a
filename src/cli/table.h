/* Text for people: columns that line up, and data that cannot play tricks on a terminal. One thread. */
#pragma once

#include "base/buf.h"

#include <stdio.h>

/* Writes s on one line: line ends and tabs as spaces, every other control character (escape sequences) and
 * bytes that are no UTF-8 as "?". */
void print_plain(FILE *out, struct str s);

enum { TABLE_COLUMNS_MAX = 12 };

struct table {
    const char *const *heads;
    unsigned columns, filled; /* cells */
    struct buf text;          /* cells, each ended by NUL */
};

/* `heads`, one for each column, must outlive the table. */
struct table table_new(const char *const *heads, unsigned columns);
/* The next cell, row by row. */
void table_cell(struct table *t, struct str text);
void table_cell_format(struct table *t, const char *format, ...) PRINTF_LIKE(2, 3);
/* Prints heads and rows, and frees. */
void table_print(struct table *t, FILE *out);
