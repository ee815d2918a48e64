#include "CKernels.h"

#include <string.h>

#include "lanes.h"

/* A tile is 64 rows of 8 columns: 4 KiB of doubles, which stay in the first cache while the bounds
   pass over them GROUP at a time, bounds and tallies in registers. */
enum { TILE = 64, GROUP = 5, BOUNDS = TIDEMARK_BOUNDS, BINS = TIDEMARK_BINS };
_Static_assert(BOUNDS % GROUP == 0 && LANES == TIDEMARK_BLOCK, "whole groups of bounds");

typedef uint32_t words __attribute__((vector_size(LANES * sizeof(uint32_t)), aligned(4), may_alias));

/* Adds the bins of `height` rows to the counts of a block. A value's bin is how many of the ascending
   bounds it reaches, and a bin's count the difference of two tallies: no value is looked at alone. */
INLINE void count_tile(const lanes *tile, size_t height, const double *bounds, const words *asked,
                       uint32_t *counts) {
  mask tallies[BOUNDS];
  for (size_t g = 0; g < BOUNDS; g += GROUP) {
    lanes bound[GROUP];
    mask tally[GROUP];
    for (size_t i = 0; i < GROUP; i++) bound[i] = LOAD(bounds + (g + i) * LANES), tally[i] = (mask){0};
    for (size_t r = 0; r < height; r++)
      for (size_t i = 0; i < GROUP; i++) tally[i] -= tile[r] >= bound[i];
    for (size_t i = 0; i < GROUP; i++) tallies[g + i] = tally[i];
  }
  words reached = __builtin_convertvector(tallies[0], words) & *asked;
  *(words *)counts += ((words){0} + (uint32_t)height - reached) & *asked;
  for (size_t b = 1; b <= BOUNDS; b++) {
    words next = {0};
    if (b < BOUNDS) next = __builtin_convertvector(tallies[b], words) & *asked;
    *(words *)(counts + b * LANES) += reached - next;
    reached = next;
  }
}

/* Of a block that lies partly outside the matrix only lanes `from` to `to` are read and counted. */
#define COUNT_BINS(name, size)                                                                   \
  INLINE void count_body_##name(const char *values, size_t rows, size_t columns, size_t first,   \
                                const double *bounds, uint32_t *counts) {                        \
    const size_t stride = columns * (size), last = first + columns;                              \
    lanes tile[TILE];                                                                            \
    for (size_t top = 0; top < rows; top += TILE) {                                              \
      const size_t height = rows - top < TILE ? rows - top : TILE;                               \
      for (size_t block = first / LANES; block * LANES < last; block++) {                        \
        const size_t start = block * LANES;                                                      \
        const size_t from = first > start ? first - start : 0;                                   \
        const size_t to = last - start < LANES ? last - start : LANES;                           \
        const char *row = values + top * stride + (start + from - first) * (size);               \
        words asked = (words){0} - 1;                                                            \
        if (to - from == LANES) {                                                                \
          for (size_t r = 0; r < height; r++, row += stride) {                                   \
            lanes x;                                                                             \
            load_##name(row, &x);                                                                \
            /* x - x is 0 for a finite x and NaN for others: what is not finite reaches no bound. */ \
            tile[r] = x + (x - x);                                                               \
          }                                                                                      \
        } else {                                                                                 \
          for (size_t i = 0; i < LANES; i++) asked[i] = i >= from && i < to ? ~0u : 0;           \
          for (size_t r = 0; r < height; r++, row += stride) {                                   \
            char padded[LANES * (size)] = {0};                                                   \
            memcpy(padded + from * (size), row, (to - from) * (size));                           \
            lanes x;                                                                             \
            load_##name(padded, &x);                                                             \
            tile[r] = x + (x - x);                                                               \
          }                                                                                      \
        }                                                                                        \
        count_tile(tile, height, bounds + block * BOUNDS * LANES, &asked,                        \
                   counts + block * BINS * LANES);                                               \
      }                                                                                          \
    }                                                                                            \
  }                                                                                              \
  WIDEST static void count_##name(const char *values, size_t rows, size_t columns, size_t first, \
                                  const double *bounds, uint32_t *counts) {                      \
    count_body_##name(values, rows, columns, first, bounds, counts);                             \
  }
COUNT_BINS(f64, 8)
COUNT_BINS(f32, 4)
COUNT_BINS(i64, 8)
COUNT_BINS(i32, 4)
COUNT_BINS(bool, 1)

void tidemark_count_bins(const void *values, tidemark_format format, size_t rows, size_t columns,
                         size_t first, const double *bounds, uint32_t *counts) {
  switch (format) {
    case TIDEMARK_FLOAT64: count_f64(values, rows, columns, first, bounds, counts); break;
    case TIDEMARK_FLOAT32: count_f32(values, rows, columns, first, bounds, counts); break;
    case TIDEMARK_INT64: count_i64(values, rows, columns, first, bounds, counts); break;
    case TIDEMARK_INT32: count_i32(values, rows, columns, first, bounds, counts); break;
    case TIDEMARK_BOOL: count_bool(values, rows, columns, first, bounds, counts); break;
  }
}
