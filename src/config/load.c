#include "config/load.h"

#include "base/buf.h"
#include "base/check.h"
#include "config/checks.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ARENA_MAX = 32 << 20, OPTIONS_MAX = 64, NAME_MAX_BYTES = 64 };

struct config_place loader_place_of(const yaml_node_t *node) {
    return (struct config_place){(unsigned)node->start_mark.line + 1, (unsigned)node->start_mark.column + 1};
}

static struct str scalar_text(const yaml_node_t *node) {
    return (struct str){(const char *)node->data.scalar.value, node->data.scalar.length};
}

static yaml_node_t *node_at(const struct loader *l, int index) {
    return yaml_document_get_node(l->document, index);
}

/* The value of `name` in the mapping at `at`, or NULL. */
static const yaml_node_t *value_in(const struct loader *l, const struct option_node *at, const char *name) {
    if (!at->node || at->node->type != YAML_MAPPING_NODE)
        return NULL;
    const yaml_node_pair_t *pair = at->node->data.mapping.pairs.start;
    for (; pair < at->node->data.mapping.pairs.top; pair++) {
        const yaml_node_t *key = node_at(l, pair->key);
        if (key->type == YAML_SCALAR_NODE && str_eq(scalar_text(key), str_from(name)))
            return node_at(l, pair->value);
    }
    return NULL;
}

struct config_place loader_place_in(const struct loader *l, const struct option_node *at, const char *name) {
    const yaml_node_t *value = value_in(l, at, name);
    return value ? loader_place_of(value) : at->place;
}

bool loader_has(const struct loader *l, const struct option_node *at, const char *name) {
    return value_in(l, at, name) != NULL;
}

void *loader_keep(struct loader *l, size_t size) {
    void *p = arena_zalloc(l->loaded->arena, size);
    if (!p)
        loader_no_memory(l);
    return p;
}

const char *loader_keep_text(struct loader *l, struct str s) {
    struct str copy = arena_copy(l->loaded->arena, s);
    if (!copy.p)
        loader_no_memory(l);
    return copy.p;
}

/* Names that people choose: endpoints. */
static bool name_is_valid(struct str name) {
    for (size_t i = 0; i < name.n; i++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_", name.p[i]) ||
            name.p[i] == '\0')
            return false;
    return name.n > 0 && name.n <= NAME_MAX_BYTES;
}

/* `key:` with nothing behind it */
static bool is_empty(const yaml_node_t *node) {
    return node->type == YAML_SCALAR_NODE && node->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
           (node->data.scalar.length == 0 || str_eq(scalar_text(node), STR("~")) ||
            str_eq(scalar_text(node), STR("null")));
}

/* Fills a struct's options from the mapping at `at`, or with defaults where there is none. */
static void fill_group(struct loader *l, const struct option_group *group, void *base,
                       const struct option_node *at);

/* One item of a list or map: fills the struct, then gives it its name when it has one. */
static void fill_item(struct loader *l, const struct option *o, void *item, const struct option_node *at) {
    if (o->type == OPTION_MAP)
        memcpy(item, &at->name, sizeof at->name);
    if (at->node->type != YAML_MAPPING_NODE && !is_empty(at->node)) {
        loader_problem(l, at->place, at, "expected options (name: value), one per line");
        return;
    }
    fill_group(l, o->group, item, at);
}

static bool check_count(struct loader *l, const struct option *o, size_t count,
                        const struct option_node *at) {
    if (count > o->group->items_max)
        return loader_problem(l, at->place, at, "%zu entries; at most %zu are possible", count,
                              o->group->items_max);
    return true;
}

static void set_items(const struct option *o, void *base, void *items, size_t count) {
    memcpy((char *)base + o->offset, &items, sizeof items);
    memcpy((char *)base + o->companion, &count, sizeof count);
}

static void fill_list(struct loader *l, const struct option *o, void *base, const struct option_node *at) {
    if (at->node->type != YAML_SEQUENCE_NODE) {
        if (!is_empty(at->node))
            loader_problem(l, at->place, at, "expected a list, each entry on a line that starts with \"- \"");
        return;
    }
    const yaml_node_item_t *first = at->node->data.sequence.items.start;
    size_t count = (size_t)(at->node->data.sequence.items.top - first);
    if (count == 0 || !check_count(l, o, count, at))
        return;
    char *items = loader_keep(l, count * o->group->size);
    if (!items)
        return;
    for (size_t i = 0; i < count && !loader_is_full(l); i++) {
        yaml_node_t *node = node_at(l, first[i]);
        struct option_node item = {.node = node, .place = loader_place_of(node), .parent = at, .index = i};
        fill_item(l, o, items + i * o->group->size, &item);
    }
    set_items(o, base, items, count);
}

