#include "cache/contrast.h"

#include "cache/lexicon.h"

#include <string.h>

enum { NOWHERE = -1 };

static int find_stem(const struct wording *w, uint32_t stem, size_t from) {
    for (size_t i = from; i < w->count; i++)
        if (w->words[i].stem == stem)
            return (int)i;
    return NOWHERE;
}

static bool has_stem(const struct wording *w, uint32_t stem) {
    return find_stem(w, stem, 0) != NOWHERE;
}

/* The next number from *i on, or NULL. */
static const struct word *next_number(const struct wording *w, size_t *i) {
    while (*i < w->count)
        if (w->words[(*i)++].flags & WORD_NUMBER)
            return &w->words[*i - 1];
    return NULL;
}

/* The same numbers of the same things, in the same order. */
static bool numbers_differ(const struct wording *a, const struct wording *b) {
    for (size_t i = 0, j = 0;;) {
        const struct word *one = next_number(a, &i), *other = next_number(b, &j);
        if (!one || !other)
            return one != other;
        if (one->hash != other->hash || one->unit != other->unit)
            return true;
    }
}

static bool exact_words_differ(const struct wording *a, const struct wording *b) {
    for (size_t i = 0; i < a->count; i++)
        if (a->words[i].flags & WORD_EXACT && !has_stem(b, a->words[i].stem))
            return true;
    return false;
}

/* At the start of a sentence a capital says nothing; there unknown_words_differ looks. */
static bool is_name(const struct word *w) {
    return (w->flags & (WORD_CAPITAL | WORD_FIRST)) == WORD_CAPITAL && word_is_content(w);
}

static bool names_differ(const struct wording *a, const struct wording *b) {
    for (size_t i = 0; i < a->count; i++)
        if (is_name(&a->words[i]) && !has_stem(b, a->words[i].stem))
            return true;
    return false;
}

static bool is_unknown(const struct wording *w, size_t i, const struct wording *other, const uint8_t *known) {
    const struct word *word = &w->words[i];
    return word_is_content(word) && !(word->flags & WORD_NUMBER) && !word_is_known(known, word->hash) &&
           !has_stem(other, word->stem);
}

/* Perhaps the same word, spelled or inflected in another way. */
static bool similar(struct str a, struct str b) {
    size_t same = 0;
    while (same < a.n && same < b.n && a.p[same] == b.p[same])
        same++;
    return same >= 4 || (same >= 2 && 2 * same >= (a.n > b.n ? a.n : b.n));
}

static size_t count_only(const struct wording *w, const struct wording *other) {
    size_t n = 0;
    for (size_t i = 0; i < w->count; i++)
        n += word_is_content(&w->words[i]) && !has_stem(other, w->words[i].stem);
    return n;
}

/* The same text but for a word or two that the tuning never saw, where the other has others: they may be
 * names in lower case, or at the start of a sentence. */
static bool unknown_words_differ(const struct wording *a, const struct wording *b, const uint8_t *known) {
    size_t only = count_only(a, b);
    if (only == 0 || only > 2 || only != count_only(b, a))
        return false;
    for (size_t i = 0; i < a->count; i++) {
        if (!is_unknown(a, i, b, known))
            continue;
        bool stranger = false, matched = false;
        for (size_t j = 0; j < b->count; j++)
            if (is_unknown(b, j, a, known)) {
                stranger = true;
                matched |= similar(wording_word(a, i), wording_word(b, j));
            }
        if (stranger && !matched)
            return true;
    }
    return false;
}

static bool opposites_stand(const struct wording *a, const struct wording *b) {
    for (size_t i = 0; i < a->count; i++) {
        if (has_stem(b, a->words[i].stem))
            continue;
        for (size_t j = 0; j < b->count; j++)
            if (!has_stem(a, b->words[j].stem) && lexicon_opposites(wording_word(a, i), wording_word(b, j)))
                return true;
    }
    return false;
}

/* ---- order ---- */

