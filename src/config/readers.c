#include "base/check.h"
#include "config/load.h"
#include "config/values.h"
#include "store/registry.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WORDS_MAX = 64, SECRET_MAX = 64 * 1024, UPSTREAM_MODEL_MAX = 200 };

static struct str node_text(const yaml_node_t *node) {
    return (struct str){(const char *)node->data.scalar.value, node->data.scalar.length};
}

static size_t count_words(const char *const *words) {
    size_t n = 0;
    while (words[n])
        n++;
    return n;
}

/* The word that was probably meant: near by letters, or the beginning of the other ("warning"). */
static const char *suggest(struct str text, const char *const *words) {
    const char *nearest = str_nearest(text, words, count_words(words));
    for (size_t i = 0; !nearest && words[i]; i++) {
        struct str word = str_from(words[i]);
        if ((word.n >= 3 && str_starts(text, word)) || (text.n >= 3 && str_starts(word, text)))
            nearest = words[i];
    }
    return nearest;
}

/* Says what was read and what was expected. */
static bool wrong(struct loader *l, const struct option *o, struct str text, const struct option_node *at) {
    char shown[SHOWN_SIZE], expected[OPTION_EXPECTED_SIZE];
    option_expected(o, expected);
    if (text.n == 0)
        return loader_problem(l, at->place, at, "no value; expected %s", expected);
    loader_show(text, shown, sizeof shown);
    const char *nearest = o->words ? suggest(text, o->words) : NULL;
    if (nearest)
        return loader_problem(l, at->place, at, "\"%s\" is not %s; did you mean \"%s\"?", shown, expected,
                              nearest);
    return loader_problem(l, at->place, at, "\"%s\" is not %s", shown, expected);
}

static bool read_number(struct loader *l, const struct option *o, struct str text, void *to,
                        const struct option_node *at) {
    int64_t value;
    bool good = o->type == OPTION_INTEGER    ? value_integer(text, &value)
                : o->type == OPTION_DURATION ? value_duration(text, &value)
                : o->type == OPTION_SIZE     ? value_size(text, &value)
                                             : value_usd(text, &value);
    if (!good || value < o->min || value > o->max)
        return wrong(l, o, text, at);
    memcpy(to, &value, sizeof value);
    return true;
}

static bool read_word(struct loader *l, const struct option *o, struct str text, unsigned *index,
                      const struct option_node *at) {
    for (unsigned i = 0; o->words[i]; i++)
        if (str_eq(text, str_from(o->words[i]))) {
            *index = i;
            return true;
        }
    return wrong(l, o, text, at);
}

static bool read_enum(struct loader *l, const struct option *o, struct str text, void *to,
                      const struct option_node *at) {
    unsigned index = 0;
    if (!read_word(l, o, text, &index, at))
        return false;
    memcpy(to, &(int){(int)index}, sizeof(int));
    return true;
}

static bool has_control(struct str text) {
    for (size_t i = 0; i < text.n; i++)
        if ((unsigned char)text.p[i] < 0x20 || text.p[i] == 0x7F)
            return true;
    return false;
}

static bool set_text(struct loader *l, struct str text, void *to) {
    const char *kept = text.n ? loader_keep_text(l, text) : NULL;
    memcpy(to, &kept, sizeof kept);
    return kept || text.n == 0;
}

static bool read_string(struct loader *l, const struct option *o, struct str text, void *to,
                        const struct option_node *at) {
    if (has_control(text) || text.n > (size_t)o->max)
        return wrong(l, o, text, at);
    return set_text(l, text, to);
}

static bool read_socket(struct loader *l, const struct option *o, struct str text, void *to,
                        const struct option_node *at) {
    struct value_address address;
    bool is_unix = str_starts(text, STR("unix:/")) && text.n - 5 < 108; /* sizeof sun_path */
    bool is_address = value_address(text, &address) && address.host[0] && address.port;
    if (has_control(text) || (text.n && !is_unix && !is_address))
        return wrong(l, o, text, at);
    return set_text(l, text, to);
}

