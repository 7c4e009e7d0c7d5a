#include "config/load.h"

#include <stdarg.h>
#include <string.h>

enum { PLACE_SIZE = 40 };

static void place_text(struct config_place place, char text[PLACE_SIZE]) {
    text[0] = '\0';
    if (place.line)
        snprintf(text, PLACE_SIZE, ":%u:%u", place.line, place.column);
}

/* Problems stay in the file's order; those about the file as a whole come last. */
static struct config_problem *next_slot(struct config_problems *problems, struct config_place place) {
    if (problems->count == CONFIG_PROBLEMS_MAX) {
        problems->more = true;
        return NULL;
    }
    size_t at = problems->count++;
    while (at > 0 && place.line &&
           (problems->list[at - 1].place.line == 0 || problems->list[at - 1].place.line > place.line)) {
        problems->list[at] = problems->list[at - 1];
        at--;
    }
    problems->list[at].place = place;
    return &problems->list[at];
}

static void add(struct config_problems *problems, const char *source, struct config_place place,
                const char *path, const char *format, va_list args) {
    struct config_problem *slot = next_slot(problems, place);
    if (!slot)
        return;
    char where[PLACE_SIZE];
    place_text(place, where);
    int n = snprintf(slot->message, sizeof slot->message, "%.120s%s: %s%s", source, where, path,
                     path[0] ? ": " : "");
    if (n >= 0 && (size_t)n < sizeof slot->message)
        vsnprintf(slot->message + n, sizeof slot->message - (size_t)n, format, args);
    /* A message that was too long ends with a whole character. */
    size_t bad;
    if (!str_is_utf8(str_from(slot->message), &bad))
        slot->message[bad] = '\0';
}

bool loader_problem(struct loader *l, struct config_place place, const struct option_node *at,
                    const char *format, ...) {
    char path[OPTION_PATH_SIZE] = "";
    if (at)
        option_node_path(at, path);
    va_list args;
    va_start(args, format);
    add(l->problems, l->loaded->config.source, place, path, format, args);
    va_end(args);
    return false;
}

void config_problem(struct config_problems *problems, const struct config *config,
                    const struct config_place *place, const char *format, ...) {
    va_list args;
    va_start(args, format);
    add(problems, config->source, place ? *place : (struct config_place){0}, "", format, args);
    va_end(args);
}

bool loader_is_full(const struct loader *l) {
    return l->problems->more;
}

void loader_no_memory(struct loader *l) {
    loader_problem(l, (struct config_place){0}, NULL, "out of memory");
}

void config_problems_print(const struct config_problems *problems, FILE *out) {
    for (size_t i = 0; i < problems->count; i++)
        fprintf(out, "%s\n", problems->list[i].message);
    if (problems->more)
        fprintf(out, "… and more; only the first %d are shown\n", CONFIG_PROBLEMS_MAX);
}

void option_node_path(const struct option_node *at, char text[OPTION_PATH_SIZE]) {
    text[0] = '\0';
    if (!at->parent)
        return;
    option_node_path(at->parent, text);
    size_t n = strlen(text);
    if (at->name)
        snprintf(text + n, OPTION_PATH_SIZE - n, "%s%.64s", n ? "." : "", at->name);
    else
        snprintf(text + n, OPTION_PATH_SIZE - n, "[%zu]", at->index);
}

/* Control characters, those of ISO 6429 in two bytes included, would play with the reader's terminal. */
static bool is_control(struct str value, size_t i) {
    unsigned char c = (unsigned char)value.p[i];
    unsigned char before = i > 0 ? (unsigned char)value.p[i - 1] : 0;
    return c < 0x20 || c == 0x7F || (before == 0xC2 && c >= 0x80 && c < 0xA0);
}

void loader_show(struct str value, char *text, size_t size) {
    size_t shown = size - sizeof "…";
    size_t n = value.n < shown ? value.n : shown;
    while (n < value.n && n > 0 && ((unsigned char)value.p[n] & 0xC0) == 0x80)
        n--;
    for (size_t i = 0; i < n; i++) {
        bool control = is_control(value, i);
        if (control && (unsigned char)value.p[i] >= 0x80)
            text[i - 1] = '?';
        text[i] = control ? '?' : value.p[i];
    }
    memcpy(text + n, n < value.n ? "…" : "", n < value.n ? sizeof "…" : 1);
}
