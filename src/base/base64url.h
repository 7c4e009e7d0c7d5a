/* Bytes as text for headers, cookies and URLs: base64url (RFC 4648, section 5) without padding. Any thread.
 */
#pragma once

#include <stddef.h>

/* Four characters for each three bytes, begun ones too, and a terminating NUL: 44 for 32 bytes. */
void base64url(const unsigned char *bytes, size_t n, char *out);