/* The name in `folder` that is nearest to `wanted`, into `nearest`. */
static bool nearest_file(const char *folder, const char *wanted, char nearest[NAME_MAX + 1]) {
    enum { FILES_MAX = 200 };
    DIR *dir = opendir(folder);
    if (!dir)
        return false;
    char *names[FILES_MAX];
    size_t count = 0;
    for (struct dirent *e; count < FILES_MAX && (e = readdir(dir));)
        if (e->d_name[0] != '.' && (names[count] = str_dup(str_from(e->d_name))))
            count++;
    const char *found = str_nearest(str_from(wanted), (const char *const *)names, count);
    if (found)
        snprintf(nearest, NAME_MAX + 1, "%s", found);
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    closedir(dir);
    return found != NULL;
}

static bool check_file(struct loader *l, const char *path, const struct option_node *at) {
    struct stat file;
    char nearest[NAME_MAX + 1], folder[PATH_MAX], shown[SHOWN_PATH_SIZE], right[SHOWN_SIZE];
    loader_show(str_from(path), shown, sizeof shown);
    if (stat(path, &file) == 0 && access(path, R_OK) == 0)
        return S_ISREG(file.st_mode) || loader_problem(l, at->place, at, "%s is not a file", shown);
    int error = errno;
    const char *slash = strrchr(path, '/');
    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path + 1) : 1, slash ? path : ".");
    if (error != ENOENT || !nearest_file(folder, slash ? slash + 1 : path, nearest))
        return loader_problem(l, at->place, at, "%s cannot be read: %s", shown, strerror(error));
    loader_show(str_from(nearest), right, sizeof right);
    return loader_problem(l, at->place, at, "there is no file %s; did you mean \"%s\"?", shown, right);
}

static bool read_path(struct loader *l, const struct option *o, struct str text, void *to,
                      const struct option_node *at) {
    char path[PATH_MAX];
    const char *folder = l->loaded->config.folder;
    bool here = folder[0] == '\0' || strcmp(folder, ".") == 0 || (text.n > 0 && text.p[0] == '/');
    const char *slash = here || folder[strlen(folder) - 1] == '/' ? "" : "/";
    if (has_control(text) || text.n == 0)
        return wrong(l, o, text, at);
    int n = snprintf(path, sizeof path, "%s%s%.*s", here ? "" : folder, slash, STR_ARG(text));
    if (n < 0 || (size_t)n >= sizeof path)
        return loader_problem(l, at->place, at, "the path is longer than %d bytes", PATH_MAX - 1);
    if ((o->flags & OPTION_MUST_EXIST) && !check_file(l, path, at))
        return false;
    return set_text(l, str_from(path), to);
}

static bool keep_secret(struct loader *l, struct str text, void *to) {
    struct secret *secret = loader_keep(l, sizeof *secret);
    char *kept = secret ? loader_keep(l, text.n + 1) : NULL;
    if (!kept)
        return false;
    memcpy(kept, text.p, text.n);
    *secret = (struct secret){l->loaded->secrets, kept};
    l->loaded->secrets = secret;
    memcpy(to, &kept, sizeof kept);
    return true;
}

static bool secret_from_environment(struct loader *l, struct str name, void *to,
                                    const struct option_node *at) {
    char variable[128], shown[SHOWN_SIZE];
    loader_show(name, shown, sizeof shown);
    if (name.n == 0 || name.n >= sizeof variable || str_find_char(name, '=') != SIZE_MAX)
        return loader_problem(l, at->place, at, "\"%s\" is not the name of an environment variable", shown);
    snprintf(variable, sizeof variable, "%.*s", STR_ARG(name));
    const char *value = getenv(variable);
    if (!value || !value[0])
        return loader_problem(l, at->place, at, "the environment variable %s is %s", shown,
                              value ? "empty" : "not set");
    return keep_secret(l, str_from(value), to);
}

