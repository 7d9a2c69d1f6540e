/* Counts allocations by defining the allocator's entry points over those of glibc. Not for builds with
 * address sanitizer, which defines them too: there the count stays 0 and its users skip. */
#include "callocation_counter.h"

#include <errno.h>
#include <stddef.h>

static __thread unsigned long count;

unsigned long callocation_counter_read(void) { return count; }

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define CALLOCATION_COUNTER_OFF 1
#endif
#endif

_Bool callocation_counter_is_off(void) {
#ifdef CALLOCATION_COUNTER_OFF
  return 1;
#else
  return 0;
#endif
}

#if defined(__GLIBC__) && !defined(CALLOCATION_COUNTER_OFF)

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

void *malloc(size_t size) {
  count++;
  return __libc_malloc(size);
}

void *calloc(size_t n, size_t size) {
  count++;
  return __libc_calloc(n, size);
}

void *realloc(void *old, size_t size) {
  count++;
  return __libc_realloc(old, size);
}

void *memalign(size_t alignment, size_t size) {
  count++;
  return __libc_memalign(alignment, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
  count++;
  return __libc_memalign(alignment, size);
}

int posix_memalign(void **out, size_t alignment, size_t size) {
  count++;
  void *p = __libc_memalign(alignment, size);
  if (p == NULL) return ENOMEM;
  *out = p;
  return 0;
}

#endif
