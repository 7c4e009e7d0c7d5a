/* The one result type. A fallible function returns bool, is MUST_USE, writes its outputs only on
 * success, and on failure fills a struct error: a stable code and a message for the person who can
 * act on it (what, where, what was expected, what to do). The table below is the only place that
 * knows each code's HTTP status, public name and type. Plain values; any thread. */
#pragma once

#include "base/attributes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* X(code, HTTP status, public code, public type, retryable) */
#define ERROR_TABLE(X)                                                                                       \
    /* The request itself */                                                                                 \
    X(ERR_BAD_REQUEST, 400, "bad_request", "invalid_request_error", 0)                                       \
    X(ERR_INVALID_JSON, 400, "invalid_json", "invalid_request_error", 0)                                     \
    X(ERR_INVALID_FIELD, 400, "invalid_field", "invalid_request_error", 0)                                   \
    X(ERR_MISSING_FIELD, 400, "missing_field", "invalid_request_error", 0)                                   \
    X(ERR_INVALID_MULTIPART, 400, "invalid_multipart", "invalid_request_error", 0)                           \
    X(ERR_INVALID_FEATURES, 400, "invalid_features", "invalid_request_error", 0)                             \
    X(ERR_INVALID_TEXT, 400, "invalid_text", "invalid_request_error", 0)                                     \
    X(ERR_METHOD, 405, "method_not_allowed", "invalid_request_error", 0)                                     \
    X(ERR_NOT_FOUND, 404, "not_found", "not_found_error", 0)                                                 \
    X(ERR_CONFLICT, 409, "conflict", "invalid_request_error", 0)                                             \
    X(ERR_TIMEOUT_REQUEST, 408, "request_timeout", "invalid_request_error", 1)                               \
    X(ERR_HEAD_TOO_LARGE, 431, "headers_too_large", "invalid_request_error", 0)                              \
    X(ERR_BODY_TOO_LARGE, 413, "body_too_large", "invalid_request_error", 0)                                 \
    X(ERR_EXPECTATION, 417, "expectation_failed", "invalid_request_error", 0)                                \
    X(ERR_HTTP_VERSION, 505, "http_version_not_supported", "invalid_request_error", 0)                       \
    /* Who is asking */                                                                                      \
    X(ERR_NO_KEY, 401, "missing_api_key", "authentication_error", 0)                                         \
    X(ERR_WRONG_KEY, 401, "invalid_api_key", "authentication_error", 0)                                      \
    X(ERR_SESSION, 401, "session_ended", "authentication_error", 0)                                          \
    X(ERR_FORBIDDEN, 403, "permission_denied", "permission_error", 0)                                        \
    X(ERR_CSRF, 403, "wrong_csrf_token", "permission_error", 0)                                              \
    X(ERR_ORIGIN, 403, "other_origin", "permission_error", 0)                                                \
    X(ERR_RATE_LIMIT, 429, "rate_limit_exceeded", "rate_limit_error", 1)                                     \
    X(ERR_BUDGET, 429, "budget_exceeded", "insufficient_quota", 1)                                           \
    /* Documents */                                                                                          \
    X(ERR_FILE_EMPTY, 400, "file_empty", "invalid_request_error", 0)                                         \
    X(ERR_FILE_TYPE, 415, "unsupported_file_type", "invalid_request_error", 0)                               \
    X(ERR_FILE_CORRUPT, 400, "file_corrupt", "invalid_request_error", 0)                                     \
    X(ERR_FILE_ENCRYPTED, 400, "file_encrypted", "invalid_request_error", 0)                                 \
    X(ERR_FILE_MALWARE, 400, "malware_found", "invalid_request_error", 0)                                    \
    X(ERR_TOO_MANY_PAGES, 400, "too_many_pages", "invalid_request_error", 0)                                 \
    X(ERR_IMAGE_SIZE, 400, "image_size", "invalid_request_error", 0)                                         \
    X(ERR_DOCUMENT_TIMEOUT, 422, "document_timeout", "invalid_request_error", 0)                             \
    X(ERR_DOCUMENT_TOO_COMPLEX, 422, "document_too_complex", "invalid_request_error", 0)                     \
    X(ERR_DOCUMENT_UNREADABLE, 422, "document_unreadable", "invalid_request_error", 0)                       \
    X(ERR_SCAN_UNAVAILABLE, 503, "malware_scan_unavailable", "server_error", 1)                              \
    /* Our own state */                                                                                      \
    X(ERR_INTERNAL, 500, "internal_error", "server_error", 0)                                                \
    X(ERR_NO_MEMORY, 503, "out_of_memory", "server_error", 1)                                                \
    X(ERR_OVERLOADED, 503, "overloaded", "overloaded_error", 1)                                              \
    X(ERR_STORE, 503, "storage_unavailable", "server_error", 1)                                              \
    X(ERR_DRAINING, 503, "shutting_down", "server_error", 1)                                                 \
    X(ERR_DEADLINE, 504, "deadline_exceeded", "server_error", 1)                                             \
    X(ERR_MODEL, 503, "model_unavailable", "server_error", 1)                                                \
    X(ERR_UPSTREAM, 502, "upstream_failed", "server_error", 1)                                               \
    X(ERR_INVALID_OUTPUT, 502, "invalid_output", "server_error", 1)                                          \
    X(ERR_QUOTA, 429, "insufficient_quota", "insufficient_quota", 0)                                         \
    X(ERR_CONTEXT_LENGTH, 400, "context_length_exceeded", "invalid_request_error", 0)                        \
    X(ERR_CANCELLED, 499, "cancelled", "server_error", 0)                                                    \
    /* Command line and files of the operator's own */                                                       \
    X(ERR_CONFIG, 500, "configuration", "server_error", 0)                                                   \
    X(ERR_IO, 500, "input_output", "server_error", 0)                                                        \
    X(ERR_DATA, 500, "data", "server_error", 0)                                                              \
    X(ERR_ARTEFACT, 500, "artefact", "server_error", 0)                                                      \
    X(ERR_USAGE, 500, "usage", "server_error", 0)

