/* CSV after RFC 4180: records of a text in memory, quoted fields with doubled quotes, LF or CRLF. The
 * separator is the comma, or semicolon or tab where the header has more of them. One thread. */
#pragma once

#include "base/error.h"
#include "base/str.h"

enum { CSV_COLUMNS_MAX = 1024 };

struct csv {
    const char *name; /* of the file, for messages */
    char *at, *end;   /* the text is unquoted in place */
    char separator;
    unsigned long line; /* of the record that was read last, from 1 */
    unsigned long next_line;
    struct str cells[CSV_COLUMNS_MAX];
    size_t count;
};

/* `text` is changed and must live as long as the cells are used. A byte order mark is skipped. */
void csv_begin(struct csv *c, const char *name, char *text, size_t n);

enum csv_status { CSV_RECORD, CSV_END, CSV_BAD };
/* Blank lines are skipped. CSV_BAD fills *err (ERR_DATA, "name:line: …") and ends the reading. */
enum csv_status csv_next(struct csv *c, struct error *err);
