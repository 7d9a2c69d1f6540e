// Atomic access to memory that several processes map, as inline functions: Swift's Atomic owns its storage and
// cannot be laid over a mapping.
#pragma once
#include <stdint.h>

static inline uint32_t clinux_load_acquire_u32(const void *at) {
  return __atomic_load_n((const uint32_t *)at, __ATOMIC_ACQUIRE);
}
static inline uint64_t clinux_load_acquire_u64(const void *at) {
  return __atomic_load_n((const uint64_t *)at, __ATOMIC_ACQUIRE);
}
static inline void clinux_store_release_u32(void *at, uint32_t value) {
  __atomic_store_n((uint32_t *)at, value, __ATOMIC_RELEASE);
}
static inline void clinux_store_release_u64(void *at, uint64_t value) {
  __atomic_store_n((uint64_t *)at, value, __ATOMIC_RELEASE);
}
/// Exchanges and orders everything before it against everything after it, stores against loads too.
static inline uint32_t clinux_exchange_fenced_u32(void *at, uint32_t value) {
  uint32_t old = __atomic_exchange_n((uint32_t *)at, value, __ATOMIC_SEQ_CST);
#if !defined(__x86_64__)
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
  return old;
}
static inline uint64_t clinux_exchange_u64(void *at, uint64_t value) {
  return __atomic_exchange_n((uint64_t *)at, value, __ATOMIC_SEQ_CST);
}
static inline uint64_t clinux_or_u64(void *at, uint64_t bits) {
  return __atomic_fetch_or((uint64_t *)at, bits, __ATOMIC_SEQ_CST);
}
/// Asks for a cache line that is about to be written.
static inline void clinux_prefetch_for_write(const void *at) { __builtin_prefetch(at, 1, 3); }
static inline void clinux_prefetch(const void *at) { __builtin_prefetch(at, 0, 3); }
