// What a loop needs of the system and Swift does not see (macros, GNU calls) or would need pointers for.
#pragma once
#include <stdbool.h>
#include <stdint.h>

/// CLOCK_MONOTONIC in nanoseconds.
uint64_t clinux_monotonic_nanoseconds(void);
/// CLOCK_REALTIME in nanoseconds.
uint64_t clinux_realtime_nanoseconds(void);
/// Lets the thread sleep so long.
void clinux_pause_milliseconds(uint32_t milliseconds);
/// The number of this process.
int32_t clinux_process_id(void);

/// A non-blocking eventfd; -errno on failure.
int clinux_eventfd(void);
/// Adds one to an eventfd; never blocks.
void clinux_eventfd_ring(int fd);
/// Sets an eventfd back to zero; whether it was rung.
bool clinux_eventfd_drain(int fd);

/// An epoll descriptor; -errno on failure.
int clinux_epoll(void);
/// Watches fd for reading; 0 or -errno.
int clinux_epoll_add(int epoll, int fd);
/// Sleeps until a watched descriptor is readable; a negative timeout is none. Returns how many are, 0 also
/// after a signal, -errno on failure.
int clinux_epoll_sleep(int epoll, int64_t timeout_nanoseconds);
/// The same for three descriptors, without another one for watching them; -1 for none. Returns which are readable, a
/// bit for each: 1, 2 and 4.
int clinux_poll_sleep(int first, int second, int third, int64_t timeout_nanoseconds);

/// Starts a thread that runs body(context); 0 or -errno. name: at most 15 characters. It may run wherever the
/// process may, also when the calling thread is bound to a processor.
int clinux_thread_start(
    uintptr_t *thread, const char *name, void *(*body)(void *), void *context);
/// Waits for the end of a thread.
void clinux_thread_join(uintptr_t thread);
/// Lets a thread's stack go at its end: nobody will join it.
void clinux_thread_detach(uintptr_t thread);
/// Sleeps so long.
void clinux_sleep(int64_t nanoseconds);
/// Processors are numbered from 0 to one less.
#define CLINUX_PROCESSORS_MAX 4096
/// Binds the calling thread to a processor; 0 or -errno, -EINVAL where the process may not run on it.
int clinux_thread_pin(int cpu);
/// Whether the process may run on a processor.
bool clinux_processor_is_allowed(int cpu);
/// The NUMA node of a processor, -1 when the system does not say.
int clinux_numa_node(int cpu);
/// Random bits of the kernel.
uint64_t clinux_random(void);
void clinux_close(int fd);
