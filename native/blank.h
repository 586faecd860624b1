/*
 * Memory that is no file's, to read small files into: it is given up as a mapping is, by what mapping.h has for those.
 *
 * There is no Node-API in here.
 */
#ifndef SLIDEMAP_BLANK_H
#define SLIDEMAP_BLANK_H

#include <stddef.h>

/*
 * Empty pages, which take memory when they are written to first: large ones, where there is room for any and the OS
 * has them. A fault takes as long as reading 4 KiB does, and 2 MiB then cost one.
 *
 * length: bytes, at least 1.
 * start:  set on success only; the caller's to unmap (memory_unmap) or to cover.
 *
 * OS_ENOSYS on Windows: a view of a file is given up there by other calls than memory of the process's own.
 */
int memory_blank(size_t length, void **start);

#endif