static bool secret_from_file(struct loader *l, struct str name, void *to, const struct option_node *at) {
    char path[PATH_MAX], text[SECRET_MAX + 1], shown[SHOWN_PATH_SIZE];
    if (name.n == 0 || name.p[0] != '/' || name.n >= sizeof path || has_control(name))
        return loader_problem(l, at->place, at,
                              "expected the whole path of a file, as in ${file:/run/secrets/name}");
    loader_show(name, shown, sizeof shown);
    snprintf(path, sizeof path, "%.*s", STR_ARG(name));
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text);
    int error = errno;
    if (fd >= 0)
        close(fd);
    if (n < 0)
        return loader_problem(l, at->place, at, "%s cannot be read: %s", shown, strerror(error));
    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == '\r'))
        n--;
    bool kept = false;
    if (n == 0)
        loader_problem(l, at->place, at, "%s is empty", shown);
    else if (n > SECRET_MAX || memchr(text, '\0', (size_t)n))
        loader_problem(l, at->place, at, "%s is not a secret: larger than %d bytes or not text", shown,
                       SECRET_MAX);
    else
        kept = keep_secret(l, (struct str){text, (size_t)n}, to);
    explicit_bzero(text, sizeof text);
    return kept;
}

/* Never shows what was written: it may be the secret itself. */
static bool read_secret(struct loader *l, const struct option *o, struct str text, void *to,
                        const struct option_node *at) {
    bool closed = text.n > 0 && text.p[text.n - 1] == '}';
    if (closed && str_starts(text, STR("${env:")))
        return secret_from_environment(l, str_slice(text, 6, text.n - 1), to, at);
    if (closed && str_starts(text, STR("${file:")))
        return secret_from_file(l, str_slice(text, 7, text.n - 1), to, at);
    return loader_problem(
        l, at->place, at,
        "a secret is never written here; put it in the environment or a file and write ${env:NAME} or "
        "${file:/path}");
}

static bool read_model(struct loader *l, const struct option *o, struct str text, void *to,
                       const struct option_node *at) {
    char name[MODEL_NAME_MAX + 1];
    struct config_model model = {.place = at->place};
    if (text.n == 0 || text.n > UPSTREAM_MODEL_MAX || has_control(text))
        return wrong(l, o, text, at);
    /* Whether it must be one of the registry, check_target says: an upstream may call its models anything. */
    bool registered = registry_parse_reference(text, name, &model.version, NULL);
    model.text = loader_keep_text(l, text);
    model.name = registered ? loader_keep_text(l, str_from(name)) : NULL;
    memcpy(to, &model, sizeof model);
    return model.text && (model.name || !registered);
}

/* A value of several: a list in the file, or a text with commas. */
static bool is_several(const struct option *o) {
    return o->type == OPTION_SET || o->type == OPTION_ADDRESSES;
}

struct words {
    struct str text[WORDS_MAX];
    struct config_place place[WORDS_MAX];
    size_t count;
};

static bool words_of_text(struct words *words, struct str text, struct config_place place) {
    words->count = 0;
    while (text.n > 0) {
        if (words->count == WORDS_MAX)
            return false;
        words->place[words->count] = place;
        words->text[words->count++] = str_trim(str_split(&text, ','));
    }
    return true;
}

static bool words_of_node(struct loader *l, struct words *words, const struct option *o,
                          const struct option_node *at) {
    words->count = 0;
    const yaml_node_item_t *item = at->node->data.sequence.items.start;
    for (; item < at->node->data.sequence.items.top; item++) {
        const yaml_node_t *node = yaml_document_get_node(l->document, *item);
        if (words->count == WORDS_MAX)
            return loader_problem(l, at->place, at, "more than %d entries", WORDS_MAX);
        if (node->type != YAML_SCALAR_NODE)
            return loader_problem(l, loader_place_of(node), at, "expected a list of single values");
        words->place[words->count] = loader_place_of(node);
        words->text[words->count++] = node_text(node);
    }
    return words->count > 0 || wrong(l, o, STR(""), at);
}

