#define _GNU_SOURCE
#include "clinux_loop.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

static uint64_t nanoseconds(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t clinux_monotonic_nanoseconds(void) { return nanoseconds(CLOCK_MONOTONIC); }

uint64_t clinux_realtime_nanoseconds(void) { return nanoseconds(CLOCK_REALTIME); }

void clinux_pause_milliseconds(uint32_t milliseconds) {
  struct timespec pause = {milliseconds / 1000, (long)(milliseconds % 1000) * 1000000};
  nanosleep(&pause, NULL);
}

int32_t clinux_process_id(void) { return getpid(); }

int clinux_eventfd(void) {
  int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  return fd < 0 ? -errno : fd;
}

void clinux_eventfd_ring(int fd) {
  uint64_t one = 1;
  // A full counter is as good as a rung bell.
  ssize_t written = write(fd, &one, sizeof one);
  (void)written;
}

bool clinux_eventfd_drain(int fd) {
  uint64_t count;
  return read(fd, &count, sizeof count) == sizeof count;
}

int clinux_epoll(void) {
  int fd = epoll_create1(EPOLL_CLOEXEC);
  return fd < 0 ? -errno : fd;
}

int clinux_epoll_add(int epoll, int fd) {
  struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
  return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

int clinux_epoll_sleep(int epoll, int64_t timeout_nanoseconds) {
  struct epoll_event events[4];
  struct timespec timeout = {
      .tv_sec = timeout_nanoseconds / 1000000000, .tv_nsec = timeout_nanoseconds % 1000000000};
  int count = epoll_pwait2(epoll, events, 4, timeout_nanoseconds < 0 ? NULL : &timeout, NULL);
  if (count < 0 && errno == ENOSYS) {
    // Kernels before 5.11 count in milliseconds; round up, so that no turn comes too early.
    int milliseconds =
        timeout_nanoseconds < 0 ? -1 : (int)((timeout_nanoseconds + 999999) / 1000000);
    count = epoll_wait(epoll, events, 4, milliseconds);
  }
  if (count < 0) return errno == EINTR ? 0 : -errno;
  return count;
}

int clinux_poll_sleep(int first, int second, int third, int64_t timeout_nanoseconds) {
  struct pollfd bells[3] = {
      {.fd = first, .events = POLLIN},
      {.fd = second, .events = POLLIN},
      {.fd = third, .events = POLLIN}};
  struct timespec timeout = {
      .tv_sec = timeout_nanoseconds / 1000000000, .tv_nsec = timeout_nanoseconds % 1000000000};
  int count = ppoll(bells, 3, timeout_nanoseconds < 0 ? NULL : &timeout, NULL);
  if (count < 0) return errno == EINTR ? 0 : -errno;
  int ready = 0;
  for (int index = 0; index < 3; index++) ready |= (bells[index].revents != 0) << index;
  return ready;
}

/// The kernel's largest set of processors, in C's.
#define PROCESSOR_SETS (CLINUX_PROCESSORS_MAX / CPU_SETSIZE)

int clinux_thread_start(
    uintptr_t *thread, const char *name, void *(*body)(void *), void *context) {
  pthread_t id;
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  // Where the process may run, as its first thread: one that is bound to a processor would pass that on.
  cpu_set_t set[PROCESSOR_SETS];
  if (sched_getaffinity(getpid(), sizeof set, set) == 0)
    pthread_attr_setaffinity_np(&attributes, sizeof set, set);
  int error = pthread_create(&id, &attributes, body, context);
  pthread_attr_destroy(&attributes);
  if (error != 0) return -error;
  pthread_setname_np(id, name);
  *thread = (uintptr_t)id;
  return 0;
}

void clinux_thread_join(uintptr_t thread) { pthread_join((pthread_t)thread, NULL); }

void clinux_thread_detach(uintptr_t thread) { pthread_detach((pthread_t)thread); }

void clinux_sleep(int64_t nanoseconds) {
  struct timespec time = {
      .tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000};
  nanosleep(&time, NULL);
}

int clinux_thread_pin(int cpu) {
  cpu_set_t set[PROCESSOR_SETS];
  CPU_ZERO_S(sizeof set, set);
  if (cpu < 0 || cpu >= CLINUX_PROCESSORS_MAX) return -EINVAL;
  CPU_SET_S(cpu, sizeof set, set);
  return -pthread_setaffinity_np(pthread_self(), sizeof set, set);
}

bool clinux_processor_is_allowed(int cpu) {
  cpu_set_t set[PROCESSOR_SETS];
  CPU_ZERO_S(sizeof set, set);
  if (sched_getaffinity(getpid(), sizeof set, set) != 0) return false;
  return cpu >= 0 && cpu < CLINUX_PROCESSORS_MAX && CPU_ISSET_S(cpu, sizeof set, set);
}

int clinux_numa_node(int cpu) {
  char path[96];
  for (int node = 0; node < 64; node++) {
    snprintf(path, sizeof path, "/sys/devices/system/node/node%d/cpu%d", node, cpu);
    if (access(path, F_OK) == 0) return node;
  }
  return -1;
}

uint64_t clinux_random(void) {
  uint64_t bits = 0;
  if (getrandom(&bits, sizeof bits, 0) != sizeof bits) bits = clinux_monotonic_nanoseconds();
  return bits;
}

void clinux_close(int fd) { close(fd); }
