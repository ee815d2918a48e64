#ifndef TIDEMARK_LANES_H
#define TIDEMARK_LANES_H

#include <stddef.h>

/* No fused multiply-add: every processor and every build rounds alike, so replay repeats itself. */
#pragma STDC FP_CONTRACT OFF

/* 8 doubles: one AVX-512 register, two of AVX2, four of SSE2 or NEON. The type is a vector
   extension of clang and gcc, so that the kernel is wide in debug builds too, without flags. */
enum { LANES = 8 };
typedef double lanes __attribute__((vector_size(LANES * sizeof(double))));
typedef long long mask __attribute__((vector_size(LANES * sizeof(double))));
/* The same for addresses that are not a multiple of the vector's size. */
typedef double unaligned_lanes
    __attribute__((vector_size(LANES * sizeof(double)), aligned(1), may_alias));

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
/* The resolver of target_clones runs before the sanitizer is set up, and would be instrumented. */
#define ONE_TARGET
#endif
#endif

#if defined(__x86_64__) && defined(__linux__) && !defined(ONE_TARGET)
#define WIDEST \
  __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define WIDEST
#endif

#define INLINE static inline __attribute__((always_inline))

/* Vectors travel by pointer: passing them by value would have an ABI that depends on the target. */
#define LOAD(p) (*(const unaligned_lanes *)(p))
#define STORE(p, v) (*(unaligned_lanes *)(p) = (v))
#define SELECT(m, a, b) ((lanes)(((m) & (mask)(a)) | (~(m) & (mask)(b))))

/* Values as they are stored, eight of them as doubles; addresses need no alignment. */
#define LOADER(name, type)                                                                      \
  typedef type name##_lanes __attribute__((vector_size(LANES * sizeof(type)), aligned(1), may_alias)); \
  INLINE void load_##name(const char *from, lanes *to) {                                        \
    *to = __builtin_convertvector(*(const name##_lanes *)from, lanes);                          \
  }
LOADER(f64, double)
LOADER(f32, float)
LOADER(i64, long long)
LOADER(i32, int)
typedef unsigned char byte_lanes __attribute__((vector_size(LANES), aligned(1), may_alias));
INLINE void load_bool(const char *from, lanes *to) {
  byte_lanes truth = (byte_lanes)(*(const byte_lanes *)from != (byte_lanes){0}) & 1;
  *to = __builtin_convertvector(truth, lanes);
}

#endif
