#include "CKernels.h"

#include <string.h>

#include "lanes.h"

enum { TILE_ROWS = 8 };

/* Whether every lane is zero; NaN counts as not. */
INLINE int all_zero(const lanes *v) {
  mask nonzero = *v != (lanes){0};
  long long any = 0;
  for (int i = 0; i < LANES; i++) any |= nonzero[i];
  return any == 0;
}

/* Folds `rows` (1 to TILE_ROWS) rows of LANES columns. `row_stride` is in elements. */
INLINE void fold_tile(const char *values, size_t rows, size_t row_stride,
                      double *count, double *mean, double *m2, double *min, double *max) {
  const lanes zero = {0};
  /* The tile's mean is taken from its first row, so that a constant column has its constant as mean,
     to the last bit, and no deviation. */
  const lanes first = LOAD(values), from = (lanes)((mask)first & ((first - first) == zero));
  lanes sum = zero, probe = zero, low = LOAD(min), high = LOAD(max);
  for (size_t r = 0; r < rows; r++) {
    lanes x = LOAD(values + r * row_stride * sizeof(double));
    sum += x - from;
    /* x - x is 0 for a finite x and NaN for NaN and infinities. */
    probe += x - x;
    low = SELECT(x < low, x, low);
    high = SELECT(x > high, x, high);
  }

  lanes n, tile_mean, squares = zero;
  if (all_zero(&probe)) {
    n = zero + (double)rows;
    tile_mean = from + sum / (double)rows;
    for (size_t r = 0; r < rows; r++) {
      lanes distance = LOAD(values + r * row_stride * sizeof(double)) - tile_mean;
      squares += distance * distance;
    }
  } else {
    /* Something is missing: the same again under masks. */
    n = zero, sum = zero, low = LOAD(min), high = LOAD(max);
    for (size_t r = 0; r < rows; r++) {
      lanes x = LOAD(values + r * row_stride * sizeof(double));
      mask present = (x - x) == zero;
      sum += (lanes)((mask)(x - from) & present);
      n += (lanes)((mask)(zero + 1.0) & present);
      low = SELECT((x < low) & present, x, low);
      high = SELECT((x > high) & present, x, high);
    }
    tile_mean = from + sum / SELECT(n > zero, n, zero + 1.0);
    for (size_t r = 0; r < rows; r++) {
      lanes x = LOAD(values + r * row_stride * sizeof(double));
      mask present = (x - x) == zero;
      lanes distance = (lanes)((mask)(x - tile_mean) & present);
      squares += distance * distance;
    }
  }
  STORE(min, low);
  STORE(max, high);

  lanes before = LOAD(count), old_mean = LOAD(mean), total = before + n;
  mask some = n > zero;
  lanes weight = n / SELECT(some, total, zero + 1.0);
  lanes delta = tile_mean - old_mean;
  STORE(count, total);
  STORE(mean, old_mean + (lanes)((mask)(delta * weight) & some));
  STORE(m2, LOAD(m2) + squares + (lanes)((mask)((delta * before) * (delta * weight)) & some));
}

/* The columns beyond the last whole block: copied into a block whose other lanes are zero. */
INLINE void fold_remainder(const char *values, size_t rows, size_t row_stride, size_t width,
                           double *count, double *mean, double *m2, double *min, double *max) {
  double block[TILE_ROWS * LANES] = {0}, state[5][LANES] = {0};
  double *arrays[5] = {count, mean, m2, min, max};
  for (size_t r = 0; r < rows; r++) 
    memcpy(block + r * LANES, values + r * row_stride * sizeof(double), width * sizeof(double));
  for (size_t a = 0; a < 5; a++) memcpy(state[a], arrays[a], width * sizeof(double));
  fold_tile((const char *)block, rows, LANES, state[0], state[1], state[2], state[3], state[4]);
  for (size_t a = 0; a < 5; a++) memcpy(arrays[a], state[a], width * sizeof(double));
}

WIDEST
void tidemark_fold_columns(const void *values, size_t rows, size_t columns,
                           tidemark_moments moments) {
  const size_t whole = columns - columns % LANES;
  for (size_t first = 0; first < rows; first += TILE_ROWS) {
    const size_t height = rows - first < TILE_ROWS ? rows - first : TILE_ROWS;
    const char *tile = (const char *)values + first * columns * sizeof(double);
    if (height == TILE_ROWS) {
      /* A constant height lets the compiler unroll and keep the tile in registers. */
      for (size_t c = 0; c < whole; c += LANES)
        fold_tile(tile + c * sizeof(double), TILE_ROWS, columns, moments.count + c, moments.mean + c,
                  moments.m2 + c, moments.min + c, moments.max + c);
    } else {
      for (size_t c = 0; c < whole; c += LANES)
        fold_tile(tile + c * sizeof(double), height, columns, moments.count + c, moments.mean + c,
                  moments.m2 + c, moments.min + c, moments.max + c);
    }
    if (whole < columns)
      fold_remainder(tile + whole * sizeof(double), height, columns, columns - whole, moments.count + whole,
                     moments.mean + whole, moments.m2 + whole, moments.min + whole,
                     moments.max + whole);
  }
}

