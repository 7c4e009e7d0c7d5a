#include "evals/suite_parts.h"

#include <ctype.h>

enum { FILE_PROMPT_MAX = 1 << 20 };

bool template_in(struct str text) {
    return str_find(text, STR("{{")) != SIZE_MAX || str_find(text, STR("{%")) != SIZE_MAX;
}

static struct str trimmed(struct str s) {
    while (s.n && isspace((unsigned char)s.p[0]))
        s = str_slice(s, 1, s.n);
    while (s.n && isspace((unsigned char)s.p[s.n - 1]))
        s.n--;
    return s;
}

static bool is_name(struct str s) {
    for (size_t i = 0; i < s.n; i++)
        if (!isalnum((unsigned char)s.p[i]) && s.p[i] != '_' && s.p[i] != '-')
            return false;
    return s.n > 0;
}

static bool add_value(struct suite_reader *r, struct str inside, const struct case_draft *d, unsigned line,
                      struct buf *out) {
    struct str name = trimmed(inside);
    int shown = (int)(name.n > 60 ? 60 : name.n);
    if (!is_name(name))
        return reader_wrong(r, line,
                            "\"{{%.*s}}\": a template takes the name of a variable and nothing else; "
                            "write \\{{ for two braces",
                            shown, name.p);
    for (size_t i = 0; i < d->c.variable_count; i++)
        if (str_eq(d->variables[i].name, name)) {
            buf_add_str(out, d->variables[i].value);
            return true;
        }
    return reader_wrong(r, line, "the case has no variable \"%.*s\", which its template wants", shown,
                        name.p);
}

bool template_fill(struct suite_reader *r, struct str text, const struct case_draft *d, unsigned line,
                   struct str *out) {
    AUTO_BUF filled = BUF_INIT(CASE_TEXT_MAX);
    if (!template_in(text))
        return reader_keep(r, text, out);
    for (size_t i = 0; i < text.n; i++) {
        struct str rest = str_slice(text, i, text.n);
        if (str_starts(rest, STR("\\{{"))) {
            buf_add_str(&filled, STR("{{"));
            i += 2;
        } else if (str_starts(rest, STR("{%"))) {
            return reader_wrong(r, line, "a template's \"{%%\": only {{variable}} is understood");
        } else if (str_starts(rest, STR("{{"))) {
            size_t end = str_find(rest, STR("}}"));
            if (end == SIZE_MAX)
                return reader_wrong(r, line, "a template's \"{{\" without its \"}}\"");
            if (!add_value(r, str_slice(rest, 2, end), d, line, &filled))
                return false;
            i += end + 1;
        } else
            buf_add_char(&filled, text.p[i]);
    }
    if (filled.failed)
        return reader_wrong(r, line, "out of memory, or more than %d bytes with the variables put in",
                            CASE_TEXT_MAX);
    return reader_keep(r, buf_str(&filled), out);
}

/* ---- prompts ---- */

static bool add_message(struct suite_reader *r, struct reader_prompt *p, struct str role, struct str text,
                        unsigned line) {
    static const char *const roles[] = {"system", "developer", "user", "assistant"};
    size_t i = 0;
    while (i < ARRAY_COUNT(roles) && !str_eq(role, str_from(roles[i])))
        i++;
    if (i == ARRAY_COUNT(roles) || !text.p)
        return reader_wrong(r, line,
                            "a message of a prompt: expected role (system, developer, user or assistant) and "
                            "content, a text");
    if (p->count == READER_MESSAGES_MAX)
        return reader_wrong(r, line, "a prompt of more than %d messages", READER_MESSAGES_MAX);
    struct prompt_message *m = &p->messages[p->count++];
    return reader_keep(r, role, &m->role) && reader_keep(r, text, &m->text);
}

/* A JSON array of messages, else false and nothing added: then it is a text. */
static bool read_json_messages(struct suite_reader *r, struct reader_prompt *p, struct str text,
                               unsigned line, bool *is_json) {
    struct error reason = {0};
    yyjson_doc *doc = json_parse(text, &reason);
    yyjson_val *list = doc ? yyjson_doc_get_root(doc) : NULL, *message;
    size_t i, max;
    bool good = doc || reason.code != ERR_NO_MEMORY || reader_no_memory(r);
    *is_json = yyjson_is_arr(list) && yyjson_is_obj(yyjson_arr_get_first(list));
    if (*is_json)
        yyjson_arr_foreach(list, i, max, message) {
            if (good)
                good = add_message(r, p, json_str_of(yyjson_obj_get(message, "role")),
                                   json_str_of(yyjson_obj_get(message, "content")), line);
        }
    yyjson_doc_free(doc);
    return good;
}

