#define _GNU_SOURCE
#include "crdma_shims.h"

#if defined(CRDMA_ENABLED) && __has_include(<infiniband/verbs.h>) && __has_include(<rdma/rdma_cma.h>)
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <unistd.h>

int crdma_query_port(
    struct ibv_context *context, uint8_t port, struct ibv_port_attr *attributes) {
  return ibv_query_port(context, port, attributes);
}

struct ibv_mr *crdma_reg_mr(struct ibv_pd *domain, void *address, size_t length, int access) {
  return ibv_reg_mr(domain, address, length, access);
}

struct ibv_device **crdma_get_device_list(int *count) { return ibv_get_device_list(count); }

uint32_t crdma_peer_ipv4(struct rdma_cm_id *id) {
  if (id->route.addr.dst_addr.sa_family != AF_INET) return 0;
  return ntohl(id->route.addr.dst_sin.sin_addr.s_addr);
}

uint16_t crdma_peer_port(struct rdma_cm_id *id) { return ntohs(rdma_get_dst_port(id)); }

uint16_t crdma_local_port(struct rdma_cm_id *id) { return ntohs(rdma_get_src_port(id)); }

int crdma_set_nonblocking(int fd) {
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0) return -1;
  return fcntl(fd, F_SETFL, flags | O_NONBLOCK);
}

void crdma_release_files(struct ibv_context *context) {
  int empty = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (empty < 0) return;
  dup3(empty, context->async_fd, O_CLOEXEC);
  dup3(empty, context->cmd_fd, O_CLOEXEC);
  close(empty);
}

int crdma_unwatch(int epoll, int fd) { return epoll_ctl(epoll, EPOLL_CTL_DEL, fd, NULL); }
#endif
