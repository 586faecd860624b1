/*
 * Delimiters in bulk. There is no Node-API in here, and nothing but the bytes given is read.
 */
#ifndef SLIDEMAP_SCAN_H
#define SLIDEMAP_SCAN_H

#include <stddef.h>
#include <stdint.h>

/*
 * Find every delimiter in bytes[0, length), from left to right and none overlapping another, until `most` are
 * found. Answers how many there are; positions[i] is where number i begins.
 *
 * length:    below 2^32
 * width:     bytes of the delimiter, 1 or more
 * positions: the caller's, room for `most`
 *
 * On any thread. The bytes may be a mapping that is covered or cut short meanwhile: what reads as zeros then is
 * searched as zeros.
 */
size_t scan(const uint8_t *bytes, size_t length, const uint8_t *delimiter, size_t width, uint32_t *positions,
            size_t most);

#endif
