#include "pipeline/deploy_segment.h"

#include "models/script.h"
#include "pipeline/segment.h"
#include "store/keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool has_key(const struct key_record *keys, size_t count, struct str client) {
    for (size_t i = 0; i < count; i++)
        if (!keys[i].revoked && str_eq(str_from(keys[i].client), client))
            return true;
    return false;
}

static bool check_clients(struct str clients, const struct config *config, struct store *store,
                          struct error *err) {
    struct key_record *keys = NULL;
    size_t count = 0;
    if (!config->auth.required)
        return fail(err, ERR_CONFLICT, "authentication is off here, so that nobody is known to be a client");
    if (!key_list(store, &keys, &count, err))
        return false;
    bool good = true;
    while (good && clients.n) {
        struct str name = str_trim(str_split(&clients, ','));
        good = has_key(keys, count, name) ||
               fail(err, ERR_NOT_FOUND, "no key is in force of a client \"%.*s\"; see \"penstock keys list\"",
                    STR_ARG(str_slice(name, 0, 60)));
    }
    free(keys);
    return good;
}

/* The rule stays as it is now, whatever becomes of the file. */
static bool keep_rule(const char *path, struct rollout_record *r, struct error *err) {
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    FILE *file = fopen(path, "re");
    if (!file)
        return fail(err, ERR_USAGE, "cannot read %.200s: %m", path);
    char text[ROLLOUT_RULE_MAX + 2];
    size_t n = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[n] = '\0';
    if (n > ROLLOUT_RULE_MAX || strlen(text) != n)
        return fail(err, ERR_USAGE, "%.200s is no text of at most %d bytes", path, ROLLOUT_RULE_MAX);
    if (!script_check((struct str){text, n}, name, SEGMENT_FUNCTION, err))
        return false;
    memcpy(r->segment_rule, text, n + 1);
    snprintf(r->segment, sizeof r->segment, "rule=%s", name);
    return true;
}

bool deploy_segment_fill(const char *text, const struct config *config, struct store *store,
                         struct rollout_record *r, struct error *err) {
    struct segment segment;
    if (!*text || strlen(text) > ROLLOUT_NAME_MAX)
        return fail(err, ERR_USAGE, "segment has 1 to %d bytes", ROLLOUT_NAME_MAX);
    if (!segment_parse(str_from(text), &segment, err))
        return false;
    snprintf(r->segment, sizeof r->segment, "%s", text);
    switch (segment.kind) {
    case SEGMENT_CLIENTS: return check_clients(segment.clients, config, store, err);
    case SEGMENT_RULE: return keep_rule(segment.rule.p, r, err);
    default: return true;
    }
}
