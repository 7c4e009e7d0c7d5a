#include "pipeline/snapshot_build.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *read_script(const char *path, struct error *err) {
    FILE *file = fopen(path, "re");
    if (!file) {
        fail(err, ERR_CONFIG, "cannot read %s: %m", path);
        return NULL;
    }
    char *text = malloc(SCRIPT_SOURCE_MAX + 2);
    size_t n = text ? fread(text, 1, SCRIPT_SOURCE_MAX + 1, file) : 0;
    fclose(file);
    if (!text || n > SCRIPT_SOURCE_MAX) {
        free(text);
        fail(err, ERR_CONFIG, "%s is larger than %d bytes", path, SCRIPT_SOURCE_MAX);
        return NULL;
    }
    text[n] = '\0';
    return text;
}

static bool make_script_room(struct snapshot_build *b) {
    struct snapshot *s = b->s;
    if (s->script_count < b->script_room)
        return true;
    size_t room = b->script_room ? b->script_room * 2 : 8;
    struct script_source *more = realloc(s->scripts, room * sizeof(*more));
    if (!more)
        return build_no_memory(b);
    s->scripts = more;
    b->script_room = room;
    return true;
}

int build_script(struct snapshot_build *b, const char *path, const char *function,
                 const struct config_place *place) {
    struct snapshot *s = b->s;
    for (size_t i = 0; i < s->script_count; i++)
        if (strcmp(s->scripts[i].path, path) == 0 && strcmp(s->scripts[i].function, function) == 0)
            return (int)i;
    struct error err;
    char *text = read_script(path, &err);
    if (!text || !script_check(str_from(text), path, function, &err)) {
        free(text);
        config_problem(b->problems, b->from->config, place, "%s", err.message);
        return NO_SCRIPT;
    }
    if (!make_script_room(b)) {
        free(text);
        return NO_SCRIPT;
    }
    s->scripts[s->script_count] = (struct script_source){.path = path, .function = function, .text = text};
    return (int)s->script_count++;
}

/* A text that the store keeps. */
int build_kept_script(struct snapshot_build *b, const char *name, const char *text, const char *function) {
    struct snapshot *s = b->s;
    struct script_source source = {
        .owned = str_dup(str_from(name)), .text = str_dup(str_from(text)), .function = function};
    source.path = source.owned;
    if (source.owned && source.text && make_script_room(b)) {
        s->scripts[s->script_count] = source;
        return (int)s->script_count++;
    }
    free(source.owned);
    free(source.text);
    return NO_SCRIPT;
}