/* The key of a map's entry as its name; NULL after a problem. */
static const char *entry_name(struct loader *l, const yaml_node_t *key, const char *const *names,
                              size_t count, const struct option_node *at) {
    char shown[SHOWN_SIZE];
    if (key->type != YAML_SCALAR_NODE) {
        loader_problem(l, loader_place_of(key), at, "a name is one word, not a list or a mapping");
        return NULL;
    }
    struct str text = scalar_text(key);
    loader_show(text, shown, sizeof shown);
    if (!name_is_valid(text)) {
        loader_problem(l, loader_place_of(key), at,
                       "\"%s\" is not a name; use 1 to %d letters, digits, - and _", shown, NAME_MAX_BYTES);
        return NULL;
    }
    for (size_t i = 0; i < count; i++)
        if (str_eq(str_from(names[i]), text)) {
            loader_problem(l, loader_place_of(key), at, "\"%s\" is given twice", shown);
            return NULL;
        }
    return loader_keep_text(l, text);
}

static void fill_map(struct loader *l, const struct option *o, void *base, const struct option_node *at) {
    if (at->node->type != YAML_MAPPING_NODE) {
        if (!is_empty(at->node))
            loader_problem(l, at->place, at, "expected names, each with its options below it");
        return;
    }
    const yaml_node_pair_t *first = at->node->data.mapping.pairs.start;
    size_t count = (size_t)(at->node->data.mapping.pairs.top - first);
    if (count == 0 || !check_count(l, o, count, at))
        return;
    char *items = loader_keep(l, count * o->group->size);
    const char **names = loader_keep(l, count * sizeof *names);
    if (!items || !names)
        return;
    for (size_t i = 0; i < count && !loader_is_full(l); i++) {
        yaml_node_t *node = node_at(l, first[i].value);
        const char *name = entry_name(l, node_at(l, first[i].key), names, i, at);
        names[i] = name ? name : "";
        if (!name)
            continue;
        struct option_node item = {.node = node, .place = loader_place_of(node), .parent = at, .name = name};
        fill_item(l, o, items + i * o->group->size, &item);
    }
    set_items(o, base, items, count);
}

static void fill_section(struct loader *l, const struct option *o, void *base, const struct option_node *at) {
    struct option_node section = *at;
    if (at->node && at->node->type != YAML_MAPPING_NODE) {
        if (!is_empty(at->node)) {
            loader_problem(l, at->place, at,
                           "expected options (name: value), one per line, indented below it");
            return;
        }
        section.node = NULL;
    }
    fill_group(l, o->group, (char *)base + o->offset, &section);
}

static void fill_option(struct loader *l, const struct option *o, void *base, const struct option_node *at) {
    switch (o->type) {
    case OPTION_SECTION: fill_section(l, o, base, at); return;
    case OPTION_LIST: fill_list(l, o, base, at); return;
    case OPTION_MAP: fill_map(l, o, base, at); return;
    default: break;
    }
    if (!loader_read_node(l, o, base, at))
        return;
    if (o->flags & OPTION_MARKED)
        *((bool *)base + o->companion) = true;
    if (o->flags & OPTION_PLACED)
        memcpy((char *)base + o->place, &at->place, sizeof at->place);
}

static const struct option *option_named(const struct option_group *group, struct str name) {
    for (size_t i = 0; i < group->count; i++)
        if (str_eq(str_from(group->options[i].name), name))
            return &group->options[i];
    return NULL;
}

/* An option that exists, in another section: says which. */
static bool find_elsewhere(const struct option_group *group, const char *path, struct str name, char *found,
                           size_t size) {
    for (size_t i = 0; i < group->count; i++) {
        const struct option *o = &group->options[i];
        char here[OPTION_PATH_SIZE];
        snprintf(here, sizeof here, "%.100s%s%s%s", path, path[0] ? "." : "", o->name,
                 o->type == OPTION_MAP    ? ".NAME"
                 : o->type == OPTION_LIST ? "[]"
                                          : "");
        if (str_eq(str_from(o->name), name)) {
            snprintf(found, size, "%s", here);
            return true;
        }
        if (o->group && find_elsewhere(o->group, here, name, found, size))
            return true;
    }
    return false;
}