static bool read_set(struct loader *l, const struct option *o, const struct words *words, void *to,
                     const struct option_node *at) {
    unsigned set = 0;
    for (size_t i = 0; i < words->count; i++) {
        unsigned index = 0;
        struct option_node item = *at;
        item.place = words->place[i];
        if (!read_word(l, o, words->text[i], &index, &item))
            return false;
        set |= 1U << index;
    }
    memcpy(to, &set, sizeof set);
    return true;
}

static bool read_addresses(struct loader *l, const struct option *o, const struct words *words, void *base,
                           const struct option_node *at) {
    struct config_address *list = loader_keep(l, words->count * sizeof *list);
    if (!list)
        return false;
    for (size_t i = 0; i < words->count; i++) {
        struct value_address address;
        struct option_node item = *at;
        item.place = words->place[i];
        if (!value_address(words->text[i], &address))
            return wrong(l, o, words->text[i], &item);
        list[i] = (struct config_address){loader_keep_text(l, words->text[i]),
                                          loader_keep_text(l, str_from(address.host)), address.port,
                                          address.loopback};
        if (!list[i].text || !list[i].host)
            return false;
    }
    memcpy((char *)base + o->offset, &list, sizeof list);
    memcpy((char *)base + o->companion, &words->count, sizeof words->count);
    return true;
}

static bool read_words(struct loader *l, const struct option *o, const struct words *words, void *base,
                       const struct option_node *at) {
    if (words->count == 0)
        return wrong(l, o, STR(""), at);
    if (o->type == OPTION_SET)
        return read_set(l, o, words, (char *)base + o->offset, at);
    return read_addresses(l, o, words, base, at);
}

static bool read_bool(struct loader *l, const struct option *o, struct str text, void *to,
                      const struct option_node *at) {
    return value_bool(text, to) || wrong(l, o, text, at);
}

static bool read_percent(struct loader *l, const struct option *o, struct str text, void *to,
                         const struct option_node *at) {
    return value_percent(text, to) || wrong(l, o, text, at);
}

typedef bool reader(struct loader *l, const struct option *o, struct str text, void *to,
                    const struct option_node *at);

static bool is_reference(struct str text) {
    return str_starts(text, STR("${env:")) || str_starts(text, STR("${file:"));
}

bool loader_read_text(struct loader *l, const struct option *o, struct str text, void *base,
                      const struct option_node *at) {
    static reader *const readers[] = {
        [OPTION_BOOL] = read_bool,     [OPTION_INTEGER] = read_number, [OPTION_DURATION] = read_number,
        [OPTION_SIZE] = read_number,   [OPTION_USD] = read_number,     [OPTION_PERCENT] = read_percent,
        [OPTION_ENUM] = read_enum,     [OPTION_STRING] = read_string,  [OPTION_PATH] = read_path,
        [OPTION_SOCKET] = read_socket, [OPTION_SECRET] = read_secret,  [OPTION_MODEL] = read_model,
        [OPTION_MAP] = NULL,
    };
    struct words words;
    if (o->type != OPTION_SECRET && is_reference(text))
        return loader_problem(l, at->place, at,
                              "${env:…} and ${file:…} stand for secrets only; write the value itself");
    if (readers[o->type])
        return readers[o->type](l, o, text, (char *)base + o->offset, at);
    CHECK(is_several(o));
    if (!words_of_text(&words, text, at->place))
        return loader_problem(l, at->place, at, "more than %d entries", WORDS_MAX);
    return read_words(l, o, &words, base, at);
}

bool loader_read_node(struct loader *l, const struct option *o, void *base, const struct option_node *at) {
    if (is_several(o) && at->node->type == YAML_SEQUENCE_NODE) {
        struct words words;
        return words_of_node(l, &words, o, at) && read_words(l, o, &words, base, at);
    }
    if (at->node->type != YAML_SCALAR_NODE) {
        char expected[OPTION_EXPECTED_SIZE];
        option_expected(o, expected);
        return loader_problem(
            l, at->place, at, "%s; expected %s",
            at->node->type == YAML_MAPPING_NODE ? "options stand here" : "a list stands here", expected);
    }
    return loader_read_text(l, o, node_text(at->node), base, at);
}
