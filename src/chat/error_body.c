#include "chat/error_body.h"

/* https://docs.anthropic.com/en/api/errors */
static const char *anthropic_type(const struct error *err) {
    switch (error_status(err->code)) {
    case 401: return "authentication_error";
    case 403: return "permission_error";
    case 404: return "not_found_error";
    case 413: return "request_too_large";
    case 429: return err->code == ERR_QUOTA ? "billing_error" : "rate_limit_error";
    case 503: return "overloaded_error";
    case 408:
    case 504: return "timeout_error";
    default: return error_status(err->code) < 500 ? "invalid_request_error" : "api_error";
    }
}

static void write_openai(struct json_writer *w, const struct error *err, const char *request_id) {
    json_object(w);
    json_field_text(w, "message", err->message);
    json_field_text(w, "type", error_type(err->code));
    json_field_text(w, "param", err->param[0] ? err->param : NULL);
    json_field_text(w, "code", error_name(err->code));
    if (request_id)
        json_field_text(w, "request_id", request_id);
    json_object_end(w);
}

static void write_body(struct json_writer *w, enum chat_surface surface, const struct error *err,
                       const char *request_id) {
    json_object(w);
    if (surface != CHAT_MESSAGES) {
        json_key(w, "error");
        write_openai(w, err, request_id);
        json_object_end(w);
        return;
    }
    json_field_text(w, "type", "error");
    json_key(w, "error");
    json_object(w);
    json_field_text(w, "type", anthropic_type(err));
    json_field_text(w, "message", err->message);
    json_object_end(w);
    json_field_text(w, "request_id", request_id);
    json_object_end(w);
}

void chat_error_body(enum chat_surface surface, const struct error *err, const char *request_id,
                     struct buf *out) {
    write_body(&JSON_WRITER(out), surface, err, request_id);
}

void chat_error_event(enum chat_surface surface, const struct error *err, const char *request_id,
                      int64_t sequence, struct buf *out) {
    struct json_writer w = JSON_WRITER(out);
    if (surface == CHAT_MESSAGES || surface == CHAT_RESPONSES)
        buf_add_str(out, STR("event: error\n"));
    buf_add_str(out, STR("data: "));
    if (surface == CHAT_RESPONSES) {
        /* Documented flat; OpenAI's own client raises on "error", others read the flat members. */
        json_object(&w);
        json_field_text(&w, "type", "error");
        json_field_int(&w, "sequence_number", sequence);
        json_field_text(&w, "code", error_name(err->code));
        json_field_text(&w, "message", err->message);
        json_field_text(&w, "param", err->param[0] ? err->param : NULL);
        json_key(&w, "error");
        write_openai(&w, err, request_id);
        json_object_end(&w);
    } else {
        write_body(&w, surface, err, request_id);
    }
    buf_add_str(out, STR("\n\n"));
}
