#include "CKernels.h"

/* Sums in eight lanes, and the lanes in one fixed order, so that every build adds alike. */
#pragma STDC FP_CONTRACT OFF
enum { LANES = 8 };
typedef double lanes __attribute__((vector_size(LANES * sizeof(double)), aligned(8), may_alias));

double tidemark_squared_distance(const double *part, const double *total, double of_part, double of_total,
                                 size_t count) {
  lanes sum = {0};
  size_t index = 0;
  for (; index + LANES <= count; index += LANES) {
    const lanes distance =
        *(const lanes *)(part + index) * of_part - *(const lanes *)(total + index) * of_total;
    sum += distance * distance;
  }
  double result = 0;
  for (; index < count; index++) {
    const double distance = part[index] * of_part - total[index] * of_total;
    result += distance * distance;
  }
  for (int lane = 0; lane < LANES; lane++) result += sum[lane];
  return result;
}

double tidemark_centred_product(const double *a, const double *b, const double *mean, size_t count) {
  lanes sum = {0};
  size_t index = 0;
  for (; index + LANES <= count; index += LANES) {
    const lanes m = *(const lanes *)(mean + index);
    sum += (*(const lanes *)(a + index) - m) * (*(const lanes *)(b + index) - m);
  }
  double result = 0;
  for (; index < count; index++) result += (a[index] - mean[index]) * (b[index] - mean[index]);
  for (int lane = 0; lane < LANES; lane++) result += sum[lane];
  return result;
}

void tidemark_add(double *to, const double *from, size_t count) {
  size_t index = 0;
  for (; index + LANES <= count; index += LANES) *(lanes *)(to + index) += *(const lanes *)(from + index);
  for (; index < count; index++) to[index] += from[index];
}

void tidemark_cosines(const double *frequencies, const double *phases, const double *row, size_t columns,
                      size_t features, double scale, double *out) {
  for (size_t feature = 0; feature < features; feature++) {
    double angle = phases[feature];
    for (size_t column = 0; column < columns; column++)
      angle += frequencies[feature * columns + column] * row[column];
    out[feature] = scale * cos(angle);
  }
}
