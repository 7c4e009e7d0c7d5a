#include "config/document.h"

#include "config/config.h"

#include <stdarg.h>
#include <stdio.h>

static bool refuse(struct document_fault *fault, const yaml_mark_t *at, const char *format, ...)
    PRINTF_LIKE(3, 4);

static bool refuse(struct document_fault *fault, const yaml_mark_t *at, const char *format, ...) {
    fault->line = at ? (unsigned)at->line + 1 : 0;
    fault->column = at ? (unsigned)at->column + 1 : 0;
    va_list args;
    va_start(args, format);
    vsnprintf(fault->message, sizeof fault->message, format, args);
    va_end(args);
    return false;
}

static bool refuse_at_offset(struct document_fault *fault, struct str text, size_t offset, const char *what) {
    yaml_mark_t at = {0};
    for (size_t i = 0; i < offset; i++) {
        at.column++;
        if (text.p[i] == '\n') {
            at.line++;
            at.column = 0;
        }
    }
    return refuse(fault, &at, "%s", what);
}

/* Marks count characters; this finds the byte. */
static size_t offset_of(struct str text, const yaml_mark_t *at) {
    size_t i = 0;
    for (size_t line = 0; line < at->line && i < text.n; i++)
        line += text.p[i] == '\n';
    for (size_t column = 0; i < text.n; i++) {
        if (((unsigned char)text.p[i] & 0xC0) != 0x80 && column++ == at->column)
            break;
    }
    return i;
}

static bool refuse_syntax(struct document_fault *fault, struct str text, const yaml_parser_t *parser) {
    const yaml_mark_t *at = &parser->problem_mark;
    if (parser->error == YAML_MEMORY_ERROR)
        return refuse(fault, NULL, "out of memory while reading the file");
    const char *problem = parser->problem ? parser->problem : "unreadable";
    if (parser->error == YAML_READER_ERROR)
        return refuse_at_offset(fault, text,
                                parser->problem_offset < text.n ? parser->problem_offset : text.n, problem);
    /* What people get wrong most, and libyaml's words for it help nobody. */
    size_t offset = offset_of(text, at);
    if (offset < text.n && text.p[offset] == '\t')
        return refuse(fault, at, "a tab where YAML wants spaces; indent with spaces");
    if (parser->context && parser->context_mark.line != at->line)
        return refuse(fault, at, "not valid YAML: %s (%s that starts on line %zu)", problem, parser->context,
                      parser->context_mark.line + 1);
    return refuse(fault, at, "not valid YAML: %s", problem);
}

struct tally {
    unsigned documents, depth, values, anchors;
};

static bool count_start(struct tally *t, const yaml_event_t *e, const yaml_char_t *anchor,
                        const yaml_char_t *tag, bool opens, struct document_fault *fault) {
    if (tag)
        return refuse(fault, &e->start_mark, "the tag \"%.60s\" is not wanted here; write the plain value",
                      (const char *)tag);
    if (anchor && ++t->anchors > DOCUMENT_ANCHORS_MAX)
        return refuse(fault, &e->start_mark, "more than %d anchors", DOCUMENT_ANCHORS_MAX);
    if (opens && ++t->depth > DOCUMENT_DEPTH_MAX)
        return refuse(fault, &e->start_mark, "nested deeper than %d levels", DOCUMENT_DEPTH_MAX);
    return true;
}

static bool count_event(struct tally *t, const yaml_event_t *e, struct document_fault *fault) {
    if (++t->values > DOCUMENT_VALUES_MAX)
        return refuse(fault, &e->start_mark, "more than %d values", DOCUMENT_VALUES_MAX);
    switch (e->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (++t->documents > 1)
            return refuse(fault, &e->start_mark,
                          "a second document (---); the configuration is one document in one file");
        return true;
    case YAML_SCALAR_EVENT: return count_start(t, e, e->data.scalar.anchor, e->data.scalar.tag, false, fault);
    case YAML_SEQUENCE_START_EVENT:
        return count_start(t, e, e->data.sequence_start.anchor, e->data.sequence_start.tag, true, fault);
    case YAML_MAPPING_START_EVENT:
        return count_start(t, e, e->data.mapping_start.anchor, e->data.mapping_start.tag, true, fault);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT: t->depth--; return true;
    default: return true;
    }
}

static bool open_parser(yaml_parser_t *parser, struct str text, struct document_fault *fault) {
    if (!yaml_parser_initialize(parser))
        return refuse(fault, NULL, "out of memory while reading the file");
    yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(parser, (const unsigned char *)text.p, text.n);
    return true;
}

static bool within_bounds(struct str text, struct document_fault *fault) {
    yaml_parser_t parser;
    if (!open_parser(&parser, text, fault))
        return false;
    struct tally tally = {0};
    bool good = true, ended = false;
    while (good && !ended) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event)) {
            good = refuse_syntax(fault, text, &parser);
            break;
        }
        good = count_event(&tally, &event, fault);
        ended = event.type == YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    return good;
}

bool document_read(struct str text, yaml_document_t *out, struct document_fault *fault) {
    size_t bad;
    if (text.n > CONFIG_FILE_MAX)
        return refuse(fault, NULL, "larger than %d bytes", CONFIG_FILE_MAX);
    if (!str_is_utf8(text, &bad))
        return refuse_at_offset(fault, text, bad, "a byte that is not UTF-8; save the file as UTF-8");
    if (!within_bounds(text, fault))
        return false;
    yaml_parser_t parser;
    if (!open_parser(&parser, text, fault))
        return false;
    bool good = yaml_parser_load(&parser, out) || refuse_syntax(fault, text, &parser);
    yaml_parser_delete(&parser);
    return good;
}