static void unknown_option(struct loader *l, const struct option_group *group, const yaml_node_t *key,
                           const struct option_node *at) {
    char shown[SHOWN_SIZE], elsewhere[OPTION_PATH_SIZE];
    const char *names[OPTIONS_MAX];
    struct str name = scalar_text(key);
    loader_show(name, shown, sizeof shown);
    for (size_t i = 0; i < group->count; i++)
        names[i] = group->options[i].name;
    const char *nearest = str_nearest(name, names, group->count);
    const struct option_node *around = at->parent ? at : NULL;
    if (str_eq(name, STR("<<")))
        loader_problem(l, loader_place_of(key), around,
                       "merge keys (<<) are not supported; write the options out");
    else if (nearest)
        loader_problem(l, loader_place_of(key), around, "unknown option \"%s\"; did you mean \"%s\"?", shown,
                       nearest);
    else if (find_elsewhere(&option_root, "", name, elsewhere, sizeof elsewhere))
        loader_problem(l, loader_place_of(key), around, "unknown option \"%s\" here; there is %s", shown,
                       elsewhere);
    else
        loader_problem(l, loader_place_of(key), around,
                       "unknown option \"%s\"; `penstock config reference` lists all of them", shown);
}

/* The option that `key` names and that was not there before; NULL after a problem. */
static const struct option *option_for(struct loader *l, const struct option_group *group,
                                       const yaml_node_t *key, unsigned lines[OPTIONS_MAX],
                                       const struct option_node *at) {
    if (key->type != YAML_SCALAR_NODE) {
        loader_problem(l, loader_place_of(key), at, "an option's name is one word, not a list or a mapping");
        return NULL;
    }
    const struct option *o = option_named(group, scalar_text(key));
    if (!o) {
        unknown_option(l, group, key, at);
        return NULL;
    }
    size_t index = (size_t)(o - group->options);
    if (lines[index]) {
        loader_problem(l, loader_place_of(key), at->parent ? at : NULL,
                       "\"%s\" is given twice (first on line %u)", o->name, lines[index]);
        return NULL;
    }
    lines[index] = loader_place_of(key).line;
    return o;
}

static void fill_absent(struct loader *l, const struct option *o, void *base, const struct option_node *at) {
    struct option_node absent = {.place = at->place, .parent = at, .name = o->name};
    char expected[OPTION_EXPECTED_SIZE];
    if (o->type == OPTION_SECTION) {
        fill_group(l, o->group, (char *)base + o->offset, &absent);
    } else if (o->flags & OPTION_REQUIRED) {
        option_expected(o, expected);
        loader_problem(l, at->place, at, "\"%s\" is missing; expected %s", o->name, expected);
    } else if (o->standard) {
        loader_read_text(l, o, str_from(o->standard), base, &absent);
    }
}

static void fill_group(struct loader *l, const struct option_group *group, void *base,
                       const struct option_node *at) {
    unsigned lines[OPTIONS_MAX] = {0};
    CHECK(group->count <= OPTIONS_MAX);
    size_t before = l->problems->count;
    if (at->node && at->node->type == YAML_MAPPING_NODE) {
        const yaml_node_pair_t *pair = at->node->data.mapping.pairs.start;
        for (; pair < at->node->data.mapping.pairs.top && !loader_is_full(l); pair++) {
            const yaml_node_t *key = node_at(l, pair->key);
            yaml_node_t *value = node_at(l, pair->value);
            const struct option *o = option_for(l, group, key, lines, at);
            struct option_node child = {value, loader_place_of(value), at, o ? o->name : NULL, 0};
            if (o)
                fill_option(l, o, base, &child);
        }
    }
    for (size_t i = 0; i < group->count && !loader_is_full(l); i++)
        if (!lines[i])
            fill_absent(l, &group->options[i], base, at);
    /* What spans options is judged only where each of them is good. */
    if (group->check && l->problems->count == before)
        group->check(l, base, at);
}

static struct loaded *loaded_new(const char *name, const char *folder) {
    struct loaded *loaded = calloc(1, sizeof *loaded);
    if (!loaded)
        return NULL;
    atomic_init(&loaded->references, 1);
    loaded->arena = arena_new(ARENA_MAX);
    if (loaded->arena) {
        loaded->config.source = arena_copy(loaded->arena, str_from(name)).p;
        loaded->config.folder = arena_copy(loaded->arena, str_from(folder)).p;
    }
    if (loaded->arena && loaded->config.source && loaded->config.folder)
        return loaded;
    config_unref(&loaded->config);
    return NULL;
}

