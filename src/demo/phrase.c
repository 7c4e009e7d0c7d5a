#include "demo/phrase.h"

#include "base/check.h"
#include "demo/words.h"

#include <string.h>

enum { ALTERNATIVES_MAX = 40 };

struct writer {
    struct buf *out;
    struct dice *d;
    const struct phrase_slot *slots;
};

static void write_range(const struct writer *w, struct str pattern);

/* `pattern` begins behind a bracket. Writes one alternative; returns the length up to and with the closing
 * bracket. */
static size_t write_alternative(const struct writer *w, struct str pattern) {
    size_t starts[ALTERNATIVES_MAX + 1] = {0}, count = 1, at = 0;
    for (int depth = 0; at < pattern.n; at++) {
        char c = pattern.p[at];
        if (c == ']' && depth == 0)
            break;
        if (c == '|' && depth == 0) {
            CHECK(count < ALTERNATIVES_MAX);
            starts[count++] = at + 1;
        }
        depth += (c == '[') - (c == ']');
    }
    CHECK(at < pattern.n);
    starts[count] = at + 1;
    unsigned choice = dice_below(w->d, (unsigned)count);
    write_range(w, str_slice(pattern, starts[choice], starts[choice + 1] - 1));
    return at + 1;
}

static void write_slot(const struct writer *w, struct str name) {
    for (const struct phrase_slot *s = w->slots; s && s->name; s++)
        if (str_eq(name, str_from(s->name))) {
            buf_add_str(w->out, str_from(s->value));
            return;
        }
    words_write(w->out, w->d, name);
}

static void write_range(const struct writer *w, struct str pattern) {
    for (size_t at = 0; at < pattern.n;) {
        char c = pattern.p[at++];
        struct str rest = str_slice(pattern, at, pattern.n);
        if (c == '[') {
            at += write_alternative(w, rest);
        } else if (c == '{') {
            size_t close = str_find_char(rest, '}');
            CHECK(close != SIZE_MAX);
            write_slot(w, str_slice(rest, 0, close));
            at += close + 1;
        } else {
            buf_add_char(w->out, c);
        }
    }
}

void phrase_write(struct buf *out, struct dice *d, const struct phrase_slot *slots, const char *pattern) {
    write_range(&(struct writer){out, d, slots}, str_from(pattern));
}
