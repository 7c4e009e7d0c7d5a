#include "documents/file_type.h"

#include "documents/image_header.h"

#include <errno.h>
#include <magic.h>
#include <pthread.h>
#include <string.h>
#include <strings.h>

enum { HEAD = 4096, PDF_HEADER_WITHIN = 1024, ZIP_END_WITHIN = 66000 };

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static bool key_made;

static void close_handle(void *handle) {
    magic_close(handle);
}

static void make_key(void) {
    key_made = pthread_key_create(&key, close_handle) == 0;
}

/* This thread's libmagic handle, or NULL. */
static magic_t handle_of_thread(void) {
    pthread_once(&once, make_key);
    if (!key_made)
        return NULL;
    magic_t handle = pthread_getspecific(key);
    if (handle)
        return handle;
    handle = magic_open(MAGIC_MIME_TYPE | MAGIC_NO_CHECK_COMPRESS | MAGIC_NO_CHECK_TAR | MAGIC_NO_CHECK_ELF);
    if (handle && (magic_load(handle, NULL) != 0 || pthread_setspecific(key, handle) != 0)) {
        magic_close(handle);
        handle = NULL;
    }
    return handle;
}

static struct str head_of(struct str s, size_t most) {
    return str_slice(s, 0, s.n < most ? s.n : most);
}

static bool contains(struct str s, struct str what) {
    return str_find(s, what) != SIZE_MAX;
}

/* The kind of file whose signature stands at the start of these bytes, or NULL. */
static const char *container_at(struct str s) {
    static const struct {
        struct str signature;
        const char *name;
    } containers[] = {
        {STR("%PDF-"), "a PDF"},
        {STR("PK\x03\x04"), "a ZIP archive"},
        {STR("Rar!\x1a"), "a RAR archive"},
        {STR("7z\xbc\xaf\x27\x1c"), "a 7z archive"},
        {STR("\x1f\x8b\x08"), "a gzip file"},
        {STR("\x7f"
             "ELF"),
         "an ELF program"},
        {STR("MZ"), "a Windows program"},
        {STR("#!"), "a script"},
        {STR("<?php"), "a PHP script"},
        {STR("<script"), "a web page"},
        {STR("<html"), "a web page"},
        {STR("\xca\xfe\xba\xbe"), "a program"},
        {STR("\xcf\xfa\xed\xfe"), "a program"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(containers); i++)
        if (str_starts(s, containers[i].signature))
            return containers[i].name;
    return NULL;
}

/* Looks at what follows the end of the real file: right at its start, behind padding, and, since a ZIP is
 * read from its end, for a ZIP's directory. */
static const char *hidden_behind(struct str tail) {
    while (tail.n > 0 && (tail.p[0] == '\0' || strchr(" \t\r\n", tail.p[0])))
        tail = str_slice(tail, 1, tail.n);
    const char *name = container_at(tail);
    if (name)
        return name;
    if (contains(tail, STR("%PDF-")))
        return "a PDF";
    size_t from = tail.n > ZIP_END_WITHIN ? tail.n - ZIP_END_WITHIN : 0;
    return contains(str_slice(tail, from, tail.n), STR("PK\x05\x06")) ? "a ZIP archive" : NULL;
}

static bool refuse_polyglot(struct error *err, const char *kind, const char *hidden) {
    return fail(err, ERR_FILE_TYPE,
                "the file is a %s with %s behind its end; a file must be one thing only: send a %s without "
                "anything appended",
                kind, hidden, kind);
}

static bool detect_image(struct str bytes, enum file_type type, const char *mime, enum file_type *out,
                         struct error *err) {
    const char *name = file_type_name(type), *why, *hidden;
    struct image_header header;
    bool jpeg = type == FILE_TYPE_JPEG;
    bool readable = jpeg ? image_header_jpeg(bytes, &header, &why) : image_header_png(bytes, &header, &why);
    if (!readable)
        return fail(err, ERR_FILE_CORRUPT,
                    "the file begins as a %s but cannot be one: %s; send it again intact", name, why);
    if (strcmp(mime, file_type_mime(type)) != 0)
        return fail(err, ERR_FILE_TYPE, "the file begins as a %s, but its content is %s; send a plain %s",
                    name, mime, name);
    if (contains(head_of(bytes, PDF_HEADER_WITHIN), STR("%PDF-")))
        return fail(err, ERR_FILE_TYPE, "the file is a %s and a PDF at once; send one or the other", name);
    hidden = hidden_behind(str_slice(bytes, header.end, bytes.n));
    if (hidden)
        return refuse_polyglot(err, name, hidden);
    *out = type;
    return true;
}

static bool detect_pdf(struct str bytes, size_t header_at, const char *mime, enum file_type *out,
                       struct error *err) {
    const char *other = header_at > 0 ? container_at(bytes) : NULL;
    /* Before a late header libmagic sees text or nothing known; any other verdict is a second file. */
    bool agreed =
        strcmp(mime, "application/pdf") == 0 ||
        (header_at > 0 && (strncmp(mime, "text/", 5) == 0 || strcmp(mime, "application/octet-stream") == 0));
    if (other || !agreed)
        return fail(err, ERR_FILE_TYPE,
                    "the file holds a PDF header at byte %zu but begins as %s; send the PDF alone", header_at,
                    other ? other : mime);
    const char *last_end = NULL, *end = bytes.p + bytes.n;
    for (const char *at = bytes.p; (at = memmem(at, (size_t)(end - at), "%%EOF", 5)); at += 5)
        last_end = at + 5;
    const char *hidden = last_end ? hidden_behind((struct str){last_end, (size_t)(end - last_end)}) : NULL;
    if (hidden)
        return refuse_polyglot(err, "PDF", hidden);
    *out = FILE_TYPE_PDF;
    return true;
}

static bool is_script(struct str bytes, const char *mime) {
    static const char *const scripts[] = {
        "text/html",   "text/x-shellscript",     "text/x-msdos-batch", "text/x-php",
        "text/x-perl", "application/javascript", "image/svg+xml",      "text/xml"};
    for (size_t i = 0; i < ARRAY_COUNT(scripts); i++)
        if (strcmp(mime, scripts[i]) == 0)
            return true;
    return str_starts(bytes, STR("#!"));
}

static bool has_control_bytes(struct str s) {
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if ((c < 0x20 && c != '\t' && c != '\n' && c != '\r' && c != '\f') || c == 0x7f)
            return true;
    }
    return false;
}

