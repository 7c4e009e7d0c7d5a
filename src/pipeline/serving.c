#include "pipeline/serving.h"

#include "base/buf.h"
#include "store/registry.h"

#include <stdio.h>
#include <string.h>

static void add_name(struct buf *out, const char *name) {
    buf_add_str(out, str_from(name));
    buf_add_char(out, '\0');
}

void serving_base(const struct config_endpoint *e, char hash[SHA256_HEX_SIZE]) {
    unsigned char digest[SHA256_SIZE];
    AUTO_BUF text = BUF_INIT(1 << 20);
    for (size_t i = 0; i < e->rollout_count; i++) {
        const struct config_share *s = &e->rollout[i];
        add_name(&text, s->target.upstream.text);
        add_name(&text, s->target.model.text);
        add_name(&text, s->target.prompt.text);
        buf_printf(&text, "%.6f", s->weight);
    }
    sha256(buf_str(&text), digest);
    sha256_hex(digest, hash);
}

static void share(struct serving *out, double candidate) {
    out->references[0] = out->rollout.stable;
    out->references[1] = out->rollout.candidate;
    out->weights[0] = 1 - candidate;
    out->weights[1] = candidate;
    out->count = 2;
}

bool serving_of(struct store *s, const struct config_endpoint *e, struct serving *out, struct error *err) {
    struct rollout_record *r = &out->rollout;
    char base[SHA256_HEX_SIZE];
    bool found;
    *out = (struct serving){0};
    if (!rollouts_newest(s, e->name, &found, r, err))
        return false;
    serving_base(e, base);
    if (!found || strcmp(r->base, base) != 0)
        return true;
    out->rolled = true;
    switch (r->state) {
    case ROLLOUT_RUNNING: share(out, r->weight); return true;
    case ROLLOUT_PROMOTED:
        if (*r->segment) { /* for those only */
            share(out, 1);
            return true;
        }
        out->references[0] = r->candidate;
        break;
    default: out->references[0] = r->stable; break;
    }
    out->weights[0] = 1;
    out->count = 1;
    return true;
}

bool serving_shadow(struct store *s, const struct config_endpoint *e, bool *found, struct rollout_record *out,
                    struct error *err) {
    char base[SHA256_HEX_SIZE];
    if (!rollouts_shadow(s, e->name, found, out, err))
        return false;
    serving_base(e, base);
    *found = *found && strcmp(out->base, base) == 0;
    return true;
}

static bool configured(struct store *s, const struct config_endpoint *e, char *reference, size_t size,
                       struct error *err) {
    const struct config_target *t = &e->rollout[0].target;
    struct version_record record;
    if (e->rollout_count > 1)
        return fail(
            err, ERR_CONFLICT,
            "Endpoint \"%s\" is shared by %zu models in its configuration; a rollout takes over from one. "
            "Leave one of them in `rollout` first.",
            e->name, e->rollout_count);
    if (t->upstream.text) {
        snprintf(reference, size, "%s/%s%s%s", t->upstream.text, t->model.text, t->prompt.text ? "#" : "",
                 t->prompt.text ? t->prompt.text : "");
        return true;
    }
    if (!registry_find_serving(s, e->name, t->model.name, t->model.version, &record, err))
        return false;
    snprintf(reference, size, "%s@%u", record.name, record.version);
    version_record_clear(&record);
    return true;
}

bool serving_alone(struct store *s, const struct config_endpoint *e, char reference[ROLLOUT_NAME_MAX + 1],
                   struct error *err) {
    struct serving now;
    if (!serving_of(s, e, &now, err))
        return false;
    if (!now.rolled)
        return configured(s, e, reference, ROLLOUT_NAME_MAX + 1, err);
    if (now.count > 1 && now.rollout.state == ROLLOUT_PROMOTED)
        return fail(
            err, ERR_CONFLICT,
            "Endpoint \"%s\" is served by two: %s for %s, and %s for the others. \"penstock promote\" gives "
            "all of it to the first, \"penstock rollback\" to the second.",
            e->name, now.references[1], now.rollout.segment, now.references[0]);
    snprintf(reference, ROLLOUT_NAME_MAX + 1, "%s", now.references[0]);
    return true;
}

bool serving_parse(const char *reference, const struct config_place *place, struct serving_target *out,
                   struct error *err) {
    struct config_target *t = &out->target;
    struct error why;
    char name[REFERENCE_NAME_MAX + 1];
    *out = (struct serving_target){
        .target = {.model.place = *place, .upstream.place = *place, .prompt.place = *place}};
    if (strlen(reference) >= sizeof out->text)
        return fail(err, ERR_USAGE, "\"%.60s…\" is longer than %d characters", reference, ROLLOUT_NAME_MAX);
    memcpy(out->text, reference, strlen(reference) + 1);
    char *slash = strchr(out->text, '/');
    if (!slash) {
        if (!registry_parse_reference(str_from(out->text), name, &t->model.version, &why))
            return fail(err, ERR_USAGE, "%s", why.message);
        t->model.text = t->model.name = out->text;
        char *at = strchr(out->text, '@');
        if (at && t->model.version) /* else an alias, which the name keeps */
            *at = '\0';
        return true;
    }
    *slash = '\0';
    t->upstream.text = out->text;
    t->model.text = slash + 1;
    char *prompt = strrchr(slash + 1, '#');
    if (prompt) {
        *prompt = '\0';
        t->prompt.text = prompt + 1;
    }
    return (*out->text && *t->model.text) ||
           fail(err, ERR_USAGE,
                "\"%s\" is neither NAME@VERSION nor UPSTREAM/MODEL or UPSTREAM/MODEL#PROMPT@VERSION",
                reference);
}