/* Folds the sums of `rows` (1 to TILE_ROWS) rows of LANES columns, each less its origin; `stride` is
   the bytes of a row. A constant `rows` lets the compiler unroll. */
#define SUM_TILE(name)                                                                           \
  INLINE void sum_tile_##name(const char *values, size_t rows, size_t stride,                    \
                              const double *origin, double *count, double *sum) {                \
    const lanes zero = {0}, from = LOAD(origin);                                                 \
    lanes total = zero, probe = zero, n = zero + (double)rows, x;                                \
    for (size_t r = 0; r < rows; r++) {                                                          \
      load_##name(values + r * stride, &x);                                                      \
      total += x - from;                                                                         \
      probe += x - x;                                                                            \
    }                                                                                            \
    if (!all_zero(&probe)) {                                                                     \
      n = zero, total = zero;                                                                    \
      for (size_t r = 0; r < rows; r++) {                                                        \
        load_##name(values + r * stride, &x);                                                    \
        mask present = (x - x) == zero;                                                          \
        total += (lanes)((mask)(x - from) & present);                                            \
        n += (lanes)((mask)(zero + 1.0) & present);                                              \
      }                                                                                          \
    }                                                                                            \
    STORE(count, LOAD(count) + n);                                                               \
    STORE(sum, LOAD(sum) + total);                                                               \
  }

/* Whole blocks of LANES columns, tile by tile; then the columns beyond the last whole block, in a block
   whose other lanes are zero. */
#define SUM_COLUMNS(name, size)                                                                  \
  SUM_TILE(name)                                                                                 \
  WIDEST                                                                                         \
  static void sum_columns_##name(const char *values, size_t rows, size_t columns,                \
                                 const double *origin, double *count, double *sum) {             \
    const size_t whole = columns - columns % LANES, width = columns - whole;                     \
    const size_t stride = columns * (size);                                                      \
    for (size_t first = 0; first < rows; first += TILE_ROWS) {                                   \
      const size_t height = rows - first < TILE_ROWS ? rows - first : TILE_ROWS;                 \
      const char *tile = values + first * stride;                                                \
      if (height == TILE_ROWS) {                                                                 \
        for (size_t c = 0; c < whole; c += LANES)                                                \
          sum_tile_##name(tile + c * (size), TILE_ROWS, stride, origin + c, count + c, sum + c); \
      } else {                                                                                   \
        for (size_t c = 0; c < whole; c += LANES)                                                \
          sum_tile_##name(tile + c * (size), height, stride, origin + c, count + c, sum + c);    \
      }                                                                                          \
      if (width == 0) continue;                                                                  \
      char block[TILE_ROWS * LANES * (size)] = {0};                                              \
      double from[LANES] = {0}, counts[LANES] = {0}, sums[LANES] = {0};                          \
      memcpy(from, origin + whole, width * sizeof(double));                                      \
      for (size_t r = 0; r < height; r++)                                                        \
        memcpy(block + r * LANES * (size), tile + whole * (size) + r * stride, width * (size));  \
      sum_tile_##name(block, height, LANES * (size), from, counts, sums);                        \
      for (size_t c = 0; c < width; c++) count[whole + c] += counts[c], sum[whole + c] += sums[c]; \
    }                                                                                            \
  }
SUM_COLUMNS(f64, 8)
SUM_COLUMNS(f32, 4)
SUM_COLUMNS(i64, 8)
SUM_COLUMNS(i32, 4)
SUM_COLUMNS(bool, 1)

void tidemark_sum_columns(const void *values, tidemark_format format, size_t rows, size_t columns,
                          const double *origin, double *count, double *sum) {
  switch (format) {
    case TIDEMARK_FLOAT64: sum_columns_f64(values, rows, columns, origin, count, sum); break;
    case TIDEMARK_FLOAT32: sum_columns_f32(values, rows, columns, origin, count, sum); break;
    case TIDEMARK_INT64: sum_columns_i64(values, rows, columns, origin, count, sum); break;
    case TIDEMARK_INT32: sum_columns_i32(values, rows, columns, origin, count, sum); break;
    case TIDEMARK_BOOL: sum_columns_bool(values, rows, columns, origin, count, sum); break;
  }
}

void tidemark_widen(const void *values, tidemark_format format, size_t count, double *out) {
  const char *from = values;
  const size_t sizes[] = {8, 4, 8, 4, 1}, size = sizes[format];
  for (size_t first = 0; first < count; first += LANES) {
    const size_t width = count - first < LANES ? count - first : LANES;
    char block[LANES * 8] = {0};
    lanes x = {0};
    memcpy(block, from + first * size, width * size);
    switch (format) {
      case TIDEMARK_FLOAT64: load_f64(block, &x); break;
      case TIDEMARK_FLOAT32: load_f32(block, &x); break;
      case TIDEMARK_INT64: load_i64(block, &x); break;
      case TIDEMARK_INT32: load_i32(block, &x); break;
      case TIDEMARK_BOOL: load_bool(block, &x); break;
    }
    memcpy(out + first, &x, width * sizeof(double));
  }
}
