#include "store/history_json.h"

#include "base/clock.h"

/* Written by Penstock; a row that somebody else wrote into is shown as the text it is. */
static void write_json(struct json_writer *w, const char *name, const char *text) {
    yyjson_doc *doc = *text ? json_parse(str_from(text), NULL) : NULL;
    json_key(w, name);
    if (doc)
        json_raw(w, str_from(text));
    else
        json_text(w, *text ? text : NULL);
    yyjson_doc_free(doc);
}

void history_write(const struct change *c, struct json_writer *w) {
    char time[CLOCK_TEXT_SIZE], hash[SHA256_HEX_SIZE];
    clock_format(c->at, time);
    sha256_hex(c->hash, hash);
    json_object(w);
    json_field_int(w, "number", c->number);
    json_field_text(w, "id", c->id);
    json_field_text(w, "at", time);
    json_field_text(w, "class", change_class_name(c->class));
    json_field_text(w, "endpoint", c->endpoint);
    json_field_text(w, "what", c->what);
    json_field_text(w, "who", c->who);
    json_field_text(w, "why", c->why);
    write_json(w, "before", c->before);
    write_json(w, "after", c->after);
    json_field_text(w, "hash", hash);
    json_object_end(w);
}

void history_write_serving(const struct change *c, struct json_writer *w) {
    char time[CLOCK_TEXT_SIZE];
    clock_format(c->at, time);
    json_object(w);
    json_field_text(w, "endpoint", c->endpoint);
    json_field_text(w, "since", time);
    json_field_text(w, "why", c->why);
    write_json(w, "serving", c->after);
    json_object_end(w);
}
