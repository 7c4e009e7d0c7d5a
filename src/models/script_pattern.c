#include "models/script_pattern.h"

#include <ctype.h>
#include <string.h>

enum { DEPTH_MAX = 200, ESCAPE = '%' };

const char pattern_out_of_steps[] = "out of steps";

static const char *match(struct pattern *p, const char *s, const char *t);

static const char *subject_end(const struct pattern *p) {
    return p->subject.p + p->subject.n;
}

static const char *text_end(const struct pattern *p) {
    return p->text.p + p->text.n;
}

static const char *refuse(struct pattern *p, const char *error) {
    if (!p->error)
        p->error = error;
    return NULL;
}

static bool step(struct pattern *p) {
    if (p->steps == 0) {
        refuse(p, pattern_out_of_steps);
        return false;
    }
    p->steps--;
    return true;
}

/* Work that takes several steps at once. */
static void spend(struct pattern *p, ptrdiff_t bytes) {
    uint64_t steps = (uint64_t)bytes / 8;
    p->steps = p->steps > steps ? p->steps - steps : 0;
}

/* Behind the class that begins at t: one character, %x, or [set]. */
static const char *class_end(struct pattern *p, const char *t) {
    const char *end = text_end(p);
    if (*t == ESCAPE)
        return t + 1 < end ? t + 2 : refuse(p, "malformed pattern (ends with '%')");
    if (*t != '[')
        return t + 1;
    const char *open = t++;
    if (t < end && *t == '^')
        t++;
    /* The first character belongs to the set even when it is the closing bracket. */
    do {
        if (t >= end)
            return refuse(p, "malformed pattern (missing ']')");
        t += *t == ESCAPE ? 2 : 1;
    } while (t >= end || *t != ']');
    spend(p, t - open);
    return t + 1;
}

static bool in_class(unsigned char c, unsigned char class) {
    bool in;
    switch (tolower(class)) {
    case 'a': in = isalpha(c); break;
    case 'c': in = iscntrl(c); break;
    case 'd': in = isdigit(c); break;
    case 'g': in = isgraph(c); break;
    case 'l': in = islower(c); break;
    case 'p': in = ispunct(c); break;
    case 's': in = isspace(c); break;
    case 'u': in = isupper(c); break;
    case 'w': in = isalnum(c); break;
    case 'x': in = isxdigit(c); break;
    default: return class == c;
    }
    return isupper(class) ? !in : in;
}

/* [set] from its opening bracket to `close`, its closing one. */
static bool in_set(unsigned char c, const char *t, const char *close) {
    bool in = true;
    if (*++t == '^') {
        in = false;
        t++;
    }
    while (t < close) {
        if (*t == ESCAPE) {
            if (in_class(c, (unsigned char)t[1]))
                return in;
            t += 2;
        } else if (t[1] == '-' && t + 2 < close) {
            if ((unsigned char)t[0] <= c && c <= (unsigned char)t[2])
                return in;
            t += 3;
        } else {
            if ((unsigned char)*t == c)
                return in;
            t++;
        }
    }
    return !in;
}

/* Does the class from t to `end` hold the character at s? */
static bool single(struct pattern *p, const char *s, const char *t, const char *end) {
    if (s >= subject_end(p))
        return false;
    unsigned char c = (unsigned char)*s;
    switch (*t) {
    case '.': return true;
    case ESCAPE: return in_class(c, (unsigned char)t[1]);
    case '[': spend(p, end - t); return in_set(c, t, end - 1);
    default: return (unsigned char)*t == c;
    }
}

/* %bxy, t at x */
static const char *balanced(struct pattern *p, const char *s, const char *t) {
    if (t + 1 >= text_end(p))
        return refuse(p, "malformed pattern (missing arguments to '%b')");
    if (s >= subject_end(p) || *s != t[0])
        return NULL;
    size_t open = 1;
    while (++s < subject_end(p) && step(p)) {
        if (*s == t[1]) {
            if (--open == 0)
                return s + 1;
        } else if (*s == t[0]) {
            open++;
        }
    }
    return NULL;
}

/* %f[set], t at the bracket: between a character outside the set and one inside. Returns where the
 * pattern goes on. */
static const char *frontier(struct pattern *p, const char *s, const char *t) {
    if (t >= text_end(p) || *t != '[')
        return refuse(p, "missing '[' after '%f' in pattern");
    const char *end = class_end(p, t);
    if (!end)
        return NULL;
    unsigned char before = s == p->subject.p ? '\0' : (unsigned char)s[-1];
    unsigned char here = s == subject_end(p) ? '\0' : (unsigned char)*s;
    return !in_set(before, t, end - 1) && in_set(here, t, end - 1) ? end : NULL;
}

/* %1 to %9: the same text again */
static const char *back_reference(struct pattern *p, const char *s, char digit) {
    int index = digit - '1';
    if (index < 0 || index >= p->captures || p->capture[index].length == PATTERN_OPEN)
        return refuse(p, "invalid capture index in pattern");
    ptrdiff_t length = p->capture[index].length;
    /* As in Lua, a position is an endless text that nothing equals. */
    if (length == PATTERN_POSITION || subject_end(p) - s < length)
        return NULL;
    spend(p, length);
    return memcmp(p->capture[index].start, s, (size_t)length) == 0 ? s + length : NULL;
}

