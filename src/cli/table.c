#include "cli/table.h"

#include <stdarg.h>
#include <string.h>

enum { TABLE_BYTES_MAX = 64 << 20, CELL_MAX = 400 };

void print_plain(FILE *out, struct str s) {
    size_t bad = s.n;
    while (s.n > 0) {
        size_t whole = str_is_utf8(s, &bad) ? s.n : bad;
        for (size_t i = 0; i < whole; i++) {
            unsigned char c = (unsigned char)s.p[i];
            bool c1 = c == 0xC2 && i + 1 < whole && (unsigned char)s.p[i + 1] < 0xA0;
            bool space = c == '\n' || c == '\r' || c == '\t';
            fputc(space ? ' ' : c < 0x20 || c == 0x7f || c1 ? '?' : c, out);
            i += c1;
        }
        if (whole == s.n)
            return;
        fputc('?', out);
        s = str_slice(s, whole + 1, s.n);
    }
}

struct table table_new(const char *const *heads, unsigned columns) {
    return (struct table){.heads = heads, .columns = columns, .text = BUF_INIT(TABLE_BYTES_MAX)};
}

void table_cell(struct table *t, struct str text) {
    const char *nul = text.n ? memchr(text.p, '\0', text.n) : NULL;
    buf_add_str(&t->text, nul ? str_slice(text, 0, (size_t)(nul - text.p)) : text);
    buf_add_char(&t->text, '\0');
    t->filled++;
}

void table_cell_format(struct table *t, const char *format, ...) {
    char text[CELL_MAX];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    table_cell(t, str_from(text));
}

/* Characters, as far as each takes one place. */
static size_t width_of(const char *text) {
    size_t width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xC0) != 0x80;
    return width;
}

static void print_row(const char *const *cells, const size_t *widths, unsigned columns, FILE *out) {
    for (unsigned i = 0; i < columns; i++) {
        print_plain(out, str_from(cells[i]));
        if (i + 1 < columns)
            fprintf(out, "%*s", (int)(widths[i] - width_of(cells[i]) + 2), "");
    }
    fputc('\n', out);
}

void table_print(struct table *t, FILE *out) {
    size_t widths[TABLE_COLUMNS_MAX];
    const char *cells[TABLE_COLUMNS_MAX], *at = t->text.p;
    for (unsigned i = 0; i < t->columns; i++)
        widths[i] = width_of(t->heads[i]);
    for (unsigned i = 0; i < t->filled; i++, at += strlen(at) + 1)
        if (width_of(at) > widths[i % t->columns])
            widths[i % t->columns] = width_of(at);
    print_row(t->heads, widths, t->columns, out);
    at = t->text.p;
    for (unsigned i = 0; i < t->filled; i++, at += strlen(at) + 1) {
        cells[i % t->columns] = at;
        if ((i + 1) % t->columns == 0)
            print_row(cells, widths, t->columns, out);
    }
    if (t->text.failed)
        fputs("(there is more than fits into memory)\n", out);
    buf_free(&t->text);
}