static void read_document(struct loader *l, struct str yaml) {
    yaml_document_t document;
    struct document_fault fault;
    if (!document_read(yaml, &document, &fault)) {
        loader_problem(l, (struct config_place){fault.line, fault.column}, NULL, "%s", fault.message);
        return;
    }
    l->document = &document;
    yaml_node_t *node = yaml_document_get_root_node(&document);
    struct option_node root = {.node = node, .place = {1, 1}};
    if (node && node->type != YAML_MAPPING_NODE && !is_empty(node))
        loader_problem(l, loader_place_of(node), NULL, "expected options (name: value), such as \"server:\"");
    else
        fill_group(l, &option_root, &l->loaded->config, &root);
    check_whole(l, &root);
    yaml_document_delete(&document);
    l->document = NULL;
}

const struct config *config_parse(struct str yaml, const char *name, const char *folder,
                                  const struct config_overrides *overrides,
                                  struct config_problems *problems) {
    static const struct config_overrides none;
    struct loaded *loaded = loaded_new(name, folder);
    if (!loaded) {
        config_problem(problems, &(struct config){.source = name}, NULL, "out of memory");
        return NULL;
    }
    struct loader l = {.loaded = loaded, .problems = problems, .overrides = overrides ? overrides : &none};
    size_t before = problems->count;
    read_document(&l, yaml);
    if (problems->count == before && !problems->more)
        return &loaded->config;
    config_unref(&loaded->config);
    return NULL;
}

/* The whole file, and one byte more than may be, so that a larger one is seen. */
static bool read_file(const char *path, struct buf *text) {
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return false;
    ssize_t n = 1;
    while (n > 0 && text->n <= CONFIG_FILE_MAX) {
        if (!buf_reserve(text, 16384)) {
            errno = ENOMEM;
            n = -1;
            break;
        }
        n = read(fd, text->p + text->n, 16384);
        if (n > 0)
            text->n += (size_t)n;
    }
    int error = errno;
    close(fd);
    errno = error;
    return n >= 0;
}

const struct config *config_load(const char *path, const struct config_overrides *overrides,
                                 struct config_problems *problems) {
    AUTO_BUF text = BUF_INIT(CONFIG_FILE_MAX + 3 * 16384);
    if (!read_file(path, &text)) {
        config_problem(problems, &(struct config){.source = path}, NULL, "cannot be read: %s",
                       strerror(errno));
        return NULL;
    }
    const char *slash = strrchr(path, '/');
    char *folder =
        !slash ? str_dup(STR(".")) : str_dup((struct str){path, slash == path ? 1 : (size_t)(slash - path)});
    if (!folder) {
        config_problem(problems, &(struct config){.source = path}, NULL, "out of memory");
        return NULL;
    }
    const struct config *config = config_parse(buf_str(&text), path, folder, overrides, problems);
    free(folder);
    return config;
}

const struct config *config_default(void) {
    struct config_problems problems = {0};
    return config_parse(STR(""), "defaults", ".", NULL, &problems);
}

static struct loaded *loaded_of(const struct config *config) {
    return CONTAINER_OF((uintptr_t)config, struct loaded, config);
}

const struct config *config_ref(const struct config *config) {
    atomic_fetch_add_explicit(&loaded_of(config)->references, 1, memory_order_relaxed);
    return config;
}

void config_unref(const struct config *config) {
    if (!config)
        return;
    struct loaded *loaded = loaded_of(config);
    if (atomic_fetch_sub_explicit(&loaded->references, 1, memory_order_acq_rel) != 1)
        return;
    for (struct secret *s = loaded->secrets; s; s = s->next)
        explicit_bzero(s->text, strlen(s->text));
    arena_free(loaded->arena);
    free(loaded);
}

const struct config_upstream *config_upstream_named(const struct config *config, struct str name) {
    for (size_t i = 0; i < config->upstream_count; i++)
        if (str_eq(str_from(config->upstreams[i].name), name))
            return &config->upstreams[i];
    return NULL;
}

const struct config_endpoint *config_endpoint_named(const struct config *config, struct str name) {
    for (size_t i = 0; i < config->endpoint_count; i++)
        if (str_eq(str_from(config->endpoints[i].name), name))
            return &config->endpoints[i];
    return NULL;
}
