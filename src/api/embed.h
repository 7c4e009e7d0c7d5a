/* Files of the source tree inside the binary: EMBED(openapi, "api/openapi.json") defines
 * `static struct str openapi(void)`. The path is relative to src/ (the assembler gets it by -I). */
#pragma once

#include "base/str.h"

#define EMBED(name, path)                                                                                    \
    __asm__(".section .rodata\n"                                                                             \
            ".local embedded_" #name "\n"                                                                    \
            "embedded_" #name ":\n"                                                                          \
            ".incbin \"" path "\"\n"                                                                         \
            ".local embedded_" #name "_end\n"                                                                \
            "embedded_" #name "_end:\n"                                                                      \
            ".byte 0\n"                                                                                      \
            ".previous\n");                                                                                  \
    extern const char embedded_##name[] __attribute__((visibility("hidden")));                               \
    extern const char embedded_##name##_end[] __attribute__((visibility("hidden")));                         \
    static struct str name(void) {                                                                           \
        return (struct str){embedded_##name, (size_t)(embedded_##name##_end - embedded_##name)};             \
    }                                                                                                        \
    struct embed_needs_a_semicolon_##name