static bool read_prompt_text(struct suite_reader *r, struct reader_prompt *p, struct str text,
                             unsigned line) {
    bool is_json;
    if (!read_json_messages(r, p, trimmed(text), line, &is_json))
        return false;
    return is_json || add_message(r, p, STR("user"), text, line);
}

static struct reader_prompt *new_prompt(struct suite_reader *r, unsigned line) {
    if (r->prompt_count == READER_PROMPTS_MAX) {
        (void)reader_wrong(r, line, "more than %d prompts", READER_PROMPTS_MAX);
        return NULL;
    }
    struct reader_prompt *p = &r->prompts[r->prompt_count++];
    p->count = 0;
    return p;
}

/* What stands before the next line "---"; moves *rest behind it. */
static struct str next_part(struct str *rest) {
    const struct str all = *rest;
    for (struct str left = all; left.n;) {
        size_t at = all.n - left.n;
        if (str_eq(trimmed(str_split(&left, '\n')), STR("---"))) {
            *rest = left;
            return str_slice(all, 0, at);
        }
    }
    *rest = (struct str){"", 0};
    return all;
}

bool prompts_read_file(struct suite_reader *r, struct str name, unsigned line) {
    AUTO_BUF text = BUF_INIT(FILE_PROMPT_MAX + 1);
    char path[4096];
    bool parted = str_ends(name, STR(".txt"));
    if (!parted && !str_ends(name, STR(".json")) && !str_ends(name, STR(".md")))
        return reader_wrong(r, line, "a prompt's file ends in .txt, .md or .json");
    if (!reader_open(r, name, line, FILE_PROMPT_MAX, &text, path))
        return false;
    if (!str_is_utf8(buf_str(&text), NULL))
        return reader_wrong(r, line, "the prompt \"%.*s\" is not UTF-8", (int)(name.n > 80 ? 80 : name.n),
                            name.p);
    for (struct str rest = buf_str(&text); rest.n;) {
        struct str part = trimmed(parted ? next_part(&rest) : rest);
        if (!parted)
            rest.n = 0;
        if (part.n == 0)
            continue;
        struct reader_prompt *p = new_prompt(r, line);
        if (!p || !read_prompt_text(r, p, part, line))
            return false;
    }
    return true;
}

static bool read_message_list(struct suite_reader *r, struct reader_prompt *p, const yaml_node_t *list) {
    static const char *const keys[] = {"role", "content"};
    for (size_t i = 0; i < node_count(list); i++) {
        const yaml_node_t *m = node_item(r, list, i);
        if (!node_keys(r, m, "a message of a prompt", keys, ARRAY_COUNT(keys)) ||
            !add_message(r, p, node_text(node_member(r, m, "role")), node_text(node_member(r, m, "content")),
                         node_line(m)))
            return false;
    }
    return p->count > 0 || reader_wrong(r, node_line(list), "a prompt without messages");
}

bool prompt_read_node(struct suite_reader *r, const yaml_node_t *node) {
    struct str text = node_text(node);
    if (str_starts(text, STR("file://")))
        return prompts_read_file(r, str_slice(text, 7, text.n), node_line(node));
    struct reader_prompt *p = new_prompt(r, node_line(node));
    if (!p)
        return false;
    if (node_is_list(node))
        return read_message_list(r, p, node);
    if (!text.p)
        return reader_wrong(r, node_line(node), "a prompt: expected a text, or a list of messages");
    return read_prompt_text(r, p, text, node_line(node));
}

bool prompt_fill(struct suite_reader *r, const struct reader_prompt *p, const struct case_draft *d,
                 struct str *out) {
    AUTO_BUF json = BUF_INIT(6 * CASE_TEXT_MAX);
    struct json_writer w = JSON_WRITER(&json);
    json_array(&w);
    for (size_t i = 0; i < p->count; i++) {
        struct str text;
        if (!template_fill(r, p->messages[i].text, d, d->c.line, &text))
            return false;
        json_object(&w);
        json_field_str(&w, "role", p->messages[i].role);
        json_field_str(&w, "content", text);
        json_object_end(&w);
    }
    json_array_end(&w);
    return json.failed ? reader_no_memory(r) : reader_keep(r, buf_str(&json), out);
}
