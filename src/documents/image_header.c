#include "documents/image_header.h"

#include <string.h>

enum {
    JPEG_START = 0xD8,
    JPEG_END = 0xD9,
    JPEG_RESTART_FIRST = 0xD0,
    JPEG_RESTART_LAST = 0xD7,
    JPEG_TEMPORARY = 0x01,
    JPEG_SCAN = 0xDA,
    JPEG_EXIF = 0xE1,
    JPEG_FRAME_FIRST = 0xC0,
    JPEG_FRAME_LAST = 0xCF,
    JPEG_HUFFMAN = 0xC4,
    JPEG_EXTENSION = 0xC8,
    JPEG_ARITHMETIC = 0xCC,
};

static uint32_t byte_at(struct str s, size_t at) {
    return (unsigned char)s.p[at];
}

static uint32_t big16(struct str s, size_t at) {
    return byte_at(s, at) << 8 | byte_at(s, at + 1);
}

static uint32_t big32(struct str s, size_t at) {
    return big16(s, at) << 16 | big16(s, at + 2);
}

static bool is_frame(uint32_t marker) {
    return marker >= JPEG_FRAME_FIRST && marker <= JPEG_FRAME_LAST && marker != JPEG_HUFFMAN &&
           marker != JPEG_EXTENSION && marker != JPEG_ARITHMETIC;
}

/* Offset of the next marker's code behind entropy-coded data, or the length. In such data 0xFF is followed
 * by 0 or by a restart marker. */
static size_t skip_scan(struct str s, size_t at) {
    while (at + 1 < s.n) {
        const char *ff = memchr(s.p + at, 0xFF, s.n - at - 1);
        if (!ff)
            return s.n;
        at = (size_t)(ff - s.p) + 1;
        uint32_t code = byte_at(s, at);
        bool restart = code >= JPEG_RESTART_FIRST && code <= JPEG_RESTART_LAST;
        if (code == 0xFF)
            continue;
        if (code != 0 && !restart)
            return at - 1;
        at++;
    }
    return s.n;
}

static bool note_frame(struct str s, size_t at, size_t length, struct image_header *out, const char **why) {
    if (length < 8 || at + 7 > s.n)
        return *why = "the frame header is cut short", false;
    if (out->width == 0) {
        out->height = big16(s, at + 3);
        out->width = big16(s, at + 5);
    }
    return true;
}

static uint32_t number16(struct str s, size_t at, bool big) {
    return big ? big16(s, at) : byte_at(s, at) | byte_at(s, at + 1) << 8;
}

static uint32_t number32(struct str s, size_t at, bool big) {
    return big ? big32(s, at) : number16(s, at, false) | number16(s, at + 2, false) << 16;
}

/* The tag that tells how the camera was held, in the first directory of the segment; 0 when there is none.
 * Exif 2.3, section 4.6: a TIFF file behind six bytes. */
static uint32_t exif_orientation(struct str segment) {
    enum { ORIENTATION = 0x0112, ENTRY = 12, SHORT = 3 };
    if (segment.n < 14 || memcmp(segment.p, "Exif\0\0", 6) != 0)
        return 0;
    struct str tiff = str_slice(segment, 6, segment.n);
    bool big = tiff.p[0] == 'M';
    size_t at = number32(tiff, 4, big);
    if (at > tiff.n || tiff.n - at < 2)
        return 0;
    size_t entries = number16(tiff, at, big);
    for (at += 2; entries > 0 && tiff.n - at >= ENTRY; entries--, at += ENTRY) {
        uint32_t value = number16(tiff, at + 8, big);
        if (number16(tiff, at, big) == ORIENTATION && number16(tiff, at + 2, big) == SHORT)
            return value <= 8 ? value : 0;
    }
    return 0;
}

/* One marker segment at *at, which moves behind it. False when the walk ends: *why says so, or the end
 * marker or the end of the bytes was reached. */