/* Whatever libmagic calls prose (it often sees a programming language in it), clean UTF-8 is text. */
static bool detect_text(struct str bytes, const char *mime, enum file_type *out, struct error *err) {
    size_t bad;
    const char *known = container_at(bytes);
    bool texty = strncmp(mime, "text/", 5) == 0 || strncmp(mime, "message/", 8) == 0 ||
                 strcmp(mime, "application/json") == 0 || strcmp(mime, "application/csv") == 0 ||
                 strcmp(mime, "application/x-ndjson") == 0 || strcmp(mime, "application/octet-stream") == 0;
    if (!texty || is_script(bytes, mime) || has_control_bytes(bytes))
        return fail(err, ERR_FILE_TYPE, "the file is %s; send a PDF, JPEG, PNG or plain text file",
                    known ? known : mime);
    if (!str_is_utf8(bytes, &bad))
        return fail(
            err, ERR_FILE_TYPE,
            "the file is neither a PDF, a JPEG, a PNG nor UTF-8 text (first byte that is not: offset %zu)",
            bad);
    *out = FILE_TYPE_TEXT;
    return true;
}

bool file_type_detect(struct str bytes, enum file_type *out, struct error *err) {
    if (bytes.n == 0)
        return fail(err, ERR_FILE_EMPTY,
                    "the file is empty (0 bytes); send a PDF, JPEG, PNG or plain text file");
    magic_t handle = handle_of_thread();
    if (!handle)
        return fail(err, ERR_INTERNAL,
                    "libmagic's database could not be loaded; is the package libmagic-mgc installed?");
    struct str head = head_of(bytes, HEAD);
    const char *mime = magic_buffer(handle, head.p, head.n);
    if (!mime) /* libmagic always has a name for what it has looked at */
        return fail(err, magic_errno(handle) == ENOMEM ? ERR_NO_MEMORY : ERR_INTERNAL,
                    "the file's type could not be looked at: %s", magic_error(handle));
    if (str_starts(bytes, STR("\xff\xd8\xff")))
        return detect_image(bytes, FILE_TYPE_JPEG, mime, out, err);
    if (str_starts(bytes, STR("\x89PNG\r\n\x1a\n")))
        return detect_image(bytes, FILE_TYPE_PNG, mime, out, err);
    size_t header_at = str_find(head_of(bytes, PDF_HEADER_WITHIN + 5), STR("%PDF-"));
    if (header_at != SIZE_MAX)
        return detect_pdf(bytes, header_at, mime, out, err);
    return detect_text(bytes, mime, out, err);
}

const char *file_type_name(enum file_type type) {
    switch (type) {
    case FILE_TYPE_PDF: return "PDF";
    case FILE_TYPE_JPEG: return "JPEG";
    case FILE_TYPE_PNG: return "PNG";
    case FILE_TYPE_TEXT: return "text";
    case FILE_TYPE_UNKNOWN: break;
    }
    return "unknown";
}

const char *file_type_mime(enum file_type type) {
    switch (type) {
    case FILE_TYPE_PDF: return "application/pdf";
    case FILE_TYPE_JPEG: return "image/jpeg";
    case FILE_TYPE_PNG: return "image/png";
    case FILE_TYPE_TEXT: return "text/plain";
    case FILE_TYPE_UNKNOWN: break;
    }
    return "application/octet-stream";
}
