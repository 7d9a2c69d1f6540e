// What Swift does not see of libibverbs: function-like macros and the calls that they hide.
#pragma once
#if __has_include(<infiniband/verbs.h>) && __has_include(<rdma/rdma_cma.h>)
#include <infiniband/verbs.h>
#include <rdma/rdma_cma.h>
#include <stddef.h>
#include <stdint.h>

/// `ibv_query_port` is a macro; the function under it takes a shorter structure.
int crdma_query_port(
    struct ibv_context *context, uint8_t port, struct ibv_port_attr *attributes);
/// `ibv_reg_mr` is a macro that handles optional access flags.
struct ibv_mr *crdma_reg_mr(struct ibv_pd *domain, void *address, size_t length, int access);
/// `ibv_get_device_list` is a macro.
struct ibv_device **crdma_get_device_list(int *count);
/// The address of an rdma_cm_id's ends as host-order numbers: a union of socket addresses underneath.
/// Zero when the end is not IPv4.
uint32_t crdma_peer_ipv4(struct rdma_cm_id *id);
uint16_t crdma_peer_port(struct rdma_cm_id *id);
uint16_t crdma_local_port(struct rdma_cm_id *id);
/// Makes a descriptor non-blocking: `fcntl` is variadic. 0, or -1 with errno.
int crdma_set_nonblocking(int fd);
/// Takes a descriptor out of an epoll set: one of a removed device is in error for ever. 0, or -1 with errno.
int crdma_unwatch(int epoll, int fd);
/// Gives a removed device's files back to the kernel, whose removal of some devices waits for that, and puts
/// empty ones in their places: librdmacm may keep a context without ids, and closes the places with it.
void crdma_release_files(struct ibv_context *context);
#endif