static bool jpeg_segment(struct str s, size_t *at, struct image_header *out, const char **why) {
    if (*at + 1 >= s.n)
        return false;
    if (byte_at(s, *at) != 0xFF)
        return *why = "a marker was expected between two segments", false;
    uint32_t code = byte_at(s, *at + 1);
    if (code == 0xFF)
        return ++*at, true;
    *at += 2;
    if (code == JPEG_END) {
        out->complete = true;
        out->end = *at;
        return false;
    }
    if (code == JPEG_TEMPORARY || (code >= JPEG_RESTART_FIRST && code <= JPEG_RESTART_LAST))
        return true;
    if (code == 0 || code == JPEG_START)
        return *why = "an impossible marker stands between two segments", false;
    if (*at + 2 > s.n)
        return false;
    size_t length = big16(s, *at);
    if (length < 2)
        return *why = "a segment states an impossible length", false;
    if (is_frame(code) && !note_frame(s, *at, length, out, why))
        return false;
    if (length > s.n - *at)
        return false;
    if (code == JPEG_EXIF && !out->orientation)
        out->orientation = exif_orientation(str_slice(s, *at + 2, *at + length));
    *at += length;
    if (code == JPEG_SCAN) {
        if (out->width == 0)
            return *why = "pixels come before the frame header", false;
        *at = skip_scan(s, *at);
    }
    return true;
}

bool image_header_jpeg(struct str bytes, struct image_header *out, const char **why) {
    struct image_header found = {.end = bytes.n};
    if (bytes.n < 4 || big16(bytes, 0) != 0xFFD8)
        return *why = "it does not begin with the JPEG start marker", false;
    size_t at = 2;
    *why = NULL;
    while (jpeg_segment(bytes, &at, &found, why))
        continue;
    if (*why)
        return false;
    if (found.width == 0)
        return *why = found.complete ? "it holds no frame header" : "it ends before its frame header", false;
    if (found.height == 0)
        return *why = "it states a height of 0", false;
    *out = found;
    return true;
}

bool image_header_png(struct str bytes, struct image_header *out, const char **why) {
    static const char signature[8] = "\x89PNG\r\n\x1a\n";
    if (bytes.n < sizeof signature || memcmp(bytes.p, signature, sizeof signature) != 0)
        return *why = "it does not begin with the PNG signature", false;
    if (bytes.n < 33)
        return *why = "it ends inside its header (IHDR)", false;
    if (big32(bytes, 8) != 13 || memcmp(bytes.p + 12, "IHDR", 4) != 0)
        return *why = "its first chunk is not the header (IHDR)", false;
    struct image_header found = {.width = big32(bytes, 16), .height = big32(bytes, 20), .end = bytes.n};
    if (found.width == 0 || found.height == 0 || found.width > INT32_MAX || found.height > INT32_MAX)
        return *why = "its header states an impossible size", false;
    /* Chunk: length, type, data, checksum. libpng checks the sums, in the sandbox. */
    for (size_t at = 8; bytes.n - at >= 12;) {
        uint32_t length = big32(bytes, at);
        const char *type = bytes.p + at + 4;
        if (length > bytes.n - at - 12)
            break;
        at += 12 + (size_t)length;
        if (memcmp(type, "acTL", 4) == 0)
            found.animated = true;
        if (memcmp(type, "IEND", 4) == 0) {
            found.complete = true;
            found.end = at;
            break;
        }
    }
    *out = found;
    return true;
}

/* A number and the one white space behind it, at *at, which moves behind both. */
static bool pgm_number(struct str s, size_t *at, uint32_t *out) {
    uint32_t value = 0;
    size_t digits = 0;
    for (; *at < s.n && s.p[*at] >= '0' && s.p[*at] <= '9' && digits < 6; digits++)
        value = value * 10 + (uint32_t)(s.p[(*at)++] - '0');
    if (digits == 0 || *at >= s.n || !memchr(" \t\r\n", s.p[*at], 4))
        return false;
    ++*at;
    *out = value;
    return true;
}

bool image_header_pgm(struct str bytes, struct image_header *out, const char **why) {
    uint32_t width, height, most;
    size_t at = 3;
    if (bytes.n < 3 || memcmp(bytes.p, "P5", 2) != 0 || !memchr(" \t\r\n", bytes.p[2], 4))
        return *why = "it does not begin as a binary grey map", false;
    if (!pgm_number(bytes, &at, &width) || !pgm_number(bytes, &at, &height) ||
        !pgm_number(bytes, &at, &most) || width == 0 || height == 0 || most != 255)
        return *why = "its header states no possible size", false;
    if (bytes.n - at != (uint64_t)width * height)
        return *why = "it does not hold as many pixels as its header states", false;
    *out = (struct image_header){.width = width, .height = height, .complete = true, .end = bytes.n};
    return true;
}