enum error_code {
    ERR_NONE = 0,
#define X(code, status, name, type, retryable) code,
    ERROR_TABLE(X)
#undef X
        ERR_COUNT
};

enum { ERROR_MESSAGE_MAX = 480, ERROR_PARAM_MAX = 96 };

struct error {
    enum error_code code;
    uint32_t retry_after_ms;         /* 0: unknown */
    char param[ERROR_PARAM_MAX];     /* the field, key or option at fault; may be empty */
    char message[ERROR_MESSAGE_MAX]; /* one line of UTF-8 */
};

/* Fills *err (which may be NULL) and returns false, so that `return fail(err, …)` reads as it should. */
bool fail(struct error *err, enum error_code code, const char *format, ...) PRINTF_LIKE(3, 4);

/* The same, naming the field at fault. */
bool fail_at(struct error *err, enum error_code code, const char *param, const char *format, ...)
    PRINTF_LIKE(4, 5);

/* Puts "context: " before the message of an error that is passed upward; returns false. */
bool fail_within(struct error *err, const char *format, ...) PRINTF_LIKE(2, 3);

int error_status(enum error_code code);
const char *error_name(enum error_code code); /* public code, as in a reply's error.code */
const char *error_type(enum error_code code);
bool error_retryable(enum error_code code);

/* Lets the compiler see at each `return fail(…)` that what it returns is false. */
#define fail(...)                                                                                            \
    ({                                                                                                       \
        (fail)(__VA_ARGS__);                                                                                 \
        false;                                                                                               \
    })
#define fail_at(...)                                                                                         \
    ({                                                                                                       \
        (fail_at)(__VA_ARGS__);                                                                              \
        false;                                                                                               \
    })
#define fail_within(...)                                                                                     \
    ({                                                                                                       \
        (fail_within)(__VA_ARGS__);                                                                          \
        false;                                                                                               \
    })