static const char *open_capture(struct pattern *p, const char *s, const char *t, ptrdiff_t kind) {
    if (p->captures >= PATTERN_CAPTURES_MAX)
        return refuse(p, "too many captures");
    p->capture[p->captures++] = (struct pattern_capture){s, kind};
    const char *end = match(p, s, t);
    if (!end)
        p->captures--;
    return end;
}

static const char *close_capture(struct pattern *p, const char *s, const char *t) {
    int index = p->captures - 1;
    while (index >= 0 && p->capture[index].length != PATTERN_OPEN)
        index--;
    if (index < 0)
        return refuse(p, "invalid pattern capture");
    p->capture[index].length = s - p->capture[index].start;
    const char *end = match(p, s, t);
    if (!end)
        p->capture[index].length = PATTERN_OPEN;
    return end;
}

/* As many as there are, then one less each time the rest does not match. */
static const char *greedy(struct pattern *p, const char *s, const char *t, const char *end) {
    ptrdiff_t count = 0;
    while (single(p, s + count, t, end) && step(p))
        count++;
    for (; count >= 0 && !p->error; count--) {
        const char *found = match(p, s + count, end + 1);
        if (found)
            return found;
    }
    return NULL;
}

/* As few as possible. */
static const char *lazy(struct pattern *p, const char *s, const char *t, const char *end) {
    while (!p->error) {
        const char *found = match(p, s, end + 1);
        if (found)
            return found;
        if (!single(p, s, t, end))
            return NULL;
        s++;
    }
    return NULL;
}

/* What one item of the pattern answers: the whole match's result, or where to go on. */
struct progress {
    bool done;
    const char *s, *t; /* done: s is the result */
};

static struct progress finished(const char *result) {
    return (struct progress){true, result, NULL};
}

static struct progress go_on(const char *s, const char *t) {
    return s && t ? (struct progress){false, s, t} : finished(NULL);
}

static struct progress class_item(struct pattern *p, const char *s, const char *t) {
    const char *end = class_end(p, t);
    if (!end)
        return finished(NULL);
    char suffix = end < text_end(p) ? *end : '\0';
    if (suffix == '*')
        return finished(greedy(p, s, t, end));
    if (suffix == '-')
        return finished(lazy(p, s, t, end));
    bool fits = single(p, s, t, end);
    if (suffix == '+')
        return finished(fits ? greedy(p, s + 1, t, end) : NULL);
    if (suffix == '?') {
        const char *found = fits ? match(p, s + 1, end + 1) : NULL;
        return found || p->error ? finished(found) : go_on(s, end + 1);
    }
    return fits ? go_on(s + 1, end) : finished(NULL);
}

static struct progress item(struct pattern *p, const char *s, const char *t) {
    const char *end = text_end(p);
    char next = t + 1 < end ? t[1] : '\0';
    switch (*t) {
    case '(':
        if (next == ')')
            return finished(open_capture(p, s, t + 2, PATTERN_POSITION));
        return finished(open_capture(p, s, t + 1, PATTERN_OPEN));
    case ')': return finished(close_capture(p, s, t + 1));
    case '$':
        if (t + 1 == end)
            return finished(s == subject_end(p) ? s : NULL);
        break;
    case ESCAPE:
        if (next == 'b')
            return go_on(balanced(p, s, t + 2), t + 4);
        if (next == 'f')
            return go_on(s, frontier(p, s, t + 2));
        if (next >= '0' && next <= '9')
            return go_on(back_reference(p, s, next), t + 2);
        break;
    default: break;
    }
    return class_item(p, s, t);
}

static const char *match(struct pattern *p, const char *s, const char *t) {
    if (p->depth >= DEPTH_MAX)
        return refuse(p, "pattern too complex");
    p->depth++;
    struct progress at = {false, s, t};
    while (!at.done) {
        if (p->error || !step(p))
            at = finished(NULL);
        else if (at.t == text_end(p))
            at = finished(at.s);
        else
            at = item(p, at.s, at.t);
    }
    p->depth--;
    return p->error ? NULL : at.s;
}

const char *pattern_match(struct pattern *p, const char *from) {
    p->captures = 0;
    p->depth = 0;
    return match(p, from, p->text.p);
}

/* Must every match begin with the pattern's first character itself? */
static bool begins_plainly(struct str text) {
    if (text.n == 0 || text.p[0] == '\0' || strchr("$.([%)", text.p[0]))
        return false;
    return text.n == 1 || text.p[1] == '\0' || !strchr("*?-", text.p[1]);
}

const char *pattern_search(struct pattern *p, const char **start) {
    bool plainly = begins_plainly(p->text);
    for (const char *s = *start; s <= subject_end(p); s++) {
        if (plainly) {
            const char *next = memchr(s, p->text.p[0], (size_t)(subject_end(p) - s));
            spend(p, (next ? next : subject_end(p)) - s);
            if (!next)
                return NULL;
            s = next;
        }
        const char *end = pattern_match(p, s);
        if (end || p->error) {
            *start = s;
            return end;
        }
    }
    return NULL;
}

bool pattern_is_plain(struct str text) {
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] && strchr("^$*+?.([%-", text.p[i]))
            return false;
    return true;
}
