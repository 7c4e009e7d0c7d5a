#include "base/error.h"

#include "base/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    int status;
    const char *name;
    const char *type;
    bool retryable;
} table[ERR_COUNT] = {[ERR_NONE] = {200, "none", "none", false},
#define X(code, status, name, type, retryable) [code] = {status, name, type, retryable},
                      ERROR_TABLE(X)
#undef X
};

/* A message cut in the middle of a UTF-8 sequence would make a reply invalid JSON. */
static void cut_to_whole_character(char *text, size_t length) {
    size_t start = length;
    while (start > 0 && ((unsigned char)text[start - 1] & 0xC0) == 0x80)
        start--;
    if (start == 0)
        return;
    unsigned char lead = (unsigned char)text[start - 1];
    size_t need = lead < 0x80 ? 1 : lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    if (start - 1 + need > length)
        text[start - 1] = '\0';
}

static void fill(struct error *err, enum error_code code, const char *param, const char *format,
                 va_list args) {
    err->code = code;
    err->retry_after_ms = 0;
    snprintf(err->param, sizeof err->param, "%s", param);
    cut_to_whole_character(err->param, strlen(err->param));
    int wanted = vsnprintf(err->message, sizeof err->message, format, args);
    if (wanted >= (int)sizeof err->message)
        cut_to_whole_character(err->message, sizeof err->message - 1);
}

bool(fail)(struct error *err, enum error_code code, const char *format, ...) {
    if (err) {
        va_list args;
        va_start(args, format);
        fill(err, code, "", format, args);
        va_end(args);
    }
    return false;
}

bool(fail_at)(struct error *err, enum error_code code, const char *param, const char *format, ...) {
    if (err) {
        va_list args;
        va_start(args, format);
        fill(err, code, param, format, args);
        va_end(args);
    }
    return false;
}

bool(fail_within)(struct error *err, const char *format, ...) {
    if (!err)
        return false;
    char inner[ERROR_MESSAGE_MAX];
    memcpy(inner, err->message, sizeof inner);
    va_list args;
    va_start(args, format);
    int used = vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    if (used >= 0 && used < (int)sizeof err->message) {
        size_t room = sizeof err->message - (size_t)used;
        if (snprintf(err->message + used, room, ": %s", inner) >= (int)room)
            cut_to_whole_character(err->message, sizeof err->message - 1);
    }
    return false;
}

int error_status(enum error_code code) {
    CHECK(code < ERR_COUNT);
    return table[code].status;
}

const char *error_name(enum error_code code) {
    CHECK(code < ERR_COUNT);
    return table[code].name;
}

const char *error_type(enum error_code code) {
    CHECK(code < ERR_COUNT);
    return table[code].type;
}

bool error_retryable(enum error_code code) {
    CHECK(code < ERR_COUNT);
    return table[code].retryable;
}
