/* Prompt templates: a YAML front matter that names typed variables, then the messages of each role with
 * {{variable}} in their text. A value never leaves the message that it was written for: the template is cut
 * into messages before values are put in, and the result is JSON by a writer, not by pasting. Immutable once
 * parsed; any thread may render.
 *
 *   ---
 *   name: support-reply
 *   description: answers a customer
 *   variables:
 *     - {name: question, type: string, max_length: 4000}
 *     - {name: tone, type: enum, values: [friendly, brief], default: friendly}
 *     - {name: order, type: json, required: false}
 *   ---
 *   system:
 *   You answer for a shop, in a {{tone}} tone.
 *   {{#if order}}The order: {{order}}{{/if}}
 *   user:
 *   {{question}}
 *
 * A role stands on a line of its own with a colon: system, developer, user, assistant. "{{!" comments }} go;
 * "\{{" is two braces. {{#if v}}…{{else}}…{{/if}} may not nest: present, not false and not empty is true. */
#pragma once

#include "base/buf.h"
#include "base/error.h"
#include "base/json.h"

struct prompt;

enum {
    PROMPT_BYTES_MAX = 256 << 10,
    PROMPT_VARIABLES_MAX = 64,
    PROMPT_MESSAGES_MAX = 64,
    PROMPT_NAME_MAX = 64
};

enum prompt_type { PROMPT_STRING, PROMPT_INTEGER, PROMPT_NUMBER, PROMPT_BOOLEAN, PROMPT_ENUM, PROMPT_JSON };

/* ERR_DATA with the line at fault. */
struct prompt *prompt_parse(struct str text, struct error *err) MUST_USE;
struct prompt *prompt_ref(struct prompt *p);
void prompt_unref(struct prompt *p); /* NULL is fine */

const char *prompt_name(const struct prompt *p);
const char *prompt_description(const struct prompt *p); /* "" none */

struct prompt_variable {
    const char *name;
    enum prompt_type type;
    bool required;     /* no default and not declared optional */
    size_t max_length; /* bytes of the value as written into the text */
};
size_t prompt_variables(const struct prompt *p);
struct prompt_variable prompt_variable_at(const struct prompt *p, size_t i);

/* Adds the messages, each {"role":…,"content":…} with commas between them and without the brackets, so that a
 * caller can put others behind. `values`: an object (NULL: empty). ERR_INVALID_FIELD with the variable in
 * err->param where one is missing, unknown, too long or of another type. On failure nothing is added. */
bool prompt_render(const struct prompt *p, yyjson_val *values, struct buf *out, struct error *err) MUST_USE;

/* For the command line, where every value is text: "3" is an integer where one is declared, JSON where json
 * is. Adds the member `"name":value` to an object under construction. */
bool prompt_value_from_text(const struct prompt *p, struct str name, struct str text, struct json_writer *w,
                            struct error *err) MUST_USE;
