#include "scan.h"

#include <string.h>

/*
 * Sixteen bytes are compared at a time, four times over: a bit for each byte that is the delimiter. Both instruction
 * sets are part of their architectures' baselines. Elsewhere memchr does it, one delimiter a call.
 */
#if defined(__SSE2__) || defined(_M_X64)
#include <emmintrin.h>
#define SCAN_BLOCKS

typedef __m128i needle_t;

static inline needle_t needle_of(uint8_t byte)
{
  return _mm_set1_epi8((char)byte);
}

static inline uint64_t matches16(const uint8_t *at, needle_t needle)
{
  __m128i block = _mm_loadu_si128((const __m128i *)(const void *)at);
  return (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(block, needle));
}

static inline uint64_t matches64(const uint8_t *at, needle_t needle)
{
  return matches16(at, needle) | matches16(at + 16, needle) << 16 | matches16(at + 32, needle) << 32 |
         matches16(at + 48, needle) << 48;
}

#elif defined(__aarch64__) && defined(__ARM_NEON)
#include <arm_neon.h>
#define SCAN_BLOCKS

typedef uint8x16_t needle_t;

static inline needle_t needle_of(uint8_t byte)
{
  return vdupq_n_u8(byte);
}

/* Each byte that matches keeps the bit of its place in eight; three pairwise additions collect them in order. */
static inline uint64_t matches64(const uint8_t *at, needle_t needle)
{
  static const uint8_t places[16] = { 1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128 };
  uint8x16_t bits = vld1q_u8(places);
  uint8x16_t a = vandq_u8(vceqq_u8(vld1q_u8(at), needle), bits);
  uint8x16_t b = vandq_u8(vceqq_u8(vld1q_u8(at + 16), needle), bits);
  uint8x16_t c = vandq_u8(vceqq_u8(vld1q_u8(at + 32), needle), bits);
  uint8x16_t d = vandq_u8(vceqq_u8(vld1q_u8(at + 48), needle), bits);
  uint8x16_t sums = vpaddq_u8(vpaddq_u8(a, b), vpaddq_u8(c, d));
  sums = vpaddq_u8(sums, sums);
  return vgetq_lane_u64(vreinterpretq_u64_u8(sums), 0);
}
#endif

#ifdef SCAN_BLOCKS
#ifdef _MSC_VER
#include <intrin.h>
static inline uint32_t lowest(uint64_t bits)
{
  unsigned long index;
  _BitScanForward64(&index, bits);
  return index;
}
#else
static inline uint32_t lowest(uint64_t bits)
{
  return (uint32_t)__builtin_ctzll(bits);
}
#endif

/* As much of the bytes as are whole blocks. `*at` is where it stopped. */
static size_t scan_blocks(const uint8_t *bytes, size_t length, uint8_t byte, uint32_t *positions, size_t most,
                          size_t *at)
{
  needle_t needle = needle_of(byte);
  size_t count = 0, from = 0;
  /* A block has 64 at the most; where there is no room for so many, the caller goes on byte by byte. */
  for (; length - from >= 64 && most - count >= 64; from += 64)
    for (uint64_t bits = matches64(bytes + from, needle); bits; bits &= bits - 1)
      positions[count++] = (uint32_t)from + lowest(bits);
  *at = from;
  return count;
}
#endif

static size_t scan_byte(const uint8_t *bytes, size_t length, uint8_t byte, uint32_t *positions, size_t most)
{
  size_t at = 0, count = 0;
#ifdef SCAN_BLOCKS
  count = scan_blocks(bytes, length, byte, positions, most, &at);
#endif
  while (count < most && at < length) {
    const uint8_t *found = memchr(bytes + at, byte, length - at);
    if (!found) break;
    positions[count++] = (uint32_t)(found - bytes);
    at = (size_t)(found - bytes) + 1;
  }
  return count;
}

size_t scan(const uint8_t *bytes, size_t length, const uint8_t *delimiter, size_t width, uint32_t *positions,
            size_t most)
{
  if (width == 1) return scan_byte(bytes, length, *delimiter, positions, most);
  size_t count = 0;
  for (size_t at = 0; count < most && length - at >= width;) {
    /* Of those that begin before the last one that fits. */
    const uint8_t *found = memchr(bytes + at, *delimiter, length - at - width + 1);
    if (!found) break;
    at = (size_t)(found - bytes);
    if (memcmp(found + 1, delimiter + 1, width - 1) == 0) {
      positions[count++] = (uint32_t)at;
      at += width;
    } else {
      at++;
    }
  }
  return count;
}
