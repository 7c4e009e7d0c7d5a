#include "pipeline/key_uses.h"

#include "base/clock.h"
#include "base/json.h"
#include "store/history.h"

#include <stdlib.h>
#include <string.h>

enum { PERIOD_S = 3600, ROW_MAX = 4096 };

struct known {
    struct known *next;
    char id[16];
    char client[CLIENT_NAME_MAX + 1];
    enum role role;
    struct key_count count;
    uint64_t noted[KEY_USES];
    uint64_t noting[KEY_USES]; /* what the row under way says */
};

struct key_uses {
    struct known *first;
    int64_t since; /* wall ns */
};

struct key_uses *key_uses_new(void) {
    struct key_uses *list = calloc(1, sizeof *list);
    if (list)
        list->since = clock_wall();
    return list;
}

void key_uses_free(struct key_uses *list) {
    while (list && list->first) {
        struct known *k = list->first;
        list->first = k->next;
        free(k);
    }
    free(list);
}

struct key_count *key_uses_of(struct key_uses *list, const struct key_record *key) {
    for (struct known *k = list->first; k; k = k->next)
        if (strcmp(k->id, key->id) == 0)
            return &k->count;
    struct known *k = calloc(1, sizeof *k);
    if (!k)
        return NULL;
    memcpy(k->id, key->id, sizeof k->id);
    memcpy(k->client, key->client, sizeof k->client);
    k->role = key->role;
    k->next = list->first;
    list->first = k;
    return &k->count;
}

static bool take(struct known *k) {
    bool any = false;
    for (int i = 0; i < KEY_USES; i++) {
        k->noting[i] = atomic_load_explicit(&k->count.uses[i], memory_order_relaxed);
        any |= k->noting[i] != k->noted[i];
    }
    return any;
}

static void write_row(const struct key_uses *list, const struct known *k, int64_t now, struct buf *out) {
    static const char *const names[KEY_USES] = {"other", "predict", "language", "review", "admin"};
    char since[CLOCK_TEXT_SIZE], until[CLOCK_TEXT_SIZE];
    struct json_writer w = JSON_WRITER(out);
    clock_format(list->since, since);
    clock_format(now, until);
    json_object(&w);
    json_field_text(&w, "key", k->id);
    json_field_text(&w, "role", role_name(k->role));
    json_field_text(&w, "since", since);
    json_field_text(&w, "until", until);
    json_key(&w, "calls");
    json_object(&w);
    for (int i = 0; i < KEY_USES; i++)
        if (k->noting[i] != k->noted[i])
            json_field_int(&w, names[i], (int64_t)(k->noting[i] - k->noted[i]));
    json_object_end(&w);
    json_object_end(&w);
}

static bool note(const struct key_uses *list, const struct known *k, struct store *s, int64_t now,
                 struct error *err) {
    AUTO_BUF after = BUF_INIT(ROW_MAX);
    write_row(list, k, now, &after);
    struct change c = {.endpoint = "",
                       .what = "key.used",
                       .who = k->client,
                       .why = "",
                       .before = "",
                       .after = buf_terminated(&after)};
    return c.after ? history_add(s, &c, err)
                   : fail(err, ERR_NO_MEMORY, "Out of memory while writing the history.");
}

static bool note_all(struct key_uses *list, struct store *s, int64_t now, struct error *err) {
    if (!store_begin(s, true, err))
        return false;
    for (struct known *k = list->first; k; k = k->next)
        if (take(k) && !note(list, k, s, now, err)) {
            store_rollback(s);
            return false;
        }
    return store_commit(s, err);
}

static bool any_used(struct key_uses *list) {
    bool any = false;
    for (struct known *k = list->first; k && !any; k = k->next)
        any = take(k);
    return any;
}

bool key_uses_note(struct key_uses *list, struct store *s, int64_t now, bool now_at_once, struct error *err) {
    bool due = now - list->since >= PERIOD_S * NS_PER_SECOND || now < list->since;
    if (!due && !now_at_once)
        return true;
    if (any_used(list)) {
        if (!note_all(list, s, now, err))
            return false;
        for (struct known *k = list->first; k; k = k->next)
            memcpy(k->noted, k->noting, sizeof k->noted);
    }
    list->since = now;
    return true;
}
