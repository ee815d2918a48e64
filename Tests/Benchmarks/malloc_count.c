/* Counts allocations by thread: a library to preload (LD_PRELOAD), for glibc.

   At exit it writes to the file that MALLOC_COUNT names one line of JSON for each thread that ever
   allocated: its name, its calls of malloc, calloc, realloc (and of what gives aligned memory) and free,
   and the bytes asked for. Threads give themselves a name after they have begun, so it is looked up again
   at every power of two of a thread's calls. */

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { MOST_THREADS = 64, NAME_BYTES = 16 };

typedef struct {
  char name[NAME_BYTES];
  uint64_t mallocs, callocs, reallocs, frees, bytes;
} account;

static account accounts[MOST_THREADS];
static atomic_int threads;
/* Initial-exec, since another model may itself allocate at its first use. */
static _Thread_local __attribute__((tls_model("initial-exec"))) account *mine;

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *memory, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *memory);

/* This thread's account; those beyond the last share it. */
static account *of_this_thread(void) {
  if (mine == NULL) {
    const int index = atomic_fetch_add(&threads, 1);
    mine = &accounts[index < MOST_THREADS ? index : MOST_THREADS - 1];
  }
  const uint64_t calls = mine->mallocs + mine->callocs + mine->reallocs + mine->frees;
  if ((calls & (calls - 1)) == 0) prctl(PR_GET_NAME, mine->name);
  return mine;
}

void *malloc(size_t size) {
  account *to = of_this_thread();
  to->mallocs++;
  to->bytes += size;
  return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
  account *to = of_this_thread();
  to->callocs++;
  to->bytes += count * size;
  return __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size) {
  account *to = of_this_thread();
  to->reallocs++;
  to->bytes += size;
  return __libc_realloc(memory, size);
}

void free(void *memory) {
  if (memory != NULL) of_this_thread()->frees++;
  __libc_free(memory);
}

static void *aligned(size_t alignment, size_t size) {
  account *to = of_this_thread();
  to->mallocs++;
  to->bytes += size;
  return __libc_memalign(alignment, size);
}

void *memalign(size_t alignment, size_t size) { return aligned(alignment, size); }

void *aligned_alloc(size_t alignment, size_t size) { return aligned(alignment, size); }

int posix_memalign(void **memory, size_t alignment, size_t size) {
  void *made = aligned(alignment, size);
  if (made == NULL) return ENOMEM;
  *memory = made;
  return 0;
}

__attribute__((destructor)) static void report(void) {
  const char *path = getenv("MALLOC_COUNT");
  const int file = path == NULL ? -1 : open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (file < 0) return;
  const int count = atomic_load(&threads) < MOST_THREADS ? atomic_load(&threads) : MOST_THREADS;
  for (int i = 0; i < count; i++) {
    const account *of = &accounts[i];
    dprintf(file,
            "{\"thread\": \"%s\", \"malloc\": %llu, \"calloc\": %llu, \"realloc\": %llu, \"free\": %llu, "
            "\"bytes\": %llu}\n",
            of->name, (unsigned long long)of->mallocs, (unsigned long long)of->callocs,
            (unsigned long long)of->reallocs, (unsigned long long)of->frees, (unsigned long long)of->bytes);
  }
  close(file);
}
