#include "demo/folder.h"

#include "base/buf.h"
#include "base/check.h"
#include "base/hash.h"
#include "demo/texts.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXTS_MAX = 64 << 20 };

bool demo_path(const struct demo_folder *folder, char out[PATH_MAX], struct error *err, const char *name,
               ...) {
    int n = snprintf(out, PATH_MAX, "%s/", folder->path);
    if (n > 0 && n < PATH_MAX) {
        va_list arguments;
        va_start(arguments, name);
        n += vsnprintf(out + n, (size_t)(PATH_MAX - n), name, arguments);
        va_end(arguments);
    }
    if (n < 0 || n >= PATH_MAX)
        return fail(err, ERR_IO, "%.200s… is too long for a path; choose another folder", folder->path);
    return true;
}

bool demo_write_file(const char *path, struct str content, struct error *err) {
    FILE *out = fopen(path, "we");
    bool good = out && fwrite(content.p, 1, content.n, out) == content.n;
    if (out && fclose(out) != 0)
        good = false;
    return good || fail(err, ERR_IO, "%s cannot be written: %s", path, strerror(errno));
}

/* The CSV of RFC 4180; the texts hold no line ends. */
static void add_row(struct buf *out, struct str text, const char *label) {
    buf_add_char(out, '"');
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '"')
            buf_add_char(out, '"');
        buf_add_char(out, text.p[i]);
    }
    buf_printf(out, "\",%s\n", label);
}

/* Hashes of the texts written so far. */
struct seen {
    uint64_t *hashes;
    size_t count, room;
};

static bool seen_before(struct seen *seen, struct str text) {
    uint64_t hash = hash64(text, 0);
    for (size_t i = 0; i < seen->count; i++)
        if (seen->hashes[i] == hash)
            return true;
    CHECK(seen->count < seen->room);
    seen->hashes[seen->count++] = hash;
    return false;
}

/* Intents take turns, so that any part of the file has all of them. No text comes twice, so that none that
 * was trained on is held out; patterns have far more texts than are asked for, but the tries are bounded. */
static bool add_texts(struct buf *out, struct dice *d, struct seen *seen, unsigned rounds,
                      struct error *err) {
    enum { TRIES = 1000 };
    AUTO_BUF text = BUF_INIT(4096);
    for (unsigned i = 0; i < rounds * TEXT_INTENTS; i++) {
        unsigned tries = 0;
        do {
            buf_clear(&text);
            text_write(d, i % TEXT_INTENTS, &text);
        } while (tries++ < TRIES && !text.failed && seen_before(seen, buf_str(&text)));
        if (text.failed || tries > TRIES)
            return fail(err, ERR_DATA, "%u texts of each intent are more than there are; ask for fewer",
                        rounds);
        add_row(out, buf_str(&text), text_intents[i % TEXT_INTENTS]);
    }
    return true;
}

static bool write_csv(const struct demo_folder *folder, const char *name, const struct buf *out,
                      struct error *err) {
    char path[PATH_MAX];
    if (out->failed)
        return fail(err, ERR_NO_MEMORY, "no memory for %s", name);
    return demo_path(folder, path, err, "%s", name) && demo_write_file(path, buf_str(out), err);
}

static bool write_texts(const struct demo_folder *folder, struct seen *seen, struct error *err) {
    const struct str head = STR("text,label\n");
    struct dice d = {folder->seed ^ UINT64_C(0x7465787473)};
    AUTO_BUF out = BUF_INIT(TEXTS_MAX);
    unsigned early = folder->texts / 2;
    buf_add_str(&out, head);
    if (!add_texts(&out, &d, seen, early, err) || !write_csv(folder, "support-early.csv", &out, err) ||
        !add_texts(&out, &d, seen, folder->texts - early, err) ||
        !write_csv(folder, "support.csv", &out, err))
        return false;
    buf_clear(&out);
    buf_add_str(&out, head);
    return add_texts(&out, &d, seen, folder->texts_held_out, err) &&
           write_csv(folder, "holdout/support.csv", &out, err);
}

bool demo_write_texts(const struct demo_folder *folder, struct error *err) {
    struct seen seen = {.room = (size_t)(folder->texts + folder->texts_held_out) * TEXT_INTENTS};
    seen.hashes = calloc(seen.room + 1, sizeof *seen.hashes);
    if (!seen.hashes)
        return fail(err, ERR_NO_MEMORY, "no memory for the demo's texts");
    bool good = write_texts(folder, &seen, err);
    free(seen.hashes);
    return good;
}
