#include "config/describe.h"

#include "config/options.h"

static void describe_group(const struct option_group *g, const char *item, struct json_writer *w);

static int64_t number_at(const char *at) {
    int64_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static const char *text_at(const char *at) {
    const char *value;
    memcpy(&value, at, sizeof value);
    return value;
}

static void describe_number(const struct option *o, int64_t value, struct json_writer *w) {
    char text[VALUE_TEXT_SIZE];
    if (o->type == OPTION_INTEGER) {
        json_int(w, value);
        return;
    }
    if (o->type == OPTION_DURATION)
        value_duration_text(value, text);
    else if (o->type == OPTION_SIZE)
        value_size_text(value, text);
    else
        value_usd_text(value, text);
    json_text(w, text);
}

static void describe_words(const struct option *o, const char *at, struct json_writer *w) {
    unsigned bits;
    memcpy(&bits, at, sizeof bits);
    json_array(w);
    for (unsigned i = 0; o->words[i]; i++)
        if (bits & 1u << i)
            json_text(w, o->words[i]);
    json_array_end(w);
}

static void describe_items(const struct option *o, const char *item, struct json_writer *w) {
    const char *first = text_at(item + o->offset);
    size_t count;
    memcpy(&count, item + o->companion, sizeof count);
    json_array(w);
    for (size_t i = 0; i < count; i++)
        describe_group(o->group, first + i * o->group->size, w);
    json_array_end(w);
}

static void describe_value(const struct option *o, const char *item, struct json_writer *w) {
    const char *at = item + o->offset;
    switch (o->type) {
    case OPTION_BOOL: json_bool(w, *(const bool *)at); break;
    case OPTION_INTEGER:
    case OPTION_DURATION:
    case OPTION_SIZE:
    case OPTION_USD: describe_number(o, number_at(at), w); break;
    case OPTION_PERCENT: {
        double share;
        memcpy(&share, at, sizeof share);
        json_fixed(w, share, 6);
        break;
    }
    case OPTION_ENUM: {
        int word;
        memcpy(&word, at, sizeof word);
        json_text(w, o->words[word]);
        break;
    }
    case OPTION_SET: describe_words(o, at, w); break;
    case OPTION_STRING:
    case OPTION_PATH:
    case OPTION_SOCKET:
    case OPTION_MODEL: json_text(w, text_at(at)); break; /* a model's text stands first */
    case OPTION_SECRET: json_text(w, text_at(at) ? "set" : NULL); break;
    case OPTION_SECTION: describe_group(o->group, at, w); break;
    case OPTION_LIST:
    case OPTION_MAP: describe_items(o, item, w); break;
    case OPTION_ADDRESSES: json_null(w); break; /* no endpoint has any */
    }
}

static bool is_given(const struct option *o, const char *item) {
    return !(o->flags & OPTION_MARKED) || *(const bool *)(item + o->companion);
}

static void describe_group(const struct option_group *g, const char *item, struct json_writer *w) {
    json_object(w);
    for (size_t i = 0; i < g->count; i++) {
        const struct option *o = &g->options[i];
        json_key(w, o->name);
        if (is_given(o, item))
            describe_value(o, item, w);
        else
            json_null(w);
    }
    json_object_end(w);
}

void config_describe_endpoint(const struct config_endpoint *e, struct json_writer *w) {
    describe_group(&option_endpoint, (const char *)e, w);
}