/* Do the names and numbers that both have come in another order? */
static bool names_swapped(const struct wording *a, const struct wording *b) {
    int last = NOWHERE;
    for (size_t i = 0; i < a->count; i++) {
        const struct word *w = &a->words[i];
        if (!is_name(w) || find_stem(a, w->stem, 0) != (int)i)
            continue;
        int at = find_stem(b, w->stem, 0);
        if (at == NOWHERE)
            continue;
        if (at < last)
            return true;
        last = at;
    }
    return false;
}

/* Content words that are the same in both, and two with another between them have changed places: who did
 * what to whom. Neighbours may: disposable virtual cards are virtual disposable cards. */
static bool content_reordered(const struct wording *a, const struct wording *b) {
    int farthest = NOWHERE, last = NOWHERE;
    bool inverted = false;
    if (count_only(a, b) || count_only(b, a))
        return false;
    for (size_t i = 0; i < a->count; i++) {
        if (!word_is_content(&a->words[i]))
            continue;
        int there = find_stem(b, a->words[i].stem, 0);
        inverted |= there < farthest; /* of all content words but the one just before */
        farthest = last > farthest ? last : farthest;
        last = there;
    }
    return inverted;
}

static bool opposite_directions(struct str a, struct str b) {
    static const char *const pairs[][2] = {{"from", "to"},     {"from", "into"},   {"before", "after"},
                                           {"into", "out"},    {"above", "below"}, {"over", "under"},
                                           {"since", "until"}, {"onto", "off"},    {"to", "off"}};
    for (size_t i = 0; i < ARRAY_COUNT(pairs); i++) {
        struct str one = str_from(pairs[i][0]), other = str_from(pairs[i][1]);
        if ((str_eq(a, one) && str_eq(b, other)) || (str_eq(a, other) && str_eq(b, one)))
            return true;
    }
    return false;
}

/* The content word nearest to i, backwards or forwards within a few words. */
static int neighbour(const struct wording *w, size_t i, int step) {
    for (int k = 1, at = (int)i + step; k <= 4 && at >= 0 && at < (int)w->count; k++, at += step)
        if (word_is_content(&w->words[at]))
            return at;
    return NOWHERE;
}

static bool direction_between(const struct wording *w, int from, int to) {
    for (int i = from + 1; i < to; i++)
        if (w->words[i].flags & WORD_DIRECTION)
            return true;
    return false;
}

/* "from Anna to Ben" against "from Ben to Anna"; "to savings" against "from savings". */
static bool directions_differ(const struct wording *a, const struct wording *b) {
    for (size_t i = 0; i < a->count; i++) {
        if (!(a->words[i].flags & WORD_DIRECTION))
            continue;
        int before = neighbour(a, i, -1), after = neighbour(a, i, 1);
        if (after == NOWHERE)
            continue;
        int there = find_stem(b, a->words[after].stem, 0);
        if (there == NOWHERE)
            continue;
        int other = before == NOWHERE ? NOWHERE : find_stem(b, a->words[before].stem, 0);
        if (other > there && direction_between(b, there, other))
            return true;
        for (int k = there - 1; k >= 0 && k >= there - 4 && !word_is_content(&b->words[k]); k--)
            if (opposite_directions(wording_word(a, i), wording_word(b, (size_t)k)))
                return true;
    }
    return false;
}

const char *contrast_between(const struct wording *a, const struct wording *b,
                             const uint8_t known[KNOWN_BYTES]) {
    if (!a->whole || !b->whole)
        return "a text is too long to compare";
    if (numbers_differ(a, b))
        return "numbers differ";
    if (a->negations % 2 != b->negations % 2 || (a->negations > 0) != (b->negations > 0))
        return "one negates";
    if (exact_words_differ(a, b) || exact_words_differ(b, a))
        return "a date, rank or limit differs";
    if (names_differ(a, b) || names_differ(b, a))
        return "names differ";
    if (opposites_stand(a, b))
        return "opposites";
    if (names_swapped(a, b) || content_reordered(a, b) || directions_differ(a, b))
        return "another order or direction";
    if (unknown_words_differ(a, b, known))
        return "words that the tuning does not know differ";
    return NULL;
}
